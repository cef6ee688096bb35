"""Sets of units as rows of a bool matrix: what every function on ensembles checks and counts."""

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from pauca.analysis._arrays import tensor
from pauca.checks import check_size
from pauca.errors import InputError
from pauca.metrics import benjamini_hochberg

__all__ = ["adjusted", "jaccard", "member_sets", "possible", "table", "upper"]


def member_sets(members: Tensor | NDArray[Any], where: str = "members") -> Tensor:
    """Ensembles as bool [c, u]; row k holds the members of class k, all False where it has none.

    Raises:
        InputError: not bool, or not [c, u] with c >= 1 and u >= 2.
    """
    sets = tensor(members).detach()
    if sets.dtype != torch.bool or sets.ndim != 2 or sets.shape[0] < 1 or sets.shape[1] < 2:
        raise InputError(
            f"{where} has the wrong form",
            expected="bool [c, u] with at least 2 units",
            got=f"{sets.dtype} {list(sets.shape)}",
            todo="give one row for each class, True where a unit belongs to its ensemble",
        )
    return sets


def possible(among: Tensor | NDArray[Any] | None, sets: Tensor) -> Tensor:
    """Which units could be a member at all, bool [u]; every one where nothing is said.

    Raises:
        InputError: not bool [u]; a member that could be none.
    """
    if among is None:
        return torch.ones(sets.shape[1], dtype=torch.bool, device=sets.device)
    allowed = tensor(among).detach()
    check_size(allowed, sets.shape[1], "among")
    if allowed.dtype != torch.bool or allowed.ndim != 1:
        raise InputError(
            "among has the wrong form",
            expected="bool [u]",
            got=allowed.dtype,
            todo="pass a mask: true for the units that may be members",
        )
    outside = (sets & ~allowed).any(0)
    if bool(outside.any()):
        raise InputError(
            "members that are not among the units that could be one",
            expected="every member allowed",
            got=f"unit {int(outside.nonzero()[0])} and {int(outside.sum()) - 1} more",
            todo="take the sets among the units that are allowed, or widen among",
        )
    return allowed


def jaccard(a: Tensor, b: Tensor) -> Tensor:
    """Shared over joint members, row by row: bool [..., u] twice -> float64 [...].

    From 0 (none shared) to 1 (the same set); NaN where both sets are empty.
    """
    both, either = (a & b).sum(-1), (a | b).sum(-1)
    return both.to(torch.float64) / either


def upper(c: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Rows and columns of the pairs i < j of c classes, int64 [p] each, p = c (c - 1) / 2."""
    rows, columns = torch.triu_indices(c, c, 1, device=device)
    return rows, columns


def table(values: Tensor, c: int) -> Tensor:
    """The pairs i < j as a symmetric matrix, [p] -> float64 [c, c], NaN on its diagonal."""
    rows, columns = upper(c, values.device)
    full = torch.full((c, c), torch.nan, dtype=torch.float64, device=values.device)
    full[rows, columns] = full[columns, rows] = values.to(torch.float64)
    return full


def adjusted(p: Tensor) -> Tensor:
    """False-discovery control over the values that are not NaN, [p] -> [p]."""
    return torch.from_numpy(benjamini_hochberg(p.cpu().numpy())).to(p)
