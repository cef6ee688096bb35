"""The loop that trains a net stage by stage, whatever the schedule, loss and negatives."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from pauca import rng
from pauca.checks import check_count, check_positive
from pauca.errors import UsageError
from pauca.forward.losses import AbstractLoss
from pauca.forward.negatives import AbstractNegatives
from pauca.forward.net import ForwardNet
from pauca.forward.recorder import Recorder
from pauca.forward.schedules import AbstractSchedule, AbstractStage, Items

__all__ = ["Plan", "Trained", "train"]

_REPORTS = 100  # reports a stage at most, however many epochs it has


@dataclass(frozen=True)
class Plan:
    """How long and how fast to train: exactly one of epochs and steps.

    Args:
        epochs: Passes over the items in each stage, or None.
        steps: Optimiser steps of all stages together, shared equally, the first stages taking what
            is left over; or None.
        rate: Adam's constant rate.
        batch: Items a step; a smaller set is one batch, and an epoch's last batch may be smaller.

    Raises:
        UsageError: both or neither of epochs and steps.
        InputError: a number out of range.
    """

    epochs: int | None = None
    steps: int | None = None
    rate: float = 0.01
    batch: int = 1024

    def __post_init__(self) -> None:
        """Check."""
        if (self.epochs is None) == (self.steps is None):
            raise UsageError(
                "the length of the training is not clear",
                expected="exactly one of epochs and steps",
                got=f"epochs {self.epochs}, steps {self.steps}",
            )
        for name in ("epochs", "steps"):
            value = getattr(self, name)
            if value is not None:
                check_count(value, name, least=1)
        check_positive(self.rate, "rate")
        check_count(self.batch, "batch", least=1)

    def epoch_steps(self, n: int) -> int:
        """Steps of one epoch over n items."""
        return math.ceil(n / self.batch)

    def stage_steps(self, n: int, stages: int) -> list[int]:
        """Steps of each stage.

        Raises:
            UsageError: fewer steps than stages.
        """
        if self.steps is None:
            return [(self.epochs or 0) * self.epoch_steps(n)] * stages
        if self.steps < stages:
            raise UsageError(
                "fewer steps than layers to train one after the other",
                expected=f"steps >= {stages}",
                got=self.steps,
            )
        each, over = divmod(self.steps, stages)
        return [each + (stage < over) for stage in range(stages)]


@dataclass(frozen=True)
class Trained:
    """What a training did.

    Args:
        steps: Optimiser steps taken.
        examples: Items shown, with repetition; their negatives are not counted.
        history: One record a report and learning layer, at most 100 reports a stage: ``layer``
            (from 1), ``epoch`` and ``steps`` of the stage so far, and over the steps since the last
            report the mean ``loss`` of the stage, ``goodness_positive``, ``goodness_negative``, and
            ``dead_units``: units that answered to no right label.
    """

    steps: int
    examples: int
    history: tuple[Mapping[str, float], ...]


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
) -> Trained:
    """Train ``net`` in place.

    Args:
        net: On the device of the items.
        items: n >= 1 labelled items.
        schedule: Which layers learn when.
        loss: Of positives and negatives.
        negatives: Which wrong labels are shown.
        plan: How long and how fast.
        generator: Source of the order of items and of the wrong labels, in independent streams.
        progress: Told which fraction of all steps is done.

    Raises:
        UsageError: fewer steps than stages.
        RunError: the loss is not finite any more.
    """
    budgets = plan.stage_steps(len(items), schedule.count(net.depth))
    streams = rng.split(generator, "batches", "negatives")
    history: list[Mapping[str, float]] = []
    done, examples, total = 0, 0, sum(budgets)
    for stage, budget in zip(schedule.stages(net, items), budgets, strict=True):
        step = _Step(net, stage, loss, negatives, plan.rate, streams[1])
        recorder = Recorder(stage, net, plan.epoch_steps(len(items)))
        often = max(plan.epoch_steps(len(items)), math.ceil(budget / _REPORTS))
        batches = _batches(len(items), plan.batch, streams[0])
        for number, index in zip(range(1, budget + 1), batches, strict=False):
            at = index.to(items.y.device)
            recorder.add(*step(at, items.y[at]))
            examples += len(index)
            if number % often == 0 or number == budget:
                history += recorder.report()
            if progress is not None and (number % max(1, total // 200) == 0 or number == budget):
                progress((done + number) / total)
        done += budget
    return Trained(done, examples, tuple(history))


class _Step:
    """One optimiser step of a stage: positives and negatives in one batch."""

    def __init__(
        self,
        net: ForwardNet,
        stage: AbstractStage,
        loss: AbstractLoss,
        negatives: AbstractNegatives,
        rate: float,
        generator: Generator,
    ) -> None:
        self._net, self._stage, self._loss, self._negatives = net, stage, loss, negatives
        self._generator = generator
        self._parameters = stage.parameters()
        self._optimiser = torch.optim.Adam(self._parameters, lr=rate, fused=True)

    def __call__(self, index: Tensor, y: Tensor) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """The loss, each learning layer's goodness [1 + r, b] and activity [1 + r, b, u]."""
        wrong = self._negatives.draw(y, self._net.code.classes, self._generator)
        rows = torch.cat([y.unsqueeze(0), wrong])
        activities = self._stage.activities(index, rows)
        goodness = [self._net.goodness(h) for h in activities]
        objectives = self._stage.objectives(goodness)
        loss = torch.stack([self._loss(g[0], g[1:]) for g in objectives]).sum()
        gradients = torch.autograd.grad(loss, self._parameters)
        for parameter, gradient in zip(self._parameters, gradients, strict=True):
            parameter.grad = gradient
        self._optimiser.step()
        return loss.detach(), [g.detach() for g in goodness], [h.detach() for h in activities]


def _batches(n: int, size: int, generator: Generator) -> Iterator[Tensor]:
    """Positions of items, a new order every epoch, without end."""
    while True:
        order = torch.randperm(n, generator=generator)
        for start in range(0, n, size):
            yield order[start : start + size]
