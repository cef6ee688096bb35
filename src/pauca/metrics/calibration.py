"""Whether predictions are as often right as they are sure: reliability curves."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from pauca.checks import check_count, typed
from pauca.metrics.arrays import Floats, Ints, as_ints, as_probabilities
from pauca.metrics.intervals import Interval, wilson_interval

__all__ = [
    "Bins",
    "Reliability",
    "ReliabilityBin",
    "bins_of",
    "reliability_curve",
]

Bins = Literal["width", "mass"]
"""``width``: bins of equal width; ``mass``: bins that hold equally many items."""


@dataclass(frozen=True)
class ReliabilityBin:
    """Items that are about equally sure.

    Args:
        place: Which bin, from 0, the least sure.
        low: Least confidence among them.
        high: Greatest confidence among them.
        confidence: Their mean confidence.
        accuracy: Share of them that is right, with Wilson's interval; ``accuracy.n`` items.
    """

    place: int
    low: float
    high: float
    confidence: float
    accuracy: Interval


@dataclass(frozen=True)
class Reliability:
    """Accuracy against confidence.

    Args:
        bins: Those that hold an item, the least sure first.
        ece: Mean of |accuracy - mean confidence| over bins, weighted by their share of items.
        n: Items.
    """

    bins: tuple[ReliabilityBin, ...]
    ece: float
    n: int


@typed
def reliability_curve(
    labels: Any, probs: Any, *, bins: int = 15, by: Bins = "width", level: float = 0.95
) -> Reliability:
    """Accuracy of the likeliest class against its probability, bin by bin.

    A prediction is calibrated where the accuracy of every bin is its mean confidence. The bins are
    those of ``ece``.

    Args:
        labels: True classes, whole numbers [n], n >= 1.
        probs: float [n, c], rows sum to 1.
        bins: How many, >= 1.
        by: ``width`` or ``mass``.
        level: Of the intervals, in (0, 1).

    Raises:
        InputError: wrong types or sizes, an unknown kind of bins, a level outside (0, 1).

    Reference: Guo, Pleiss, Sun and Weinberger, ICML 2017, section 2; Wilson, JASA 22, 1927.
    """
    y = as_ints(labels, "labels")
    p = as_probabilities(probs, y)
    confidence, right = p.max(1), p.argmax(1) == y
    at = bins_of(confidence, bins, by)
    found, off = [], 0.0
    for b in np.unique(at):
        inside = at == b
        sure = confidence[inside]
        share = wilson_interval(int(right[inside].sum()), len(sure), level)
        found.append(
            ReliabilityBin(int(b), float(sure.min()), float(sure.max()), float(sure.mean()), share)
        )
        off += len(sure) * abs(share.mean - float(sure.mean()))
    return Reliability(tuple(found), off / len(y), len(y))


def bins_of(confidence: Floats, bins: int, by: Bins) -> Ints:
    """Which bin each item is in, int64 [n] from 0.

    By width, bin b holds (b/bins, (b+1)/bins]. By mass, an item is in the bin of its rank, and
    items that are equally sure share the bin of the last of them: there is no order among them.

    Raises:
        InputError: no bin, or an unknown kind.
    """
    check_count(bins, "bins", least=1)
    if by == "width":
        return np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    rank = np.searchsorted(np.sort(confidence), confidence, "right").astype(np.int64)
    return (bins * rank - 1) // len(confidence)
