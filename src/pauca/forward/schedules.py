"""Schedules: which layers learn when, and from which objective.

A schedule cuts a training into stages. A stage owns the parameters that learn in it, gives their
activity for a batch shown with the right label (first row) and r wrong ones, and says which
goodness enters the loss. The loop that all stages share is in ``training``.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from pauca.forward.kept import Kept, keep_finished, keep_items
from pauca.forward.net import Prepared
from pauca.forward.source import Items, Source
from pauca.registry import Registry

__all__ = [
    "AbstractSchedule",
    "AbstractStage",
    "EndToEnd",
    "Greedy",
    "Items",
    "OneLayer",
    "Overlapping",
    "Simultaneous",
    "schedules",
]

schedules: Registry["AbstractSchedule"] = Registry("schedule", "pauca.forward", "schedules")
"""Every schedule by name."""


class AbstractStage(ABC):
    """A part of a training in which the same layers learn.

    Class attributes:
        local: Whether every layer learns from its own goodness alone, and nothing flows back
            through what it reads.
        joint: Whether its layers have one loss together.

    Args:
        layers: Numbers of the layers that learn, from 0.
        source: What is shown.
    """

    local: ClassVar[bool] = False
    joint: ClassVar[bool] = False

    def __init__(self, layers: Sequence[int], source: Source) -> None:
        self.kept = Kept()
        self.layers = tuple(layers)
        self.source = source
        self.net = source.net

    def parameters(self) -> list[nn.Parameter]:
        """What the optimiser changes."""
        return [p for number in self.layers for p in self.net.layer(number).parameters()]

    def prepared(self, index: Tensor) -> Prepared:
        """What the first layer makes of the items at these positions, with its graph."""
        known = self.known(index)
        return self.net.multiplied(self.alone(index)) if known is None else known

    def known(self, index: Tensor) -> Prepared | None:
        """What a finished first layer makes of the items at these positions, if it is kept."""
        return None

    def alone(self, index: Tensor) -> Prepared:
        """The items at these positions, encoded."""
        kept = self.kept.alone
        return self.net.alone(self.source.read(index)) if kept is None else kept.take(index)

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

    name: str
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

    local = True

    def __init__(self, source: Source) -> None:
        super().__init__([0], source)
        self.kept = keep_items(source)

    def activities(self, prepared: Prepared, rows: Tensor, index: Tensor) -> list[Tensor]:
        return [self.net.first(prepared, rows)]


class _DeeperLayer(AbstractStage):
    """A layer learns from the frozen layers below it.

    The layers below never change again. Where items look the same at every step, the first layer's
    product with them and the last finished layer's answers to the right labels are kept as far as
    there is room: wrong labels are new at every step and start from that product.
    """

    local = True

    def __init__(self, number: int, source: Source, before: AbstractStage | None) -> None:
        super().__init__([number], source)
        self._number = number
        self.kept = keep_finished(source, number, None if before is None else before.kept)

    def known(self, index: Tensor) -> Prepared | None:
        return None if self.kept.first is None else self.kept.first.take(index)

    def prepared(self, index: Tensor) -> Prepared:
        with torch.no_grad():
            return super().prepared(index)

    def activities(self, prepared: Prepared, rows: Tensor, index: Tensor) -> list[Tensor]:
        with torch.no_grad():
            below = self.source.noise.on_activity(self._below(prepared, rows, index))
        return [self.net.after(self._number, below)]

    def _below(self, prepared: Prepared, rows: Tensor, index: Tensor) -> Tensor:
        """What the layer reads, float [1 + r, b, ...]."""
        right = self.kept.right
        h = self.net.first(prepared, rows if right is None else rows[1:])
        for number in range(1, self._number):
            h = self.net.after(number, h)
        return h if right is None else torch.cat([right[index].unsqueeze(0), h])


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


class OneLayer(AbstractSchedule):
    """One layer alone, from what the layers below it say; all others stay as they are.

    No schedule of a whole net, and so none of the registry.

    Args:
        layer: Its number, from 0.
    """

    reference = "pauca's own: one stage of greedy"

    def __init__(self, layer: int) -> None:
        self.layer, self.name = layer, f"layer {layer + 1} alone"

    def count(self, depth: int) -> int:
        """One stage."""
        return 1

    def stage(self, number: int, source: Source, before: AbstractStage | None) -> AbstractStage:
        """That of greedy in which the layer learns."""
        return Greedy().stage(self.layer, source, None)


class _AtOnce(AbstractStage):
    """Every layer learns at every step.

    Args:
        source: What is shown.
        reach: Through how many layers below its own the gradient of a loss flows.
    """

    def __init__(self, source: Source, reach: int) -> None:
        super().__init__(range(source.net.depth), source)
        self._reach = reach
        self.kept = keep_items(source)

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


class _Apart(_AtOnce):
    """Every layer learns from its own goodness."""

    local = True

    def __init__(self, source: Source) -> None:
        super().__init__(source, 0)


class _Together(_AtOnce):
    """Every layer learns from the goodness summed over layers."""

    joint = True

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
        return _Apart(source)


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
