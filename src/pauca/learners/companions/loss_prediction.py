"""Learning loss: a small head on the block outputs learns to rank the losses of pairs."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from pauca.checks import check_count, check_fraction, check_positive
from pauca.errors import InputError
from pauca.learners.base import AbstractLearner, FitReport, Progress
from pauca.learners.companions.base import AbstractCompanion, blocks, companions, gradient_learner
from pauca.learners.objective import AbstractObjective, Training
from pauca.nets import AbstractNet
from pauca.nets.loss_head import LossHead, make_loss_head, pooled, ranking_loss
from pauca.outputs import Outputs
from pauca.rng import generator_from

__all__ = ["LossPrediction", "LossRanking", "tapped"]


@companions.register("loss-prediction")
class LossPrediction(AbstractCompanion):
    """The learner's net trains with a head that predicts which of two items has the larger loss.

    The head starts from fresh weights at every cold training and takes part in the learner's own
    optimiser steps, so there are none besides. Gives ``predicted_loss``, float [n], up to scale and
    shift: only its order is learned.

    Args:
        learner: A learner of one net by gradient steps.
        weight: lambda.
        margin: xi.
        stop: Fraction of the planned steps after which the head no longer shapes the net (the
            paper stops at 120 of 200 epochs).
        hidden: Units that the head gives each tap.

    Raises:
        CapabilityError: another kind of learner.

    Reference: Yoo and Kweon, CVPR 2019, eq. 2 and 3, section 4.1.
    """

    name = "loss-prediction"
    summary = "a head on the block outputs that learns to rank losses"
    reference = "Yoo and Kweon, CVPR 2019, eq. 2 and 3"
    columns = frozenset({"predicted_loss"})

    def __init__(
        self,
        *,
        learner: AbstractLearner,
        weight: float = 1.0,
        margin: float = 1.0,
        stop: float = 0.6,
        hidden: int = 128,
    ) -> None:
        super().__init__(learner=learner)
        self.inner = gradient_learner(learner, self.name)
        self.weight = check_positive(weight, "loss-prediction's weight")
        self.margin = check_positive(margin, "loss-prediction's margin")
        self.stop = check_fraction(stop, "loss-prediction's stop")
        self.hidden = check_count(hidden, "loss-prediction's hidden", least=1)
        self._head: LossHead | None = None

    def fit(
        self,
        x: Tensor,
        y: Tensor,
        *,
        generator: Generator,
        progress: Progress | None = None,
        unlabelled: Tensor | None = None,
    ) -> FitReport:
        """Train net and head together, in as many steps as the learner alone."""
        start = deepcopy(self._head) if self.learner.carries_state else None
        objective = LossRanking(self.weight, self.margin, self.stop, self.hidden, start)
        report = self.inner.fit_towards(objective, x, y, generator=generator, progress=progress)
        self._head = objective.head.eval()
        return report

    def measure(self, x: Tensor, told: Outputs) -> Mapping[str, Tensor]:
        """``predicted_loss``, float [n]; one more pass."""
        net, head = self.inner.net, self._head
        if head is None:
            raise InputError("the head was not trained", todo="call fit (or load_state) first")
        parts = []
        for block in blocks(x):
            with torch.no_grad(), tapped(net) as taps:
                net(self.task.evaluate(block.to(self.device), None))
                parts.append(head(taps()))
        column = torch.cat(parts) if parts else torch.empty(0)
        return {"predicted_loss": column.to(told.probs.device)}

    def own_state(self) -> dict[str, Any]:
        """Weights of the head and the widths that it reads."""
        if self._head is None:
            return {}
        weights = {name: value.cpu().clone() for name, value in self._head.state_dict().items()}
        return {"widths": self._head.widths, "weights": weights}

    def load_own_state(self, state: Mapping[str, Any]) -> None:
        """Put them back."""
        self._head = None
        if state:
            head = make_loss_head(state["widths"], self.hidden, generator_from(0))
            head.load_state_dict(state["weights"])
            self._head = head.to(self.device).eval()


class LossRanking(AbstractObjective):
    """Mean loss + lambda times the ranking loss of the head, of one training.

    Args:
        weight: lambda.
        margin: xi.
        stop: Fraction of the steps after which no gradient flows from the head into the net.
        hidden: Units that the head gives each tap.
        start: A head to go on with; None for a fresh one.
    """

    def __init__(
        self, weight: float, margin: float, stop: float, hidden: int, start: LossHead | None = None
    ) -> None:
        self.weight, self.margin, self.stop, self.hidden = weight, margin, stop, hidden
        self.steps = 0
        self._start = start

    def begin(self, training: Training) -> nn.Module:
        """The head, as wide as the net's taps."""
        self.net, self.planned = training.net, training.steps
        with tapped(self.net) as taps:
            self.net(training.example)
            widths = [tap.shape[1] for tap in taps()]
        head = self._start or make_loss_head(widths, self.hidden, training.generator)
        self.head = head.to(training.example.device)
        return self.head

    def loss(self, x: Tensor, y: Tensor) -> Tensor:
        """Mean cross-entropy + lambda times the ranking loss, float []."""
        with tapped(self.net) as taps:
            losses = F.cross_entropy(self.net(x), y, reduction="none")
            seen = taps()
        if self.steps >= self.stop * self.planned:
            seen = [tap.detach() for tap in seen]
        self.steps += 1
        return losses.mean() + self.weight * ranking_loss(self.head(seen), losses, self.margin)


@contextmanager
def tapped(net: AbstractNet) -> Iterator[Any]:
    """Within it, calling what it yields gives the pooled taps of the last pass, input side first.

    Unlike a recording these keep their history, so that gradients flow through them.
    """
    seen: dict[str, Tensor] = {}

    def keep(tap: str) -> Any:
        def hook(_module: nn.Module, _inputs: tuple[Any, ...], output: Tensor) -> None:
            # a later layer may work in place on a dense tap
            seen[tap] = pooled(output) if output.ndim > 2 else output.clone()

        return hook

    def taken() -> Sequence[Tensor]:
        return [seen[tap] for tap in net.taps]

    handles = [net.get_submodule(tap).register_forward_hook(keep(tap)) for tap in net.taps]
    try:
        yield taken
    finally:
        for handle in handles:
            handle.remove()
