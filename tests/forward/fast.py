"""What the tests of short cuts share: nets, trainings with and without, and their comparison."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pauca.forward import (
    AbstractGoodness,
    AbstractLabelCode,
    AbstractLoss,
    AbstractNegatives,
    AbstractNormalisation,
    AbstractSchedule,
    ForwardNet,
    Greedy,
    Items,
    L2Scaling,
    Plan,
    RandomWrong,
    Simultaneous,
    SumOfSquares,
    Threshold,
    Trained,
    train,
)
from pauca.forward.speed import Speed
from pauca.rng import generator_from
from tests.forward.plain import a_code, some_items

N, WIDTHS = 40, (9, 8, 7)
PLAIN = Speed(closed_form=False, keep=0)
LOCAL = pytest.mark.parametrize(
    "schedule", [Greedy(), Simultaneous()], ids=["greedy", "simultaneous"]
)


def a_net(
    *,
    goodness: AbstractGoodness | None = None,
    normalisation: AbstractNormalisation | None = None,
    code: AbstractLabelCode | None = None,
    factorise: bool = True,
    seed: int = 0,
) -> ForwardNet:
    return ForwardNet(
        code or a_code(),
        WIDTHS,
        goodness=goodness or SumOfSquares(),
        normalisation=normalisation or L2Scaling(),
        generator=generator_from(seed),
        factorise=factorise,
    ).double()


def trained(
    net: ForwardNet,
    speed: Speed,
    *,
    schedule: AbstractSchedule | None = None,
    loss: AbstractLoss | None = None,
    negatives: AbstractNegatives | None = None,
    items: Items | None = None,
    dropout: float = 0.0,
    item_dropout: float = 0.0,
    adversarial: float = 0.0,
    seed: int = 5,
    **plan: Any,
) -> Trained:
    return train(
        net,
        items or some_items(N),
        schedule=schedule or Greedy(),
        loss=loss or Threshold(0.5),
        negatives=negatives or RandomWrong(),
        plan=Plan(**{"steps": 18, "rate": 0.02, "batch": 16, **plan}),
        generator=generator_from(seed),
        dropout=dropout,
        item_dropout=item_dropout,
        adversarial=adversarial,
        speed=speed,
    )


def same(found: nn.Module, expected: nn.Module, start: nn.Module) -> None:
    for a, b, c in zip(found.parameters(), expected.parameters(), start.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-8)
        assert float((b - c).detach().abs().max()) > 1e-3


def compare(speed: Speed, *, net: dict[str, Any] | None = None, **training: Any) -> None:
    fast, slow, start = (a_net(**(net or {})) for _ in range(3))
    mine, plain = trained(fast, speed, **training), trained(slow, PLAIN, **training)
    same(fast, slow, start)
    same_history(mine, plain, slow, (training.get("items") or some_items(N)).x)


def same_history(mine: Trained, plain: Trained, net: ForwardNet, x: Tensor) -> None:
    """Equal to rounding; of what counts items, all but those whose two best labels are level.

    Deeper layers meet such items: where one unit alone is active below, normalised it is the same
    under every label, so which label is best is decided by the last bit.

    Args:
        mine: One training.
        plain: The other.
        net: As either left it.
        x: The items that the history counts.
    """
    assert len(mine.history) == len(plain.history)
    last = max(record["epoch"] for record in plain.history)
    level = _level(net, x)
    for a, b in zip(mine.history, plain.history, strict=True):
        layer = int(b["layer"])
        for name in a:
            if name not in ("separation", "accuracy"):
                assert a[name] == pytest.approx(b[name], rel=1e-4, abs=1e-6)
            elif layer == 1 or b["epoch"] == last:
                assert a[name] == pytest.approx(b[name], rel=0, abs=level[layer - 1] + 0.06)


@torch.no_grad()
def _level(net: ForwardNet, x: Tensor) -> list[float]:
    """Share of items with two labels of equal goodness, up to rounding, by layer."""
    goodness = net.label_goodness(x.double()).sort(dim=1).values  # [n, k, layers]
    return [float(share) for share in (goodness.diff(dim=1) < 1e-9).any(1).double().mean(0)]
