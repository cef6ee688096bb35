"""How well a score tells two groups apart, by ranks alone."""

import math
from typing import Any

import numpy as np

from pauca.checks import check_share
from pauca.metrics.arrays import Floats, as_values, check_level
from pauca.metrics.intervals import Interval

__all__ = ["auroc", "average_precision", "cliffs_delta", "false_acceptance"]


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


def average_precision(higher: Any, lower: Any) -> float:
    """Area under the precision-recall curve by steps: mean precision at each recall gained.

    sum_t (R_t - R_{t-1}) P_t over the distinct scores t from the highest down, equal scores taken
    together; in (0, 1], m / (m + n) on average for a score that tells nothing. Not interpolated.

    Args:
        higher: Scores of the group that should have the higher ones, [m].
        lower: Scores of the other group, [n].

    Raises:
        InputError: an empty group, or NaN.

    Reference: Davis and Goadrich, ICML 2006 (why not by trapezoids); Manning, Raghavan and
        Schuetze, Introduction to Information Retrieval, 2008, section 8.4.
    """
    a, b = as_values(higher, "higher"), as_values(lower, "lower")
    steps, gained = np.unique(a, return_counts=True)
    found = len(a) - np.searchsorted(np.sort(a), steps, "left")
    false = len(b) - np.searchsorted(np.sort(b), steps, "left")
    return float((gained / len(a) * found / (found + false)).sum())


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
