"""What a stage keeps of whole-set size so that its steps need not compute it again."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

from pauca.forward.net import ForwardNet, Prepared
from pauca.forward.source import Source

__all__ = ["Kept", "keep_finished", "keep_items"]

_BLOCK = 1024  # items looked at together while the whole set is gone through


@dataclass(eq=False)
class Kept:
    """Results for every item, none of which a later step changes.

    Args:
        alone: Encoded items, while the first layer learns.
        first: What the finished first layer makes of them before it knows their label.
        right: Activity of the last finished layer under the right labels, float [n, *out].
    """

    alone: Prepared | None = None
    first: Prepared | None = None
    right: Tensor | None = None

    def release(self) -> None:
        """Let go of everything."""
        self.alone = self.first = self.right = None


@torch.no_grad()
def keep_items(source: Source) -> Kept:
    """Encoded items, where they look the same at every step and the budget allows."""
    code, dtype = source.net.code, source.net.code.patterns.dtype
    whole = len(source.items) * code.d * dtype.itemsize
    if not source.plain or whole > _budget(source):
        return Kept()
    return Kept(alone=_for_all(source, source.net.alone))


@torch.no_grad()
def keep_finished(source: Source, number: int, before: Kept | None) -> Kept:
    """What layers below layer ``number`` >= 1 say, as far as the budget allows.

    The first layer's product saves one product an item and step; right answers save those of the
    layers between. Where only one of them fits, the one that saves more multiplications is kept.

    Args:
        source: What is shown.
        number: Of the layer that learns.
        before: What the stage before kept; it is let go of.
    """
    kept, before = Kept(), before or Kept()
    first, before.alone, before.right = before.first, None, None
    before.release()
    if not source.plain:
        return kept
    sizes = _sizes(source.net, number)
    room = _budget(source) // (len(source.items) * source.net.code.patterns.dtype.itemsize)
    chosen = set()
    for name, size, saved in sorted(sizes, key=lambda entry: -entry[2]):
        if saved and size <= room:
            chosen.add(name)
            room -= size
    if "first" in chosen:
        kept.first = first or _for_all(source, source.net.prepare)
    if "right" in chosen:
        first = None
        kept.right = _right(source, number - 1, kept.first)
    return kept


def _sizes(net: ForwardNet, number: int) -> list[tuple[str, int, int]]:
    """Name, numbers an item, and multiplications saved an item, of what may be kept."""
    layers = [net.layer(k) for k in range(number)]
    products = [_multiplications(layer.weight) for layer in layers]  # type: ignore[arg-type]
    x = net.code.patterns.new_zeros(1, net.code.d_item)
    first = net.prepare(x).product[0].numel()
    return [("first", first, products[0]), ("right", layers[-1].units, sum(products[1:]))]


def _multiplications(weight: Tensor) -> int:
    return prod(weight.shape)


def _budget(source: Source) -> int:
    code = source.net.code
    return source.speed.budget(len(source.items), code.d, code.patterns.dtype)


def _for_all(source: Source, make: Callable[[Tensor], Prepared]) -> Prepared:
    """What ``make`` makes of every item, block by block."""
    y, parts = source.items.y, None
    for index in _blocks(y):
        block = make(source.items.at(index))
        if parts is None:
            parts = Prepared(*(part.new_empty(len(y), *part.shape[1:]) for part in block))
        for whole, part in zip(parts, block, strict=True):
            whole[index] = part
    assert parts is not None
    return parts


def _right(source: Source, number: int, first: Prepared | None) -> Tensor:
    """Activity of finished layer ``number`` for every item with its right label."""
    net, y = source.net, source.items.y
    everything = net.code.patterns.new_empty(len(y), *net.layer(number).out)
    for index in _blocks(y):
        prepared = net.prepare(source.items.at(index)) if first is None else first.take(index)
        h = net.first(prepared, net.shown(y[index].unsqueeze(0)))
        for above in range(1, number + 1):
            h = net.after(above, h)
        everything[index] = h[0]
    return everything


def _blocks(y: Tensor) -> Iterator[Tensor]:
    for start in range(0, len(y), _BLOCK):
        yield torch.arange(start, min(start + _BLOCK, len(y)), device=y.device)
