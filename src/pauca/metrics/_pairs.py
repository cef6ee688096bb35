"""Differences and ranks in which rounding makes no order: .3 and .1 + .2 are tied."""

import numpy as np

from pauca.metrics.arrays import Floats, Ints

__all__ = ["differences", "midranks"]

_ROUNDING = 4 * float(np.finfo(np.float64).eps)


def differences(a: Floats, b: Floats) -> Floats:
    """The differences a - b, 0 where that is no more than rounding: 4 units in the last place."""
    found = a - b
    found[np.abs(found) <= _ROUNDING * np.maximum(np.abs(a), np.abs(b))] = 0
    return found


def midranks(values: Floats, size: Floats) -> tuple[Floats, Ints]:
    """Ranks from 1 (lowest), tied ones sharing their mean, [n]; and how many share each rank.

    Args:
        values: What is ranked, [n], n >= 1.
        size: Size of the numbers behind each value, [n]: neighbours no further apart than the
            rounding of numbers of that size are tied.
    """
    order = np.argsort(values, kind="stable")
    ordered, scale = values[order], size[order]
    apart = np.diff(ordered) > _ROUNDING * np.maximum(scale[1:], scale[:-1])
    group = np.concatenate([[0], np.cumsum(apart)])  # [n], from 0, along the order
    counts = np.bincount(group)
    middle = np.cumsum(counts) - (counts - 1) / 2
    ranks = np.empty(len(values))
    ranks[order] = middle[group]
    return ranks, counts
