"""Autoencoders of any shape, and their loss against NumPy loops and autograd-free closed forms."""

import numpy as np
import pytest
import torch
from torch import Tensor

from pauca.errors import InputError
from pauca.nets.vae import make_vae, negative_elbo, reparameterise
from pauca.rng import generator_from

SHAPES = [(1, 28, 28), (3, 32, 32), (1, 8, 8), (2, 5, 9), (1, 1, 1), (4, 3, 17), (1, 2, 40), (7,)]


def items(shape: tuple[int, ...], n: int = 3, seed: int = 0) -> Tensor:
    return torch.randn(n, *shape, generator=generator_from(seed))


@pytest.mark.parametrize("shape", SHAPES)
def test_any_shape_comes_back(shape: tuple[int, ...]) -> None:
    vae = make_vae(shape, 5, generator_from(1))
    x = items(shape)
    seen, mean, log_variance = vae(x, generator_from(2))
    assert seen.shape == x.shape
    assert mean.shape == log_variance.shape == (3, 5)
    negative_elbo(x, seen, mean, log_variance, 1.0).backward()  # type: ignore[no-untyped-call]
    for name, weight in vae.named_parameters():
        assert weight.grad is not None, name


@pytest.mark.parametrize("shape", [(1, 9, 6), (7,)])
def test_a_code_does_not_depend_on_its_neighbours(shape: tuple[int, ...]) -> None:
    vae = make_vae(shape, 4, generator_from(1)).double()
    x = items(shape, 6).double()
    with torch.no_grad():
        together = vae.encode(x)[0]
        alone = torch.cat([vae.encode(x[i : i + 1])[0] for i in range(6)])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-12)


def test_same_generator_same_weights() -> None:
    one, two = (make_vae((1, 8, 8), 4, generator_from(3)) for _ in range(2))
    other = make_vae((1, 8, 8), 4, generator_from(4))
    for a, b in zip(one.parameters(), two.parameters(), strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(next(iter(one.parameters())), next(iter(other.parameters())))


def test_latent_of_zero_is_refused() -> None:
    with pytest.raises(InputError, match="latent"):
        make_vae((7,), 0, generator_from(0))


@pytest.mark.parametrize("beta", [0.0, 1.0, 2.5])
def test_negative_elbo_against_loops(beta: float) -> None:
    g = generator_from(5)
    x, seen = (torch.randn(4, 2, 3, 3, generator=g, dtype=torch.float64) for _ in range(2))
    mean, log_variance = (torch.randn(4, 5, generator=g, dtype=torch.float64) for _ in range(2))
    total = 0.0
    for i in range(4):
        # log N(x; seen, 1) without its constant
        likelihood = -0.5 * float(((x[i] - seen[i]).numpy() ** 2).sum())
        divergence = 0.0
        for m, v in zip(mean[i].tolist(), log_variance[i].tolist(), strict=True):
            # KL(N(m, s^2) || N(0, 1)) = log(1 / s) + (s^2 + m^2) / 2 - 1 / 2
            s = np.exp(v / 2)
            divergence += -np.log(s) + (s**2 + m**2) / 2 - 0.5
        total += -(likelihood - beta * divergence) / 4
    got = negative_elbo(x, seen, mean, log_variance, beta)
    assert float(got) == pytest.approx(total, rel=1e-12)


def test_divergence_against_sampling() -> None:
    mean, log_variance = torch.tensor([[0.7]]), torch.tensor([[-0.4]])
    z = reparameterise(mean.expand(200_000, 1), log_variance.expand(200_000, 1), generator_from(1))
    q = torch.distributions.Normal(mean, (log_variance / 2).exp())
    prior = torch.distributions.Normal(0.0, 1.0)
    sampled = (q.log_prob(z) - prior.log_prob(z)).mean()  # type: ignore[no-untyped-call]
    x = torch.zeros(1, 1)
    assert float(negative_elbo(x, x, mean, log_variance, 1.0)) == pytest.approx(
        float(sampled), abs=5e-3
    )


def test_extreme_variance_stays_finite() -> None:
    vae = make_vae((3,), 2, generator_from(0))
    x = 1e6 * items((3,))
    seen, mean, log_variance = vae(x, generator_from(1))
    assert torch.isfinite(negative_elbo(x, seen, mean, log_variance, 1.0))
