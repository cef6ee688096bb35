"""Means over repetitions, with what is known about them."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pauca.checks import check_count, typed
from pauca.metrics.arrays import as_values, check_level, check_same

__all__ = ["Interval", "mean_interval", "paired_difference", "wilson_interval"]


@dataclass(frozen=True)
class Interval:
    """A mean and its confidence interval.

    Args:
        mean: Mean of the n values.
        low: Lower bound; NaN when n = 1, since one value says nothing about its spread.
        high: Upper bound; NaN when n = 1.
        n: How many values.
        level: Confidence level in (0, 1).
        method: How the bounds were computed.
    """

    mean: float
    low: float
    high: float
    n: int
    level: float = 0.95
    method: str = "Student t"


@typed
def mean_interval(values: Any, level: float = 0.95) -> Interval:
    """Mean of n independent values with its Student t interval: mean -+ t sd / sqrt(n).

    Args:
        values: One value a repetition, [n], n >= 1, finite.
        level: Confidence level in (0, 1).

    Raises:
        InputError: no value, NaN, or a level outside (0, 1).

    Reference: Student, Biometrika 1908.
    """
    x = as_values(values, "values")
    check_level(level)
    n = len(x)
    mean = float(x[0] + (x - x[0]).mean())
    if n == 1:
        return Interval(mean, math.nan, math.nan, 1, level)
    # scipy is imported here because only intervals need it
    from scipy.special import stdtrit

    half = float(stdtrit(n - 1, (1 + level) / 2)) * float((x - x[0]).std(ddof=1)) / math.sqrt(n)
    return Interval(mean, mean - half, mean + half, n, level)


@typed
def paired_difference(a: Any, b: Any, level: float = 0.95) -> Interval:
    """Interval of the mean of a - b over repetitions that share everything else.

    Args:
        a: One value a repetition, [n].
        b: The other's value in the same repetitions, in the same order, [n].
        level: Confidence level in (0, 1).
    """
    first, second = as_values(a, "a"), as_values(b, "b")
    check_same(first, second, "a and b")
    return mean_interval(first - second, level)


@typed
def wilson_interval(right: int, n: int, level: float = 0.95) -> Interval:
    """Share of n independent items that are right, with Wilson's score interval, in [0, 1].

    It has a width where all or none are right, and holds the true share about as often as it says
    however few items there are.

    Args:
        right: How many are, 0 to n.
        n: How many there are, >= 1.
        level: Confidence level in (0, 1).

    Raises:
        InputError: no item, more right ones than items, a level outside (0, 1).

    Reference: Wilson, JASA 22, 1927; Brown, Cai and DasGupta, Statistical Science 16, 2001, eq. 4.
    """
    n = check_count(n, "n", least=1)
    right = check_count(right, "right", most=n)
    check_level(level)
    # scipy is imported here because only intervals need it
    from scipy.special import ndtri

    z = float(ndtri((1 + level) / 2))
    share, square = right / n, z * z / n
    centre = (share + square / 2) / (1 + square)
    half = z * math.sqrt(share * (1 - share) / n + square / (4 * n)) / (1 + square)
    low = 0.0 if right == 0 else max(0.0, centre - half)
    high = 1.0 if right == n else min(1.0, centre + half)
    return Interval(share, low, high, n, level, "Wilson")


@typed
def hypergeometric_interval(hits: int, n: int, population: int, level: float = 0.95) -> Interval:
    """How many items of a population are of a kind, by a random sample of it, in [0, population].

    The mean is hits * population / n. The ends are the smallest and the largest number under which
    as many hits, or as few, have a probability above (1 - level) / 2. The interval holds the true
    number at least as often as it says, whatever that number is. Higher is more.

    Args:
        hits: Items of the sample that are of the kind, 0 to n.
        n: Size of the sample, drawn without replacement, >= 1.
        population: Items in all, >= n.
        level: Confidence level in (0, 1).

    Raises:
        InputError: no item, more hits than items, a population that is smaller than the sample, a
            level outside (0, 1).

    Reference: Clopper and Pearson, Biometrika 26, 1934, for a finite population; Buonaccorsi,
        The American Statistician 41, 1987.
    """
    population = check_count(population, "population", least=1)
    n = check_count(n, "n", least=1, most=population)
    hits = check_count(hits, "hits", most=n)
    check_level(level)
    from scipy.stats import hypergeom

    tail = (1 - level) / 2
    least, most = hits, population - (n - hits)  # what the sample itself leaves open

    def too_few(number: int) -> bool:
        return bool(hypergeom.sf(hits - 1, population, number, n) <= tail)

    def few_enough(number: int) -> bool:
        return bool(hypergeom.cdf(hits, population, number, n) > tail)

    low = _first(least, most, lambda number: not too_few(number))
    high = _first(least, most, lambda number: not few_enough(number + 1))
    return Interval(hits * population / n, float(low), float(high), n, level, "hypergeometric")


def _first(least: int, most: int, holds: Callable[[int], bool]) -> int:
    """The smallest number from which on it holds; ``most`` if only there, or nowhere."""
    while least < most:
        middle = (least + most) // 2
        least, most = (least, middle) if holds(middle) else (middle + 1, most)
    return least
