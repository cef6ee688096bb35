"""Every short cut gives the weights of the plain form, to rounding."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from pauca.errors import InputError, UsageError
from pauca.forward import (
    L1,
    L2,
    AbstractGoodness,
    AbstractLabelCode,
    AbstractNegatives,
    AbstractNormalisation,
    AbstractSchedule,
    AllWrong,
    Append,
    BatchNorm,
    CrossEntropy,
    Difference,
    EndToEnd,
    Greedy,
    HardWrong,
    L2Scaling,
    LayerNorm,
    MeanOfSquares,
    NoScaling,
    Overlapping,
    Plan,
    RandomPatterns,
    RandomWrong,
    RMSScaling,
    Simultaneous,
    SumOfSquares,
    Threshold,
    Training,
)
from pauca.forward.closed import ClosedForm
from pauca.forward.kernels import _pieces
from pauca.forward.losses import losses
from pauca.forward.normalise import normalisations
from pauca.forward.speed import Speed
from pauca.forward.stack import Stack
from pauca.forward.step import Step
from pauca.rng import generator_from
from tests.forward.fast import LOCAL, PLAIN, WIDTHS, N, a_net, compare, same, trained
from tests.forward.plain import CLASSES, a_code, some_items


@LOCAL
@pytest.mark.parametrize("name", losses.names())
def test_closed_form_equals_autograd_for_every_loss(schedule: AbstractSchedule, name: str) -> None:
    loss = {"threshold": Threshold(0.5), "cross-entropy": CrossEntropy(2.0, 0.1)}.get(name)
    compare(Speed(), schedule=schedule, loss=loss or losses.make(name, {}))


@LOCAL
@pytest.mark.parametrize("goodness", [L2(), SumOfSquares(), MeanOfSquares()], ids=lambda g: g.name)
def test_closed_form_equals_autograd_for_every_length(
    schedule: AbstractSchedule, goodness: AbstractGoodness
) -> None:
    compare(Speed(), net={"goodness": goodness}, schedule=schedule)


@LOCAL
@pytest.mark.parametrize(
    "negatives",
    [RandomWrong(), RandomWrong(3), AllWrong(), HardWrong(2, 5.0)],
    ids=["random", "three", "all", "hard"],
)
def test_closed_form_equals_autograd_for_all_wrong_labels(
    schedule: AbstractSchedule, negatives: AbstractNegatives
) -> None:
    compare(Speed(), schedule=schedule, negatives=negatives, loss=Difference(2.0))


@LOCAL
@pytest.mark.parametrize("normalisation", [L2Scaling(), RMSScaling(), LayerNorm(), NoScaling()])
def test_closed_form_equals_autograd_for_every_scaling(
    schedule: AbstractSchedule, normalisation: AbstractNormalisation
) -> None:
    compare(Speed(), net={"normalisation": normalisation}, schedule=schedule)


def some_codes() -> list[AbstractLabelCode]:
    levels = {"classes": CLASSES, "on": [1.5], "off": [-0.25]}
    return [
        a_code((3, 2, 5)),
        Append(shape=(30,), **levels),  # type: ignore[arg-type]
        RandomPatterns(shape=(30,), size=12, **levels),  # type: ignore[arg-type]
    ]


@LOCAL
@pytest.mark.parametrize("code", some_codes(), ids=lambda code: code.name)
@pytest.mark.parametrize("normalisation", [L2Scaling(), LayerNorm()], ids=lambda n: n.name)
def test_closed_form_equals_autograd_for_every_label_code(
    schedule: AbstractSchedule, code: AbstractLabelCode, normalisation: AbstractNormalisation
) -> None:
    compare(Speed(), net={"code": code, "normalisation": normalisation}, schedule=schedule)


@LOCAL
def test_closed_form_equals_autograd_with_noise_decay_and_a_running_mean(
    schedule: AbstractSchedule,
) -> None:
    compare(
        Speed(),
        schedule=schedule,
        dropout=0.3,
        item_dropout=0.2,
        weight_decay=0.1,
        average=0.9,
        decay="cosine",
    )


@LOCAL
def test_without_the_factorised_label_the_same_weights_come_out(schedule: AbstractSchedule) -> None:
    fast, slow, start = a_net(), a_net(factorise=False), a_net()
    trained(fast, Speed(), schedule=schedule)
    trained(slow, PLAIN, schedule=schedule)
    same(fast, slow, start)


def test_silent_layers_have_no_gradient_and_no_nan() -> None:
    fast, slow = a_net(goodness=L2()), a_net(goodness=L2())
    for net in (fast, slow):
        with torch.no_grad():
            net.layer(0).bias.fill_(-100.0)  # type: ignore[operator]
    for net, speed in ((fast, Speed()), (slow, PLAIN)):
        trained(net, speed)
    for a, b in zip(fast.parameters(), slow.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def closed(goodness: AbstractGoodness, schedule: AbstractSchedule, **more: Any) -> bool:
    net = a_net(goodness=goodness, **more)
    training = Training(
        net,
        some_items(N),
        schedule=schedule,
        loss=Threshold(),
        negatives=RandomWrong(),
        plan=Plan(steps=3),
        generator=generator_from(0),
    )
    return Step(training.begin(), Threshold(), Plan(steps=3), 3).closed


def test_only_what_has_a_closed_form_takes_it() -> None:
    assert closed(L2(), Greedy())
    assert closed(MeanOfSquares(), Simultaneous())
    assert not closed(L1(), Greedy())
    assert not closed(L2(), EndToEnd())
    assert not closed(L2(), Overlapping())
    assert not closed(L2(), Greedy(), normalisation=BatchNorm())
    assert not closed(L2(), Greedy(), factorise=False)


class Counted:
    """Numbers of elements for which a graph was saved."""

    def __init__(self) -> None:
        self.largest = 0

    def __call__(self, tensor: Tensor) -> Tensor:
        self.largest = max(self.largest, tensor.numel())
        return tensor


def test_closed_form_keeps_no_graph_over_activity() -> None:
    sizes = {}
    for speed in (Speed(), PLAIN):
        counted = Counted()
        with torch.autograd.graph.saved_tensors_hooks(counted, lambda tensor: tensor):
            trained(a_net(), speed)
        sizes[speed] = counted.largest
    assert sizes[Speed()] <= 16  # one row of goodness of the batch
    assert sizes[PLAIN] >= 2 * 16 * min(WIDTHS)


def test_a_wrong_slope_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(self: SumOfSquares, h: Tensor, goodness: Tensor) -> Tensor:
        return torch.full_like(goodness, 2.002)

    monkeypatch.setattr(SumOfSquares, "slope", wrong)
    stage_gradients = [gradients(speed) for speed in (Speed(), PLAIN)]
    close = [torch.allclose(a, b, rtol=1e-6) for a, b in zip(*stage_gradients, strict=True)]
    assert not any(close)


def gradients(speed: Speed) -> list[Tensor]:
    net = a_net()
    training = Training(
        net,
        some_items(N),
        schedule=Simultaneous(),
        loss=Threshold(0.5),
        negatives=RandomWrong(),
        plan=Plan(steps=3, batch=16),
        generator=generator_from(0),
        speed=speed,
    )
    stage = training.begin()
    index, y = training.next_batch()
    if speed.closed_form:
        found = ClosedForm([stage], Stack.of(net, speed), Threshold(0.5))([index], [y])
    else:
        found = Step(stage, Threshold(0.5), training.plan, 3)._by_autograd(index, y)
    return [g[0].clone() for g in found.gradients]


def test_gradients_of_every_layer_equal_those_of_autograd() -> None:
    for a, b in zip(gradients(Speed()), gradients(PLAIN), strict=True):
        assert float(b.abs().max()) > 0
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    "shape", [(1, 2, 5, 3), (4, 2, 5, 3), (2, 3, 100_000, 4), (3, 9, 1, 70_000)]
)
def test_pieces_cover_everything_once(shape: Sequence[int]) -> None:
    seen = torch.zeros(1).expand(shape)
    count = torch.zeros(shape[0], shape[2])
    for s, i in _pieces(seen):
        count[s, i] += 1
    assert bool((count == 1).all())


@pytest.mark.parametrize("wrong", [{"precision": "float8"}, {"keep": -1}])
def test_settings_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises((UsageError, InputError)):
        Speed(**wrong)


def test_names_are_complete() -> None:
    """A loss or a scaling that is added must be tested here too."""
    assert losses.names() == ("cross-entropy", "difference", "threshold")
    assert normalisations.names() == ("batch", "l2", "layer", "none", "rms")
