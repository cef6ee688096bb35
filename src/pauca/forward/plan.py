"""How long and how fast to train."""

import math
from dataclasses import dataclass
from typing import Literal

from pauca.checks import check_count, check_fraction, check_nonnegative, check_positive
from pauca.errors import UsageError

__all__ = ["Decay", "Plan"]

Decay = Literal["constant", "linear", "cosine"]


@dataclass(frozen=True)
class Plan:
    """How long and how fast to train: exactly one of epochs and steps.

    Args:
        epochs: Passes over the items in each stage, or None.
        steps: Optimiser steps of all stages together, shared equally, the first stages taking what
            is left over; or None.
        rate: Adam's rate, at its highest.
        batch: Items a step; a smaller set is one batch, and an epoch's last batch may be smaller.
        decay: How the rate falls in each stage: not at all, along a line or half a cosine to 0.
        warmup: Part of each stage's steps in which the rate rises from 0 along a line, in [0, 1).
        weight_decay: Decoupled decay of the weights, as a part of the rate (AdamW), >= 0.
        average: Predict with a running mean of the weights whose decay a step is this, in [0, 1);
            0 for the last weights.
        peer: Weight of peer normalisation: the squared differences of the units' mean activities
            from the layer's, added to each layer's loss, >= 0.
    """

    epochs: int | None = None
    steps: int | None = None
    rate: float = 0.01
    batch: int = 1024
    decay: Decay = "constant"
    warmup: float = 0.0
    weight_decay: float = 0.0
    average: float = 0.0
    peer: float = 0.0

    def __post_init__(self) -> None:
        """Check."""
        if (self.epochs is None) == (self.steps is None):
            raise UsageError(
                "the length of the training is not clear",
                expected="exactly one of epochs and steps",
                got=f"epochs {self.epochs}, steps {self.steps}",
                todo="set one of them and leave the other out",
            )
        for name in ("epochs", "steps"):
            value = getattr(self, name)
            if value is not None:
                check_count(value, name, least=1)
        check_positive(self.rate, "rate")
        check_count(self.batch, "batch", least=1)
        if self.decay not in ("constant", "linear", "cosine"):
            raise UsageError(
                "unknown decay of the rate",
                expected="constant, linear or cosine",
                got=self.decay,
                todo="choose one of these",
            )
        check_fraction(self.warmup, "warmup", open_end=True)
        check_fraction(self.average, "average", open_end=True)
        check_nonnegative(self.weight_decay, "weight_decay")
        check_nonnegative(self.peer, "peer")

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
                todo="raise `steps`, or train the layers simultaneously",
            )
        each, over = divmod(self.steps, stages)
        return [each + (stage < over) for stage in range(stages)]

    def rate_at(self, step: int, steps: int) -> float:
        """The rate of a step, from 0, of a stage of so many."""
        rising = self.warmup * steps
        if step < rising:
            return self.rate * (step + 1) / (rising + 1)
        done = (step - rising) / max(1.0, steps - rising)
        left = {
            "constant": 1.0,
            "linear": 1 - done,
            "cosine": (1 + math.cos(math.pi * done)) / 2,
        }
        return self.rate * left[self.decay]
