"""How a Forward-Forward learner's nets, trainings and models are made from its settings."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Generator, Tensor

from pauca import rng
from pauca.data.augment import RandomCrop
from pauca.data.dataset import Task
from pauca.forward import (
    AbstractLabelCode,
    AbstractNegatives,
    AbstractSchedule,
    ForwardNet,
    Items,
    Plan,
    ProbeReadout,
    Training,
)
from pauca.learners._encoding import Encoding
from pauca.learners._forward_settings import (
    HARDER,
    check_shift,
    plan_from,
    recipe_from,
    speed_from,
)
from pauca.learners._model import ForwardModel

__all__ = ["Making"]


class Making:
    """Makes what one learner's settings describe; an item that cannot carry its label is refused.

    Args:
        task: What is learned.
        settings: Complete.
        device: Where.

    Raises:
        UsageError: choices that make no sense together.
        InputError: a number out of range; items that cannot carry their label.
    """

    def __init__(self, task: Task, settings: Mapping[str, Any], device: torch.device) -> None:
        self.task, self.device, self._settings = task, device, settings
        self.recipe = recipe_from(settings, image=len(task.shape) == 3)
        self.plan, self.speed = plan_from(settings), speed_from(settings)
        check_shift(settings["shift"], image=len(task.shape) == 3)
        self.encoding = Encoding(task, settings["pixels"], device)
        self._code()  # now, not after hours

    @property
    def depth(self) -> int:
        """Number of layers."""
        return len(self.recipe.widths)

    def training(
        self,
        x: Tensor,
        y: Tensor,
        weights: Generator,
        stream: Generator,
        *,
        schedule: AbstractSchedule | None = None,
        negatives: AbstractNegatives | None = None,
        plan: Plan | None = None,
    ) -> Training:
        """A training of a fresh net on these items, on which the encoding comes to depend.

        Args:
            x: Stored items [n, ...].
            y: int64 [n].
            weights: Source of the net's weights.
            stream: Source of everything else.
            schedule: In place of the recipe's.
            negatives: In place of the recipe's.
            plan: In place of the settings'.
        """
        amount = self._settings["shift"]
        shift = RandomCrop(amount).draw if amount else None
        items = Items(x.to(self.device), y.to(self.device), self.encoding, shift, self.task.shape)
        self.encoding.learn(items.x)
        return Training(
            self._net(self._code(self.encoding.appended(items.x)), weights),
            items,
            schedule=schedule or self.recipe.schedule,
            loss=self.recipe.loss,
            negatives=negatives or self.recipe.negatives,
            plan=plan or self.plan,
            generator=stream,
            speed=self.speed,
            **{name: self._settings[name] for name in HARDER},
        )

    def layer_plan(self, layer: int, n: int) -> Plan:
        """The plan for one layer alone: as many steps as it takes in a whole training."""
        stages = self.recipe.schedule.count(self.depth)
        steps = self.plan.stage_steps(n, stages)[min(layer, stages - 1)]
        return replace(self.plan, epochs=None, steps=steps)

    def model(self, net: ForwardNet) -> ForwardModel:
        """What a training of this net leaves."""
        readout, probe = self.recipe.readout, None
        if isinstance(readout, ProbeReadout):
            probe = readout.probe(sum(net.widths), self.task.c).to(self.device)
        return ForwardModel(net, self.encoding, probe, self._settings["shortlist"], self.device)

    def blank(self) -> ForwardModel:
        """A model whose numbers are yet to be put in."""
        return self.model(self._net(self._code(), rng.generator_from(0)))

    def _code(self, appended: float = 1.0) -> AbstractLabelCode:
        return self.encoding.code(self.recipe, appended)

    def _net(self, code: AbstractLabelCode, generator: Generator) -> ForwardNet:
        built = self.recipe.build(code, generator, factorise=self.speed.factorise)
        return built.to(self.device)
