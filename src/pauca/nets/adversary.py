"""Judges of whether an item looks labelled, and the losses of both sides of the game.

Sizes: b items of a batch, z numbers in what is judged (latent codes or features).
"""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from pauca.rng import isolated

__all__ = [
    "Critic",
    "Discriminator",
    "critic_loss",
    "discriminator_loss",
    "fooling_loss",
    "gradient_penalty",
    "make_critic",
    "make_discriminator",
    "weighted_distance",
]


class Discriminator(nn.Module):
    """D: log-odds that a latent code is one of a labelled item, float [b, z] -> [b]."""

    def __init__(self, z: int, hidden: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(z, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, 1),
        )

    def forward(self, code: Tensor) -> Tensor:
        """Log-odds, float [b]; above 0 means that it looks labelled."""
        odds: Tensor = self.layers(code)
        return odds.squeeze(1)


class Critic(nn.Module):
    """g: how unlabelled an item's features look, in (0, 1), float [b, z] -> [b].

    Bounded, so that g and the bounds on the loss can be added up in one score.
    """

    def __init__(self, z: int, hidden: int) -> None:
        super().__init__()
        self.z = z
        self.layers = nn.Sequential(nn.Linear(z, hidden), nn.ReLU(), nn.Linear(hidden, 1))

    def forward(self, features: Tensor) -> Tensor:
        """g, float [b] in (0, 1); higher looks less labelled."""
        raw: Tensor = self.layers(features)
        return raw.squeeze(1).sigmoid()


def make_discriminator(z: int, hidden: int, generator: Generator) -> Discriminator:
    """A freshly initialised discriminator of z latent numbers."""
    with isolated(generator):
        return Discriminator(z, hidden)


def make_critic(z: int, hidden: int, generator: Generator) -> Critic:
    """A freshly initialised critic of z features."""
    with isolated(generator):
        return Critic(z, hidden)


def discriminator_loss(labelled: Tensor, unlabelled: Tensor) -> Tensor:
    """-E[log D(labelled)] - E[log(1 - D(unlabelled))]: targets 1 and 0.

    Args:
        labelled: Log-odds of b labelled items.
        unlabelled: Log-odds of b' unlabelled items.

    Returns:
        A scalar.

    Reference: Sinha, Ebrahimi and Darrell, ICCV 2019, eq. 4.
    """
    return F.softplus(-labelled).mean() + F.softplus(unlabelled).mean()


def fooling_loss(labelled: Tensor, unlabelled: Tensor) -> Tensor:
    """-E[log D(labelled)] - E[log D(unlabelled)]: the encoder wants all to look labelled.

    Args:
        labelled: Log-odds of b labelled items.
        unlabelled: Log-odds of b' unlabelled items.

    Returns:
        A scalar.

    Reference: Sinha, Ebrahimi and Darrell, ICCV 2019, eq. 2.
    """
    return F.softplus(-labelled).mean() + F.softplus(-unlabelled).mean()


def weighted_distance(labelled: Tensor, unlabelled: Tensor, gamma: float) -> Tensor:
    """E[g(unlabelled)] - gamma E[g(labelled)]: what the features lower.

    With gamma below 1 it is a distance only for a critic whose mean is fixed: adding a constant a
    to g adds (1 - gamma) a, whatever the features are (see ``critic_loss``).

    Args:
        labelled: g of b labelled items.
        unlabelled: g of b' unlabelled items.
        gamma: Weight of the labelled side, such as m / n, labelled over unlabelled.

    Returns:
        A scalar.

    Reference: Shui, Zhou, Gagne and Wang, AISTATS 2020, section 4, eq. 8.
    """
    return unlabelled.mean() - gamma * labelled.mean()


def gradient_penalty(
    critic: nn.Module, labelled: Tensor, unlabelled: Tensor, generator: Generator
) -> Tensor:
    """E[(|grad g(h)| - 1)^2] over points h drawn on lines between labelled and unlabelled features.

    Args:
        critic: g, float [b, z] -> [b].
        labelled: float [b, z], without history.
        unlabelled: float [b', z], without history; the first min(b, b') of each are paired.
        generator: Where on each line.

    Returns:
        A scalar >= 0 whose gradient reaches the critic's parameters.

    Reference: Gulrajani et al., NeurIPS 2017, eq. 3 and algorithm 1.
    """
    b = min(len(labelled), len(unlabelled))
    # [b] -> [b, 1]
    where = torch.rand(b, generator=generator, dtype=labelled.dtype).to(labelled.device)[:, None]
    between = (where * labelled[:b] + (1 - where) * unlabelled[:b]).requires_grad_()
    (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    # the root has no derivative at 0, where a critic that is flat there would give NaN
    return ((slope.square().sum(1) + 1e-12).sqrt() - 1).square().mean()


def critic_loss(
    critic: nn.Module,
    labelled: Tensor,
    unlabelled: Tensor,
    *,
    penalty: float,
    generator: Generator,
) -> Tensor:
    """-(E[g(unlabelled)] - E[g(labelled)]) + penalty E[(|grad g| - 1)^2]; the penalty is added.

    What maximises the weighted distance whatever gamma is. A potential is defined up to a constant;
    centred on the unlabelled side, g' = g - E[g(unlabelled)], the weighted distance of g' is
    gamma (E[g(unlabelled)] - E[g(labelled)]), so its best critic is that of gamma = 1, and
    ``penalty`` is counted in units of gamma. Left free, the constant is what the critic learns
    where gamma is small: its best answer is 1 wherever unlabelled items outnumber labelled ones,
    that is nearly everywhere, and it tells nothing apart.

    Args:
        critic: g.
        labelled: Features, float [b, z], without history.
        unlabelled: Features, float [b', z], without history.
        penalty: Weight of the gradient penalty, >= 0.
        generator: Where the slope is measured.

    Returns:
        A scalar.

    Reference: Shui, Zhou, Gagne and Wang, AISTATS 2020, section 4, eq. 8; Gulrajani et al., NeurIPS
        2017, eq. 3.
    """
    distance = weighted_distance(critic(labelled), critic(unlabelled), 1.0)
    return penalty * gradient_penalty(critic, labelled, unlabelled, generator) - distance
