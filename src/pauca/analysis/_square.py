"""Symmetric matrices of classes, and p-values over relabelled classes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pauca.analysis._arrays import tensor
from pauca.errors import InputError

__all__ = ["complete", "p_values", "square", "upper_values"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_TIE = 1e-12  # relative to the largest value: equal up to rounding counts as equal


def square(x: Tensor | NDArray[Any], where: str) -> Floats:
    """A symmetric matrix as float64 [c, c]; NaN may stand where its mirror image is NaN too.

    Raises:
        InputError: not [c, c], infinite, not symmetric.
    """
    a: Floats = tensor(x).detach().cpu().double().numpy()
    if a.ndim != 2 or a.shape[0] != a.shape[1] or len(a) < 2 or np.isinf(a).any():
        raise InputError(
            f"{where} has the wrong form",
            expected="[c, c] with at least 2 classes, without infinite values",
            got=list(a.shape),
            todo="pass one row and one column a class, NaN where nothing was measured",
        )
    if not np.allclose(a, a.T, rtol=1e-6, atol=1e-9, equal_nan=True):
        raise InputError(
            f"{where} is not symmetric",
            expected=f"{where}[i, j] = {where}[j, i]",
            todo="take the mean of the matrix and its transpose",
        )
    return (a + a.T) / 2


def complete(matrices: dict[str, Floats]) -> Ints:
    """Classes that have a value with any other in every matrix, int64 [m].

    Raises:
        InputError: a pair among them without a value.
    """
    some = [~np.isnan(_bare(a)).all(1) for a in matrices.values()]
    kept = np.flatnonzero(np.logical_and.reduce(some)).astype(np.int64)
    for name, a in matrices.items():
        i, j = np.triu_indices(len(kept), 1)
        holes = np.isnan(a[kept[i], kept[j]])
        if holes.any():
            pair = kept[i][holes][0], kept[j][holes][0]
            raise InputError(
                f"{name} lacks a value between two classes that have others",
                expected="NaN for a whole class or not at all",
                got=f"NaN at {[int(k) for k in pair]}",
                todo="leave one of the two classes out",
            )
    return kept


def upper_values(a: Floats, kept: Ints) -> Floats:
    """Values of the pairs i < j of the classes kept, float64 [p]."""
    i, j = np.triu_indices(len(kept), 1)
    return a[kept[i], kept[j]]


def p_values(values: Floats, observed: float, *, exact: bool) -> tuple[float, float]:
    """Share of relabellings at least, and at most, as high; NaN counts as extreme on both sides.

    ``exact`` says that values hold every relabelling, the observed one too; otherwise it is counted
    in addition to the draws (Phipson and Smyth 2010).
    """
    if np.isnan(observed):
        return float("nan"), float("nan")
    slack = _TIE * max(abs(observed), float(np.nanmax(np.abs(values), initial=0)))
    undefined = np.isnan(values)
    own = 0 if exact else 1
    above = own + int(((values >= observed - slack) | undefined).sum())
    below = own + int(((values <= observed + slack) | undefined).sum())
    return above / (own + len(values)), below / (own + len(values))


def _bare(a: Floats) -> Floats:
    """Without its diagonal, float64 [c, c - 1]."""
    c = len(a)
    bare: Floats = a[~np.eye(c, dtype=bool)].reshape(c, c - 1)
    return bare
