"""Rows that are mostly zeros: a tensor that is kept sparse until a batch of it is made.

A million short texts with 4,096 words are 16 GB of floats, of which less than 1% are not zero.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils._pytree import tree_map

from pauca.errors import CapabilityError, InputError

__all__ = ["DENSE_BYTES", "SPARSE_BYTES", "SparseRows", "as_dense", "text_features"]

SPARSE_BYTES = 2**28
"""Bytes of the dense rows of a part from which texts stay sparse; smaller ones are dense."""

DENSE_BYTES = 2**31
"""Most bytes that are made dense at once."""


class SparseRows(Tensor):
    """n rows of d numbers, float32 [n, d], of which those that are not zero are kept.

    To everything that reads rows it is a tensor: it has a shape, and rows are taken by positions, a
    mask or a slice, cut into blocks by ``torch.split`` and joined by ``torch.cat``; all of this
    stays sparse. Whatever else is done to some rows makes these dense first, so a learner that
    works on batches computes the same numbers, bit for bit. More than 2 GiB at once are refused.
    It is read only.

    Args:
        starts: int64 [n + 1], where each row begins among the entries, from 0.
        columns: int32 [entries], the column of each entry; no column twice in a row.
        entries: float32 [entries].
        d: Columns.
    """

    starts: Tensor
    columns: Tensor
    entries: Tensor

    # operations come to __torch_dispatch__ alone
    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @staticmethod
    def __new__(cls, starts: Tensor, columns: Tensor, entries: Tensor, d: int) -> "SparseRows":
        """A tensor without memory of its own."""
        with torch.inference_mode(mode=False):  # as in __torch_dispatch__
            found = Tensor._make_wrapper_subclass(
                cls, (len(starts) - 1, d), dtype=entries.dtype, device=entries.device
            )
        found.starts, found.columns, found.entries = starts, columns, entries
        return found

    @classmethod
    def of(cls, matrix: Any) -> "SparseRows":
        """Of a SciPy matrix, float32 [n, d], without a copy where it is in CSR form."""
        rows = matrix.tocsr()
        rows.sum_duplicates()
        return cls(
            torch.from_numpy(rows.indptr.astype(np.int64)),
            torch.from_numpy(rows.indices.astype(np.int32, copy=False)),
            torch.from_numpy(rows.data.astype(np.float32, copy=False)),
            rows.shape[1],
        )

    @property
    def parts(self) -> tuple[Tensor, Tensor, Tensor]:
        """All that it holds: starts, columns, entries."""
        return self.starts, self.columns, self.entries

    def dense(self) -> Tensor:
        """A plain tensor of the same numbers.

        Raises:
            CapabilityError: it would take more than 2 GiB.
        """
        n, d = self.shape
        if n * d * self.entries.element_size() > DENSE_BYTES:
            raise CapabilityError(
                f"{n:,} sparse rows of {d:,} numbers do not fit into memory at once",
                expected=f"at most {DENSE_BYTES / 1e9:.1f} GB, or work on batches",
                got=f"{n * d * self.entries.element_size() / 1e9:.1f} GB",
                todo="ask for a smaller vocabulary, or for frozen features (pca)",
            )
        found = self.entries.new_zeros((n, d))
        owner = torch.repeat_interleave(self.starts.diff())
        found[owner, self.columns.long()] = self.entries
        return found

    def scipy(self) -> Any:
        """The same rows as SciPy's csr_array, without a copy."""
        from scipy.sparse import csr_array

        arrays = tuple(part.numpy() for part in (self.entries, self.columns, self.starts))
        return csr_array(arrays, shape=tuple(self.shape))

    def numpy(self, *, force: bool = False) -> NDArray[Any]:
        """As an array, which is dense."""
        return self.dense().numpy(force=force)

    def tolist(self) -> list[Any]:
        """As lists, which are dense."""
        return self.dense().tolist()

    def __repr__(self) -> str:  # type: ignore[override]  # torch's takes an argument for itself
        return f"SparseRows({list(self.shape)}, {len(self.entries)} entries, {self.device})"

    def __setitem__(self, index: Any, value: Any) -> None:
        raise _read_only()

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return SparseRows, (*self.parts, self.shape[1])

    def __deepcopy__(self, memo: dict[int, Any]) -> "SparseRows":
        return self._with(*(part.clone() for part in self.parts))

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]  # torch's own stub has no class
        cls,
        func: Any,
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """What stays sparse does; everything else is done to dense rows."""
        if not torch.is_inference_mode_enabled():
            return _done(func, args, dict(kwargs or {}))
        # torch makes views of what comes back, which it cannot of what is made in inference mode
        with torch.inference_mode(mode=False), torch.no_grad():
            return _done(func, args, dict(kwargs or {}))

    def _with(self, starts: Tensor, columns: Tensor, entries: Tensor) -> "SparseRows":
        return SparseRows(starts, columns, entries, self.shape[1])

    def _between(self, low: int, high: int) -> "SparseRows":
        """Rows low to high - 1; their entries are not copied."""
        bounds = self.starts[low : high + 1]
        first, last = int(bounds[0]), int(bounds[-1])
        return self._with(bounds - first, self.columns[first:last], self.entries[first:last])

    def _at(self, index: Tensor) -> "SparseRows":
        """Rows at these positions, int64 [k] (negative ones from the end) or bool [n]."""
        if index.dtype == torch.bool:
            index = index.nonzero()[:, 0]
        index = index.to(self.device, torch.int64)
        n = len(self)
        if len(index) and (int(index.min()) < -n or int(index.max()) >= n):
            raise IndexError(f"a position is out of range for {n} rows")
        index = torch.where(index < 0, index + n, index)
        begins = self.starts[index]
        counts = self.starts[index + 1] - begins
        bounds = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
        # entry j of the result is entry j - bounds[row] + begins[row] of these rows
        moved = torch.repeat_interleave(begins - bounds[:-1], counts)
        place = moved + torch.arange(len(moved), device=self.device)
        return self._with(bounds, self.columns[place], self.entries[place])


def text_features(matrix: Any) -> Tensor:
    """Rows of a SciPy matrix, float32 [n, d]: dense, or ``SparseRows`` beyond 256 MiB."""
    n, d = matrix.shape
    if 4 * n * d > SPARSE_BYTES:
        return SparseRows.of(matrix)
    return torch.from_numpy(matrix.toarray())


def _read_only() -> InputError:
    return InputError("sparse rows are read only", todo="change a dense copy: x.dense()")


def as_dense(x: Tensor) -> Tensor:
    """The same numbers as a plain tensor; where a batch is made."""
    return x.dense() if isinstance(x, SparseRows) else x


def _dense_if_sparse(value: Any) -> Any:
    return value.dense() if isinstance(value, SparseRows) else value


def _index(x: SparseRows, index: Sequence[Tensor | None]) -> Any:
    if len(index) != 1 or index[0] is None or index[0].ndim != 1:
        return NotImplemented
    return x._at(index[0])


def _index_select(x: SparseRows, dim: int, index: Tensor) -> Any:
    return x._at(index) if dim == 0 else NotImplemented


def _slice(
    x: SparseRows, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Any:
    if dim != 0:
        return NotImplemented
    low, high, step = slice(start, end, step).indices(len(x))
    if step == 1:
        return x._between(low, max(low, high))
    return x._at(torch.arange(low, high, step, device=x.device))


def _select(x: SparseRows, dim: int, index: int) -> Any:
    return x._at(torch.tensor([index])).dense()[0] if dim == 0 else NotImplemented


def _split(x: SparseRows, size: int, dim: int = 0) -> Any:
    if dim != 0:
        return NotImplemented
    n = len(x)
    return [x._between(low, min(low + size, n)) for low in range(0, max(n, 1), size)]


def _cat(tensors: Sequence[Tensor], dim: int = 0) -> Any:
    parts = [part for part in tensors if isinstance(part, SparseRows)]
    if dim != 0 or len(parts) < len(tensors):
        return NotImplemented
    bounds, base = [parts[0].starts[:1]], 0
    for part in parts:
        bounds.append(part.starts[1:] + base)
        base += len(part.entries)
    return parts[0]._with(
        torch.cat(bounds),
        torch.cat([part.columns for part in parts]),
        torch.cat([part.entries for part in parts]),
    )


def _same(x: SparseRows, **settings: Any) -> SparseRows:
    return x._with(*x.parts)


def _view(x: SparseRows, size: Sequence[int]) -> Any:
    known = [len(x) if length == -1 else length for length in size[:1]] + [
        x.shape[1] if length == -1 else length for length in size[1:]
    ]
    return _same(x) if known == list(x.shape) else NotImplemented


def _moved(x: SparseRows, *, dtype: Any = None, device: Any = None, **settings: Any) -> Any:
    if dtype not in (None, x.dtype):
        return NotImplemented
    return x._with(*(part.to(device) for part in x.parts))


def _aminmax(x: SparseRows, *, dim: int | None = None, keepdim: bool = False) -> Any:
    """Least and greatest of all, the zeros among them."""
    if dim is not None or len(x.entries) == 0 or len(x.entries) == x.numel():
        return NotImplemented
    low, high = x.entries.aminmax()
    if low.isnan():
        return low, high
    return low.clamp(max=0), high.clamp(min=0)


_aten = torch.ops.aten
_STAYS_SPARSE: dict[Any, Callable[..., Any]] = {
    _aten.index.Tensor: _index,
    _aten.index_select.default: _index_select,
    _aten.slice.Tensor: _slice,
    _aten.select.int: _select,
    _aten.split.Tensor: _split,
    _aten.cat.default: _cat,
    _aten.clone.default: _same,
    _aten.detach.default: _same,
    _aten.alias.default: _same,
    _aten.view.default: _view,
    _aten._to_copy.default: _moved,
    _aten.aminmax.default: _aminmax,
}
_MADE_OF_THESE = {
    _aten.chunk,
    _aten.contiguous,
    _aten.flatten,
    _aten.narrow,
    _aten.reshape,
    _aten.to,
}


def _done(func: Any, args: tuple[Any, ...], given: dict[str, Any]) -> Any:
    """One operation: sparse where it stays so, else on dense rows."""
    known = _STAYS_SPARSE.get(func)
    if func.overloadpacket in _MADE_OF_THESE:  # as they come in inference mode
        known = func.decompose
    found = NotImplemented if known is None else known(*args, **given)
    if found is not NotImplemented:
        return found
    if func._schema.is_mutable and isinstance(args[0], SparseRows):
        raise _read_only()
    args, given = tree_map(_dense_if_sparse, (args, given))
    return func(*args, **given)
