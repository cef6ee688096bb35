"""From which weights a Forward-Forward training starts, other than new ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Generator, Tensor

from pauca import rng
from pauca.checks import check_count, check_positive
from pauca.errors import UsageError
from pauca.forward import AbstractWrongItems, ForwardNet, OneLayer, Recipe, Training, negatives
from pauca.learners.base import Progress, weights_of
from pauca.registry import Registry

if TYPE_CHECKING:
    from pauca.learners._making import Making

__all__ = [
    "AbstractStart",
    "InTurn",
    "LabelFree",
    "Last",
    "New",
    "Past",
    "prepared",
    "share_of",
    "starts",
    "training_from",
]

starts: Registry["AbstractStart"] = Registry("start", "pauca.learners", "starts")
"""Every start by name."""

_LOCAL = ("greedy", "simultaneous")


@dataclass(frozen=True, eq=False)
class Past:
    """What a learner's trainings so far have left to the next one.

    Args:
        fits: How many there were.
        weights: Learned without labels, by name; None where there are none.
    """

    fits: int = 0
    weights: Mapping[str, Tensor] | None = None

    def plain(self) -> dict[str, Any]:
        """As ``torch.save`` can hold it."""
        weights = None if self.weights is None else dict(self.weights)
        return {"fits": self.fits, "weights": weights}


class AbstractStart:
    """What a training starts from, and which layers then learn.

    Class attributes:
        name: Lower case with hyphens.
        reference: Authors, venue, year.
        goes_on: Whether it starts from the weights that the training before has left; otherwise
            from those of the past.
        reads_unlabelled: Whether it wants the unlabelled items of the pool.
    """

    name: ClassVar[str]
    reference: ClassVar[str]
    goes_on: ClassVar[bool] = False
    reads_unlabelled: ClassVar[bool] = False

    def check(self, recipe: Recipe) -> None:
        """Refuse a recipe that it makes no sense with.

        Raises:
            UsageError: with both sides named.
        """

    def due(self, past: Past) -> bool:
        """Whether something has to be done before the next training."""
        return False

    def prepare(
        self,
        making: "Making",
        past: Past,
        items: Tensor,
        generator: Generator,
        progress: Progress | None = None,
    ) -> tuple[Past, int]:
        """The past once that is done, and how many optimiser steps it took.

        Args:
            making: Makes trainings of the learner's nets.
            past: Left by the trainings so far.
            items: Every stored item that there is, labelled or not, [n, ...].
            generator: Source of every random number.
            progress: Told which fraction is done.
        """
        return past, 0

    def changes(self, making: "Making", past: Past, n: int) -> dict[str, Any]:
        """In what the training on n labelled items differs from one of a fresh net."""
        return {}


@starts.register("new")
class New(AbstractStart):
    """New weights in every training: what is done where no start is given, and the same setting."""

    name = "new"
    reference = "Ash and Adams, NeurIPS 2020 (training anew)"


@starts.register("last")
class Last(AbstractStart):
    """The weights of the training before, with a fresh optimiser; all layers learn.

    The first training starts from new weights. The length of an appended label, which its first
    items decided, stays; the mean image of ``pixels = "centred"`` is that of each training's items.
    """

    name = "last"
    reference = "Ash and Adams, NeurIPS 2020 (warm start, and what it costs)"
    goes_on = True


@starts.register("in-turn")
class InTurn(AbstractStart):
    """The weights of the training before, of which one layer learns and the others stay.

    The first training is of all layers. Then they learn in turn, one a training, from the input
    side up and from the first again, each with as many steps as it takes in a whole training. A
    layer learns from what the layers below it say now; those above it are out of date until it is
    their turn.
    """

    name = "in-turn"
    reference = "pauca's own; layers are warm-started as in Ash and Adams, NeurIPS 2020"
    goes_on = True

    def check(self, recipe: Recipe) -> None:
        """Only layers that learn by themselves can learn alone."""
        if recipe.schedule.name not in _LOCAL:
            raise UsageError(
                "a layer cannot learn alone under this schedule",
                expected=f"schedule {' or '.join(_LOCAL)}",
                got=recipe.schedule.name,
                where="start 'in-turn'",
                todo="use start 'last'",
            )

    def changes(self, making: "Making", past: Past, n: int) -> dict[str, Any]:
        """The layer whose turn it is, and its steps."""
        if past.fits == 0:
            return {}
        layer = (past.fits - 1) % making.depth
        return {"schedule": OneLayer(layer), "plan": making.layer_plan(layer, n)}


@starts.register("label-free")
@dataclass(frozen=True)
class LabelFree(AbstractStart):
    """Weights learned once from all items of the pool without a label, the same for every training.

    Positives and negatives are made of items; goodness, loss, schedule, rate and batch are the
    learner's. No label is shown: its places are off. Where nothing is unlabelled, or no pool is
    given, the labelled items are what there is.

    Args:
        negatives: ``self-contrastive`` or ``hybrid-mask``.
        steps: Optimiser steps, of all layers together.
        rate: Adam's rate at its highest; the learner's if None.
    """

    negatives: str = "self-contrastive"
    steps: int = 600
    rate: float | None = None

    name = "label-free"
    reference = (
        "Hinton, arXiv 2212.13345, 2022, section 3.2; Chen et al., Nat. Commun. 2025 "
        "(self-contrastive Forward-Forward)"
    )
    reads_unlabelled = True

    def __post_init__(self) -> None:
        """Check."""
        check_count(self.steps, "steps of the label-free start", least=1)
        if self.rate is not None:
            check_positive(self.rate, "rate of the label-free start")
        self._wrong_items()

    def check(self, recipe: Recipe) -> None:
        """Goodness by class says nothing without classes, and every layer has to learn."""
        stages = recipe.schedule.count(len(recipe.widths))
        if recipe.goodness.by_class or self.steps < stages:
            raise UsageError(
                "a start without labels teaches this net nothing",
                expected=f"a goodness of the whole layer, and steps >= {stages}",
                got=f"goodness {recipe.goodness.name!r}, steps = {self.steps}",
                where="start 'label-free'",
                todo="change goodness or steps, or leave the start out",
            )

    def due(self, past: Past) -> bool:
        """Before the first training."""
        return past.weights is None

    def prepare(
        self,
        making: "Making",
        past: Past,
        items: Tensor,
        generator: Generator,
        progress: Progress | None = None,
    ) -> tuple[Past, int]:
        """Learn from all items.

        Raises:
            InputError: one item alone.
            RunError: it diverged.
        """
        weights, stream = rng.split(generator, "weights", "training")
        rate = making.plan.rate if self.rate is None else self.rate
        training = making.training(
            items,
            torch.zeros(len(items), dtype=torch.int64),  # not read
            weights,
            stream,
            negatives=self._wrong_items(),
            plan=replace(making.plan, epochs=None, steps=self.steps, rate=rate),
        )
        done = training.run(progress)
        return replace(past, weights=weights_of(training.net)), done.steps

    def _wrong_items(self) -> AbstractWrongItems:
        made = negatives.make(self.negatives, {})
        if not isinstance(made, AbstractWrongItems):
            raise UsageError(
                "these negatives need labels",
                expected="self-contrastive or hybrid-mask",
                got=self.negatives,
                where="start 'label-free'",
                todo="choose one of these",
            )
        return made


def prepared(
    start: AbstractStart | None,
    past: Past,
    making: "Making",
    parts: Sequence[Tensor | None],
    generator: Generator,
    progress: Progress | None,
) -> tuple[Past, int, Progress | None]:
    """The past once the start is ready, the optimiser steps that took, and the progress left.

    Args:
        start: None for new weights.
        past: Left by the trainings so far.
        making: Makes trainings of the learner's nets.
        parts: All the stored items there are.
        generator: Source of every random number.
        progress: Of everything.
    """
    if start is None or not start.due(past):
        return past, 0, progress
    given = [part for part in parts if part is not None]
    items = torch.cat([part.to(given[0].device) for part in given])
    past, steps = start.prepare(making, past, items, generator, share_of(progress, 0, 2))
    return past, steps, share_of(progress, 1, 2)


def training_from(
    start: AbstractStart | None,
    past: Past,
    making: "Making",
    net: ForwardNet | None,
    shown: tuple[Tensor, Tensor],
    draws: tuple[Generator, Generator],
) -> Training:
    """A training that begins with the weights that the start asks for.

    Args:
        start: None for new weights.
        past: Once the start is ready.
        making: Makes trainings of the learner's nets.
        net: Of the training before, left as it is; None before the first.
        shown: Stored items [n, ...] and their labels, int64 [n].
        draws: Sources of new weights, and of everything else.
    """
    if start is None:
        return making.training(*shown, *draws)
    training = making.training(*shown, *draws, **start.changes(making, past, len(shown[1])))
    known = past.weights
    if start.goes_on:
        known = None if net is None else net.state_dict()
    if known is not None:
        training.net.load_state_dict(known)
    return training


def share_of(progress: Progress | None, number: int, parts: int) -> Progress | None:
    """Progress of part ``number``, from 0, of so many that take equally long."""
    return None if progress is None else lambda done: progress((number + done) / parts)
