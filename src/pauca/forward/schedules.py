"""Schedules: which layers learn when, and from which objective.

A schedule cuts a training into stages. A stage owns the parameters that learn in it, gives their
activity for a batch shown with the right label (first row) and r wrong ones, and says which
goodness enters the loss. The loop that all stages share is in ``training``.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from pauca.forward.net import ForwardNet, Prepared
from pauca.registry import Registry

__all__ = ["AbstractSchedule", "AbstractStage", "EndToEnd", "Greedy", "Items", "schedules"]

schedules: Registry["AbstractSchedule"] = Registry("schedule", "pauca.forward", "schedules")
"""Every schedule by name."""


@dataclass(frozen=True, eq=False)
class Items:
    """Labelled items in stored form, turned into flattened floats one batch at a time.

    Args:
        x: Stored items [n, ...], on the device where training runs.
        y: Right labels, int64 [n], on the same device.
        encode: Stored batch [b, ...] -> float [b, d_item].
    """

    x: Tensor
    y: Tensor
    encode: Callable[[Tensor], Tensor]

    def __len__(self) -> int:
        """Number of items."""
        return len(self.y)

    def at(self, index: Tensor) -> Tensor:
        """Flattened items at these positions, float [b, d_item]."""
        return self.encode(self.x[index])


class AbstractStage(ABC):
    """A part of a training in which the same layers learn.

    Args:
        layers: Numbers of the layers that learn, from 0.
    """

    def __init__(self, layers: Sequence[int]) -> None:
        self.layers = tuple(layers)

    @abstractmethod
    def parameters(self) -> list[nn.Parameter]:
        """What the optimiser changes."""

    @abstractmethod
    def activities(self, index: Tensor, rows: Tensor) -> list[Tensor]:
        """Activity of each layer that learns, float [1 + r, b, u], with its graph.

        Args:
            index: int64 [b], positions of the items.
            rows: int64 [1 + r, b], the right label first.
        """

    @abstractmethod
    def objectives(self, goodness: list[Tensor]) -> list[Tensor]:
        """Goodness that enters the loss, [1 + r, b] each, from that of each layer that learns."""


class AbstractSchedule(ABC):
    """Which layers learn when.

    Class attributes:
        name: Lower case with hyphens.
        reference: Authors, venue, year.
    """

    name: ClassVar[str]
    reference: ClassVar[str]

    @abstractmethod
    def count(self, depth: int) -> int:
        """Number of stages for a net of so many layers."""

    @abstractmethod
    def stages(self, net: ForwardNet, items: Items) -> Iterator[AbstractStage]:
        """The stages, each made when the one before is finished."""


class _FirstLayer(AbstractStage):
    """The first layer learns from the items themselves."""

    def __init__(self, net: ForwardNet, items: Items) -> None:
        super().__init__([0])
        self._net, self._items = net, items

    def parameters(self) -> list[nn.Parameter]:
        return list(self._net.layer(0).parameters())

    def activities(self, index: Tensor, rows: Tensor) -> list[Tensor]:
        return [self._net.first(self._net.prepare(self._items.at(index)), rows)]

    def objectives(self, goodness: list[Tensor]) -> list[Tensor]:
        return goodness


class _DeeperLayer(AbstractStage):
    """A layer learns from the frozen layers below it.

    The layer below never changes again, so its answers to the right labels are kept, and so is the
    first layer's product with the items. Wrong labels are new at every step: they start from that
    product, which costs nothing but additions in the first layer.
    """

    def __init__(self, net: ForwardNet, number: int, prepared: Prepared, kept: Tensor | None):
        super().__init__([number])
        self._net, self._number, self._prepared, self._kept = net, number, prepared, kept

    def parameters(self) -> list[nn.Parameter]:
        return list(self._net.layer(self._number).parameters())

    def activities(self, index: Tensor, rows: Tensor) -> list[Tensor]:
        with torch.no_grad():
            below = self._below(index, rows)
        return [self._net.layer(self._number)(below)]

    def objectives(self, goodness: list[Tensor]) -> list[Tensor]:
        return goodness

    def _below(self, index: Tensor, rows: Tensor) -> Tensor:
        """What the layer reads, float [1 + r, b, d]."""
        prepared = self._prepared.take(index)
        if self._kept is None:
            return self._net.first(prepared, rows)
        h = self._net.first(prepared, rows[1:])
        for number in range(1, self._number):
            h = self._net.layer(number)(h)
        return torch.cat([self._kept[index].unsqueeze(0), h])


@schedules.register("greedy")
class Greedy(AbstractSchedule):
    """Layer after layer, each on its own goodness; nothing flows back out of a layer: FF."""

    name = "greedy"
    reference = "Hinton, arXiv 2212.13345, 2022; Tosato et al., TMLR 2025"

    def count(self, depth: int) -> int:
        """One stage a layer."""
        return depth

    def stages(self, net: ForwardNet, items: Items) -> Iterator[AbstractStage]:
        """First layer, then each deeper one with what the finished layers say kept."""
        yield _FirstLayer(net, items)
        if net.depth == 1:
            return
        prepared, kept = _prepare_all(net, items), None
        for number in range(1, net.depth):
            if number > 1:
                kept = _right_activity(net, prepared, items.y, number - 1, kept)
            yield _DeeperLayer(net, number, prepared, kept)


class _AllLayers(AbstractStage):
    """Every layer learns from the goodness summed over layers."""

    def __init__(self, net: ForwardNet, items: Items) -> None:
        super().__init__(range(net.depth))
        self._net, self._items = net, items

    def parameters(self) -> list[nn.Parameter]:
        return list(self._net.layers.parameters())

    def activities(self, index: Tensor, rows: Tensor) -> list[Tensor]:
        return self._net.through(self._net.prepare(self._items.at(index)), rows)

    def objectives(self, goodness: list[Tensor]) -> list[Tensor]:
        return [torch.stack(goodness).sum(0)]


@schedules.register("end-to-end")
class EndToEnd(AbstractSchedule):
    """All layers at once by backpropagation of the summed goodness: BP/FF."""

    name = "end-to-end"
    reference = "Tosato et al., TMLR 2025 (BP/FF)"

    def count(self, depth: int) -> int:
        """One stage."""
        return 1

    def stages(self, net: ForwardNet, items: Items) -> Iterator[AbstractStage]:
        """All layers."""
        yield _AllLayers(net, items)


@torch.no_grad()
def _prepare_all(net: ForwardNet, items: Items) -> Prepared:
    """The finished first layer's product with every item: float [n, u] and [n]."""
    weight = next(net.layer(0).parameters())
    everything = Prepared(weight.new_empty(len(items), net.widths[0]), weight.new_empty(len(items)))
    for index in _blocks(items.y, net.block()):
        everything.product[index], everything.squares[index] = net.prepare(items.at(index))
    return everything


@torch.no_grad()
def _right_activity(
    net: ForwardNet, prepared: Prepared, y: Tensor, number: int, below: Tensor | None
) -> Tensor:
    """Activity of finished layer ``number`` >= 1 for every item with its right label, [n, u]."""
    everything = prepared.product.new_empty(len(y), net.widths[number])
    for index in _blocks(y, net.block()):
        if below is None:
            h = net.first(prepared.take(index), y[index].unsqueeze(0))[0]
        else:
            h = below[index]
        everything[index] = net.layer(number)(h)
    return everything


def _blocks(y: Tensor, size: int) -> Iterator[Tensor]:
    for start in range(0, len(y), size):
        yield torch.arange(start, min(start + size, len(y)), device=y.device)
