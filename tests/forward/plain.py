"""The slow, obvious form of what pauca.forward does fast: the reference of these tests."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from pauca import rng
from pauca.forward import (
    L2,
    AbstractLabelCode,
    AbstractSchedule,
    ForwardNet,
    Greedy,
    Items,
    L2Scaling,
    Overlay,
    Plan,
    RandomWrong,
    Speed,
    Threshold,
    Trained,
    train,
)

SHAPE = (1, 5, 6)
CLASSES = 4


def a_code(shape: Sequence[int] = SHAPE, classes: int = CLASSES) -> Overlay:
    channels = shape[0]
    return Overlay(shape=shape, classes=classes, on=[2.5] * channels, off=[-0.4] * channels)


def a_net(
    widths: Sequence[int] = (9, 8, 7),
    *,
    code: AbstractLabelCode | None = None,
    seed: int = 0,
) -> ForwardNet:
    """A small net in double precision, with activity strong enough to matter."""
    net = ForwardNet(
        code or a_code(),
        widths,
        goodness=L2(),
        normalisation=L2Scaling(),
        generator=rng.generator_from(seed),
    )
    return net.double()


def some_items(n: int, *, d: int = 30, c: int = CLASSES, seed: int = 1) -> Items:
    g = rng.generator_from(seed)
    x = torch.randn(n, d, generator=g, dtype=torch.float64)
    return Items(x, torch.randint(c, (n,), generator=g), lambda batch: batch)


def plain_activities(net: ForwardNet, encoded: Tensor) -> list[Tensor]:
    """normalise -> Linear -> ReLU, layer by layer, on items that carry their label: [b, d]."""
    found = []
    h = encoded
    for number in range(net.depth):
        weight, bias = net.layer(number).parameters()
        length = h.norm(dim=1, keepdim=True)
        h = torch.relu(F.linear(h / torch.where(length > 0, length, 1.0), weight, bias))
        found.append(h)
    return found


def plain_label_goodness(net: ForwardNet, x: Tensor) -> Tensor:
    """One pass a label over a labelled copy of everything, [b, c, l]."""
    columns = []
    for label in range(net.code.classes):
        rows = torch.full((len(x),), label)
        columns.append(
            torch.stack([h.norm(dim=1) for h in plain_activities(net, net.code.write(x, rows))], 1)
        )
    return torch.stack(columns, 1)


def plain_train(
    net: ForwardNet, items: Items, *, greedy: bool, steps: int, rate: float, batch: int, seed: int
) -> None:
    """Two separate passes for positives and negatives, nothing kept, labels written into copies."""
    batches, wrong = rng.split(rng.generator_from(seed), "batches", "negatives")
    stages = [[k] for k in range(net.depth)] if greedy else [list(range(net.depth))]
    for stage in stages:
        parameters = [p for k in stage for p in net.layer(k).parameters()]
        optimiser = torch.optim.Adam(parameters, lr=rate)
        done = 0
        while done < steps // len(stages):
            order = torch.randperm(len(items), generator=batches)
            for start in range(0, len(items), batch):
                if done == steps // len(stages):
                    break
                index = order[start : start + batch]
                y = items.y[index]
                offset = torch.randint(1, CLASSES, (1, len(y)), generator=wrong)[0]
                goodness = [
                    sum_over(net, items.x[index], label, stage)
                    for label in (y, (y + offset) % CLASSES)
                ]
                loss = softplus(3 - goodness[0]).mean() + softplus(goodness[1] - 3).mean()
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                done += 1


def sum_over(net: ForwardNet, x: Tensor, label: Tensor, stage: list[int]) -> Tensor:
    activities = plain_activities(net, net.code.write(x, label))
    return torch.stack([activities[k].norm(dim=1) for k in stage]).sum(0)


def softplus(x: Tensor) -> Tensor:
    return torch.log1p(x.exp())


def a_training(
    net: ForwardNet,
    items: Items,
    *,
    schedule: AbstractSchedule | None = None,
    seed: int = 5,
    generator: Generator | None = None,
    speed: Speed | None = None,
    **plan: float | int,
) -> Trained:
    settings = {"steps": 12, "rate": 0.02, "batch": 16, **plan}
    return train(
        net,
        items,
        schedule=schedule or Greedy(),
        loss=Threshold(3.0),
        negatives=RandomWrong(),
        plan=Plan(**settings),  # type: ignore[arg-type]
        generator=generator or rng.generator_from(seed),
        speed=speed or Speed(),
    )
