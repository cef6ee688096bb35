"""Learning loss: a small head on the block outputs learns to rank the losses of pairs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
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

_ONE_PASS = frozenset({"probs", "features"})
"""What a learner tells of an item in one pass of its net."""


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

    def tell(
        self, x: Tensor, ids: Tensor, *, needs: frozenset[str], generator: Generator | None
    ) -> tuple[Outputs, Mapping[str, Tensor]]:
        """``predicted_loss``, float [n], from the taps of the learner's own pass over the items."""
        if self._head is None:
            raise InputError("the head was not trained", todo="call fit (or load_state) first")
        if not needs <= _ONE_PASS:
            return super().tell(x, ids, needs=needs, generator=generator)
        with _overheard(self.inner.net) as taps:
            told = self.learner.outputs(x, ids, needs=needs, generator=generator)
        return told, self._column(taps(), told)

    def measure(self, x: Tensor, told: Outputs) -> Mapping[str, Tensor]:
        """``predicted_loss``, float [n], from a pass of its own."""
        with torch.no_grad(), _overheard(self.inner.net) as taps:
            for block in blocks(x):
                self.inner.net(self.task.evaluate(block.to(self.device), None))
        return self._column(taps(), told)

    @torch.no_grad()
    def _column(self, taps: Sequence[Tensor], told: Outputs) -> Mapping[str, Tensor]:
        assert self._head is not None
        column: Tensor = self._head(taps) if told.n else torch.empty(0)
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
def tapped(net: AbstractNet) -> Iterator[Callable[[], Sequence[Tensor]]]:
    """Within it, calling what it yields gives the pooled taps of the last pass, input side first.

    Unlike a recording these keep their history, so that gradients flow through them.
    """
    with _heard(net) as seen:
        yield lambda: [seen[tap][-1] for tap in net.taps]


@contextmanager
def _overheard(net: AbstractNet) -> Iterator[Callable[[], Sequence[Tensor]]]:
    """As ``tapped``, but of all passes since it began, one after the other."""
    with _heard(net) as seen:
        # parts made in inference mode become plain tensors
        yield lambda: [torch.cat([part.clone() for part in seen[tap]]) for tap in net.taps]


@contextmanager
def _heard(net: AbstractNet) -> Iterator[Mapping[str, list[Tensor]]]:
    """Pooled taps of every pass, by name."""
    seen: dict[str, list[Tensor]] = {tap: [] for tap in net.taps}

    def keep(tap: str) -> Any:
        def hook(_module: nn.Module, _inputs: tuple[Any, ...], output: Tensor) -> None:
            # a later layer may work in place on a dense tap
            seen[tap].append(pooled(output) if output.ndim > 2 else output.clone())

        return hook

    handles = [net.get_submodule(tap).register_forward_hook(keep(tap)) for tap in net.taps]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()
