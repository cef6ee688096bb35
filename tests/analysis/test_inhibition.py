from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pauca.analysis import ModuleSubject, ablation, class_drives, unit_drives, without_weights
from pauca.errors import InputError, UnknownNameError
from pauca.rng import generator_from
from tests.analysis.models import Chain, items, made


def a_layer(
    n: int = 4, d: int = 6, u: int = 5, seed: int = 0, signed: bool = True
) -> tuple[Tensor, Tensor, Tensor]:
    g = generator_from(seed)
    x = torch.randn(n, d, generator=g, dtype=torch.float64)
    x = x if signed else x.relu()
    w = torch.randn(u, d, generator=g, dtype=torch.float64)
    return w, torch.randn(u, generator=g, dtype=torch.float64), x


def by_loops(w: Tensor, b: Tensor, x: Tensor) -> dict[str, Tensor]:
    shape = (len(x), len(w))
    found = {name: torch.zeros(shape, dtype=torch.float64) for name in ("positive", "negative")}
    for i in range(shape[0]):
        for j in range(shape[1]):
            for k in range(x.shape[1]):
                term = float(w[j, k] * x[i, k])
                found["positive" if term > 0 else "negative"][i, j] += term
    return found


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 1000), signed=st.booleans())
def test_drives_are_the_sums_of_contributions_of_either_sign(seed: int, signed: bool) -> None:
    w, b, x = a_layer(seed=seed, signed=signed)
    found, right = unit_drives(w, b, x), by_loops(w, b, x)
    torch.testing.assert_close(found.positive, right["positive"])
    torch.testing.assert_close(found.negative, right["negative"])
    torch.testing.assert_close(found.net, x @ w.T + b)
    size = right["positive"] - right["negative"]
    torch.testing.assert_close(found.inhibition, -right["negative"] / size, equal_nan=True)
    torch.testing.assert_close(found.bias_share, b.abs() / (size + b.abs()), equal_nan=True)
    order = torch.randperm(5, generator=generator_from(seed))
    torch.testing.assert_close(unit_drives(w[order], b[order], x).net, found.net[:, order])


@pytest.mark.parametrize("signed", [True, False])
def test_class_drives_are_the_means_of_the_samples(signed: bool) -> None:
    w, b, x = a_layer(n=30, signed=signed)
    y = torch.arange(30) % 3
    y[y == 1] = 3  # a class without samples
    each, mean = unit_drives(w, b, x), class_drives(w, b, x, y)
    for name in ("positive", "negative", "net"):
        found = getattr(mean, name)
        assert found.shape == (4, 5)
        assert bool(found[1].isnan().all())
        for k in (0, 2, 3):
            torch.testing.assert_close(found[k], getattr(each, name)[y == k].mean(0))
    size = mean.positive - mean.negative
    torch.testing.assert_close(mean.inhibition, -mean.negative / size, equal_nan=True)
    torch.testing.assert_close(mean.bias_share, b.abs() / (size + b.abs()), equal_nan=True)


def test_arrays_give_arrays_and_undefined_shares_are_not_numbers() -> None:
    w, b, x = a_layer()
    x[0], w[2], b[2] = 0, 0, 0
    as_arrays = unit_drives(w.numpy(), b.numpy(), x.numpy())
    for name, value in vars(unit_drives(w, b, x)).items():
        assert isinstance(getattr(as_arrays, name), np.ndarray)
        np.testing.assert_array_equal(getattr(as_arrays, name), value.numpy())
    assert np.isnan(as_arrays.inhibition[0]).all()
    assert np.isnan(as_arrays.bias_share[:, 2]).all()
    assert as_arrays.bias_share[0, 1] == 1
    for wrong in ((w[:, :3], b, x), (w, b[:2], x), (w[0], b, x), (w, b, x / 0)):
        with pytest.raises(InputError):
            unit_drives(*wrong)


def test_weights_of_one_sign_or_some_at_random_go_and_the_rest_stays() -> None:
    w = torch.randn(20, 30, generator=generator_from(0))
    kept = w.clone()
    assert torch.equal(without_weights(w, "negative"), w.clamp(min=0))
    assert torch.equal(without_weights(w, "positive"), w.clamp(max=0))
    negative = int((w < 0).sum())
    for which, count in (("positive", 17), ("negative", 17), ("random", None)):
        new = without_weights(w, which, count=count, generator=generator_from(1))  # type: ignore[arg-type]
        gone = new != w
        assert int(gone.sum()) == (count or negative)
        assert float(new[gone].abs().sum()) == 0
        if which != "random":
            assert bool((w[gone] < 0).all()) == (which == "negative")
    random = without_weights(w, "random", generator=generator_from(1)) != w
    assert bool((w[random] < 0).any())
    assert bool((w[random] > 0).any())
    every = without_weights(w, "positive", count=10_000)
    assert torch.equal(every, w.clamp(max=0))
    as_array = without_weights(w.numpy(), "negative")
    assert isinstance(as_array, np.ndarray)
    assert torch.equal(w, kept)
    for wrong in ("zero", "positive"):
        with pytest.raises(InputError):
            without_weights(w, wrong, count=3)  # type: ignore[arg-type]


def test_ablation_by_accuracy_where_inhibition_alone_tells_classes_apart() -> None:
    """Each score is bright pixels of other classes, taken off: without inhibition no answer."""
    model: Any = made(Chain)
    with torch.no_grad():
        model.low.weight[:] = torch.eye(6, 4)
        model.low.bias[:] = 0
        model.high.weight[:], model.high.bias[:] = torch.eye(5, 6), 0
        model.head.weight[:] = torch.eye(3, 5) - 1
        model.head.bias[:] = torch.tensor([0.3, 0.2, 0.1])
    x = torch.eye(4)[:3].repeat(10, 1) + 0.01 * items(30, 4).abs()
    y = torch.arange(30) % 3
    subject = ModuleSubject(model, ["high"])
    found = ablation(subject, x, y, "head.weight", generator=generator_from(0), draws=4)
    assert found.base == 1
    assert found.negative == pytest.approx(1 / 3)
    assert found.removed == 12
    assert found.share == pytest.approx(12 / 15)
    assert found.positive == (1.0,) * 4  # there are none
    assert len(found.random) == 4
    assert min(found.random) < 1
    other = ablation(subject, x, y.numpy(), "head.weight", generator=generator_from(0), draws=4)
    assert found.random == other.random
    with pytest.raises(UnknownNameError, match=r"head\.weight"):
        ablation(subject, x, y, "head.weigth", generator=generator_from(0))
    changed = subject.reweighted({"head.weight": torch.zeros(3, 5)})
    assert float(changed.weight("head.weight").abs().sum()) == 0
    assert float(subject.weight("head.weight").abs().sum()) > 0
