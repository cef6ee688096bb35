from typing import Any

import numpy as np
import pytest
import torch

from pauca.analysis import ModuleSubject, pruning_curve, removal_order
from pauca.errors import InputError, UnknownNameError
from pauca.rng import generator_from
from tests.analysis.planted_net import EACH, IDLE, C, U, linked, planted, planted_items


def order(by: Any, seed: int = 0, **given: Any) -> Any:
    x, y = planted_items(seed=7)
    return removal_order(x, by, labels=y, generator=generator_from(seed), **given)


def test_orders_are_by_what_they_say() -> None:
    x, y = planted_items(seed=7)
    x[:, 3] = 0  # a dead unit
    x[:, 30] = -5  # magnitude counts
    silent, active, selective = (
        removal_order(x, by, labels=y, generator=generator_from(0)).tolist()
        for by in ("silent", "least-active", "least-selective")
    )
    often, mean = (x != 0).double().mean(0), x.abs().double().mean(0)
    assert silent[0] == active[0] == 3
    assert [float(often[i]) for i in silent] == sorted(often.tolist())
    assert [float(mean[i]) for i in active] == pytest.approx(sorted(mean.tolist()))
    assert active[-1] == 30
    assert set(selective[-(C * EACH - 1) :]) == set(range(C * EACH)) - {3}
    assert selective[0] in (3, 30)
    scores = []
    for i in range(U):
        means = sorted(float(x[y == k, i].abs().mean()) for k in range(C))
        rest = sum(means[:-1]) / (C - 1)
        total = means[-1] + rest
        scores.append((means[-1] - rest) / total if total else 0.0)
    assert [scores[i] for i in selective] == pytest.approx(sorted(scores), abs=1e-6)


def test_equal_units_and_random_orders_follow_the_generator() -> None:
    first, again, other = order("random"), order("random"), order("random", seed=1)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.sort().values.tolist() == list(range(U))
    x, _ = planted_items()
    as_array = removal_order(x.numpy(), "random", generator=generator_from(0))
    assert isinstance(as_array, np.ndarray)
    for wrong in ("loud", "least-selective"):
        with pytest.raises(InputError):
            removal_order(x, wrong, generator=generator_from(0))  # type: ignore[arg-type]


def test_idle_units_go_without_loss_and_needed_ones_do_not() -> None:
    x, y = planted_items()
    subject = ModuleSubject(planted(), ["act"])
    shares = [1.0, C * EACH / U, 0.2, 0.0]
    curve = pruning_curve(subject, x, y, {"act": order("least-selective")}, shares=shares)
    assert [point.units for point in curve] == [{"act": n} for n in (50, 20, 10, 0)]
    assert [point.kept for point in curve] == pytest.approx(shares)
    assert curve[0].accuracy == curve[1].accuracy == 1
    assert curve[-1].accuracy == pytest.approx(1 / C)
    wrong_way = pruning_curve(
        subject, x, y.numpy(), {"act": order("least-selective").flip(0)}, shares=[IDLE / U]
    )
    assert wrong_way[0].accuracy == pytest.approx(1 / C)


def test_a_point_is_the_pass_by_hand_without_the_units() -> None:
    x, y = planted_items()
    model = linked()
    orders = {"act": order("random"), "act2": torch.arange(8).numpy()}
    found = pruning_curve(ModuleSubject(model, ["act", "act2"]), x, y, orders, shares=[0.75])
    with torch.no_grad():
        h = model.act(model.hidden(x))
        h[:, orders["act"][:12]] = 0  # of 50 units 38 are kept
        h = model.act2(model.link(h))
        h[:, :2] = 0
        right = float((model.head(h).argmax(1) == y).double().mean())
    assert found[0].accuracy == right
    assert found[0].units == {"act": 38, "act2": 6}
    assert found[0].kept == pytest.approx(44 / 58)


def test_orders_that_miss_units_and_shares_out_of_range_are_refused() -> None:
    x, y = planted_items()
    subject = ModuleSubject(planted(), ["act"])
    for wrong in (torch.arange(49), torch.zeros(50), torch.arange(50.0), torch.arange(50) + 1):
        with pytest.raises(InputError):
            pruning_curve(subject, x, y, {"act": wrong})
    with pytest.raises(InputError, match="share"):
        pruning_curve(subject, x, y, {"act": torch.arange(50)}, shares=[1.1])
    with pytest.raises(UnknownNameError):
        pruning_curve(subject, x, y, {"hid": torch.arange(50)})
