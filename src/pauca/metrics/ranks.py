"""How well a score tells two groups apart, by ranks alone."""

import math
from typing import Any

import numpy as np

from pauca.checks import check_share, typed
from pauca.metrics.arrays import Floats, as_values, check_level
from pauca.metrics.intervals import Interval

__all__ = ["aupr", "auroc", "cliffs_delta", "false_acceptance"]


@typed
def auroc(higher: Any, lower: Any, level: float = 0.95) -> Interval:
    """Area under the ROC curve: P(a > b) + P(a = b) / 2 for a random pair, in [0, 1].

    .5 says that the score tells nothing, 1 that every value of ``higher`` is above every one of
    ``lower``. The interval is DeLong's, cut to [0, 1]: it takes items as independent draws; NaN
    where a group has one value, and of no width where the groups do not overlap at all. Memory and
    time are those of sorting, never of pairs.

    Args:
        higher: Scores of the group that should have the higher ones, [m].
        lower: Scores of the other group, [n].
        level: Confidence level in (0, 1).

    Raises:
        InputError: an empty group, NaN, or a level outside (0, 1).

    Reference: Mann and Whitney, Annals of Mathematical Statistics 18, 1947; DeLong, DeLong and
        Clarke-Pearson, Biometrics 44, 1988.
    """
    a, b = as_values(higher, "higher"), as_values(lower, "lower")
    check_level(level)
    of_a, of_b = _placed(a, b), 1 - _placed(b, a)
    area, total = float(of_a.mean()), len(a) + len(b)
    if min(len(a), len(b)) < 2:
        return Interval(area, math.nan, math.nan, total, level, "DeLong")
    # scipy is imported here because only intervals need it
    from scipy.special import ndtri

    variance = of_a.var(ddof=1) / len(a) + of_b.var(ddof=1) / len(b)
    half = float(ndtri((1 + level) / 2)) * math.sqrt(variance)
    return Interval(area, max(0.0, area - half), min(1.0, area + half), total, level, "DeLong")


@typed
def aupr(higher: Any, lower: Any, level: float = 0.95) -> Interval:
    """Area under the precision-recall curve, as average precision, in (0, 1].

    The sum over thresholds of precision times the recall that the threshold adds; equal scores pass
    a threshold together. Chance gives the share of ``higher`` among all, so areas of groups of
    other sizes cannot be compared. The interval is symmetric in the logit, with the variance of a
    binomial share of the m items; it has no width where the area is 1.

    Args:
        higher: Scores of the group that should have the higher ones, [m].
        lower: Scores of the other group, [n].
        level: Confidence level in (0, 1).

    Raises:
        InputError: an empty group, NaN, or a level outside (0, 1).

    Reference: Davis and Goadrich, ICML 2006; Boyd, Eng and Page, ECML PKDD 2013 (logit
        interval).
    """
    a, b = as_values(higher, "higher"), as_values(lower, "lower")
    check_level(level)
    scores, counts = np.unique(a, return_counts=True)
    # at or above each of these scores: of the group, of the other one
    hits = np.cumsum(counts[::-1])[::-1]
    misses = len(b) - np.searchsorted(np.sort(b), scores, "left")
    area = float((counts * hits / (hits + misses)).sum() / len(a))
    total = len(a) + len(b)
    if area >= 1:
        return Interval(1.0, 1.0, 1.0, total, level, "logit")
    # scipy is imported here because only intervals need it
    from scipy.special import expit, logit, ndtri

    half = float(ndtri((1 + level) / 2)) / math.sqrt(len(a) * area * (1 - area))
    low, high = (float(expit(logit(area) + side * half)) for side in (-1, 1))
    return Interval(area, low, high, total, level, "logit")


@typed
def false_acceptance(higher: Any, lower: Any, *, keep: float = 0.95) -> float:
    """Share of ``higher`` let through by the threshold that lets through ``keep`` of ``lower``.

    The threshold is the least value of ``lower`` at or below which at least that share of it lies;
    what equals it passes. In [0, 1]; lower is better; known as FPR95 where novelty is scored.

    Args:
        higher: Scores of what should be held back, [m].
        lower: Scores of what should pass, [n].
        keep: In (0, 1].

    Raises:
        InputError: an empty group, NaN, or a share outside (0, 1].
    """
    a, b = as_values(higher, "higher"), as_values(lower, "lower")
    check_share(keep, "keep")
    threshold = np.sort(b)[math.ceil(keep * len(b) - 1e-9) - 1]
    return float((a <= threshold).mean())


@typed
def cliffs_delta(a: Any, b: Any) -> float:
    """P(a > b) - P(a < b) for a random pair, from -1 (all of a below b) to 1 (all above).

    Args:
        a: [m].
        b: [n].

    Raises:
        InputError: an empty group, or NaN.

    Reference: Cliff, Psychological Bulletin 114, 1993.
    """
    first, second = as_values(a, "a"), as_values(b, "b")
    return float(2 * _placed(first, second).mean() - 1)


def _placed(a: Floats, b: Floats) -> Floats:
    """Share of b below each value of a, equal ones counted by half, [m]."""
    ordered = np.sort(b)
    below = np.searchsorted(ordered, a, "left") + np.searchsorted(ordered, a, "right")
    return below / (2 * len(b))
