"""How alike two divisions of the same items are."""

from typing import Any

import numpy as np

from pauca.metrics.arrays import Floats, Ints, as_ints, check_same

__all__ = ["adjusted_rand", "kappa"]


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


def kappa(a: Any, b: Any) -> float:
    """Cohen's kappa: how often two raters agree, beyond what their own frequencies would give.

    (p_o - p_e) / (1 - p_e), at most 1; 0 is chance. Two raters that both name one class throughout
    agree wholly: 1, where the formula is 0 / 0.

    Args:
        a: Classes that the first names, whole numbers [n], n >= 1.
        b: Classes that the second names.

    Raises:
        InputError: wrong types or sizes.

    Reference: Cohen, Educational and Psychological Measurement 20, 1960, eq. 1.
    """
    both = _table(a, b, same=True)
    n = float(both.sum())
    agreed = float(np.trace(both)) / n
    chance = float((both.sum(0) * both.sum(1)).sum()) / n**2
    return 1.0 if chance == 1 else (agreed - chance) / (1 - chance)


def _table(a: Any, b: Any, *, same: bool = False) -> Floats:
    """Items by group of both, [groups of a, groups of b]; over the groups of either if ``same``."""
    x, y = as_ints(a, "a"), as_ints(b, "b")
    check_same(x, y, "a and b")
    if same:
        whole = _numbered(np.concatenate([x, y]))
        rows, columns = whole[: len(x)], whole[len(x) :]
        shape = (int(whole.max()) + 1,) * 2
    else:
        rows, columns = _numbered(x), _numbered(y)
        shape = int(rows.max()) + 1, int(columns.max()) + 1
    table = np.zeros(shape)
    np.add.at(table, (rows, columns), 1)
    return table


def _numbered(x: Ints) -> Ints:
    """Groups numbered from 0 without gaps, so that large names cost nothing."""
    return np.unique(x, return_inverse=True)[1].astype(np.int64)


def _pairs(counts: Any) -> float:
    """Pairs of items within the same cell."""
    return float((counts * (counts - 1) / 2).sum())
