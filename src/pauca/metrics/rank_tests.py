"""Many methods over many blocks by their ranks: Friedman, Nemenyi, and who is not told apart.

Sizes: b blocks (repetitions, or repetitions of several settings), m methods. Rank 1 is the best.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pauca.checks import typed
from pauca.errors import InputError
from pauca.metrics._pairs import midranks
from pauca.metrics.arrays import Floats, as_table, as_values, check_level

__all__ = ["Friedman", "Nemenyi", "cliques", "friedman", "nemenyi"]


@dataclass(frozen=True)
class Friedman:
    """Whether m methods differ at all.

    Args:
        statistic: Friedman's chi-square, corrected for ties, >= 0.
        p: P of one at least as large with m - 1 degrees of freedom.
        f: The form of Iman and Davenport, less cautious; infinite where all blocks agree.
        f_p: P of an F at least as large, m - 1 and (m - 1)(b - 1) degrees of freedom; 0 where all
            blocks agree.
        agreement: Kendall's W: 0 (ranks are balanced) to 1 (every block ranks alike).
        mean_ranks: Mean rank of each method, [m], 1 is the best; tied ones share their mean rank.
        blocks: b.
    """

    statistic: float
    p: float
    f: float
    f_p: float
    agreement: float
    mean_ranks: tuple[float, ...]
    blocks: int


@dataclass(frozen=True)
class Nemenyi:
    """Which methods differ, every pair at once.

    Args:
        mean_ranks: Mean rank of each method, [m], 1 is the best.
        critical_difference: Mean ranks at least so far apart are told apart.
        p: p of each pair, [m, m], symmetric, 1 on the diagonal; already adjusted for all pairs.
        level: 1 less the chance to tell apart any two methods when all are alike.
        blocks: b.
    """

    mean_ranks: tuple[float, ...]
    critical_difference: float
    p: tuple[tuple[float, ...], ...]
    level: float
    blocks: int


@typed
def friedman(values: Any) -> Friedman:
    """Friedman's test that all methods are alike, with the F form of Iman and Davenport.

    Both are approximations for many blocks. Where every block is one tie, nothing differs: the
    statistic is 0 and p = 1.

    Args:
        values: A value of each method in each block, [b, m], b >= 2, m >= 2, finite; higher is
            better.

    Raises:
        InputError: another shape, one block, one method, NaN.

    Reference: Friedman, JASA 32, 1937; Iman and Davenport, Communications in Statistics A9, 1980;
        Demsar, JMLR 7, 2006, section 3.2.2; Conover, Practical Nonparametric Statistics, 1999,
        section 5.8 (ties).
    """
    ranks = _ranks(values)
    b, m = ranks.shape
    # deviations are multiples of 1/2, so both sums are exact and full agreement is seen as such
    off = ranks - (m + 1) / 2
    within, between = float((off**2).sum()), float((off.sum(0) ** 2).sum())
    means = tuple(ranks.mean(0).tolist())
    if within == 0:
        return Friedman(0.0, 1.0, 0.0, 1.0, 0.0, means, b)
    # scipy is imported here because only p values need it
    from scipy.special import chdtrc, fdtrc

    statistic, rest = (m - 1) * between / within, b * within - between
    f = (b - 1) * between / rest if rest > 0 else math.inf
    f_p = float(fdtrc(m - 1, (m - 1) * (b - 1), f)) if rest > 0 else 0.0
    agreement = between / (b * within)
    return Friedman(statistic, float(chdtrc(m - 1, statistic)), f, f_p, agreement, means, b)


@typed
def nemenyi(values: Any, level: float = 0.95) -> Nemenyi:
    """Nemenyi's test of all pairs of methods by their mean ranks.

    The critical difference is q sqrt(m (m + 1) / (6 b)), with q the quantile of the studentized
    range of m groups and infinitely many degrees of freedom, over sqrt(2). Ties are not corrected
    for, which is cautious. Adding a method changes what is said of the others.

    Args:
        values: A value of each method in each block, [b, m], b >= 2, m >= 2, finite; higher is
            better.
        level: 1 less the chance of any false difference, in (0, 1).

    Raises:
        InputError: as in ``friedman``; a level outside (0, 1).

    Reference: Nemenyi, Distribution-free multiple comparisons, PhD thesis, Princeton, 1963; Demsar,
        JMLR 7, 2006, section 3.2.2.
    """
    check_level(level)
    ranks = _ranks(values)
    b, m = ranks.shape
    # scipy.stats is slow to import, and needed here alone
    from scipy.stats import studentized_range

    means = ranks.mean(0)
    error = math.sqrt(m * (m + 1) / (12 * b))  # of a mean rank, as the studentized range has it
    apart = np.abs(means[:, None] - means) / error
    p = np.clip(studentized_range.sf(apart, m, np.inf), 0, 1)
    p[apart == 0] = 1
    cd = float(studentized_range.ppf(level, m, np.inf)) * error
    return Nemenyi(tuple(means.tolist()), cd, tuple(map(tuple, p.tolist())), level, b)


@typed
def cliques(mean_ranks: Sequence[float], cd: float) -> tuple[tuple[int, ...], ...]:
    """The largest groups of methods that are not told apart: bars of a critical-difference picture.

    A group is an interval of mean ranks less than ``cd`` wide (or of no width), of two methods or
    more, that no other contains. A method in no group is told apart from every other.

    Args:
        mean_ranks: [m], finite; 1 is the best.
        cd: Critical difference, >= 0; methods at least so far apart are told apart.

    Returns:
        Positions in ``mean_ranks``, best first within a group, groups by their best method.

    Raises:
        InputError: no method, NaN, a negative cd.

    Reference: Demsar, JMLR 7, 2006, figure 1.
    """
    ranks = as_values(mean_ranks, "mean_ranks")
    if not cd >= 0:
        raise InputError(
            "cd is out of range", expected=">= 0", got=cd, todo="take it from `nemenyi(...).cd`"
        )
    order = np.argsort(ranks, kind="stable")
    groups: list[tuple[int, ...]] = []
    reached = 0  # how far along the order the last group went
    for start in range(len(order)):
        width = ranks[order] - ranks[order[start]]
        end = start + int(((width < cd) | (width == 0))[start:].sum())
        if end - start > 1 and end > reached:
            groups.append(tuple(order[start:end].tolist()))
        reached = max(reached, end)
    return tuple(groups)


def _ranks(values: Any) -> Floats:
    """Rank of each method in each block, [b, m], 1 for the highest value."""
    table = as_table(values, "values", "blocks methods", least=(2, 2))
    return np.stack([midranks(-row, np.abs(row))[0] for row in table])
