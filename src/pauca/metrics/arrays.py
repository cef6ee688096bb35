"""From tensors, arrays or sequences to the float64 and int64 arrays that measures work on."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pauca.checks import check_probabilities
from pauca.errors import InputError

__all__ = ["Floats", "Ints", "as_floats", "as_ints", "as_probabilities", "as_values", "check_same"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def _array(x: Any) -> npt.NDArray[Any]:
    return x.detach().cpu().numpy() if isinstance(x, Tensor) else np.asarray(x)


def as_floats(x: Any) -> Floats:
    """float64 of any shape, NaN and infinity included."""
    return _array(x).astype(np.float64)


def as_ints(x: Any, where: str, *, least: int = 1) -> Ints:
    """int64 [n], n >= ``least``, from whole numbers that are not negative.

    Raises:
        InputError: another shape or type, too few, negative.
    """
    array = _array(x)
    whole = array.dtype.kind in "iu" or array.size == 0
    if array.ndim != 1 or not whole or len(array) < least:
        raise InputError(
            f"{where} has the wrong form",
            expected=f"whole numbers of shape [n], n >= {least}",
            got=f"{array.dtype} of shape {list(array.shape)}",
        )
    if array.size and array.min() < 0:
        raise InputError(f"{where} holds a negative number", expected=">= 0", got=array.min())
    return array.astype(np.int64)


def as_values(x: Any, where: str) -> Floats:
    """float64 [n], n >= 1, finite.

    Raises:
        InputError: another shape, none, NaN or infinity.
    """
    array = _array(x)
    if array.ndim != 1 or array.dtype.kind not in "iuf" or len(array) == 0:
        raise InputError(
            f"{where} has the wrong form",
            expected="numbers of shape [n], n >= 1",
            got=f"{array.dtype} of shape {list(array.shape)}",
        )
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        raise InputError(f"{where} holds NaN or infinity", expected="finite numbers")
    return array


def as_probabilities(probs: Any, labels: Ints) -> Floats:
    """float64 [n, c] whose rows sum to 1 and whose classes hold every label.

    Raises:
        InputError: another shape, rows that do not sum to 1, a label >= c.
    """
    array = _array(probs)
    if array.ndim != 2 or len(array) != len(labels) or array.dtype.kind != "f":
        raise InputError(
            "probs has the wrong form",
            expected=f"floats of shape [{len(labels)}, c]",
            got=f"{array.dtype} of shape {list(array.shape)}",
        )
    array = array.astype(np.float64)
    check_probabilities(torch.from_numpy(array))
    if labels.max() >= array.shape[1]:
        raise InputError(
            "labels holds a class that probs does not have",
            expected=f"0 to {array.shape[1] - 1}",
            got=int(labels.max()),
        )
    return array


def check_same(a: npt.NDArray[Any], b: npt.NDArray[Any], names: str) -> None:
    """Both have the same number of entries.

    Raises:
        InputError: they do not.
    """
    if len(a) != len(b):
        raise InputError(f"{names} differ in size", expected=len(a), got=len(b))
