"""One optimiser step of a stage: positives and negatives in one batch."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pauca.forward.adversary import moved_by_autograd
from pauca.forward.closed import ClosedForm, Found
from pauca.forward.losses import AbstractLoss
from pauca.forward.net import Prepared
from pauca.forward.plan import Plan
from pauca.forward.schedules import AbstractStage
from pauca.forward.stack import Stack

__all__ = ["Optimiser", "Step", "peer_term"]

_PEERS = 0.9  # weight of the past in a unit's mean activity


class Optimiser:
    """AdamW with a plan's rates, and the mean of the weights.

    Args:
        parameters: What changes.
        plan: How fast.
        steps: How many there will be.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], plan: Plan, steps: int) -> None:
        self._parameters, self._plan, self._steps = parameters, plan, steps
        self._optimiser = torch.optim.AdamW(
            parameters, lr=plan.rate, weight_decay=plan.weight_decay, fused=True
        )
        self._mean = [p.detach().clone() for p in parameters] if plan.average else []

    def __call__(self, gradients: Sequence[Tensor], number: int) -> None:
        """Take step ``number``, from 0."""
        for group in self._optimiser.param_groups:
            group["lr"] = self._plan.rate_at(number, self._steps)
        for parameter, gradient in zip(self._parameters, gradients, strict=True):
            parameter.grad = gradient
        self._optimiser.step()
        self._follow(number)

    @torch.no_grad()
    def finish(self) -> None:
        """Put the mean of the weights in their place, and let go of the gradients."""
        for parameter, mean in zip(self._parameters, self._mean, strict=False):
            parameter.copy_(mean)
        for parameter in self._parameters:
            parameter.grad = None

    def state(self) -> dict[str, Any]:
        """All that it remembers."""
        return {"optimiser": self._optimiser.state_dict(), "mean": self._mean}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Put back what ``state`` gave."""
        self._optimiser.load_state_dict(state["optimiser"])
        for tensor, kept in zip(self._mean, state["mean"], strict=True):
            tensor.copy_(kept)

    @torch.no_grad()
    def _follow(self, number: int) -> None:
        """Move the mean of the weights; a short past at first, so that the start is forgotten."""
        if self._mean:
            decay = min(self._plan.average, (1 + number) / (10 + number))
            torch._foreach_lerp_(self._mean, [p.detach() for p in self._parameters], 1 - decay)


class Step:
    """The optimiser of a stage, and what else its steps need.

    Args:
        stage: Whose parameters change.
        loss: Of positives and negatives.
        plan: How fast.
        steps: How many there will be.
    """

    def __init__(self, stage: AbstractStage, loss: AbstractLoss, plan: Plan, steps: int) -> None:
        self._stage, self._loss, self._plan = stage, loss, plan
        self._parameters = stage.parameters()
        self._optimiser = Optimiser(self._parameters, plan, steps)
        self._peers = [
            p.new_zeros(stage.net.layer(number).units)
            for number, p in zip(stage.layers, self._parameters, strict=False)
        ]
        speed = stage.source.speed
        self._closed: ClosedForm | None = None
        if speed.closed_form and plan.peer == 0 and ClosedForm.fits(stage):
            self._closed = ClosedForm([stage], Stack.of(stage.net, speed), loss)

    @property
    def closed(self) -> bool:
        """Whether gradients come by their formula."""
        return self._closed is not None

    def __call__(
        self, index: Tensor, y: Tensor, number: int
    ) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """Take step ``number``, from 0.

        Args:
            index: Positions of the items, int64 [b].
            y: Their labels, int64 [b].
            number: Of the step.

        Returns:
            The loss; each learning layer's goodness [1 + r, b]; and its activity summed over the
            positives, [u].
        """
        closed = self._closed
        found = self._by_autograd(index, y) if closed is None else closed([index], [y])
        loss, goodness, answers, gradients = found
        self._optimiser([g[0] for g in gradients], number)
        return loss[0], [g[0] for g in goodness], [h[0] for h in answers]

    def finish(self) -> None:
        """Put the mean of the weights in their place, and let go of the gradients."""
        self._optimiser.finish()

    def state(self) -> dict[str, Any]:
        """All that it remembers."""
        return {**self._optimiser.state(), "peers": self._peers}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Put back what ``state`` gave."""
        self._optimiser.load_state(state)
        for tensor, kept in zip(self._peers, state["peers"], strict=True):
            tensor.copy_(kept)

    def _by_autograd(self, index: Tensor, y: Tensor) -> Found:
        stage, net = self._stage, self._stage.net
        with stage.source.speed.autocast(y.device):
            prepared, rows = self._prepared(index, y)
            activities = stage.activities(prepared, net.shown(rows), index)
        goodness = [net.judge(h.to(self._parameters[0].dtype), rows) for h in activities]
        loss = torch.stack([self._loss(g[0], g[1:]) for g in stage.objectives(goodness)]).sum()
        gradients = torch.autograd.grad(self._with_peers(loss, activities), self._parameters)
        return Found(
            loss.detach().unsqueeze(0),
            [g.detach().unsqueeze(0) for g in goodness],
            [h[:1].detach().flatten(2).sum(1) for h in activities],
            [g.unsqueeze(0) for g in gradients],
        )

    def _prepared(self, index: Tensor, y: Tensor) -> tuple[Prepared, Tensor]:
        """What the first layer makes of the items, and the rows that they are shown."""
        stage, net = self._stage, self._stage.net
        if stage.source.noise.adversarial == 0 or 0 not in stage.layers:
            prepared = stage.prepared(index)
            return prepared, stage.source.rows(y, prepared)
        alone = stage.alone(index)
        with torch.no_grad():
            rows = stage.source.rows(y, net.multiplied(alone))
        return net.multiplied(moved_by_autograd(stage, alone, rows, index, self._loss)), rows

    def _with_peers(self, loss: Tensor, activities: list[Tensor]) -> Tensor:
        if self._plan.peer == 0:
            return loss
        for at, h in enumerate(activities):
            term, self._peers[at] = peer_term(h[0].flatten(1), self._peers[at])
            loss = loss + self._plan.peer * term
        return loss


def peer_term(h: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
    """Mean squared difference of the units' mean activities from their common mean.

    Args:
        h: Activity under the right label, float [b, u].
        past: Mean activity of each unit so far, float [u].

    Returns:
        A scalar with its graph, and the new mean activities without.

    Reference: Hinton, arXiv 2212.13345, 2022, section 5.1 (peer normalisation).
    """
    mean = _PEERS * past + (1 - _PEERS) * h.mean(0)
    return (mean - mean.mean()).square().mean(), mean.detach()
