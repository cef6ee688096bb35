"""Normalisation of what a layer reads, so that it cannot reuse the goodness of the layer below."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import prod, sqrt
from typing import ClassVar, NamedTuple, final

import torch
from torch import Tensor, nn

from pauca.checks import check_fraction
from pauca.registry import Registry

__all__ = [
    "AbstractNormalisation",
    "AbstractScaling",
    "BatchNorm",
    "L2Scaling",
    "LayerNorm",
    "Moments",
    "NoScaling",
    "RMSScaling",
    "normalisations",
]

normalisations: Registry["AbstractNormalisation"] = Registry(
    "normalisation", "pauca.forward", "normalisations", context=frozenset({"shape"})
)
"""Every normalisation by name."""

_EPS = 1e-5


class Moments(NamedTuple):
    """What a scaling knows of vectors of d numbers.

    Args:
        sums: Sum of the numbers, float [...].
        squares: Sum of their squares, float [...].
    """

    sums: Tensor
    squares: Tensor


class AbstractNormalisation(nn.Module, ABC):
    """Acts on what a layer reads, float [..., *shape] -> the same shape.

    Class attributes:
        name: Lower case with hyphens.
        reference: Authors, venue, year, equation.
    """

    name: ClassVar[str]
    reference: ClassVar[str]

    @abstractmethod
    def sized(self, shape: Sequence[int]) -> "AbstractNormalisation":
        """One for a layer that reads this shape, with constants of its own if it has any."""

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Normalised, float [..., *shape]."""


class AbstractScaling(AbstractNormalisation):
    """(x - shift) * factor, both numbers that depend on the sum and the squared length alone.

    The first layer needs them without the vector: sum and squared length of an item with a label
    are sums of two, so the product with the weights can be shared by all labels.

    Class attributes:
        centred: Whether the mean is taken off.
    """

    centred: ClassVar[bool] = False

    def __init__(self, shape: Sequence[int] = ()) -> None:
        super().__init__()
        self.shape = tuple(shape)

    @abstractmethod
    def factor(self, moments: Moments, d: int) -> Tensor:
        """Factor for vectors of d numbers with these moments, float [...]."""

    @final
    def sized(self, shape: Sequence[int]) -> "AbstractScaling":
        """The same for this shape; it has no constants."""
        return type(self)(shape)

    def forward(self, x: Tensor) -> Tensor:
        """Each vector less its shift, times its factor; without a shape the last axis is one."""
        axes = tuple(range(-max(1, len(self.shape)), 0))
        d = prod(x.shape[axis] for axis in axes)
        sums = x.sum(axes, keepdim=True) if self.centred else x.new_zeros(())
        factor = self.factor(Moments(sums, x.square().sum(axes, keepdim=True)), d)
        centred: Tensor = x - sums / d if self.centred else x
        return centred * factor


@normalisations.register("l2")
class L2Scaling(AbstractScaling):
    """x / max(||x||_2, 1e-8): the published form. A silent row stays silent, with gradient 0."""

    name = "l2"
    reference = "Hinton, arXiv 2212.13345, 2022, section 2; Tosato et al., TMLR 2025"

    def factor(self, moments: Moments, d: int) -> Tensor:
        """1 / max(||x||_2, 1e-8)."""
        return moments.squares.clamp_min(1e-16).rsqrt()


@normalisations.register("rms")
class RMSScaling(AbstractScaling):
    """x / root mean square: as l2, but the numbers stay of size 1 whatever their count."""

    name = "rms"
    reference = "Zhang and Sennrich, NeurIPS 2019, eq. 4 (without gain)"

    def factor(self, moments: Moments, d: int) -> Tensor:
        """sqrt(d) / max(||x||_2, 1e-8)."""
        return moments.squares.clamp_min(1e-16).rsqrt() * sqrt(d)


@normalisations.register("layer")
class LayerNorm(AbstractScaling):
    """(x - mean) / sqrt(variance + 1e-5) of each vector, without gain and bias."""

    name = "layer"
    reference = "Ba, Kiros and Hinton, arXiv 1607.06450, 2016, eq. 3"
    centred = True

    def factor(self, moments: Moments, d: int) -> Tensor:
        """1 / sqrt(variance + 1e-5)."""
        variance = moments.squares / d - (moments.sums / d).square()
        return (variance.clamp_min(0) + _EPS).rsqrt()


@normalisations.register("none")
class NoScaling(AbstractScaling):
    """x as it is."""

    name = "none"
    reference = "no normalisation"

    def factor(self, moments: Moments, d: int) -> Tensor:
        """1."""
        return moments.squares.new_ones(moments.squares.shape)


@normalisations.register("batch")
class BatchNorm(AbstractNormalisation):
    """(x - mean) / sqrt(variance + 1e-5) of each feature (channel, in an image), without gain.

    While its layer learns, mean and variance are those of the batch, positives and negatives
    together, and running values are kept; ever after, the running values are used, so a prediction
    does not depend on what else is predicted.

    Args:
        momentum: Weight of a new batch in the running values, in [0, 1].
        shape: Of what the layer reads.
    """

    name = "batch"
    reference = "Ioffe and Szegedy, ICML 2015, algorithms 1 and 2"
    mean: Tensor
    variance: Tensor

    def __init__(self, momentum: float = 0.1, *, shape: Sequence[int] = (1,)) -> None:
        super().__init__()
        self.momentum = check_fraction(momentum, "momentum")
        self.shape = tuple(shape)
        # one number a channel, or a feature: [channels, 1, 1] or [d]
        own = (self.shape[0], *[1] * (len(self.shape) - 1))
        self.register_buffer("mean", torch.zeros(own))
        self.register_buffer("variance", torch.ones(own))

    def sized(self, shape: Sequence[int]) -> "BatchNorm":
        """A new one for this shape."""
        return BatchNorm(self.momentum, shape=shape)

    def forward(self, x: Tensor) -> Tensor:
        """By the batch while learning, by the running values otherwise."""
        mean, variance = self.mean, self.variance
        if self.training:
            mean, variance = self._learn(x)
        return (x - mean) * (variance + _EPS).rsqrt()

    def _learn(self, x: Tensor) -> tuple[Tensor, Tensor]:
        inner = range(x.ndim - len(self.shape) + 1, x.ndim)
        axes = (*range(x.ndim - len(self.shape)), *inner)
        variance, mean = torch.var_mean(x, axes, correction=0, keepdim=True)
        mean, variance = mean.view(self.mean.shape), variance.view(self.mean.shape)
        self.mean.lerp_(mean.detach(), self.momentum)
        self.variance.lerp_(variance.detach(), self.momentum)
        return mean, variance
