import pytest
import torch

from pauca.forward import L2Scaling, NoScaling, normalisations
from pauca.rng import generator_from


def test_names() -> None:
    assert normalisations.names() == ("batch", "l2", "layer", "none", "rms")


def test_l2_gives_rows_of_length_one_in_the_same_direction() -> None:
    x = torch.randn(2, 6, 4, generator=generator_from(0), dtype=torch.float64) * 50
    y = L2Scaling()(x)
    torch.testing.assert_close(y.norm(dim=-1), torch.ones(2, 6, dtype=torch.float64))
    torch.testing.assert_close(y * x.norm(dim=-1, keepdim=True), x)


def test_a_silent_row_stays_silent_with_gradient_zero() -> None:
    x = torch.zeros(1, 3, requires_grad=True)
    y = L2Scaling()(x.relu())
    (gradient,) = torch.autograd.grad(y.sum(), x)
    assert torch.equal(y, torch.zeros(1, 3))
    assert torch.equal(gradient, torch.zeros(1, 3))


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_length_does_not_matter(scale: float) -> None:
    x = torch.randn(3, 5, generator=generator_from(1))
    torch.testing.assert_close(L2Scaling()(x * scale), L2Scaling()(x))


def test_none_leaves_items_as_they_are() -> None:
    x = torch.randn(3, 5, generator=generator_from(1))
    assert torch.equal(NoScaling()(x), x)
