import math
from collections import Counter
from collections.abc import Mapping
from itertools import islice
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from pauca.errors import RunError
from pauca.learners.training import (
    Plan,
    cross_entropy,
    hold_out,
    index_batches,
    make_optimiser,
    rate_at,
    steps_of,
    train,
    worst_case,
)
from pauca.rng import generator_from, isolated


def _plan(**changes: Any) -> Plan:
    given: dict[str, Any] = {
        "steps": 10,
        "batch": 4,
        "optimiser": "sgd",
        "rate": 0.1,
        "momentum": 0.0,
        "weight_decay": 0.0,
        "schedule": "constant",
        "check_every": 2,
        "patience": 0,
    }
    return Plan(**{**given, **changes})


def _line() -> nn.Linear:
    with isolated(generator_from(0)):
        return nn.Linear(1, 1)


_X = torch.linspace(-1, 1, 8).unsqueeze(1)


def _batches(where: Tensor) -> tuple[Tensor, Tensor]:
    return _X[where], where


def _squares(net: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    loss: Tensor = (net(x) - 3 * x).square().mean()
    return loss


@given(
    labels=st.lists(st.integers(0, 5), min_size=1, max_size=60),
    fraction=st.floats(0, 0.99),
    seed=st.integers(0, 20),
)
@settings(max_examples=60, deadline=None)
def test_a_validation_part_is_a_stratified_part(
    labels: list[int], fraction: float, seed: int
) -> None:
    y = torch.tensor(labels)
    kept, held = hold_out(y, fraction, generator_from(seed))
    assert sorted([*kept.tolist(), *held.tolist()]) == list(range(len(y)))
    assert len(held) <= round(fraction * len(y))
    trained, out = Counter(y[kept].tolist()), Counter(y[held].tolist())
    for label, count in Counter(labels).items():
        assert trained[label] >= 1
        # its share, rounded down or up, unless that would have taken its last item
        share = count * fraction
        assert min(math.floor(share + 1e-9), count - 1) <= out[label] <= math.ceil(share - 1e-9)


def test_a_validation_part_has_the_size_asked_for_where_classes_are_large() -> None:
    y = torch.arange(100) % 7
    for fraction, size in ((0.0, 0), (0.2, 20), (0.33, 33), (0.5, 50)):
        assert len(hold_out(y, fraction, generator_from(0))[1]) == size


def test_a_validation_part_is_drawn_from_the_generator() -> None:
    y = torch.arange(40) % 2
    parts = [tuple(hold_out(y, 0.3, generator_from(seed))[1].tolist()) for seed in (1, 1, 2)]
    assert parts[0] == parts[1] != parts[2]


@given(n=st.integers(1, 20), batch=st.integers(1, 25))
@settings(max_examples=40, deadline=None)
def test_batches_use_every_item_equally_often(n: int, batch: int) -> None:
    size = min(n, batch)
    taken = list(islice(index_batches(n, batch, generator_from(0)), 3 * n))
    assert all(len(part) == size for part in taken)
    # 3 n batches of the same size are 3 x size whole permutations
    assert Counter(torch.cat(taken).tolist()) == dict.fromkeys(range(n), 3 * size)


def test_steps_of_epochs() -> None:
    assert steps_of(1, 10, 4) == 3
    assert steps_of(2, 10, 4) == 5
    assert steps_of(7, 3, 64) == 7


def test_rates() -> None:
    cosine = _plan(schedule="cosine", steps=100, rate=0.2)
    assert rate_at(cosine, 0) == 0.2
    assert rate_at(cosine, 50) == pytest.approx(0.1)
    assert 0 < rate_at(cosine, 99) < 1e-4
    assert {rate_at(_plan(), step) for step in range(10)} == {0.1}


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_one_step_of_each_optimiser_by_hand(name: str) -> None:
    net = _line()
    plan = _plan(optimiser=name, rate=0.1, weight_decay=0.01, momentum=0.9)
    optimiser = make_optimiser(plan, net)
    w = net.weight.item()
    net.weight.grad = torch.ones_like(net.weight)
    optimiser.step()
    # gradient 1: Adam's first step is the rate in the direction of the gradient's sign
    expected = {
        "adam": w - 0.1 * math.copysign(1, 1 + 0.01 * w),
        "adamw": w * (1 - 0.1 * 0.01) - 0.1,
        "sgd": w - 0.1 * (1 + 0.01 * w),
    }
    assert net.weight.item() == pytest.approx(expected[name], abs=1e-6)


def test_training_is_gradient_descent_by_hand() -> None:
    net, plan = _line(), _plan(steps=6, schedule="cosine")
    w, b = net.weight.item(), net.bias.item()
    report = train(net, _batches, 8, plan, generator=generator_from(1), objective=_squares)
    for step, where in enumerate(islice(index_batches(8, 4, generator_from(1)), 6)):
        x = _X[where].squeeze(1).double()
        gap = w * x + b - 3 * x
        rate = 0.1 * 0.5 * (1 + math.cos(math.pi * step / 6))
        w, b = w - rate * float(2 * (gap * x).mean()), b - rate * float(2 * gap.mean())
    assert net.weight.item() == pytest.approx(w, abs=1e-6)
    assert net.bias.item() == pytest.approx(b, abs=1e-6)
    assert (report.steps, report.examples) == (6, 24)
    assert [record["step"] for record in report.history] == [2, 4, 6]
    assert not net.training


def _script(losses: list[float]) -> tuple[Any, list[dict[str, Tensor]]]:
    """A check that says these losses in turn, and keeps the weights it saw."""
    seen: list[dict[str, Tensor]] = []

    def check(net: nn.Module) -> Mapping[str, float]:
        seen.append({key: value.clone() for key, value in net.state_dict().items()})
        return {"validation_loss": losses[len(seen) - 1]}

    return check, seen


@pytest.mark.parametrize(
    ("losses", "patience", "steps", "best"),
    [
        ([5, 4, 3, 2, 1], 1, 10, 4),
        ([5, 4, 6, 3, 7], 1, 6, 1),
        ([5, 4, 6, 3, 7], 2, 10, 3),
        ([5, 4, 6, 6, 6], 0, 10, 1),
        ([5, 5, 5, 5, 5], 2, 6, 0),
    ],
)
def test_early_stopping_puts_back_the_best_weights(
    losses: list[float], patience: int, steps: int, best: int
) -> None:
    net, (check, seen), told = _line(), _script(losses), list[float]()
    report = train(
        net,
        _batches,
        8,
        _plan(patience=patience),
        generator=generator_from(1),
        objective=_squares,
        check=check,
        progress=told.append,
    )
    assert report.steps == steps
    assert len(report.history) == steps // 2
    assert all(torch.equal(net.state_dict()[key], value) for key, value in seen[best].items())
    assert told[-1] == 1
    assert told == sorted(told)


def test_a_training_that_diverges_says_so_and_what_to_do() -> None:
    with pytest.raises(RunError, match="lower the rate") as caught:
        train(
            _line(),
            _batches,
            8,
            _plan(rate=1e30, steps=50),
            generator=generator_from(1),
            objective=_squares,
        )
    assert caught.value.exit_code == 1


def test_a_validation_loss_that_is_not_finite_is_a_divergence() -> None:
    check, _ = _script([float("nan")])
    with pytest.raises(RunError, match="diverged"):
        train(
            _line(),
            _batches,
            8,
            _plan(),
            generator=generator_from(1),
            objective=_squares,
            check=check,
        )


def test_a_batch_of_one_item_leaves_running_statistics_alone() -> None:
    with isolated(generator_from(0)):
        net = nn.Sequential(nn.Linear(1, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
    before = {k: v.clone() for k, v in net.state_dict().items() if "running" in k}
    train(net, _batches, 8, _plan(batch=1), generator=generator_from(1), objective=_squares)
    assert all(torch.equal(net.state_dict()[key], value) for key, value in before.items())
    train(net, _batches, 8, _plan(batch=2), generator=generator_from(1), objective=_squares)
    assert not all(torch.equal(net.state_dict()[key], value) for key, value in before.items())


def test_the_worst_case_is_the_loss_a_step_along_its_slope_away() -> None:
    with isolated(generator_from(2)):
        net = nn.Sequential(nn.Flatten(), nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3)).double()
    x = torch.randn(4, 2, 3, generator=generator_from(0), dtype=torch.float64)
    y = torch.tensor([0, 2, 1, 1])
    losses = []
    for i in range(4):
        one = x[i : i + 1].clone().requires_grad_()
        (slope,) = torch.autograd.grad(cross_entropy(net, one, y[i : i + 1]), one)
        there = one.detach() + 0.3 * one.detach().norm() * slope / slope.norm()
        losses.append(cross_entropy(net, there, y[i : i + 1]))
    found = worst_case(0.3)(net, x, y)
    torch.testing.assert_close(found, torch.stack(losses).mean())
    assert found.item() > cross_entropy(net, x, y).item()
    assert worst_case(0.0) is cross_entropy


def test_the_worst_case_of_a_flat_loss_is_the_loss() -> None:
    with isolated(generator_from(2)):
        layer = nn.Linear(4, 2)
    nn.init.zeros_(layer.weight)
    net = nn.Sequential(nn.Flatten(), layer)
    x, y = torch.ones(3, 4), torch.tensor([0, 1, 0])
    assert worst_case(0.5)(net, x, y).item() == cross_entropy(net, x, y).item()
