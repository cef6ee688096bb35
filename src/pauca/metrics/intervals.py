"""Means over repetitions, with what is known about them."""

import math
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
