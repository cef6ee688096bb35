"""Every method against one, and every pair: differences by repetition, tested and adjusted.

Sizes: r repetitions, m methods.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pauca.checks import typed
from pauca.errors import InputError, UnknownNameError
from pauca.metrics._pairs import differences
from pauca.metrics.arrays import Floats, as_table, check_level
from pauca.metrics.corrections import holm
from pauca.metrics.intervals import Interval, mean_interval
from pauca.metrics.signed_ranks import SignedRanks, least_p, wilcoxon

__all__ = ["Comparison", "Comparisons", "compare_all"]


@dataclass(frozen=True)
class Comparison:
    """One method against another over repetitions that share everything else.

    Args:
        first: Name of the one.
        second: Name of the other.
        difference: Mean of first - second with its Student t interval; above 0, first is better.
        test: Wilcoxon's signed-rank test of the same differences.
        adjusted: Its p, adjusted by Holm for the family that it belongs to.
        wins: Repetitions in which first is above second.
        ties: In which both are equal.
        losses: In which first is below.
    """

    first: str
    second: str
    difference: Interval
    test: SignedRanks
    adjusted: float
    wins: int
    ties: int
    losses: int


@dataclass(frozen=True)
class Comparisons:
    """Two families of comparisons, each adjusted for itself.

    Args:
        against: Every other method against the baseline, in the order given, m - 1; empty without
            a baseline.
        pairs: Every pair, the earlier method first, m (m - 1) / 2.
        n: Repetitions r.
        least_against: The least adjusted p that r repetitions can give in that family, see
            ``least_p``; above .05 nothing in it can be significant at .05. 1 without a baseline.
        least_pairs: The same of all pairs.
    """

    against: tuple[Comparison, ...]
    pairs: tuple[Comparison, ...]
    n: int
    least_against: float
    least_pairs: float


@typed
def compare_all(
    values: Any, names: Sequence[str], against: str | None = None, level: float = 0.95
) -> Comparisons:
    """Paired differences of every method against one baseline, and of all pairs.

    Holm holds the chance of any false rejection within each of the two families, so choose before
    looking which of them a claim rests on.

    Args:
        values: A value of each method in each repetition, [r, m], r >= 1, m >= 2, finite; higher is
            better; row r is repetition r of every method.
        names: Name of each method, [m], distinct.
        against: Name of the baseline, or None.
        level: Confidence level of each interval, in (0, 1); intervals are not adjusted.

    Raises:
        InputError: another shape, one method, NaN, names that are too many, too few or twice the
            same, a level outside (0, 1).
        UnknownNameError: a baseline that is not among the names.

    Reference: Wilcoxon, Biometrics Bulletin 1, 1945; Holm, Scandinavian Journal of Statistics 6,
        1979; Demsar, JMLR 7, 2006, section 3.2.2; Benavoli, Corani and Mangili, JMLR 17, 2016 (why
        pairs are tested by signed ranks and not by mean ranks).
    """
    check_level(level)
    table = as_table(values, "values", "repetitions methods", least=(1, 2))
    columns = dict(zip(_checked(names, table.shape[1]), table.T, strict=True))
    if against is not None and against not in columns:
        raise UnknownNameError("method", against, columns, where="against")
    others = [] if against is None else [(a, against) for a in columns if a != against]
    pairs = list(itertools.combinations(columns, 2))
    n = len(table)
    return Comparisons(
        _family(others, columns, level),
        _family(pairs, columns, level),
        n,
        least_p(n, len(others)) if others else 1.0,
        least_p(n, len(pairs)),
    )


def _family(
    pairs: Sequence[tuple[str, str]], columns: dict[str, Floats], level: float
) -> tuple[Comparison, ...]:
    found = [_compared(a, b, columns[a], columns[b], level) for a, b in pairs]
    adjusted = holm([one.test.p for one in found]).tolist()
    return tuple(replace(one, adjusted=p) for one, p in zip(found, adjusted, strict=True))


def _compared(first: str, second: str, a: Floats, b: Floats, level: float) -> Comparison:
    d, test = differences(a, b), wilcoxon(a, b)
    wins, losses = int((d > 0).sum()), int((d < 0).sum())
    return Comparison(
        first,
        second,
        mean_interval(d, level),
        test,
        test.p,
        wins,
        len(d) - wins - losses,
        losses,
    )


def _checked(names: Sequence[str], m: int) -> Sequence[str]:
    if len(names) != m:
        raise InputError(
            "names and columns of values differ in number",
            expected=m,
            got=len(names),
            todo="give each column one name",
        )
    if len(set(names)) != m:
        twice = next(name for name in names if list(names).count(name) > 1)
        raise InputError(
            "a name stands twice",
            expected="distinct names",
            got=repr(twice),
            todo="rename one of them",
        )
    return names
