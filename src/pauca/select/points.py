"""Points whose distances are asked for: centred, scaled rows read in blocks, never copied whole."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from pauca.checks import check_finite, check_size
from pauca.errors import InputError

__all__ = [
    "TIE",
    "Points",
    "blocks",
    "check_points",
    "first_of_least",
    "rounding",
    "where",
    "work_dtype",
]

TIE = 1e-12
"""Squared distances (computed in float64) within this relative difference are equal."""
_BLOCK = 2**18
_SAMPLE = 1024


def blocks(n: int, width: int, *, numbers: int = _BLOCK) -> Iterator[tuple[int, int]]:
    """Ranges [low, high) that cover n rows of ``width`` numbers, about ``numbers`` in each."""
    step = max(1, numbers // max(1, width))
    for low in range(0, n, step):
        yield low, min(n, low + step)


def where(mask: Tensor) -> Tensor:
    """Places of what is true; NumPy's search is several times faster on the CPU."""
    if mask.device.type == "cpu":
        return torch.from_numpy(np.flatnonzero(mask.numpy()))
    return mask.nonzero()[:, 0]


def work_dtype(x: Tensor) -> torch.dtype:
    """float64 for float64, float32 for every shorter type."""
    return torch.float64 if x.dtype == torch.float64 else torch.float32


def rounding(dtype: torch.dtype, d: int) -> float:
    """Relative error of an inner product of d numbers, with ample room.

    Errors of a sum of d rounded products grow with sqrt(d) up to a small factor with probability
    close to 1 (Higham and Mary, SIAM J. Sci. Comput. 2019); a shortened float32 matrix product
    (TF32, bfloat16), where torch was told to allow it, is reckoned with.
    """
    short = dtype == torch.float32 and torch.get_float32_matmul_precision() != "highest"
    return (2**-7 if short else torch.finfo(dtype).eps) * (2 * math.sqrt(d) + 8)


def check_points(x: Tensor, where: str) -> Tensor:
    """Float [n, d] with d >= 1; values are checked when they are read."""
    if x.ndim != 2 or not x.is_floating_point() or x.shape[1] == 0:
        raise InputError(
            f"{where} has the wrong form",
            expected="floats of shape [n, d], d >= 1",
            got=f"{x.dtype} of shape {list(x.shape)}",
            todo="pass one row of numbers an item: x.flatten(1).float()",
        )
    return x


@dataclass(frozen=True, eq=False)
class Points:
    """n items and m further points (numbers n to n + m - 1) in one numbering.

    Rows come out as ``x * scale - shift`` in the working type. Moving and scaling all points alike
    changes no comparison of distances; it keeps squares within range and rounding small. The shift
    is the mean of a sample, the scale a power of two (1 for everyday values).
    """

    x: Tensor
    further: Tensor | None
    shift: Tensor
    scale: float
    gamma: float
    norms: Tensor
    """Squared lengths of the n items' rows [n]."""

    @staticmethod
    def of(x: Tensor, further: Tensor | None = None, *, centre: bool = True) -> "Points":
        """Look once over the items.

        Raises:
            InputError: wrong shape or type, or a value that is NaN or infinite.
        """
        check_points(x, "features")
        if further is not None:
            _check_alike(further, x)
            further = None if len(further) == 0 else further
        sample = sample_rows(x)
        peak = float(sample.abs().amax()) if len(sample) else 0.0
        points = _with_scale(x, further, _power(peak, sample.dtype), centre)
        if not bool(torch.isfinite(points.norms).all()):
            peak = _peak(x, "features")
            points = _with_scale(x, further, _power(peak, sample.dtype), centre)
        if further is not None:
            _peak(further, "labelled features")
        return points

    @property
    def n(self) -> int:
        """Number of items."""
        return len(self.x)

    @property
    def d(self) -> int:
        """Number of features."""
        return self.x.shape[1]

    @property
    def dtype(self) -> torch.dtype:
        """The working type."""
        return self.shift.dtype

    @cached_property
    def offset(self) -> float:
        """Length of the shift where matrix products read the items as they lie, else 0."""
        if self.scale != 1 or self.x.dtype != self.dtype:
            return 0.0
        length = float(self.shift.norm())
        spread = float(self.norms.mean()) if self.n else 0.0
        return length if length**2 <= 64 * spread else 0.0

    @cached_property
    def whole(self) -> bool:
        """Whether matrix products may read the items as they lie, with little rounding."""
        as_is = self.scale == 1 and self.x.dtype == self.dtype
        return as_is and (self.offset > 0 or not bool(self.shift.any()))

    def raw(self, index: Tensor) -> Tensor:
        """Rows of these points, as they came, [b, d]."""
        if self.further is None:
            return self.x.index_select(0, index)
        low = index < self.n
        if bool(low.all()):
            return self.x.index_select(0, index)
        if not bool(low.any()):
            return self.further.index_select(0, index - self.n)
        rows = self.x.new_empty((len(index), self.d))
        rows[low] = self.x[index[low]]
        rows[~low] = self.further[index[~low] - self.n]
        return rows

    def rows(self, index: Tensor) -> Tensor:
        """Centred and scaled rows of these points, [b, d]."""
        return self._moved(self.raw(index))

    def span(self, low: int, high: int) -> Tensor:
        """Centred and scaled rows of the items from ``low`` to ``high``, [b, d]."""
        return self._moved(self.x[low:high])

    def dot(self, vector: Tensor, index: Tensor | None = None) -> Tensor:
        """Inner product of the rows of all or some items with a vector, [n] or [b]."""
        if index is not None:
            return self._some(vector, index)
        if self.whole:
            return torch.mv(self.x, vector).sub_(self.shift @ vector)
        parts = [self.span(*ends) @ vector for ends in blocks(self.n, self.d)]
        return torch.cat(parts) if parts else vector.new_empty(0)

    def _some(self, vector: Tensor, index: Tensor) -> Tensor:
        found = vector.new_empty(len(index))
        moved = self.shift @ vector
        for low, high in blocks(len(index), self.d):
            if self.whole:
                rows = self.x.index_select(0, index[low:high])
                found[low:high] = torch.mv(rows, vector).sub_(moved)
            else:
                found[low:high] = self.rows(index[low:high]) @ vector
        return found

    def dot_error(self, vector: Tensor) -> Tensor:
        """Bound on the rounding errors of ``dot``, [n]."""
        return (self.norms.sqrt() + self.offset) * (self.gamma * float(vector.norm()))

    def near(self, index: Tensor, one: int) -> Tensor:
        """Squared distances of these items to one point from direct differences, [b].

        Relative error of a few units whatever the distance; exactly 0 for duplicates.
        """
        found = torch.empty(len(index), dtype=self.dtype, device=self.x.device)
        there = self._scaled(self.raw(torch.tensor([one], device=self.x.device)))
        for low, high in blocks(len(index), self.d):
            rows = self._scaled(self.raw(index[low:high]))
            away = rows.sub_(there) if rows.dtype == there.dtype else rows - there
            torch.linalg.vector_norm(away, dim=1, out=found[low:high])
        return found.square_()

    def exact(self, one: Tensor, other: Tensor) -> Tensor:
        """Squared distances of pairs of points from direct differences in float64, [b]."""
        found = torch.empty(len(one), dtype=torch.float64, device=self.x.device)
        for low, high in blocks(len(one), self.d):
            away = self.raw(one[low:high]).double() - self.raw(other[low:high]).double()
            found[low:high] = away.mul_(self.scale).square_().sum(1)
        return found

    def _scaled(self, raw: Tensor) -> Tensor:
        """A new tensor of the working type."""
        return raw.to(self.dtype) if self.scale == 1 else raw.to(self.dtype) * self.scale

    def _moved(self, raw: Tensor) -> Tensor:
        return self._scaled(raw) - self.shift


def sample_rows(x: Tensor, size: int = _SAMPLE) -> Tensor:
    """At most ``size`` evenly spread rows in the working type, [b, d]; no random number is used."""
    step = max(1, -(-len(x) // size))
    return x[::step].to(work_dtype(x))


def first_of_least(values: Tensor, position: Tensor) -> int:
    """The first position among the (almost) least of these float64 values, at least one."""
    limit = values.min() * (1 + TIE)
    return int(position[values <= limit].min())


def _check_alike(further: Tensor, x: Tensor) -> None:
    where = "labelled features"
    check_size(check_points(further, where), x.shape[1], where, axis=1)
    if further.dtype != x.dtype or further.device != x.device:
        raise InputError(
            f"{where} differ from those of the pool in type or place",
            expected=f"{x.dtype} on {x.device}",
            got=f"{further.dtype} on {further.device}",
            todo="take both from the same model in the same precision",
        )


def _with_scale(x: Tensor, further: Tensor | None, scale: float, centre: bool) -> Points:
    sample = sample_rows(x) * scale
    shift = sample.double().mean(0).to(sample.dtype) if len(sample) and centre else None
    if shift is None or not bool(torch.isfinite(shift).all()):
        shift = torch.zeros(x.shape[1], dtype=sample.dtype, device=x.device)
    gamma = rounding(sample.dtype, x.shape[1])
    norms = torch.empty(len(x), dtype=sample.dtype, device=x.device)
    points = Points(x, further, shift, scale, gamma, norms)
    for low, high in blocks(len(x), x.shape[1]):
        torch.linalg.vector_norm(points.span(low, high), dim=1, out=norms[low:high])
    norms.square_()
    return points


def _power(peak: float, dtype: torch.dtype) -> float:
    """1 for values of everyday size, else the power of two that brings them near 1."""
    if peak == 0 or not math.isfinite(peak) or 2**-20 <= peak <= 2**20:
        return 1.0
    most = 120 if dtype == torch.float32 else 1000
    return 2.0 ** -max(-most, min(most, math.frexp(peak)[1]))


def _peak(x: Tensor, where: str) -> float:
    """The largest absolute value; refuses NaN and infinity."""
    peak = 0.0
    for low, high in blocks(len(x), x.shape[1]):
        most = float(x[low:high].abs().amax())
        if not math.isfinite(most):
            check_finite(x[low:high], f"{where}, from row {low},")
        peak = max(peak, most)
    return peak
