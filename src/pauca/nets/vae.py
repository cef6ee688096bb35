"""Variational autoencoders for items of any shape: images of any size and channels, rows of floats.

Sizes: b items of a batch, d numbers in an item, z latent numbers.
"""

import math
from abc import abstractmethod
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from pauca.checks import check_count
from pauca.rng import isolated

__all__ = ["AbstractVae", "ConvVae", "MlpVae", "make_vae", "negative_elbo", "reparameterise"]

_WIDTHS = (16, 32, 64)
_HIDDEN = 256
_LOG_VARIANCE_LIMIT = 10.0


class AbstractVae(nn.Module):
    """An encoder to a normal posterior over z latent numbers and a decoder back."""

    @abstractmethod
    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of q(z|x), each float [b, z]."""

    @abstractmethod
    def decode(self, code: Tensor) -> Tensor:
        """Mean of p(x|z), in the form of the items, from float [b, z]."""

    def forward(self, x: Tensor, generator: Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Reconstruction [b, ...], mean [b, z], log variance [b, z]."""
        mean, log_variance = self.encode(x)
        return self.decode(reparameterise(mean, log_variance, generator)), mean, log_variance


class ConvVae(AbstractVae):
    """For images [b, channels, h, w]; every level halves the sides, rounding up.

    Nothing in it mixes the items of a batch, so a code does not depend on its neighbours.

    Args:
        shape: (channels, h, w), any sizes.
        latent: z.
    """

    def __init__(self, shape: tuple[int, int, int], latent: int) -> None:
        super().__init__()
        channels, height, width = shape
        sides = [(height, width)]
        for _ in _WIDTHS:
            if min(sides[-1]) > 4:
                sides.append((math.ceil(sides[-1][0] / 2), math.ceil(sides[-1][1] / 2)))
        widths = [channels, *_WIDTHS[: max(1, len(sides) - 1)]]
        if len(sides) == 1:  # too small to be halved: one level at full size
            sides.append(sides[0])
        self._sides = sides
        self._last = (widths[-1], *sides[-1])
        strides = [1 if small == large else 2 for large, small in pairwise(sides)]
        pairs = list(pairwise(widths))
        self.down = nn.ModuleList(
            nn.Conv2d(a, b, 3, stride=stride, padding=1)
            for (a, b), stride in zip(pairs, strides, strict=True)
        )
        self.up = nn.ModuleList(nn.Conv2d(b, a, 3, padding=1) for a, b in reversed(pairs))
        self.to_code = nn.Linear(math.prod(self._last), 2 * latent)
        self.from_code = nn.Linear(latent, math.prod(self._last))

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance, each float [b, z]."""
        for layer in self.down:
            x = F.relu(layer(x))
        return _posterior(self.to_code(x.flatten(1)))

    def decode(self, code: Tensor) -> Tensor:
        """Images, float [b, channels, h, w]."""
        x: Tensor = F.relu(self.from_code(code)).view(-1, *self._last)
        for i, layer in enumerate(self.up):
            x = layer(F.interpolate(x, size=self._sides[-2 - i], mode="nearest"))
            x = x if i == len(self.up) - 1 else F.relu(x)
        return x


class MlpVae(AbstractVae):
    """For rows [b, d]: tables and embeddings.

    Args:
        d: Numbers in a row.
        latent: z.
    """

    def __init__(self, d: int, latent: int) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(d, _HIDDEN), nn.ReLU(), nn.Linear(_HIDDEN, _HIDDEN))
        self.to_code = nn.Linear(_HIDDEN, 2 * latent)
        self.decoder = nn.Sequential(nn.Linear(latent, _HIDDEN), nn.ReLU(), nn.Linear(_HIDDEN, d))

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance, each float [b, z]."""
        return _posterior(self.to_code(F.relu(self.encoder(x))))

    def decode(self, code: Tensor) -> Tensor:
        """Rows, float [b, d]."""
        rows: Tensor = self.decoder(code)
        return rows


def make_vae(shape: tuple[int, ...], latent: int, generator: Generator) -> AbstractVae:
    """A freshly initialised autoencoder for items of this shape.

    Args:
        shape: (channels, h, w) or (d,).
        latent: z >= 1.
        generator: Source of the weights.
    """
    check_count(latent, "latent", least=1)
    with isolated(generator):
        if len(shape) == 3:
            return ConvVae((shape[0], shape[1], shape[2]), latent)
        return MlpVae(math.prod(shape), latent)


def reparameterise(mean: Tensor, log_variance: Tensor, generator: Generator) -> Tensor:
    """A draw of z = mean + exp(log variance / 2) e with e standard normal, float [b, z].

    Reference: Kingma and Welling, ICLR 2014, section 2.4.
    """
    noise = torch.randn(mean.shape, generator=generator, dtype=mean.dtype).to(mean.device)
    return mean + (log_variance / 2).exp() * noise


def negative_elbo(
    x: Tensor, reconstruction: Tensor, mean: Tensor, log_variance: Tensor, beta: float
) -> Tensor:
    """-(E[log p(x|z)] - beta KL(q(z|x) || N(0, 1))) in nats, mean over items, without constants.

    The likelihood is normal with variance 1.

    Args:
        x: Items, float [b, ...].
        reconstruction: The same shape.
        mean: float [b, z].
        log_variance: float [b, z].
        beta: Weight of the divergence.

    Returns:
        A scalar.

    Reference: Kingma and Welling, ICLR 2014, eq. 10; Higgins et al., ICLR 2017, eq. 4.
    """
    squares = (x - reconstruction).square().flatten(1).sum(1)  # [b]
    divergence = (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)  # [b]
    return (squares + beta * divergence).mean() / 2


def _posterior(code: Tensor) -> tuple[Tensor, Tensor]:
    mean, log_variance = code.chunk(2, dim=1)
    return mean, log_variance.clamp(-_LOG_VARIANCE_LIMIT, _LOG_VARIANCE_LIMIT)
