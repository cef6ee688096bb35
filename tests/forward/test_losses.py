import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pauca.errors import InputError
from pauca.forward import Threshold, losses


def test_names() -> None:
    assert losses.names() == ("cross-entropy", "difference", "threshold")
    assert losses.make("threshold", {"theta": 2}) == Threshold(2.0)


def test_equals_the_formula() -> None:
    positive, negative = [1.0, 4.0], [[0.5, 6.0], [3.0, 2.0]]
    expected = sum(math.log(1 + math.exp(3 - g)) for g in positive) / 2
    expected += sum(math.log(1 + math.exp(g - 3)) for row in negative for g in row) / 4
    found = Threshold(3.0)(torch.tensor(positive), torch.tensor(negative))
    assert float(found) == pytest.approx(expected, rel=1e-6)


@settings(deadline=None)
@given(st.floats(0, 1e4), st.floats(0, 1e4))
def test_softplus_stays_finite_with_its_gradient_up_to_1e4(
    positive: float, negative: float
) -> None:
    g = torch.tensor([[positive], [negative]], requires_grad=True)
    loss = Threshold(3.0)(g[0], g[1:])
    (gradient,) = torch.autograd.grad(loss, g)
    assert torch.isfinite(loss)
    assert torch.isfinite(gradient).all()
    assert float(gradient[0]) <= 0 <= float(gradient[1])
    # log(1 + exp x) written out is infinite from 89 on in single precision
    assert float(loss.detach()) == pytest.approx(
        max(3 - positive, 0)
        + math.log1p(math.exp(-abs(3 - positive)))
        + max(negative - 3, 0)
        + math.log1p(math.exp(-abs(negative - 3))),
        rel=1e-5,
        abs=1e-6,
    )


@pytest.mark.parametrize("theta", [0.0, -1.0, math.inf])
def test_refuses_a_threshold_that_is_none(theta: float) -> None:
    with pytest.raises(InputError, match="theta"):
        Threshold(theta)
