"""A training that is left and gone on with is, bit for bit, one that was left alone."""

import io
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Generator, Tensor

from pauca.errors import InputError
from pauca.forward import (
    AbstractNegatives,
    BatchNorm,
    ForwardNet,
    HardWrong,
    HybridMask,
    Items,
    MeanOfSquares,
    NoLabel,
    Plan,
    RandomWrong,
    SumOfSquares,
    Threshold,
    Training,
    schedules,
)
from pauca.rng import generator_from
from tests.forward.plain import CLASSES, SHAPE, a_code, a_net, some_items

WIDTHS = (9, 8, 7)
STEPS = 21


def flip(x: Tensor, generator: Generator) -> Tensor:
    """Some items upside down, at random."""
    turned = torch.rand(len(x), generator=generator) < 0.5
    return torch.where(turned[:, None], x.flip(1), x)


def a_training(
    schedule: str, *, negatives: AbstractNegatives | None = None, n: int = 40, **plan: Any
) -> Training:
    """Everything that a training could forget: means, optimiser, dropout, moments, streams."""
    negatives = negatives or HardWrong(count=2)
    code = a_code() if negatives.labelled else NoLabel(shape=SHAPE, classes=CLASSES, on=[], off=[])
    net = ForwardNet(
        code,
        WIDTHS,
        goodness=MeanOfSquares(),
        normalisation=BatchNorm(),
        generator=generator_from(1),
    )
    items = some_items(n)
    items = Items(items.x.float(), items.y, lambda x: x, flip, SHAPE)
    chosen: dict[str, Any] = {"steps": STEPS, "rate": 0.02, "batch": 16, "average": 0.9}
    return Training(
        net,
        items,
        schedule=schedules.make(schedule, {}),
        loss=Threshold(0.5),
        negatives=negatives,
        plan=Plan(**{**chosen, "decay": "cosine", "warmup": 0.2, "peer": 0.1, **plan}),
        generator=generator_from(2),
        dropout=0.2,
        item_dropout=0.1,
    )


def kept(training: Training) -> Mapping[str, Any]:
    """Its state, through a file that may hold nothing but tensors and plain values."""
    file = io.BytesIO()
    torch.save(training.state(), file)
    file.seek(0)
    found: Mapping[str, Any] = torch.load(file, weights_only=True)
    return found


def check_same(one: Training, two: Training) -> None:
    assert one.run().history == two.run().history
    assert (one.done, one.examples) == (two.done, two.examples)
    here, there = one.net.state_dict(), two.net.state_dict()
    for name, value in here.items():
        assert torch.equal(value, there[name]), name


# 7 steps a layer where layers learn in turn: in the middle of each, and between them
@pytest.mark.parametrize("at", [0, 5, 7, 10, 14, 21])
@pytest.mark.parametrize("schedule", schedules.names())
def test_going_on_equals_a_run_left_alone(schedule: str, at: int) -> None:
    alone, left = a_training(schedule), a_training(schedule)
    left.run(steps=at)
    state = kept(left)
    left.run(steps=3)  # what comes after does not reach into the state
    other = a_training(schedule)
    other.load_state(state)
    check_same(other, alone)


def test_going_on_where_finished_layers_are_kept() -> None:
    """Plain items: what finished layers say is kept, and computed again after a kill."""

    def made() -> Training:
        return Training(
            a_net((9, 8, 7, 6)),
            some_items(40),
            schedule=schedules.make("greedy", {}),
            loss=Threshold(),
            negatives=RandomWrong(),
            plan=Plan(steps=20, batch=16, rate=0.02, average=0.5),
            generator=generator_from(3),
        )

    for at in (4, 5, 10, 12, 15, 19):
        left, other = made(), made()
        left.run(steps=at)
        other.load_state(kept(left))
        check_same(other, made())


def test_going_on_without_labels() -> None:
    alone, left, other = (a_training("greedy", negatives=HybridMask(), n=33) for _ in range(3))
    left.run(steps=9)
    other.load_state(kept(left))
    check_same(other, alone)


def test_going_on_again_and_again() -> None:
    training = a_training("greedy")
    for _ in range(STEPS):
        training.run(steps=1)
        state = kept(training)
        training = a_training("greedy")
        training.load_state(state)
    assert training.finished
    check_same(training, a_training("greedy"))


def test_a_state_may_be_put_back_into_a_training_under_way() -> None:
    training = a_training("greedy")
    training.run(steps=4)
    state = kept(training)
    training.run(steps=12)
    training.load_state(state)
    check_same(training, a_training("greedy"))


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"n": 41}, "items"),
        ({"rate": 0.01}, "plan"),
        ({"negatives": HardWrong(count=1)}, "negatives"),
    ],
)
def test_the_state_of_another_training_is_refused(change: dict[str, Any], word: str) -> None:
    state = kept(a_training("greedy"))
    with pytest.raises(InputError, match=f"another training.*{word}"):
        a_training("greedy", **change).load_state(state)
    with pytest.raises(InputError, match=r"another training.*schedule"):
        a_training("overlapping").load_state(state)
    other = a_training("greedy")
    other.net.goodness = SumOfSquares()
    with pytest.raises(InputError, match=r"another training.*net"):
        other.load_state(state)


def test_after_is_called_once_a_step_when_the_state_may_be_read() -> None:
    training, seen = a_training("greedy"), []
    training.run(after=lambda: seen.append(training.state()["at"][2]))
    assert seen == list(range(1, STEPS + 1))
