"""How often each method beats each other one over settings and budgets: the penalty matrix.

Sizes: m methods, r repetitions, L budgets.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pauca.checks import typed
from pauca.errors import InputError
from pauca.metrics._pairs import differences
from pauca.metrics.arrays import Floats, as_table, check_level

__all__ = ["Penalties", "penalty_matrix"]


@dataclass(frozen=True)
class Penalties:
    """Wins of each method over each other one, each setting counting 1.

    Args:
        matrix: [m, m]; row i, column j: in how many settings i beats j, a win at one of L budgets
            counting 1 / L; from 0 to the number of settings, 0 on the diagonal.
        beaten: Mean of each column, the diagonal's 0 included, [m]: how much a method is beaten.
            Lower is better; methods are ranked by it.
        settings: Number of settings.
        level: Confidence level of each t test.
    """

    matrix: tuple[tuple[float, ...], ...]
    beaten: tuple[float, ...]
    settings: int
    level: float


@typed
def penalty_matrix(settings: Sequence[Any], level: float = 0.95) -> Penalties:
    """The pairwise penalty matrix of the BADGE paper.

    For each setting (data set, net, query size) and each of its L budgets every two methods are
    compared by a two-sided paired t test over repetitions, t = sqrt(r) mean / sd of differences;
    the one significantly better adds 1 / L to its row at the other's column. Nothing is adjusted
    for the number of tests, so of methods that are alike about 1 - ``level`` of the comparisons
    still count as won, half each way. Differences that are all equal and not 0 count as won.

    Args:
        settings: Each an array [m, r, L], r >= 2, L >= 1, finite; higher is better, and entry r of
            every method is the same repetition. r and L may differ between settings, m may not. The
            paper takes budgets before learning has levelled off.
        level: Confidence level of each test in (0, 1).

    Raises:
        InputError: no setting, another shape, one repetition, methods that differ in number, NaN, a
            level outside (0, 1).

    Reference: Ash, Zhang, Krishnamurthy, Langford and Agarwal, ICLR 2020 (pairwise
        comparisons, in the experiments and the appendix); Student, Biometrika 1908.
    """
    check_level(level)
    tables = [
        as_table(setting, f"setting {at}", "methods repetitions budgets", least=(1, 2, 1))
        for at, setting in enumerate(settings)
    ]
    if not tables:
        raise InputError(
            "there is no setting",
            expected="at least one array [m, r, L]",
            got="none",
            todo="pass the curves of each setting",
        )
    m = len(tables[0])
    for at, table in enumerate(tables):
        if len(table) != m:
            raise InputError(
                "settings differ in the number of methods",
                expected=m,
                got=len(table),
                where=f"setting {at}",
                todo="give every method in every setting, in the same order",
            )
    total = np.zeros((m, m))
    for table in tables:
        total += _wins(table, level)
    return Penalties(
        tuple(map(tuple, total.tolist())), tuple(total.mean(0).tolist()), len(tables), level
    )


def _wins(table: Floats, level: float) -> Floats:
    """Share of budgets at which the row's method beats the column's, [m, m]."""
    # scipy is imported here because only the test needs it
    from scipy.special import stdtrit

    m, r, _ = table.shape
    needed = float(stdtrit(r - 1, (1 + level) / 2)) / math.sqrt(r)
    wins = np.zeros((m, m))
    for i in range(m):
        d = differences(np.broadcast_to(table[i], table.shape), table)  # [m, r, L]
        wins[i] = (d.mean(1) > needed * d.std(1, ddof=1)).mean(1)
    return wins
