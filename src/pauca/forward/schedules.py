"""Schedules: which layers learn when, and from which objective.

A schedule cuts a training into stages. A stage owns the parameters that learn in it, gives their
activity for a batch shown with the right label (first row) and r wrong ones, and says which
goodness enters the loss. The loop that all stages share is in ``training``.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from pauca.forward.net import Prepared
from pauca.forward.source import Items, Source
from pauca.registry import Registry

__all__ = [
    "AbstractSchedule",
    "AbstractStage",
    "EndToEnd",
    "Greedy",
    "Items",
    "Overlapping",
    "Simultaneous",
    "schedules",
]

schedules: Registry["AbstractSchedule"] = Registry("schedule", "pauca.forward", "schedules")
"""Every schedule by name."""


class AbstractStage(ABC):
    """A part of a training in which the same layers learn.

    Args:
        layers: Numbers of the layers that learn, from 0.
        source: What is shown.
    """

    def __init__(self, layers: Sequence[int], source: Source) -> None:
        self.layers = tuple(layers)
        self.source = source
        self.net = source.net

    def parameters(self) -> list[nn.Parameter]:
        """What the optimiser changes."""
        return [p for number in self.layers for p in self.net.layer(number).parameters()]

    def prepared(self, index: Tensor) -> Prepared:
        """What the first layer makes of the items at these positions, with its graph."""
        return self.net.prepare(self.source.read(index))

    @abstractmethod
    def activities(self, prepared: Prepared, rows: Tensor, index: Tensor) -> list[Tensor]:
        """Activity of each layer that learns, float [1 + r, b, *out], with its graph.

        Args:
            prepared: Of b items.
            rows: Rows that are really shown, int64 [1 + r, b], the right label first; [1, b] where
                goodness is by class.
            index: int64 [b], positions of the items.
        """

    def objectives(self, goodness: list[Tensor]) -> list[Tensor]:
        """Goodness that enters the loss, [1 + r, b] each, from that of each layer that learns."""
        return goodness


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
    def stage(self, number: int, source: Source, before: AbstractStage | None) -> AbstractStage:
        """Stage ``number``, from 0, of a net whose earlier stages are finished.

        Args:
            number: Which stage.
            source: What is shown.
            before: The stage before, whose kept results may be used; None after a resume, where
                the same results are computed again.
        """


class _FirstLayer(AbstractStage):
    """The first layer learns from the items themselves."""

    def __init__(self, source: Source) -> None:
        super().__init__([0], source)

    def activities(self, prepared: Prepared, rows: Tensor, index: Tensor) -> list[Tensor]:
        return [self.net.first(prepared, rows)]


class _DeeperLayer(AbstractStage):
    """A layer learns from the frozen layers below it.

    The layers below never change again. Where items look the same at every step, the first layer's
    product with them is kept, and so are the last finished layer's answers to the right labels:
    wrong labels are new at every step and start from that product.
    """

    def __init__(self, number: int, source: Source, before: AbstractStage | None) -> None:
        super().__init__([number], source)
        self._number = number
        self.kept: Prepared | None = None
        self.right: Tensor | None = None
        if not source.plain:
            return
        earlier = before if isinstance(before, _DeeperLayer) else None
        self.kept = _keep(source) if earlier is None else earlier.kept
        self.right = None if earlier is None else earlier.right
        for below in range(1 if earlier is None else number - 1, number):
            self.right = self._answers(below)

    def prepared(self, index: Tensor) -> Prepared:
        if self.kept is not None:
            return self.kept.take(index)
        with torch.no_grad():
            return super().prepared(index)

    def activities(self, prepared: Prepared, rows: Tensor, index: Tensor) -> list[Tensor]:
        with torch.no_grad():
            below = self.source.noise.on_activity(self._below(prepared, rows, index))
        return [self.net.after(self._number, below)]

    def _below(self, prepared: Prepared, rows: Tensor, index: Tensor) -> Tensor:
        """What the layer reads, float [1 + r, b, ...]."""
        known = self.right is not None
        h = self.net.first(prepared, rows[1:] if known else rows)
        for number in range(1, self._number):
            h = self.net.after(number, h)
        return h if self.right is None else torch.cat([self.right[index].unsqueeze(0), h])

    @torch.no_grad()
    def _answers(self, number: int) -> Tensor:
        """Activity of finished layer ``number`` >= 1 for every item with its right label."""
        assert self.kept is not None
        y, layer = self.source.items.y, self.net.layer(number)
        everything = self.kept.squares.new_empty(len(y), *layer.out)
        for index in _blocks(y, self.net.block()):
            if self.right is None:
                rows = self.net.shown(y[index].unsqueeze(0))
                h = self.net.first(self.kept.take(index), rows)
            else:
                h = self.right[index].unsqueeze(0)
            everything[index] = self.net.after(number, h)[0]
        return everything


@schedules.register("greedy")
class Greedy(AbstractSchedule):
    """Layer after layer, each on its own goodness; nothing flows back out of a layer: FF."""

    name = "greedy"
    reference = "Hinton, arXiv 2212.13345, 2022; Tosato et al., TMLR 2025"

    def count(self, depth: int) -> int:
        """One stage a layer."""
        return depth

    def stage(self, number: int, source: Source, before: AbstractStage | None) -> AbstractStage:
        """The first layer, or a deeper one with what the finished layers say kept."""
        return _FirstLayer(source) if number == 0 else _DeeperLayer(number, source, before)


class _AtOnce(AbstractStage):
    """Every layer learns at every step.

    Args:
        source: What is shown.
        reach: Through how many layers below its own the gradient of a loss flows.
    """

    def __init__(self, source: Source, reach: int) -> None:
        super().__init__(range(source.net.depth), source)
        self._reach = reach

    def activities(self, prepared: Prepared, rows: Tensor, index: Tensor) -> list[Tensor]:
        local = [self.net.first(prepared, rows)]
        found = local.copy()
        for number in range(1, self.net.depth):
            below = self.source.noise.on_activity(local[-1])
            found.append(self.net.after(number, below if self._reach else below.detach()))
            # one layer's loss reaches the layer below through ``found``, never through ``local``
            cut = self._reach == 1 and number < self.net.depth - 1
            local.append(self._again(number, below.detach()) if cut else found[-1])
        return found

    def _again(self, number: int, below: Tensor) -> Tensor:
        """A layer's activity a second time in one step; running values follow the first alone."""
        normalisation = self.net.layer(number).normalisation
        normalisation.follows, follows = False, normalisation.follows
        try:
            return self.net.after(number, below)
        finally:
            normalisation.follows = follows


class _Together(_AtOnce):
    """Every layer learns from the goodness summed over layers."""

    def __init__(self, source: Source) -> None:
        super().__init__(source, source.net.depth)

    def objectives(self, goodness: list[Tensor]) -> list[Tensor]:
        return [torch.stack(goodness).sum(0)]


@schedules.register("simultaneous")
class Simultaneous(AbstractSchedule):
    """All layers at every step, each on its own goodness; nothing flows back out of a layer."""

    name = "simultaneous"
    reference = "Hinton, arXiv 2212.13345, 2022, section 7 (layers that learn in parallel)"

    def count(self, depth: int) -> int:
        """One stage."""
        return 1

    def stage(self, number: int, source: Source, before: AbstractStage | None) -> AbstractStage:
        """All layers."""
        return _AtOnce(source, 0)


@schedules.register("overlapping")
class Overlapping(AbstractSchedule):
    """As simultaneous, but a layer also learns from the goodness of the layer above it."""

    name = "overlapping"
    reference = "Xiong, Ren and Urtasun, NeurIPS 2020 (LoCo: overlapping neighbours)"

    def count(self, depth: int) -> int:
        """One stage."""
        return 1

    def stage(self, number: int, source: Source, before: AbstractStage | None) -> AbstractStage:
        """All layers."""
        return _AtOnce(source, 1)


@schedules.register("end-to-end")
class EndToEnd(AbstractSchedule):
    """All layers at once by backpropagation of the summed goodness: BP/FF."""

    name = "end-to-end"
    reference = "Tosato et al., TMLR 2025 (BP/FF)"

    def count(self, depth: int) -> int:
        """One stage."""
        return 1

    def stage(self, number: int, source: Source, before: AbstractStage | None) -> AbstractStage:
        """All layers."""
        return _Together(source)


@torch.no_grad()
def _keep(source: Source) -> Prepared:
    """What the finished first layer makes of every item."""
    y, parts = source.items.y, None
    for index in _blocks(y, source.net.block()):
        block = source.net.prepare(source.items.at(index))
        if parts is None:
            parts = Prepared(*(part.new_empty(len(y), *part.shape[1:]) for part in block))
        for whole, part in zip(parts, block, strict=True):
            whole[index] = part
    assert parts is not None
    return parts


def _blocks(y: Tensor, size: int) -> Iterator[Tensor]:
    for start in range(0, len(y), size):
        yield torch.arange(start, min(start + size, len(y)), device=y.device)
