"""Nets of one shape, each with a seed of its own, trained at once in batched products."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Generator, Tensor, nn

from pauca.errors import UsageError
from pauca.forward.closed import ClosedForm
from pauca.forward.layers import LinearLayer
from pauca.forward.losses import AbstractLoss
from pauca.forward.negatives import AbstractNegatives
from pauca.forward.net import ForwardNet
from pauca.forward.plan import Plan
from pauca.forward.schedules import AbstractSchedule
from pauca.forward.source import Items
from pauca.forward.speed import Speed
from pauca.forward.stack import Stack
from pauca.forward.step import Optimiser
from pauca.forward.training import Trained, Training

__all__ = ["train_seeds"]


def train_seeds(
    nets: Sequence[ForwardNet],
    items: Items,
    *,
    schedule: AbstractSchedule,
    loss: AbstractLoss,
    negatives: AbstractNegatives,
    plan: Plan,
    generators: Sequence[Generator],
    dropout: float = 0.0,
    item_dropout: float = 0.0,
    adversarial: float = 0.0,
    speed: Speed = Speed(),  # noqa: B008 - frozen
) -> tuple[Trained, ...]:
    """Train s nets in place, each as ``train`` would with its generator, to rounding.

    Every net has its own order of items, wrong labels and noise; products and optimiser steps are
    taken together. The budget of what is kept is shared out among the nets.

    Args:
        nets: Of one shape, s >= 1.
        items: What all of them learn from.
        schedule: Which layers learn when; greedy or simultaneous.
        loss: Of positives and negatives.
        negatives: What is wrong about a negative.
        plan: How long and how fast.
        generators: One for each net.
        dropout: Part of the activity that a deeper layer does not see while it learns.
        item_dropout: Part of an item that the first layer does not see while it learns.
        adversarial: Part of its length by which an item is moved to raise the first layer's loss.
        speed: Which short cuts are taken.

    Returns:
        What each training did.

    Raises:
        UsageError: nets of different shapes, or a training without gradients in closed form.
        RunError: a loss is not finite any more.
    """
    if not nets or len(nets) != len(generators):
        raise UsageError(
            "every net needs a generator",
            expected=f"{len(nets)} of each, at least one",
            got=f"{len(generators)} generators",
            todo="pass a list of generators as long as that of the nets",
        )
    share = Speed(
        keep=speed.budget(len(items), nets[0].code.d, nets[0].code.patterns.dtype) // len(nets),
        precision=speed.precision,
    )
    trainings = [
        Training(
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
            speed=share,
        )
        for net, generator in zip(nets, generators, strict=True)
    ]
    _check_shapes(nets)
    with _together(nets) as (weights, biases):
        stack = Stack(nets, weights, biases, share)
        while not trainings[0].finished:
            _one_stage(trainings, stack, loss)
    return tuple(training.run(steps=0) for training in trainings)


def _one_stage(trainings: Sequence[Training], stack: Stack, loss: AbstractLoss) -> None:
    """All steps of the next stage of every training."""
    stages = [training.begin(alone=False) for training in trainings]
    plan, steps = trainings[0].plan, trainings[0].stage_steps
    if plan.peer != 0 or not ClosedForm.fits(stages[0]):
        raise UsageError(
            "these nets cannot be trained at once",
            expected="linear layers behind a scaling that each learn from the length of their own "
            "activity (schedule greedy or simultaneous), wrong labels, and no peer normalisation",
            got=f"goodness {stack.net.goodness.name!r}, a stage of layers "
            f"{[k + 1 for k in stages[0].layers]}, peer = {plan.peer}",
            todo="train them one after the other",
        )
    parameters = [
        nn.Parameter(part[k], requires_grad=False)
        for k in stages[0].layers
        for part in (stack.weights, stack.biases)
    ]
    closed, optimiser = ClosedForm(stages, stack, loss), Optimiser(parameters, plan, steps)
    for number in range(steps):
        batches = [training.next_batch() for training in trainings]
        found = closed([index for index, _ in batches], [y for _, y in batches])
        optimiser(found.gradients, number)
        for s, training in enumerate(trainings):
            training.took(
                len(batches[s][0]),
                found.loss[s],
                [g[s] for g in found.goodness],
                [h[s] for h in found.answers],
            )
    optimiser.finish()


def _check_shapes(nets: Sequence[ForwardNet]) -> None:
    shapes = [[tuple(p.shape) for p in net.parameters()] for net in nets]
    same = all(torch.equal(net.code.spots, nets[0].code.spots) for net in nets)
    if any(shape != shapes[0] for shape in shapes) or not same:
        raise UsageError(
            "nets of different shapes cannot be trained at once",
            expected="the same widths and the same places of the label",
            got=f"widths {[net.widths for net in nets]}",
            todo="train them one after the other",
        )


@contextmanager
def _together(nets: Sequence[ForwardNet]) -> Iterator[tuple[list[Tensor], list[Tensor]]]:
    """Weights [s, u, d] and biases [s, u] of each layer in one memory, whose parts the nets use."""
    whole: list[list[Tensor]] = [[], []]
    layers = [[layer for layer in net.layers if isinstance(layer, LinearLayer)] for net in nets]
    for level in zip(*layers, strict=True):
        for at, name in enumerate(("weight", "bias")):
            own: list[nn.Parameter] = [getattr(layer, name) for layer in level]
            whole[at].append(torch.stack([p.detach() for p in own]))
            for parameter, part in zip(own, whole[at][-1], strict=True):
                parameter.data = part
    try:
        yield whole[0], whole[1]
    finally:
        for net in nets:
            for parameter in net.parameters():
                parameter.data = parameter.data.clone()
