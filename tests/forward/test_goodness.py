import math
from collections.abc import Callable, Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pauca.forward import AbstractGoodness, goodnesses
from pauca.rng import generator_from

REFERENCES: dict[str, Callable[[Sequence[float]], float]] = {
    "l1": lambda h: sum(abs(a) for a in h),
    "l2": lambda h: math.sqrt(sum(a * a for a in h)),
    "linf": lambda h: max(abs(a) for a in h),
    "sum-of-squares": lambda h: sum(a * a for a in h),
    "mean-of-squares": lambda h: sum(a * a for a in h) / len(h),
    "top-k": lambda h: sum(sorted((a * a for a in h), reverse=True)[:3]) / 3,
    "channel-wise": lambda h: sum(a * a for a in h) / len(h),
}


def make(name: str) -> AbstractGoodness:
    return goodnesses.make(name, {"k": 3} if name == "top-k" else {})


def test_every_goodness_has_a_reference() -> None:
    assert set(goodnesses.names()) == set(REFERENCES)


@pytest.mark.parametrize("name", REFERENCES)
def test_equals_the_loop(name: str) -> None:
    h = torch.randn(2, 5, 7, generator=generator_from(0), dtype=torch.float64)
    found = make(name)(h)
    assert found.shape == (2, 5)
    for i in range(2):
        for j in range(5):
            assert float(found[i, j]) == pytest.approx(REFERENCES[name](h[i, j].tolist()))


@pytest.mark.parametrize("name", REFERENCES)
@settings(deadline=None)
@given(seed=st.integers(0, 1000))
def test_permuting_units_changes_nothing(name: str, seed: int) -> None:
    g = generator_from(seed)
    h = torch.rand(3, 6, generator=g, dtype=torch.float64)
    shuffled = h[:, torch.randperm(6, generator=g)]
    torch.testing.assert_close(make(name)(shuffled), make(name)(h))


@pytest.mark.parametrize("name", REFERENCES)
def test_a_silent_layer_has_goodness_and_gradient_zero(name: str) -> None:
    z = torch.full((2, 4), -1.0, requires_grad=True)
    value = make(name)(z.relu())
    assert value.tolist() == [0, 0]
    (gradient,) = torch.autograd.grad(value.sum(), z)
    assert torch.equal(gradient, torch.zeros(2, 4))
