"""p values adjusted for how many there are: Holm, and Benjamini and Hochberg."""

from typing import Any

import numpy as np

from pauca.checks import typed
from pauca.errors import InputError
from pauca.metrics.arrays import Floats, Ints, as_floats

__all__ = ["benjamini_hochberg", "holm"]


@typed
def holm(p: Any) -> Floats:
    """The p values adjusted so that the chance of any false rejection is held, any shape.

    With m values and p_(1) <= ... <= p_(m): max_(j <= k) min(1, (m - j + 1) p_(j)). Reject where
    that is <= alpha; any dependence. NaN stays NaN and does not count.

    Args:
        p: In [0, 1] or NaN.

    Raises:
        InputError: a value outside [0, 1].

    Reference: Holm, Scandinavian Journal of Statistics 6, 1979.
    """
    given = _checked(p)
    order, ascending = _ascending(given)
    factors = len(order) - np.arange(len(order))
    return _placed(np.maximum.accumulate(ascending * factors), order, given)


@typed
def benjamini_hochberg(p: Any) -> Floats:
    """The p values adjusted so that the false-discovery rate is held, any shape.

    With m values and p_(1) <= ... <= p_(m): min_(j >= k) min(1, m p_(j) / j). Rejecting where that
    is <= alpha keeps the expected share of false rejections <= alpha for independent values, and
    for those that rise together (positive regression dependence). NaN stays NaN and does not count.

    Args:
        p: In [0, 1] or NaN.

    Raises:
        InputError: a value outside [0, 1].

    Reference: Benjamini and Hochberg, JRSS B 57, 1995, eq. 1; Benjamini and Yekutieli, Annals of
    Statistics 29, 2001 (dependence).
    """
    given = _checked(p)
    order, ascending = _ascending(given)
    m = len(order)
    scaled = ascending * m / np.arange(1, m + 1)
    return _placed(np.minimum.accumulate(scaled[::-1])[::-1], order, given)


def _checked(p: Any) -> Floats:
    values = as_floats(p)
    wrong = (values < 0) | (values > 1)
    if wrong.any():
        raise InputError(
            "p is out of range",
            expected="[0, 1] or NaN",
            got=values[wrong][0],
            todo="pass p values, NaN where there is none",
        )
    return values


def _ascending(given: Floats) -> tuple[Ints, Floats]:
    """Places of the values that are not NaN in the flat array, by value, and the values."""
    flat = given.ravel()
    order = np.argsort(flat, kind="stable")[: np.count_nonzero(~np.isnan(flat))]
    return order, flat[order]


def _placed(adjusted: Floats, order: Ints, given: Floats) -> Floats:
    result = np.full(given.size, np.nan)
    result[order] = np.minimum(adjusted, 1)
    return result.reshape(given.shape)
