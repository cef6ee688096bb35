"""What supervised training needs: a validation part, batches, schedules, stages, the best weights.

Sizes: n labelled items, b items of a batch, c classes.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, cos, isfinite, pi
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from pauca.errors import RunError, UsageError
from pauca.forward import moved
from pauca.learners.base import FitReport, Progress

__all__ = [
    "Best",
    "Objective",
    "Optimiser",
    "Plan",
    "Schedule",
    "check_length",
    "cross_entropy",
    "hold_out",
    "index_batches",
    "make_optimiser",
    "rate_at",
    "steps_of",
    "train",
    "worst_case",
]

Optimiser = Literal["adam", "adamw", "sgd"]
Schedule = Literal["constant", "cosine"]

Batches = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Positions int64 [b] -> net input [b, ...] and labels int64 [b], on the device."""

Objective = Callable[[nn.Module, Tensor, Tensor], Tensor]
"""Net, input [b, ...] and labels [b] -> the loss to make small, float []."""

Check = Callable[[nn.Module], Mapping[str, float]]
"""The net (in evaluation mode) -> numbers by name; ``validation_loss`` decides."""


@dataclass(frozen=True)
class Plan:
    """How to train.

    Args:
        steps: Optimiser steps, unless stopped early.
        batch: Items a step; all items where there are fewer.
        optimiser: adam, adamw or sgd (with momentum).
        rate: Learning rate at the start.
        momentum: Of sgd.
        weight_decay: As the optimiser defines it.
        schedule: constant, or cosine down to 0 at the last step.
        check_every: Steps of one stage: one record of the history, one look at the validation part.
        patience: Stages without a lower validation loss after which training stops; 0 for never.
    """

    steps: int
    batch: int
    optimiser: Optimiser
    rate: float
    momentum: float
    weight_decay: float
    schedule: Schedule
    check_every: int
    patience: int


def check_length(settings: Mapping[str, Any], learner: str) -> None:
    """Refuse a training whose length is given twice, and patience without a validation part.

    Raises:
        UsageError: with both settings named.
    """
    steps, epochs = settings.get("steps"), settings.get("epochs")
    if steps is not None and epochs is not None:
        raise UsageError(
            "the length of training is given twice",
            expected="either steps or epochs",
            got=f"steps = {steps} and epochs = {epochs}",
            where=f"learner {learner!r}",
            todo="leave one of them out",
        )
    if settings.get("patience") and not settings.get("validation"):
        raise UsageError(
            "patience without a validation part",
            expected="validation > 0",
            got=f"patience = {settings['patience']}, validation = 0",
            where=f"learner {learner!r}",
            todo="set validation to, say, 0.2, or patience to 0",
        )


def hold_out(y: Tensor, fraction: float, generator: Generator) -> tuple[Tensor, Tensor]:
    """Positions to train on and positions held out, stratified; every class keeps one to train on.

    Each class gives its share of ``fraction`` n, rounded by largest remainder with ties at random.
    A class of one item gives nothing, so fewer may be held out than asked for, down to none.

    Args:
        y: int64 [n].
        fraction: In [0, 1).
        generator: Which items, and ties.

    Returns:
        int64 [n - v] and int64 [v], each in increasing order.
    """
    y = y.cpu()
    mixed = torch.randperm(len(y), generator=generator)
    classes, counts = torch.unique(y, return_counts=True)
    quotas = _quotas(counts, fraction, torch.rand(len(classes), generator=generator))
    held = torch.zeros(len(y), dtype=torch.bool)
    for label, quota in zip(classes, quotas, strict=True):
        held[mixed[y[mixed] == label][: int(quota)]] = True
    return (~held).nonzero().squeeze(1), held.nonzero().squeeze(1)


def _quotas(counts: Tensor, fraction: float, ties: Tensor) -> Tensor:
    share = counts.double() * fraction
    quotas = share.floor().to(torch.int64)
    left = round(fraction * int(counts.sum())) - int(quotas.sum())
    # larger remainder first; ``ties`` in [0, 1) only orders equal ones
    order = sorted(
        range(len(counts)), key=lambda i: (-round(float(share[i] % 1), 9), float(ties[i]))
    )
    quotas[torch.tensor(order[: max(0, left)], dtype=torch.int64)] += 1
    return torch.minimum(quotas, counts - 1)


def index_batches(
    n: int, batch: int, generator: Generator, *, exact: bool = False
) -> Iterator[Tensor]:
    """Endless positions int64 [min(batch, n)]: one permutation of n after the other, cut evenly.

    With ``exact`` they are int64 [batch] even where n is smaller.
    """
    size = batch if exact else min(batch, n)
    left = torch.empty(0, dtype=torch.int64)
    while True:
        while len(left) < size:
            left = torch.cat([left, torch.randperm(n, generator=generator)])
        yield left[:size]
        left = left[size:]


def steps_of(epochs: int, n: int, batch: int) -> int:
    """Optimiser steps of so many passes over n items."""
    return ceil(epochs * n / min(batch, n))


def rate_at(plan: Plan, step: int) -> float:
    """Learning rate of step 0, 1, ..., steps - 1."""
    if plan.schedule == "constant":
        return plan.rate
    return plan.rate * 0.5 * (1 + cos(pi * step / plan.steps))


def make_optimiser(plan: Plan, net: nn.Module) -> torch.optim.Optimizer:
    """A fresh optimiser of the net's parameters."""
    parameters = list(net.parameters())
    fused = {p.device.type for p in parameters} <= {"cpu", "cuda"}
    settings: dict[str, Any] = {
        "lr": plan.rate,
        "weight_decay": plan.weight_decay,
        "fused": fused,
    }
    if plan.optimiser == "sgd":
        return torch.optim.SGD(parameters, momentum=plan.momentum, **settings)
    kind = torch.optim.AdamW if plan.optimiser == "adamw" else torch.optim.Adam
    return kind(parameters, **settings)


def cross_entropy(net: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Mean negative log-likelihood of the labels, in nats."""
    return F.cross_entropy(net(x), y)


def worst_case(radius: float) -> Objective:
    """Cross-entropy of inputs moved by ``radius`` of their own length to where it grows fastest.

    Dropout draws anew for the second pass.

    Args:
        radius: Length of the step as a part of the input's own, >= 0.

    Reference: Goodfellow, Shlens and Szegedy, ICLR 2015, section 4; with the L2 norm as in Miyato
        et al., IEEE TPAMI 2018, eq. 4.
    """

    def objective(net: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        leaf = x.detach().requires_grad_()
        (slopes,) = torch.autograd.grad(cross_entropy(net, leaf, y), leaf)
        return cross_entropy(net, moved(x.flatten(1), slopes.flatten(1), radius).view_as(x), y)

    return objective if radius > 0 else cross_entropy


@dataclass
class Best:
    """The weights with the lowest validation loss so far, and for how many stages it has stood."""

    loss: float = float("inf")
    stages: int = 0
    weights: dict[str, Tensor] = field(default_factory=dict)

    def see(self, loss: float, net: nn.Module) -> None:
        """Keep the net's weights if this loss is lower."""
        self.stages += 1
        if loss < self.loss:
            self.loss, self.stages = loss, 0
            self.weights = {k: v.detach().clone() for k, v in net.state_dict().items()}

    def put_back(self, net: nn.Module) -> None:
        """Give the net the best weights, if there are any."""
        if self.weights:
            net.load_state_dict(self.weights)


def train(
    net: nn.Module,
    batches: Batches,
    n: int,
    plan: Plan,
    *,
    generator: Generator,
    objective: Objective = cross_entropy,
    check: Check | None = None,
    progress: Progress | None = None,
) -> FitReport:
    """Train ``net`` in place, stage by stage; it ends in evaluation mode with its best weights.

    Stochastic layers draw from torch's global generator: call it under ``rng.isolated``. Nothing is
    read back from the device within a stage.

    Args:
        net: What is trained.
        batches: Positions to input and labels.
        n: Items to draw positions from.
        plan: How.
        generator: Of the positions.
        objective: The loss.
        check: Looks at a validation part after every stage; None trains to the end and keeps the
            last weights.
        progress: Told the fraction of the planned steps.

    Raises:
        RunError: the loss or a weight is not finite.
    """
    positions = index_batches(n, plan.batch, generator)
    optimiser = make_optimiser(plan, net)
    best, done, history = Best(), 0, list[Mapping[str, float]]()
    while done < plan.steps:
        stop = min(done + plan.check_every, plan.steps)
        _training_mode(net, alone=min(plan.batch, n) == 1)
        loss = _stage(net, batches, positions, plan, optimiser, objective, range(done, stop))
        done = stop
        net.eval()
        seen = check(net) if check is not None else {}
        _check_finite([loss, *seen.values()], net, plan, done)
        history.append({"step": float(done), "loss": loss, **seen})
        if progress is not None:
            progress(done / plan.steps)
        if check is not None:
            best.see(seen["validation_loss"], net)
            if 0 < plan.patience <= best.stages:
                break
    best.put_back(net)
    optimiser.zero_grad(set_to_none=True)  # no gradient outlives the training
    if progress is not None and done < plan.steps:
        progress(1.0)
    return FitReport(done, done * min(plan.batch, n), history=tuple(history))


def _stage(
    net: nn.Module,
    batches: Batches,
    positions: Iterator[Tensor],
    plan: Plan,
    optimiser: torch.optim.Optimizer,
    objective: Objective,
    steps: range,
) -> float:
    """Mean loss over these steps."""
    losses = []
    for step in steps:
        x, y = batches(next(positions))
        for group in optimiser.param_groups:
            group["lr"] = rate_at(plan, step)
        optimiser.zero_grad(set_to_none=True)
        loss = objective(net, x, y)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(loss.detach())
    return float(torch.stack(losses).mean())


def _training_mode(net: nn.Module, *, alone: bool) -> None:
    """Training mode; a batch of one item has no statistics, so BatchNorm then keeps its running."""
    net.train()
    if alone:
        for part in net.modules():
            if isinstance(part, nn.modules.batchnorm._BatchNorm):
                part.eval()


def _check_finite(seen: Sequence[float], net: nn.Module, plan: Plan, step: int) -> None:
    if all(map(isfinite, seen)) and all(bool(p.isfinite().all()) for p in net.parameters()):
        return
    raise RunError(
        "the training diverged",
        expected="a finite loss and finite weights",
        got=f"mean loss {seen[0]} by step {step}",
        where=f"optimiser {plan.optimiser}, rate {plan.rate}",
        todo="lower the rate (a tenth is a good next try) or look for items with extreme values",
    )
