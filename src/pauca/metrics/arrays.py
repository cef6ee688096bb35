"""From tensors, arrays or sequences to the float64 and int64 arrays that measures work on."""

from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from pauca.checks import as_tensor, check_probabilities
from pauca.errors import InputError, shown

__all__ = [
    "Floats",
    "Ints",
    "as_floats",
    "as_ints",
    "as_probabilities",
    "as_rows",
    "as_table",
    "as_values",
    "check_level",
    "check_same",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def _array(x: Any, where: str) -> npt.NDArray[Any]:
    """Real numbers of any shape; floats that NumPy does not know are widened."""
    found = as_tensor(x, where).detach().cpu()
    if found.is_complex():
        raise InputError(
            f"{where} has the wrong type",
            expected="real numbers",
            got=found.dtype,
            todo="pass x.real or x.abs()",
        )
    return (found.float() if found.dtype == torch.bfloat16 else found).numpy()


def as_floats(x: Any, where: str = "values") -> Floats:
    """float64 of any shape, NaN and infinity included.

    Raises:
        InputError: not numbers, or what has no order.
    """
    return _array(x, where).astype(np.float64)


def as_ints(x: Any, where: str, *, least: int = 1) -> Ints:
    """int64 [n], n >= ``least``, from whole numbers that are not negative.

    Raises:
        InputError: another shape or type, too few, negative.
    """
    array = _array(x, where)
    whole = array.dtype.kind in "iu" or array.size == 0
    if array.ndim != 1 or not whole or len(array) < least:
        raise InputError(
            f"{where} has the wrong form",
            expected=f"whole numbers of shape [n], n >= {least}",
            got=f"{array.dtype} of shape {list(array.shape)}",
            todo="pass one whole number an item",
        )
    if array.size and array.min() < 0:
        raise InputError(
            f"{where} holds a negative number",
            expected=">= 0",
            got=array.min(),
            todo="pass one whole number an item",
        )
    return array.astype(np.int64)


def as_values(x: Any, where: str) -> Floats:
    """float64 [n], n >= 1, finite.

    Raises:
        InputError: another shape, none, NaN or infinity.
    """
    return as_table(x, where, "n", least=(1,))


def as_rows(x: Any, where: str) -> Floats:
    """float64 [n, ...], n >= 1, finite.

    Raises:
        InputError: no axis, no row, not numbers, NaN or infinity.
    """
    return _finite(_array(x, where), where, "[n, ...], n >= 1", lambda shape: len(shape) > 0)


def as_table(x: Any, where: str, axes: str, *, least: tuple[int, ...] = (1, 1)) -> Floats:
    """float64 with as many axes as ``least`` has entries, each at least that long, finite.

    Args:
        x: Numbers.
        where: Its name in a message.
        axes: Letters or names of the axes, "r t", for the message.
        least: Fewest entries along each axis.

    Raises:
        InputError: another number of axes, too few along one, not numbers, NaN or infinity.
    """
    names = axes.split()
    form = ", ".join(f"{name} >= {n}" for name, n in zip(names, least, strict=True))
    return _finite(
        _array(x, where),
        where,
        f"[{', '.join(names)}], {form}",
        lambda shape: len(shape) == len(least) and all(map(int.__ge__, shape, least)),
    )


def _finite(
    array: npt.NDArray[Any], where: str, form: str, fits: Callable[[tuple[int, ...]], bool]
) -> Floats:
    if not fits(array.shape) or not array.size or array.dtype.kind not in "iuf":
        raise InputError(
            f"{where} has the wrong form",
            expected=f"numbers of shape {form}",
            got=f"{array.dtype} of shape {list(array.shape)}",
            todo="bring the numbers to this shape",
        )
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        at = np.argwhere(~np.isfinite(array))[0].tolist()
        raise InputError(
            f"{where} holds NaN or infinity",
            expected="finite numbers",
            got=f"{array[tuple(at)]} first at {at}",
            todo="leave out what did not finish before comparing",
        )
    return array


def as_probabilities(probs: Any, labels: Ints) -> Floats:
    """float64 [n, c] whose rows sum to 1 and whose classes hold every label.

    Raises:
        InputError: another shape, rows that do not sum to 1, a label >= c.
    """
    array = _array(probs, "probs")
    if array.ndim != 2 or len(array) != len(labels) or array.dtype.kind != "f":
        raise InputError(
            "probs has the wrong form",
            expected=f"floats of shape [{len(labels)}, c]",
            got=f"{array.dtype} of shape {list(array.shape)}",
            todo="give one row of probabilities for each label",
        )
    array = array.astype(np.float64)
    check_probabilities(torch.from_numpy(array))
    if labels.max() >= array.shape[1]:
        raise InputError(
            "labels holds a class that probs does not have",
            expected=f"0 to {array.shape[1] - 1}",
            got=int(labels.max()),
            todo="give probs a column for every class",
        )
    return array


def check_level(level: float) -> float:
    """A confidence level in (0, 1).

    Raises:
        InputError: outside of it, or NaN.
    """
    if isinstance(level, bool) or not isinstance(level, Real) or not 0 < level < 1:
        raise InputError(
            "level is out of range",
            expected="a number in (0, 1)",
            got=shown(level),
            todo="pass 0.95, say",
        )
    return level


def check_same(a: npt.NDArray[Any], b: npt.NDArray[Any], names: str) -> None:
    """Both have the same number of entries.

    Raises:
        InputError: they do not.
    """
    if len(a) != len(b):
        raise InputError(
            f"{names} differ in size",
            expected=len(a),
            got=len(b),
            todo="give each one entry for the same things, in the same order",
        )
