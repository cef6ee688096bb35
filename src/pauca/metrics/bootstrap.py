"""Intervals of any statistic by drawing the repetitions anew."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Generator

from pauca.checks import check_count, typed
from pauca.errors import InputError, shown
from pauca.metrics.arrays import Floats, Ints, as_rows, check_level
from pauca.metrics.intervals import Interval

__all__ = ["BootstrapMethod", "bootstrap_interval", "resamples"]

_TIE = 1e-12  # relative: a draw that is the statistic itself up to rounding counts by half

BootstrapMethod = Literal["percentile", "bca"]


@typed
def bootstrap_interval(
    statistic: Callable[..., float],
    *arrays: Any,
    generator: Generator,
    draws: int = 2000,
    level: float = 0.95,
    paired: bool = True,
    method: BootstrapMethod = "percentile",
) -> Interval:
    """Bootstrap interval of ``statistic(*arrays)``, its rows drawn anew with replacement.

    The percentile interval keeps to the statistic's range and its transforms; "bca" also corrects
    for bias and skew, and needs more draws. Both are too narrow with few rows: with five, nominal
    95 % holds the truth in some 80 to 85 % of studies.

    Args:
        statistic: Takes arrays like those given and returns a number.
        *arrays: One or more, [n, ...], n >= 1, finite; a row is a repetition.
        generator: Of the draws: the same one at the same place gives the same interval.
        draws: How many times rows are drawn, >= 1.
        level: Confidence level in (0, 1).
        paired: The same rows are drawn of every array (all of n rows); False draws for each array
            by itself.
        method: "percentile" or "bca".

    Returns:
        The statistic of the arrays as given (``mean``), its bounds, and n (the fewest rows of any
        array). Bounds are NaN when n = 1, and by "bca" where the statistic lies beyond all draws.

    Raises:
        InputError: no array, no row, NaN, paired arrays of different length, draws below 1, a level
            outside (0, 1), an unknown method, a statistic that is NaN.

    Reference: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, section 13.3
        (percentile), eq. 14.9 to 14.15 (BCa).
    """
    check_level(level)
    check_count(draws, "draws", least=1)
    rows = _checked(arrays, paired)
    seen = _number(statistic(*rows))
    n = min(map(len, rows))
    told = f"bootstrap {method}, {draws} draws"
    if n == 1:
        return Interval(seen, math.nan, math.nan, 1, level, told)
    drawn = _drawn(statistic, rows, generator, draws, paired)
    ends = np.array([(1 - level) / 2, (1 + level) / 2])
    if method == "bca":
        ends = _corrected(ends, drawn, seen, _acceleration(statistic, rows, paired))
    if np.isnan(ends).any():
        return Interval(seen, math.nan, math.nan, n, level, told)
    low, high = np.quantile(drawn, ends).tolist()
    return Interval(seen, low, high, n, level, told)


def resamples(n: int, draws: int, generator: Generator) -> Ints:
    """Rows drawn with replacement, int64 [draws, n], each in [0, n)."""
    drawn = torch.randint(n, (draws, n), generator=generator, device=generator.device)
    return np.asarray(drawn.cpu().numpy(), dtype=np.int64)


def _checked(arrays: Sequence[Any], paired: bool) -> list[Floats]:
    rows = [as_rows(x, f"array {at}") for at, x in enumerate(arrays)]
    if not rows:
        raise InputError(
            "there is nothing to draw from",
            expected="at least one array",
            got="none",
            todo="pass the values as arrays, one argument each",
        )
    sizes = sorted({len(x) for x in rows})
    if paired and len(sizes) > 1:
        raise InputError(
            "arrays differ in their number of rows",
            expected=f"{len(rows[0])} rows each, since they are paired",
            got=", ".join(map(str, sizes)),
            todo="give the same repetitions of each, or paired=False",
        )
    return rows


def _number(value: float) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise InputError(
            "the statistic is no number",
            expected="a number for every draw of the rows",
            got=shown(value),
            todo="return one float",
        ) from error
    if math.isnan(number):
        raise InputError(
            "the statistic is NaN",
            expected="a number for every draw of the rows",
            got=number,
            todo="give a statistic that is defined when a row is drawn more than once",
        )
    return number


def _drawn(
    statistic: Callable[..., float],
    rows: Sequence[Floats],
    generator: Generator,
    draws: int,
    paired: bool,
) -> Floats:
    """The statistic of each draw, [draws]."""
    one = [resamples(len(rows[0]), draws, generator)]
    places = (
        one * len(rows) if paired else one + [resamples(len(x), draws, generator) for x in rows[1:]]
    )
    return np.array(
        [
            _number(statistic(*(x[place[at]] for x, place in zip(rows, places, strict=True))))
            for at in range(draws)
        ]
    )


def _corrected(ends: Floats, drawn: Floats, seen: float, acceleration: float) -> Floats:
    """Shares of the draws at which the interval ends, moved for bias and skew, [2]."""
    from scipy.special import ndtr, ndtri

    size = max(abs(seen), float(np.abs(drawn).max()))
    level = np.abs(drawn - seen) <= _TIE * size
    bias = ndtri(float((level / 2 + (~level & (drawn < seen))).mean()))
    if not np.isfinite(bias):
        return np.full(2, np.nan)
    moved = bias + ndtri(ends)
    return np.asarray(ndtr(bias + moved / (1 - acceleration * moved)))


def _acceleration(statistic: Callable[..., float], rows: Sequence[Floats], paired: bool) -> float:
    """Skew of the influence of single rows, by leaving each out; 0 where none has any."""
    cubes = squares = 0.0
    for which in [None] if paired else range(len(rows)):
        n = len(rows[0 if which is None else which])
        left = np.array([_number(statistic(*_without(rows, which, at))) for at in range(n)])
        influence = (n - 1) * (left.mean() - left) / n
        cubes += float((influence**3).sum())
        squares += float((influence**2).sum())
    return cubes / (6 * squares**1.5) if squares > 0 else 0.0


def _without(rows: Sequence[Floats], which: int | None, at: int) -> list[Floats]:
    return [
        np.delete(x, at, axis=0) if which is None or which == k else x for k, x in enumerate(rows)
    ]
