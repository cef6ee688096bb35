"""Seeds at once give what seeds one after the other give."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch

from pauca.errors import UsageError
from pauca.forward import (
    AbstractNegatives,
    AbstractNormalisation,
    AbstractSchedule,
    EndToEnd,
    ForwardNet,
    Greedy,
    HardWrong,
    L2Scaling,
    LayerNorm,
    Plan,
    RandomWrong,
    SumOfSquares,
    Threshold,
    train_seeds,
)
from pauca.forward.speed import Speed
from pauca.rng import generator_from
from tests.forward.fast import LOCAL, N, a_net, same, same_history, trained
from tests.forward.plain import a_code, some_items


@LOCAL
@pytest.mark.parametrize("negatives", [RandomWrong(), HardWrong(2)], ids=["random", "hard"])
@pytest.mark.parametrize("normalisation", [L2Scaling(), LayerNorm()], ids=lambda n: n.name)
@pytest.mark.parametrize("keep", [0, None, 10**9])
def test_seeds_at_once_equal_one_after_the_other(
    schedule: AbstractSchedule,
    negatives: AbstractNegatives,
    normalisation: AbstractNormalisation,
    keep: int | None,
) -> None:
    alone, together, start = (
        [a_net(seed=s, normalisation=normalisation) for s in range(3)] for _ in range(3)
    )
    options = {"schedule": schedule, "negatives": negatives, "average": 0.8, "dropout": 0.2}
    one = [trained(net, Speed(keep=0), seed=s, **options) for s, net in enumerate(alone)]  # type: ignore[arg-type]
    many = train_seeds(
        together,
        some_items(N),
        schedule=schedule,
        loss=Threshold(0.5),
        negatives=negatives,
        plan=Plan(steps=18, rate=0.02, batch=16, average=0.8),
        generators=[generator_from(s) for s in range(3)],
        dropout=0.2,
        speed=Speed(keep=keep),
    )
    for a, b, c in zip(together, alone, start, strict=True):
        same(a, b, c)
    assert not torch.equal(next(together[0].parameters()), next(together[1].parameters()))
    for mine, theirs, net in zip(many, one, alone, strict=True):
        assert (mine.steps, mine.examples) == (theirs.steps, theirs.examples)
        same_history(mine, theirs, net, some_items(N).x)


def test_after_seeds_every_net_has_memory_of_its_own() -> None:
    nets = [a_net(seed=s) for s in range(3)]
    seeds(nets)
    for net in nets:
        for p in net.parameters():
            assert p.untyped_storage().nbytes() == p.nbytes


def seeds(nets: Sequence[ForwardNet], **more: Any) -> None:
    settings = {"schedule": Greedy(), "plan": Plan(steps=3), **more}
    train_seeds(
        nets,
        some_items(N),
        loss=Threshold(),
        negatives=RandomWrong(),
        generators=[generator_from(s) for s in range(2)]
        if len(nets) == 2
        else [generator_from(s) for s in range(3)],
        **settings,
    )


@pytest.mark.parametrize("more", [{"schedule": EndToEnd()}, {"plan": Plan(steps=3, peer=0.1)}])
def test_what_cannot_be_trained_at_once_is_refused(more: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="one after the other"):
        seeds([a_net(), a_net(seed=1)], **more)


def test_nets_of_different_shapes_are_refused() -> None:
    other = ForwardNet(
        a_code(),
        (9, 8, 6),
        goodness=SumOfSquares(),
        normalisation=L2Scaling(),
        generator=generator_from(0),
    ).double()
    with pytest.raises(UsageError, match="different shapes"):
        seeds([a_net(), other])
    with pytest.raises(UsageError, match="generator"):
        seeds([a_net()])
