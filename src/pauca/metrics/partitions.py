"""How alike two divisions of the same items are."""

from typing import Any

import numpy as np

from pauca.checks import typed
from pauca.metrics.arrays import Floats, Ints, as_ints, check_same

__all__ = ["adjusted_rand"]


@typed
def adjusted_rand(a: Any, b: Any) -> float:
    """Adjusted Rand index: pairs of items that both divisions join, less what chance would join.

    1 where both divide alike, whatever the groups are called; 0 on average for groups of these
    sizes at random; below 0 for less than that. Two divisions that both join everything, or both
    join nothing, are alike: 1.

    Args:
        a: Group of each item, whole numbers [n], n >= 1.
        b: The same of the other division.

    Raises:
        InputError: wrong types or sizes.

    Reference: Hubert and Arabie, Journal of Classification 2, 1985, eq. 5.
    """
    both = _table(a, b)
    joined, of_a, of_b = (_pairs(x) for x in (both, both.sum(1), both.sum(0)))
    chance = of_a * of_b / max(_pairs(both.sum()), 1.0)
    most = (of_a + of_b) / 2
    return 1.0 if most == chance else float((joined - chance) / (most - chance))


def _table(a: Any, b: Any) -> Floats:
    """Items by group of both, [groups of a, groups of b]."""
    x, y = as_ints(a, "a"), as_ints(b, "b")
    check_same(x, y, "a and b")
    rows, columns = _numbered(x), _numbered(y)
    table = np.zeros((int(rows.max()) + 1, int(columns.max()) + 1))
    np.add.at(table, (rows, columns), 1)
    return table


def _numbered(x: Ints) -> Ints:
    """Groups numbered from 0 without gaps, so that large names cost nothing."""
    return np.unique(x, return_inverse=True)[1].astype(np.int64)


def _pairs(counts: Any) -> float:
    """Pairs of items within the same cell."""
    return float((counts * (counts - 1) / 2).sum())
