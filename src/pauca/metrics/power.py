"""How many repetitions a claim needs, and what so many repetitions can show."""

import functools
import math

import numpy as np

from pauca.checks import check_count, typed
from pauca.errors import InputError
from pauca.metrics.arrays import Floats

__all__ = ["paired_power", "repetitions_needed", "smallest_effect"]

_NORMAL = 10_000_000  # degrees of freedom from which on t is taken as normal, error below 1e-7
_MOST = 2**62


@typed
def paired_power(n: int, sd_of_differences: float, effect: float, alpha: float = 0.05) -> float:
    """Chance that a two-sided paired t test of n repetitions finds a true mean difference.

    P(|T| > t) for T of the noncentral t distribution with n - 1 degrees of freedom and
    noncentrality sqrt(n) effect / sd, t the quantile at 1 - alpha / 2; in [alpha, 1]. Differences
    are taken as normal. A difference found on the wrong side counts, as in most tables.

    Args:
        n: Repetitions, >= 2.
        sd_of_differences: Standard deviation of the differences by repetition, >= 0, in the unit of
            ``effect``.
        effect: True mean difference; only its size counts.
        alpha: Chance of a false claim, in (0, 1).

    Raises:
        InputError: a value out of its range or NaN.

    Reference: Cohen, Statistical Power Analysis for the Behavioral Sciences, 2nd ed., 1988, ch. 2;
        Johnson, Kotz and Balakrishnan, Continuous Univariate Distributions 2, 1995, ch. 31.
    """
    check_count(n, "n", least=2)
    _check(sd_of_differences, alpha, alpha)
    size = _size(effect, "effect", zero=True)
    if size == 0:
        return alpha
    return _power(n, size / sd_of_differences, alpha) if sd_of_differences else 1.0


@typed
def repetitions_needed(
    sd_of_differences: float, effect: float, alpha: float = 0.05, power: float = 0.8
) -> int:
    """Fewest repetitions with which a paired t test finds a true mean difference often enough.

    For half a standard deviation, alpha .05 and power .8 it is 34. Take the standard deviation from
    a study that is not the one being planned, and the effect as the smallest worth finding.

    Args:
        sd_of_differences: Standard deviation of the differences by repetition, >= 0, in the unit of
            ``effect``; with 0 two repetitions are enough.
        effect: True mean difference, not 0; only its size counts.
        alpha: Chance of a false claim, in (0, 1).
        power: Chance to find the difference, in (0, 1).

    Raises:
        InputError: a value out of its range or NaN.

    Reference: Cohen, Statistical Power Analysis for the Behavioral Sciences, 2nd ed., 1988, ch. 2.
    """
    _check(sd_of_differences, alpha, power)
    size = _size(effect, "effect")
    if sd_of_differences == 0:
        return 2
    ratio = size / sd_of_differences
    enough = 2
    while _power(enough, ratio, alpha) < power:
        if enough >= _MOST:
            raise InputError(
                "effect is too small to be found",
                expected="a larger one",
                got=effect,
                todo="look for a larger effect",
            )
        enough *= 2
    # power grows with n: the fewest lies above the last power of two that is too few
    few = enough // 2
    while enough - few > 1:
        middle = (few + enough) // 2
        few, enough = (few, middle) if _power(middle, ratio, alpha) >= power else (middle, enough)
    return enough


@typed
def smallest_effect(
    sd_of_differences: float, n: int, alpha: float = 0.05, power: float = 0.8
) -> float:
    """Smallest true mean difference that a paired t test of n repetitions finds often enough.

    Args:
        sd_of_differences: Standard deviation of the differences by repetition, >= 0; the answer has
            its unit, and is 0 where it is 0.
        n: Repetitions, >= 2.
        alpha: Chance of a false claim, in (0, 1).
        power: Chance to find the difference, in (0, 1); 0 is the answer where it is <= alpha.

    Raises:
        InputError: a value out of its range or NaN.

    Reference: Cohen, Statistical Power Analysis for the Behavioral Sciences, 2nd ed., 1988, ch. 2.
    """
    _check(sd_of_differences, alpha, power)
    check_count(n, "n", least=2)
    if sd_of_differences == 0 or power <= alpha:
        return 0.0
    low, high = 0.0, 1.0
    while _power(n, high, alpha) < power:
        low, high = high, 2 * high
    for _ in range(60):  # to the last digit: each step halves the interval
        middle = (low + high) / 2
        low, high = (low, middle) if _power(n, middle, alpha) >= power else (middle, high)
    return high * sd_of_differences


def _power(n: int, ratio: float, alpha: float) -> float:
    """P(|T| > t): over the normal part z of T, the chance that chi-square is small enough for it.

    SciPy's noncentral t is NaN where noncentrality or threshold are large, so it is not used.
    """
    from scipy.special import chdtr, ndtr, ndtri, stdtrit

    df, shift = n - 1, ratio * math.sqrt(n)
    if df > _NORMAL:
        t = -float(ndtri(alpha / 2))
        return float(ndtr(shift - t) + ndtr(-shift - t))
    t = -float(stdtrit(df, alpha / 2))
    width = t / math.sqrt(2 * df)
    # |T| > t where |z + shift| > t sqrt(chi2 / df): a step of that width at z = +-t - shift
    bends = [side * t - shift + width * k for side in (-1, 1) for k in (-8, -4, -2, 0, 2, 4, 8)]
    edges = np.unique(np.clip([*np.linspace(-9, 9, 19), *bends, -shift], -9, 9))
    nodes, weights = _rule()
    half = np.diff(edges) / 2  # [e]
    z = (edges[:-1] + half)[:, None] + half[:, None] * nodes  # [e, 24]
    density = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    passed = density * chdtr(df, df * ((z + shift) / t) ** 2)
    # over all of z by the same rule, so that what is certain is exactly 1
    return float((passed @ weights * half).sum() / (density @ weights * half).sum())


@functools.cache
def _rule() -> tuple[Floats, Floats]:
    """Nodes and weights of Gauss and Legendre on [-1, 1]."""
    return np.polynomial.legendre.leggauss(24)


def _check(sd: float, alpha: float, power: float) -> None:
    if not 0 <= sd < math.inf:
        raise InputError(
            "sd_of_differences is out of range",
            expected="a number >= 0",
            got=sd,
            todo="pass the standard deviation of the paired differences",
        )
    for name, value in (("alpha", alpha), ("power", power)):
        if not 0 < value < 1:
            raise InputError(
                f"{name} is out of range",
                expected="a number in (0, 1)",
                got=value,
                todo="pass 0.05 for level, 0.8 for power, say",
            )


def _size(effect: float, where: str, *, zero: bool = False) -> float:
    size = abs(effect)
    if not size < math.inf or (size == 0 and not zero):
        span = "a finite number" if zero else "a finite number other than 0"
        raise InputError(
            f"{where} is out of range",
            expected=span,
            got=effect,
            todo="pass the difference of the means in the same units",
        )
    return size
