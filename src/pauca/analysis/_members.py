"""Ensembles as the analysis takes them: members, bool [c, u], and means by class."""

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from pauca.analysis._arrays import tensor
from pauca.errors import InputError

__all__ = ["class_rates", "class_sums", "ensembles"]


def ensembles(members: Tensor | NDArray[Any], u: int | None = None, c: int | None = None) -> Tensor:
    """Members as bool [c, u]; a row without any is a class that has no ensemble.

    Args:
        members: bool [c, u].
        u: Units that there must be.
        c: Least number of rows.

    Raises:
        InputError: another type, shape or size.
    """
    found = tensor(members)
    fits = found.ndim == 2 and found.dtype == torch.bool and found.shape[0] > 0
    if not fits or (u is not None and found.shape[1] != u) or len(found) < (c or 0):
        raise InputError(
            "members have the wrong form",
            expected=f"bool [{'c' if c is None else c}, {'u' if u is None else u}], "
            "one row a class, one column a unit",
            got=f"{found.dtype} {list(found.shape)}",
        )
    return found


def class_sums(values: Tensor, labels: Tensor, c: int) -> tuple[Tensor, Tensor]:
    """Sums over the items of each class, [n, ...] -> [c, ...], and their numbers, float [c]."""
    sums = values.new_zeros(c, *values.shape[1:]).index_add_(0, labels, values)
    counts = torch.bincount(labels, minlength=c).to(values.dtype)
    return sums, counts


def class_rates(hits: Tensor, y: Tensor, c: int) -> Tensor:
    """Means over the items of each class, [m, n] -> float64 [m, c]; NaN for a class without any."""
    sums, counts = class_sums(hits.T.to(torch.float64), y.to(hits.device), c)
    return (sums / counts[:, None]).T
