"""The loop that trains a net stage by stage, whatever the schedule, loss and negatives."""

import math
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from pauca import rng
from pauca.errors import InputError
from pauca.forward.goodness import AbstractGoodness
from pauca.forward.losses import AbstractLoss
from pauca.forward.negatives import AbstractNegatives
from pauca.forward.net import ForwardNet
from pauca.forward.noise import Noise
from pauca.forward.plan import Plan
from pauca.forward.recorder import Recorder
from pauca.forward.schedules import AbstractSchedule, AbstractStage
from pauca.forward.source import Items, Source
from pauca.forward.speed import Speed
from pauca.forward.step import Step

__all__ = ["Trained", "Training", "train"]

_REPORTS = 100  # reports a stage at most, however many epochs it has
_STREAMS = ("batches", "negatives", "noise")


@dataclass(frozen=True)
class Trained:
    """What a training did.

    Args:
        steps: Optimiser steps taken.
        examples: Items shown, with repetition; their negatives are not counted.
        history: One record a report and learning layer, at most 100 reports a stage: ``layer``
            (from 1), ``epoch`` and ``steps`` of the stage so far; over the steps since the last
            report the mean ``loss`` of the stage, ``goodness_positive``, ``goodness_negative``,
            ``separation`` (part of the negatives whose goodness is below their positive's) and
            ``dead_units``, units that answered to no positive; and ``accuracy`` of the layer by
            itself on up to 1,000 training items, where labels are shown.
    """

    steps: int
    examples: int
    history: tuple[Mapping[str, float], ...]


class Training:
    """A training of ``net`` in place, that can be left and gone on with at any step.

    Args:
        net: On the device of the items.
        items: n >= 1 labelled items.
        schedule: Which layers learn when.
        loss: Of positives and negatives.
        negatives: What is wrong about a negative.
        plan: How long and how fast.
        generator: Source of the order of items, of what is wrong and of what is left out, in
            independent streams.
        dropout: Part of the activity that a deeper layer does not see while it learns.
        item_dropout: Part of an item that the first layer does not see while it learns.
        adversarial: Part of its length by which an item is moved to raise the first layer's loss.
        speed: Which short cuts are taken.

    Raises:
        UsageError: fewer steps than stages.
        InputError: one item alone, where negatives are mixed of two.
    """

    def __init__(
        self,
        net: ForwardNet,
        items: Items,
        *,
        schedule: AbstractSchedule,
        loss: AbstractLoss,
        negatives: AbstractNegatives,
        plan: Plan,
        generator: Generator,
        dropout: float = 0.0,
        item_dropout: float = 0.0,
        adversarial: float = 0.0,
        speed: Speed = Speed(),  # noqa: B008 - frozen
    ) -> None:
        self.net, self.items, self.schedule, self.loss, self.plan = net, items, schedule, loss, plan
        self.budgets = plan.stage_steps(len(items), schedule.count(net.depth))
        self._streams = dict(zip(_STREAMS, rng.split(generator, *_STREAMS), strict=True))
        noise = Noise(item_dropout, dropout, self._streams["noise"], adversarial)
        self.source = Source(items, net, negatives, noise, self._streams["negatives"], speed)
        self.history: list[Mapping[str, float]] = []
        self.done, self.examples = 0, 0
        self._number, self._at = 0, 0
        self._order = torch.empty(0, dtype=torch.int64)
        self._stage: AbstractStage | None = None
        self._step: Step | None = None
        if not negatives.labelled and min(len(items), plan.batch) < 2:
            raise InputError(
                "one item alone has no negatives",
                expected="at least two items, and a batch of at least two",
                got=f"{len(items)} items, batch {plan.batch}",
                todo="train on more items, or raise the batch size",
            )

    @property
    def total(self) -> int:
        """Optimiser steps of all stages."""
        return sum(self.budgets)

    @property
    def finished(self) -> bool:
        """Whether all steps are taken."""
        return self._number == len(self.budgets)

    def run(
        self,
        progress: Callable[[float], None] | None = None,
        *,
        steps: int | None = None,
        after: Callable[[], None] | None = None,
    ) -> Trained:
        """Take so many steps, or all that are left.

        Args:
            progress: Told which fraction of all steps is done.
            steps: At most so many.
            after: Called after every step, when ``state`` and ``history`` may be read.

        Raises:
            RunError: the loss is not finite any more.
        """
        left = self.total if steps is None else steps
        while left > 0 and not self.finished:
            self._one_step()
            left -= 1
            often = self.done % max(1, self.total // 200) == 0
            if progress is not None and (often or self._at == 0):
                progress(self.done / self.total)
            if after is not None:
                after()
        return Trained(self.done, self.examples, tuple(self.history))

    def state(self) -> dict[str, Any]:
        """What is trained how, and all that changed so far, as tensors and plain values, copied."""
        learning = None
        if self._at > 0 and self._step is not None:  # between stages only the net goes on
            learning = {"step": self._step.state(), "recorder": self._recorder.state()}
        return deepcopy(
            {
                "training": self._described(),
                "net": self.net.state_dict(),
                "streams": {name: g.get_state() for name, g in self._streams.items()},
                "order": self._order,
                "at": [self._number, self._at, self.done, self.examples],
                "history": [dict(record) for record in self.history],
                "learning": learning,
            }
        )

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what ``state`` gave, bit for bit as if nothing had happened in between.

        Raises:
            InputError: it comes from another training.
        """
        self._check_same(state)
        self.net.load_state_dict(state["net"])
        self.net.eval()
        for name, generator in self._streams.items():
            generator.set_state(state["streams"][name])
        self._order = state["order"].clone()
        self._number, self._at, self.done, self.examples = state["at"]
        self.history = [dict(record) for record in state["history"]]
        self._stage = None
        if state["learning"] is not None:
            self.begin(resumed=True)
            assert self._step is not None
            self._step.load_state(state["learning"]["step"])
            self._recorder.load_state(state["learning"]["recorder"])

    @property
    def stage_steps(self) -> int:
        """Steps of the stage that is due."""
        return self.budgets[self._number]

    def _described(self) -> dict[str, str]:
        """What decides the result, in words, but for weights and random numbers."""
        noise, shapes = self.source.noise, [list(p.shape) for p in self.net.parameters()]
        return {
            "items": str(len(self.items)),
            "net": f"{_named(self.net.goodness)}, parameters {shapes}",
            "schedule": self.schedule.name,
            "loss": _named(self.loss),
            "negatives": _named(self.source.negatives),
            "plan": str(self.plan),
            "dropout": f"{noise.hidden}, of items {noise.item}",
            "adversarial": str(noise.adversarial),
        }

    def _check_same(self, state: Mapping[str, Any]) -> None:
        then, now = state.get("training") or {}, self._described()
        for key, value in now.items():
            if then.get(key) != value:
                raise InputError(
                    "this state belongs to another training",
                    expected=f"{key} {value}",
                    got=then.get(key),
                    todo="make the training as it was when the state was kept",
                )

    def _one_step(self) -> None:
        if self._at == 0:
            self.begin()
        index, y = self.next_batch()
        assert self._step is not None
        self.took(len(index), *self._step(index, y, self._at))

    def next_batch(self) -> tuple[Tensor, Tensor]:
        """Positions of the next items and their labels, int64 [b], on the device of the items."""
        index = self._next().to(self.items.y.device)
        return index, self.items.y[index]

    def took(self, shown: int, loss: Tensor, goodness: list[Tensor], answers: list[Tensor]) -> None:
        """Note a step that was taken, report where a report is due, and end a finished stage.

        Args:
            shown: Items of the step.
            loss: Of the step, a scalar.
            goodness: Of each learning layer, float [1 + r, b].
            answers: Of each such layer, its activity summed over the positives, float [u].
        """
        budget, epoch = self.stage_steps, self.plan.epoch_steps(len(self.items))
        self._recorder.add(loss, goodness, answers)
        self._at += 1
        self.done += 1
        self.examples += shown
        if self._at % max(epoch, math.ceil(budget / _REPORTS)) == 0 or self._at == budget:
            self.history += self._recorder.report()
        if self._at == budget:
            self._end()

    def begin(self, *, alone: bool = True, resumed: bool = False) -> AbstractStage:
        """The stage that is due.

        Args:
            alone: Whether it takes its own steps; otherwise somebody else changes the weights.
            resumed: Whether nothing is there that the stage before has kept.
        """
        before = None if resumed else self._stage
        self._stage = stage = self.schedule.stage(self._number, self.source, before)
        for number in stage.layers:
            self.net.layer(number).train()
        self._step = Step(stage, self.loss, self.plan, self.stage_steps) if alone else None
        self._recorder = Recorder(stage, self.plan.epoch_steps(len(self.items)))
        if self._at == 0:
            self._order = torch.empty(0, dtype=torch.int64)
        return stage

    def _end(self) -> None:
        if self._step is not None:
            self._step.finish()
        self.net.eval()
        self._number, self._at = self._number + 1, 0
        if self.finished:
            self._stage = self._step = None

    def _next(self) -> Tensor:
        """Positions of the next batch: a new order every epoch, cut from its start."""
        if len(self._order) == 0:
            self._order = torch.randperm(len(self.items), generator=self._streams["batches"])
        size = self.plan.batch
        if not self.source.negatives.labelled and len(self._order) == size + 1:
            # a last item alone could not be mixed with another
            size += -1 if size > 2 else 1
        index, self._order = self._order[:size], self._order[size:]
        return index


def _named(part: AbstractGoodness | AbstractLoss | AbstractNegatives) -> str:
    """A choice with its settings, the same in every process."""
    return f"{part.name} {vars(part)}"


def train(
    net: ForwardNet,
    items: Items,
    *,
    schedule: AbstractSchedule,
    loss: AbstractLoss,
    negatives: AbstractNegatives,
    plan: Plan,
    generator: Generator,
    progress: Callable[[float], None] | None = None,
    dropout: float = 0.0,
    item_dropout: float = 0.0,
    adversarial: float = 0.0,
    speed: Speed = Speed(),  # noqa: B008 - frozen
) -> Trained:
    """Train ``net`` in place, from the first step to the last; arguments as in ``Training``.

    Args:
        net: What is trained.
        items: What it learns from.
        schedule: Which layers learn when.
        loss: Of positives and negatives.
        negatives: What is wrong about a negative.
        plan: How long and how fast.
        generator: Source of every random number.
        progress: Told which fraction of all steps is done.
        dropout: Part of the activity that a deeper layer does not see while it learns.
        item_dropout: Part of an item that the first layer does not see while it learns.
        adversarial: Part of its length by which an item is moved to raise the first layer's loss.
        speed: Which short cuts are taken.

    Raises:
        UsageError: fewer steps than stages.
        RunError: the loss is not finite any more.
    """
    training = Training(
        net,
        items,
        schedule=schedule,
        loss=loss,
        negatives=negatives,
        plan=plan,
        generator=generator,
        dropout=dropout,
        item_dropout=item_dropout,
        adversarial=adversarial,
        speed=speed,
    )
    return training.run(progress)
