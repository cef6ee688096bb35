"""The head that ranks losses: what it learns, when it shapes the net, and when it starts anew."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from pauca.data.dataset import Task
from pauca.learners import AbstractLearner
from pauca.learners.companions import attach
from pauca.learners.companions.loss_prediction import LossPrediction, LossRanking, tapped
from pauca.learners.objective import Training, join
from pauca.nets import AbstractNet, make_net
from pauca.nets.loss_head import ranking_loss
from pauca.rng import generator_from
from pauca.testing.fakes import tiny_image_dataset
from tests.learners.companions.toys import (
    as_floats,
    convnet,
    same_weights,
    saved,
    small_mlp,
    table_task,
    two_sides,
    weights_of,
)


def attached(learner: AbstractLearner, **settings: Any) -> LossPrediction:
    companion = attach("loss-prediction", learner, {"hidden": 6, **settings})
    assert isinstance(companion, LossPrediction)
    return companion


def head_of(learner: AbstractLearner) -> dict[str, Tensor]:
    weights: dict[str, Tensor] = learner.state()["companion"]["weights"]
    return weights


def begun(objective: LossRanking, net: AbstractNet, x: Tensor, steps: int) -> None:
    join(objective, Training(net, x[:1], steps, lambda stored: stored, generator_from(5)))
    net.train()


@pytest.mark.parametrize("batch", [1, 2, 3, 7])
def test_loss_prediction_odd_batches(batch: int) -> None:
    x, y, _, _ = two_sides(0)
    learner = attached(small_mlp(table_task(4, 2), batch=batch, steps=4))
    report = learner.fit(x[:7], y[:7], generator=generator_from(0))
    assert report.steps == 4
    assert report.companion_steps == 0
    told = learner.outputs(x, torch.arange(len(x)), needs=learner.gives)
    assert told.extras["predicted_loss"].shape == (len(x),)


def test_loss_prediction_takes_no_further_epochs() -> None:
    x, y, _, _ = two_sides(0)
    plain = small_mlp(table_task(4, 2), steps=None, epochs=3)
    learner = attached(small_mlp(table_task(4, 2), steps=None, epochs=3))
    report = learner.fit(x, y, generator=generator_from(0))
    alone = plain.fit(x, y, generator=generator_from(0))
    assert (report.steps, report.examples) == (alone.steps, alone.examples)
    assert report.companion_steps == 0


def test_loss_prediction_on_images_of_any_net() -> None:
    data = tiny_image_dataset(13)
    nets: list[dict[str, Any]] = [
        {"net": "resnet18", "net_params": {"width": 2}},
        {"net": "mlp", "net_params": {"widths": [6]}},
    ]
    for net in nets:
        assert data.train.y is not None
        ranked(convnet(data.task, steps=2, batch=5, **net), data.train.x, data.train.y)


@pytest.mark.parametrize("net", ["convnet", "resnet18"])
def test_loss_prediction_on_colour_images_of_32_pixels(net: str) -> None:
    names = tuple("abcdefghij")
    task = Task("like-cifar", "image", (3, 32, 32), names, evaluate=as_floats, train=as_floats)
    x = torch.randint(0, 256, (7, 3, 32, 32), dtype=torch.uint8, generator=generator_from(0))
    small = {"widths": [3, 4], "hidden": 6} if net == "convnet" else {"width": 2}
    ranked(convnet(task, steps=2, batch=5, net=net, net_params=small), x, torch.arange(7))


def ranked(inner: AbstractLearner, x: Tensor, y: Tensor) -> None:
    learner = attached(inner)
    learner.fit(x, y, generator=generator_from(0))
    told = learner.outputs(x, torch.arange(len(x)), needs=frozenset({"probs", "predicted_loss"}))
    assert told.extras["predicted_loss"].shape == (len(x),)
    assert bool(told.extras["predicted_loss"].isfinite().all())


def test_the_loss_against_its_equation() -> None:
    x, y = torch.randn(6, 1, 8, 8, generator=generator_from(0)), torch.tensor([0, 1, 2, 0, 1, 2])
    params = {"widths": [3, 4], "hidden": 6, "dropout": 0.0}
    net = make_net("convnet", shape=(1, 8, 8), classes=3, generator=generator_from(1), **params)
    objective = LossRanking(weight=0.7, margin=0.5, stop=1.0, hidden=4)
    begun(objective, net, x, steps=10)
    seen: dict[str, Tensor] = {}
    for tap in net.taps:

        def keep(_module: object, _inputs: object, output: Tensor, tap: str = tap) -> None:
            seen[tap] = output

        net.get_submodule(tap).register_forward_hook(keep)
    logits = net(x)
    losses = F.cross_entropy(logits, y, reduction="none")
    means = [seen[tap].mean((2, 3)) if seen[tap].ndim == 4 else seen[tap] for tap in net.taps]
    expected = losses.mean() + 0.7 * ranking_loss(objective.head(means), losses, 0.5)
    torch.testing.assert_close(objective.loss(x, y), expected)


@pytest.mark.parametrize("stop", [0.0, 0.5, 1.0])
def test_the_head_shapes_the_net_until_the_stop(stop: float) -> None:
    x, y = torch.randn(6, 5, generator=generator_from(0)), torch.tensor([0, 1, 2, 0, 1, 2])
    params = {"widths": [4, 4], "dropout": 0.0}
    net = make_net("mlp", shape=(5,), classes=3, generator=generator_from(1), **params)
    objective = LossRanking(weight=1.0, margin=1.0, stop=stop, hidden=4)
    begun(objective, net, x, steps=4)
    for step in range(4):
        net.zero_grad()
        objective.loss(x, y).backward()  # type: ignore[no-untyped-call]
        with_head = [p.grad.clone() for p in net.parameters() if p.grad is not None]
        head_learns = [p.grad is not None for p in objective.head.parameters()]
        net.zero_grad()
        F.cross_entropy(net(x), y).backward()  # type: ignore[no-untyped-call]
        alone = [p.grad for p in net.parameters() if p.grad is not None]
        same = all(torch.allclose(a, b) for a, b in zip(with_head, alone, strict=True))
        assert same == (step >= stop * 4)
        assert all(head_learns)


def test_with_the_stop_at_0_the_net_trains_as_without_the_head() -> None:
    x, y, _, _ = two_sides(1)
    plain = small_mlp(table_task(4, 2), validation=0.2, check_every=4)
    learner = attached(small_mlp(table_task(4, 2), validation=0.2, check_every=4), stop=0.0)
    plain.fit(x, y, generator=generator_from(3))
    learner.fit(x, y, generator=generator_from(3))
    ours, theirs = weights_of(learner), weights_of(plain)
    for name in theirs:
        torch.testing.assert_close(ours[name], theirs[name])


def test_loss_prediction_head_is_made_anew_each_training() -> None:
    x, y, _, _ = two_sides(2)
    learner, fresh = (attached(small_mlp(table_task(4, 2))) for _ in range(2))
    learner.fit(x, y, generator=generator_from(0))
    once = head_of(learner)
    learner.fit(x, y, generator=generator_from(1))
    fresh.fit(x, y, generator=generator_from(1))
    for name, weight in head_of(fresh).items():
        assert torch.equal(head_of(learner)[name], weight)
        assert not torch.equal(once[name], weight)
    assert same_weights(learner, fresh)


def test_a_warm_start_keeps_the_head() -> None:
    x, y, _, _ = two_sides(2)
    learner = attached(small_mlp(table_task(4, 2), warm=True, steps=1, rate=1e-6))
    learner.fit(x, y, generator=generator_from(0))
    once = head_of(learner)
    learner.fit(x, y, generator=generator_from(1))
    for name, weight in head_of(learner).items():
        torch.testing.assert_close(weight, once[name], rtol=0, atol=1e-4)


def test_the_head_comes_back_with_the_weights_of_the_best_validation() -> None:
    x, y, _, _ = two_sides(3)
    settings: dict[str, Any] = {"validation": 0.3, "check_every": 1, "rate": 0.5}
    long = attached(small_mlp(table_task(4, 2), steps=12, schedule="constant", **settings))
    losses = [
        record["validation_loss"] for record in long.fit(x, y, generator=generator_from(0)).history
    ]
    best = losses.index(min(losses)) + 1
    assert best < 12
    # the stop is a step number of this training, not of the shorter one
    short = attached(
        small_mlp(table_task(4, 2), steps=best, schedule="constant", **settings),
        stop=min(1.0, 0.6 * 12 / best),
    )
    short.fit(x, y, generator=generator_from(0))
    for name, weight in head_of(short).items():
        torch.testing.assert_close(head_of(long)[name], weight)


def test_higher_predicted_loss_where_the_loss_is_higher() -> None:
    g = generator_from(0)
    x = torch.randn(300, 4, generator=g)
    noisy = x[:, 0] > 0  # half of the items have labels that nothing tells
    y = torch.where(noisy, torch.randint(2, (300,), generator=g), (x[:, 1] > 0).long())
    settings: dict[str, Any] = {"steps": 300, "batch": 32, "rate": 0.005}
    learner = attached(small_mlp(table_task(4, 2), **settings), hidden=16)
    learner.fit(x, y, generator=generator_from(1))
    fresh = torch.randn(300, 4, generator=g)
    told = learner.outputs(fresh, torch.arange(300), needs=learner.gives)
    predicted = told.extras["predicted_loss"]
    there, elsewhere = predicted[fresh[:, 0] > 0], predicted[fresh[:, 0] <= 0]
    assert float((there[:, None] > elsewhere).double().mean()) > 0.8


def test_state_brings_the_head_back() -> None:
    x, y, _, _ = two_sides(4)
    learner, other = (attached(small_mlp(table_task(4, 2))) for _ in range(2))
    learner.fit(x, y, generator=generator_from(0))
    other.load_state(saved(learner.state()))
    ids = torch.arange(len(x))
    columns = [
        each.outputs(x, ids, needs=each.gives).extras["predicted_loss"] for each in (learner, other)
    ]
    assert torch.equal(columns[0], columns[1])


def test_taps_leave_no_hook_behind() -> None:
    params = {"widths": [4, 4]}
    net = make_net("mlp", shape=(5,), classes=3, generator=generator_from(1), **params)
    x = torch.randn(2, 5, generator=generator_from(0))
    with tapped(net) as taps:
        net(x)
        assert [tap.shape for tap in taps()] == [(2, 4), (2, 4)]
    with pytest.raises(RuntimeError), tapped(net):
        net(x[:, :3])
    assert all(not part._forward_hooks for part in net.modules())
