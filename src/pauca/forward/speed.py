"""How a training is computed, not what: every choice gives the same weights to rounding."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from pauca.checks import check_count
from pauca.errors import UsageError

__all__ = ["Precision", "Speed"]

Precision = Literal["float32", "bfloat16"]

_KEEP = 1.25  # of the items' own size as floats; sums and squares of every item need a little more


@dataclass(frozen=True)
class Speed:
    """Which short cuts a training takes.

    Args:
        closed_form: Gradients of layers that learn from their own goodness by their formula where
            there is one, instead of by autograd.
        factorise: One product of the first layer for all labels of an item.
        keep: Bytes of whole-set size that may be kept to be read at later steps; None for 1.25
            times the size of the encoded items as floats, 0 for nothing.
        precision: Of matrix products; weights, sums and everything else stay as they are. bfloat16
            keeps 8 bits of each factor: it is as accurate within the noise of a seed, not the same
            to rounding, and pays only where the device has instructions for it. A processor
            without them emulates it, many times slower than float32.
    """

    closed_form: bool = True
    factorise: bool = True
    keep: int | None = None
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        """Check."""
        if self.keep is not None:
            check_count(self.keep, "bytes to keep")
        if self.precision not in get_args(Precision):
            raise UsageError(
                "unknown precision",
                expected=" or ".join(get_args(Precision)),
                got=self.precision,
                todo="choose one of these",
            )

    @property
    def low(self) -> bool:
        """Whether products are of lower precision than what they multiply."""
        return self.precision != "float32"

    def budget(self, n: int, d: int, dtype: torch.dtype) -> int:
        """Bytes that may be kept of a set of n items of d numbers."""
        return int(_KEEP * n * d * dtype.itemsize) if self.keep is None else self.keep

    @contextmanager
    def autocast(self, device: torch.device) -> Iterator[None]:
        """Products in this precision, for what autograd computes."""
        with torch.autocast(device.type, torch.bfloat16, enabled=self.low):
            yield

    def multiply(self, a: Tensor, b: Tensor, out: Tensor) -> Tensor:
        """``out`` = a b, float [s, m, k] times [s, k, n]."""
        if self.low:
            return out.copy_(torch.bmm(a.bfloat16(), b.bfloat16()))
        if not out.is_contiguous():
            return out.copy_(torch.bmm(a, b))
        if len(out) == 1:
            torch.mm(a[0], b[0], out=out[0])
            return out
        return torch.bmm(a, b, out=out)
