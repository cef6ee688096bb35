"""Both sides of the two games against loops, closed forms and finite differences."""

import math

import pytest
import torch
from torch import Tensor, nn

from pauca.nets.adversary import (
    critic_loss,
    discriminator_loss,
    fooling_loss,
    gradient_penalty,
    make_critic,
    make_discriminator,
    weighted_distance,
)
from pauca.rng import generator_from


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=generator_from(seed), dtype=torch.float64)


def log_loss(odds: Tensor, target: int) -> float:
    total = 0.0
    for value in odds.tolist():
        p = 1 / (1 + math.exp(-value))
        total -= math.log(p if target else 1 - p)
    return total / len(odds)


def test_vaal_targets_differ_1_labelled_and_0_unlabelled() -> None:
    ours, theirs = normal(6), normal(4, seed=1)
    expected = log_loss(ours, 1) + log_loss(theirs, 0)
    assert float(discriminator_loss(ours, theirs)) == pytest.approx(expected, rel=1e-12)
    right = discriminator_loss(torch.full((3,), 5.0), torch.full((3,), -5.0))
    assert right < discriminator_loss(torch.full((3,), -5.0), torch.full((3,), 5.0))


def test_vaal_encoder_wants_everything_to_look_labelled() -> None:
    ours, theirs = normal(6), normal(4, seed=1)
    expected = log_loss(ours, 1) + log_loss(theirs, 1)
    assert float(fooling_loss(ours, theirs)) == pytest.approx(expected, rel=1e-12)
    theirs = theirs.requires_grad_()
    fooling_loss(ours, theirs).backward()  # type: ignore[no-untyped-call]
    assert theirs.grad is not None
    assert bool((theirs.grad < 0).all())  # going down the loss raises the odds


def test_losses_of_a_saturated_judge_are_finite() -> None:
    far = torch.tensor([1e4, -1e4])
    assert torch.isfinite(discriminator_loss(far, far))
    assert torch.isfinite(fooling_loss(far, far))


def test_waal_gamma_weighs_the_labelled_side() -> None:
    ours, theirs = normal(5), normal(7, seed=1)
    expected = sum(theirs.tolist()) / 7 - 0.25 * sum(ours.tolist()) / 5
    assert float(weighted_distance(ours, theirs, 0.25)) == pytest.approx(expected, rel=1e-12)


class Plane(nn.Module):
    """g(h) = w h: its slope is w everywhere."""

    def __init__(self, w: Tensor) -> None:
        super().__init__()
        self.w = nn.Parameter(w)

    def forward(self, h: Tensor) -> Tensor:
        return h @ self.w


@pytest.mark.parametrize("slope", [0.0, 0.5, 1.0, 3.0])
def test_gradient_penalty_of_a_plane_in_closed_form(slope: float) -> None:
    w = normal(4)
    plane = Plane(slope * w / w.norm())
    got = gradient_penalty(plane, normal(6, 4), normal(5, 4, seed=1), generator_from(0))
    assert float(got.detach()) == pytest.approx((slope - 1) ** 2, abs=2e-6)
    got.backward()  # type: ignore[no-untyped-call]
    assert plane.w.grad is not None
    assert bool(torch.isfinite(plane.w.grad).all())


@pytest.mark.parametrize("gamma", [0.01, 0.3, 1.0])
def test_waal_critic_raises_the_weighted_distance_of_the_centred_critic(gamma: float) -> None:
    critic = make_critic(3, 8, generator_from(0)).double()
    ours, theirs = normal(9, 3), normal(6, 3, seed=1)
    loss = critic_loss(critic, ours, theirs, penalty=0.0, generator=generator_from(0))
    middle = critic(theirs).mean()
    centred = weighted_distance(critic(ours) - middle, critic(theirs) - middle, gamma)
    weights = list(critic.parameters())
    for one, other in zip(
        torch.autograd.grad(loss, weights, retain_graph=True),
        torch.autograd.grad(centred, weights),
        strict=True,
    ):
        torch.testing.assert_close(-gamma * one, other)


class Square(nn.Module):
    """g(h) = |h|^2 / 2: its slope at h is h."""

    def forward(self, h: Tensor) -> Tensor:
        return h.square().sum(1) / 2


def test_gradient_penalty_is_taken_between_the_two_sides() -> None:
    ours, theirs = normal(3, 2), normal(3, 2, seed=1)
    where = torch.rand(3, generator=generator_from(7), dtype=torch.float64)
    expected = 0.0
    for t, a, b in zip(where.tolist(), ours, theirs, strict=True):
        expected += (float((t * a + (1 - t) * b).norm()) - 1) ** 2 / 3
    got = gradient_penalty(Square(), ours, theirs, generator_from(7))
    assert float(got.detach()) == pytest.approx(expected, rel=1e-9)


def test_waal_penalty_is_added_to_the_critics_loss() -> None:
    plane = Plane(3 * torch.ones(1, dtype=torch.float64))
    ours, theirs = normal(6, 1), normal(6, 1, seed=1)
    free, bound = (
        critic_loss(plane, ours, theirs, penalty=p, generator=generator_from(0))
        for p in (0.0, 10.0)
    )
    distance = weighted_distance(plane(ours), plane(theirs), 1.0)
    assert float(free.detach()) == pytest.approx(-float(distance.detach()), rel=1e-12)
    assert float((bound - free).detach()) == pytest.approx(10 * (3 - 1) ** 2, rel=1e-6)


def test_waal_critic_rises_on_the_unlabelled_and_stays_smooth() -> None:
    ours, theirs = normal(64, 3).float() - 2, normal(64, 3, seed=1).float() + 2
    critic = make_critic(3, 16, generator_from(0))
    optimiser = torch.optim.Adam(critic.parameters(), lr=1e-2)
    noise = generator_from(1)
    for _ in range(150):
        loss = critic_loss(critic, ours, theirs, penalty=5.0, generator=noise)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    with torch.no_grad():
        assert float(critic(theirs).mean()) > float(critic(ours).mean()) + 0.2


@pytest.mark.parametrize("make", [make_critic, make_discriminator])
def test_judges_are_made_from_the_generator_and_give_a_number_an_item(
    make: type[nn.Module],
) -> None:
    one, two, other = (make(4, 8, generator_from(seed)) for seed in (0, 0, 1))
    x = normal(5, 4).float()
    assert one(x).shape == (5,)
    assert torch.equal(one(x), two(x))
    assert not torch.equal(one(x), other(x))
