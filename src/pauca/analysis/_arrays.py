"""Torch tensors and NumPy arrays alike: what is given decides what comes back."""

from typing import Any, TypeVar, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pauca.checks import check_finite, check_size
from pauca.errors import InputError

__all__ = ["Array", "classes", "like", "matrix", "tensor"]

Array = TypeVar("Array", Tensor, NDArray[Any])


def matrix(activations: Tensor | NDArray[Any]) -> Tensor:
    """Activations as float [n, u], at least single precision, without their graph.

    Raises:
        InputError: not [n, u] with u >= 2, or values that are NaN or infinite.
    """
    x = tensor(activations).detach()
    if x.ndim != 2 or x.shape[1] < 2:
        raise InputError(
            "activations have the wrong form",
            expected="[n, u] with at least 2 units",
            got=list(x.shape),
            todo="flatten every axis but the first",
        )
    wide = x if x.dtype in (torch.float32, torch.float64) else x.to(torch.float32)
    return check_finite(wide, "activations")


def classes(labels: Tensor | NDArray[Any], n: int, least: int = 2) -> tuple[Tensor, int]:
    """Labels as int64 [n], and the number of classes c, which is 1 + the highest label.

    Args:
        labels: Whole numbers from 0, [n].
        n: Samples that they belong to.
        least: Classes that there must be.

    Raises:
        InputError: not one whole number from 0 for each sample; fewer classes than that.
    """
    y = tensor(labels).detach()
    check_size(y, n, "labels")
    whole = not (y.dtype.is_floating_point or y.dtype.is_complex or y.dtype == torch.bool)
    if y.ndim != 1 or not whole or (n > 0 and int(y.min()) < 0):
        raise InputError(
            "labels have the wrong form",
            expected="whole numbers from 0, [n]",
            got=f"{y.dtype} {list(y.shape)}",
            todo="number the classes from 0",
        )
    found = len(torch.unique(y))
    if found < least:
        raise InputError(
            "too few classes",
            expected=f">= {least}",
            got=found,
            todo="give samples of more classes",
        )
    return y.to(torch.int64), int(y.max()) + 1 if n else 0


def tensor(x: Tensor | NDArray[Any]) -> Tensor:
    """As a tensor, without a copy where that can be.

    Raises:
        InputError: not an array of numbers or truth values.
    """
    if isinstance(x, Tensor):
        return x
    try:
        return torch.from_numpy(np.require(x, requirements=("C", "W")))
    except (TypeError, ValueError):  # of another type, ragged, or of another byte order
        raise InputError(
            "not an array that torch can take",
            expected="a tensor, or an array of numbers or truth values",
            got=type(x).__name__,
            todo="convert it by numpy.asarray with a dtype of numbers",
        ) from None


@overload
def like(result: Tensor, given: Tensor) -> Tensor: ...
@overload
def like(result: Tensor, given: NDArray[Any]) -> NDArray[Any]: ...
def like(result: Tensor, given: Tensor | NDArray[Any]) -> Tensor | NDArray[Any]:
    """The result as a tensor or as an array, whichever was given."""
    return result if isinstance(given, Tensor) else result.cpu().numpy()
