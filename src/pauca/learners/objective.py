"""A further objective of a net's training: what a companion trains beside or against the net."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from pauca.learners.base import AbstractLearner, FitReport, Progress
from pauca.nets import AbstractNet

__all__ = ["AbstractGradientLearner", "AbstractObjective", "Joint", "Training", "join"]


@dataclass(frozen=True)
class Training:
    """A training that is about to begin.

    Args:
        net: What is trained, with the weights it starts from, on its device.
        example: A net input, float [1, ...].
        steps: Optimiser steps planned.
        transform: Stored items [b, ...] -> net input of a training batch, on the device.
        generator: Source of every random number of the objective; the net's own draws do not
            depend on it.
    """

    net: AbstractNet
    example: Tensor
    steps: int
    transform: Callable[[Tensor], Tensor]
    generator: Generator


class AbstractObjective(ABC):
    """The loss of one training, and the parameters that it brings along."""

    @abstractmethod
    def begin(self, training: Training) -> nn.Module:
        """Called once before the first step.

        Returns:
            A module that is trained, checked, and put back to its best weights with the net. A
            parameter that never gets a gradient from ``loss`` is not touched by the optimiser.
        """

    @abstractmethod
    def loss(self, x: Tensor, y: Tensor) -> Tensor:
        """What a step makes small, float [], for a batch [b, ...] with labels int64 [b]."""


class Joint(nn.Module):
    """A net and what trains with it; as a function it is the net."""

    def __init__(self, net: nn.Module, extra: nn.Module) -> None:
        super().__init__()
        self.net = net
        self.extra = extra

    def forward(self, x: Tensor) -> Tensor:
        """The net's logits, float [b, c]."""
        logits: Tensor = self.net(x)
        return logits


def join(
    objective: AbstractObjective, training: Training
) -> tuple[Joint, Callable[[nn.Module, Tensor, Tensor], Tensor]]:
    """Begin the objective: the module to train, and the loss as a function of it and a batch."""
    training.net.eval()
    with torch.no_grad():
        extra = objective.begin(training)
    return Joint(training.net, extra), lambda _joint, x, y: objective.loss(x, y)


class AbstractGradientLearner(AbstractLearner):
    """A learner of one net, whose training by gradient steps can be given a further objective."""

    @property
    def joinable(self) -> bool:
        """Whether it trains by gradient steps, as it is set; ``fit_towards`` refuses otherwise."""
        return True

    @property
    @abstractmethod
    def net(self) -> AbstractNet:
        """The trained net, in evaluation mode.

        Raises:
            InputError: not trained yet.
        """

    @abstractmethod
    def fit_towards(
        self,
        objective: AbstractObjective,
        x: Tensor,
        y: Tensor,
        *,
        generator: Generator,
        progress: Progress | None = None,
    ) -> FitReport:
        """As ``fit``, with the objective's loss in place of the learner's.

        The same weights at the start, validation part, batches and number of planned steps as
        ``fit`` with this generator.

        Raises:
            CapabilityError: not ``joinable``.
        """
