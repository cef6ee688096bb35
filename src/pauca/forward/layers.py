"""Layers that learn from their own goodness: normalise, multiply, rectify (and pool).

Activity stays in the shape of the layer's units, [u] or [channels, height, width]; goodness and
analyses read it flattened.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from pauca.checks import check_count
from pauca.errors import InputError
from pauca.forward.normalise import AbstractNormalisation, AbstractScaling, Moments
from pauca.registry import Registry

__all__ = ["AbstractLayer", "Conv2dLayer", "LinearLayer", "LocalLayer", "layers"]

layers: Registry["AbstractLayer"] = Registry(
    "layer",
    "pauca.forward",
    "layers",
    context=frozenset({"shape", "normalisation", "generator"}),
)
"""Every kind of layer by name."""


class AbstractLayer(nn.Module, ABC):
    """activity = pool(relu(multiply((x - shift) * factor) + bias)) where x is scaled.

    ``multiply`` is linear, so the first layer's answer to an item with a label is the sum of its
    answers to both.

    Args:
        shape: Of what it reads: [d] or [channels, height, width].
        out: Of its activity.
        groups: Units that a goodness by class shares out: units, or channels.
        normalisation: Of what it reads; one of its own for this shape is made of it.
    """

    def __init__(
        self,
        shape: Sequence[int],
        out: Sequence[int],
        groups: int,
        normalisation: AbstractNormalisation,
    ) -> None:
        super().__init__()
        self.shape, self.out, self.groups = tuple(shape), tuple(out), groups
        self.normalisation = normalisation.sized(self.shape)

    @property
    def units(self) -> int:
        """How many numbers its activity has."""
        return math.prod(self.out)

    @abstractmethod
    def multiply(self, x: Tensor) -> Tensor:
        """The linear part without bias or normalisation, float [b, *shape] -> [b, ...]."""

    @abstractmethod
    def rectify(self, z: Tensor) -> Tensor:
        """Activity from the linear part with its normalisation, float [b, ...] -> [b, *out]."""

    def multiply_at(self, spots: Tensor, values: Tensor) -> Tensor:
        """``multiply`` of vectors that are 0 but at ``spots`` int64 [m]; [b, m] -> [b, ...]."""
        dense = values.new_zeros(len(values), math.prod(self.shape))
        dense[:, spots] = values
        return self.multiply(dense.view(-1, *self.shape))

    def forward(self, x: Tensor) -> Tensor:
        """Activity >= 0, float [..., *shape] -> [..., *out]."""
        lead = x.shape[: x.ndim - len(self.shape)]
        read = self.normalisation(x).reshape(-1, *self.shape)
        return self.rectify(self.multiply(read)).view(*lead, *self.out)

    def answer(self, product: Tensor, moments: Moments) -> Tensor:
        """Activity from the product with what was read before it was scaled.

        Args:
            product: float [r, b, ...].
            moments: Of what was read, float [r, b].

        Raises:
            TypeError: the normalisation is no scaling.
        """
        if not isinstance(self.normalisation, AbstractScaling):
            raise TypeError("only a scaling can follow the product")
        d = math.prod(self.shape)
        inner = (1,) * (product.ndim - 2)
        factor = self.normalisation.factor(moments, d)
        if self.normalisation.centred:
            ones = self.multiply(product.new_ones(1, *self.shape))
            product = product - ones * (moments.sums / d).view(*factor.shape, *inner)
        z = (product * factor.view(*factor.shape, *inner)).flatten(0, 1)
        return self.rectify(z).view(*product.shape[:2], *self.out)


@layers.register("linear")
class LinearLayer(AbstractLayer):
    """normalise -> Linear -> ReLU, weights and bias uniform in +-1/sqrt(d) at the start.

    Args:
        units: u.
        shape: Of what it reads, flattened to d numbers.
        normalisation: Of what it reads.
        generator: Source of the weights, on the CPU.
    """

    def __init__(
        self,
        units: int,
        *,
        shape: Sequence[int],
        normalisation: AbstractNormalisation,
        generator: Generator,
    ) -> None:
        u, d = check_count(units, "width of a layer", least=1), math.prod(shape)
        super().__init__(shape, [u], u, normalisation)
        bound = 1 / math.sqrt(d)
        self.weight = nn.Parameter(torch.empty(u, d).uniform_(-bound, bound, generator=generator))
        self.bias = nn.Parameter(torch.empty(u).uniform_(-bound, bound, generator=generator))

    def multiply(self, x: Tensor) -> Tensor:
        """W x."""
        return F.linear(x.flatten(1), self.weight)

    def multiply_at(self, spots: Tensor, values: Tensor) -> Tensor:
        """W[:, spots] v."""
        return F.linear(values, self.weight[:, spots])

    def rectify(self, z: Tensor) -> Tensor:
        """relu(z + b)."""
        return (z + self.bias).relu_()


class _Spatial(AbstractLayer):
    """What convolutions with shared and with unshared weights have in common."""

    def __init__(
        self,
        channels: int,
        kernel: int,
        stride: int,
        padding: int,
        pool: int,
        shape: Sequence[int],
        normalisation: AbstractNormalisation,
    ) -> None:
        if len(shape) != 3:
            raise InputError(
                "this layer reads images",
                expected="[channels, height, width]",
                got=list(shape),
                todo="use linear layers after the last one that reads images, and for tables",
            )
        check_count(channels, "channels of a layer", least=1)
        for value, name in ((kernel, "kernel"), (stride, "stride"), (pool, "pool")):
            check_count(value, f"{name} of a layer", least=1)
        check_count(padding, "padding of a layer")
        self.places = tuple((size + 2 * padding - kernel) // stride + 1 for size in shape[1:])
        out = tuple(place // pool for place in self.places)
        if min(out) < 1:
            raise InputError(
                "nothing is left of the image",
                expected="height and width of at least 1 behind the layer",
                got=f"{shape[1]} x {shape[2]} read by kernel {kernel}, stride {stride}, "
                f"padding {padding}, pool {pool}",
                todo="make kernel, stride or pool smaller, or padding larger",
            )
        super().__init__(shape, [channels, *out], channels, normalisation)
        self.kernel, self.stride, self.padding, self.pool = kernel, stride, padding, pool

    def _pooled(self, h: Tensor) -> Tensor:
        return F.max_pool2d(h, self.pool) if self.pool > 1 else h


@layers.register("conv2d")
class Conv2dLayer(_Spatial):
    """normalise -> convolution -> ReLU -> max-pooling.

    Args:
        channels: Of its activity.
        kernel: Side of the window.
        stride: Step of the window.
        padding: Zeros on each side.
        pool: Side of the window whose largest activity is kept; 1 for all.
        shape: [channels, height, width] of what it reads.
        normalisation: Of what it reads.
        generator: Source of the weights, on the CPU.

    Raises:
        InputError: it does not read images; nothing is left of the image.
    """

    def __init__(
        self,
        channels: int,
        *,
        kernel: int = 3,
        stride: int = 1,
        padding: int = 1,
        pool: int = 1,
        shape: Sequence[int],
        normalisation: AbstractNormalisation,
        generator: Generator,
    ) -> None:
        super().__init__(channels, kernel, stride, padding, pool, shape, normalisation)
        size = (channels, shape[0], kernel, kernel)
        draw = _uniform(shape[0] * kernel**2, generator)
        self.weight, self.bias = draw(size), draw((channels,))

    def multiply(self, x: Tensor) -> Tensor:
        """The convolution without bias, float [b, channels, h, w]."""
        return F.conv2d(x, self.weight, stride=self.stride, padding=self.padding)

    def rectify(self, z: Tensor) -> Tensor:
        """pool(relu(z + b))."""
        return self._pooled((z + self.bias[:, None, None]).relu_())


@layers.register("local")
class LocalLayer(_Spatial):
    """As conv2d, but every place has weights of its own (locally connected).

    Args:
        channels: Of its activity.
        kernel: Side of the window.
        stride: Step of the window.
        padding: Zeros on each side.
        pool: Side of the window whose largest activity is kept; 1 for all.
        shape: [channels, height, width] of what it reads.
        normalisation: Of what it reads.
        generator: Source of the weights, on the CPU.

    Raises:
        InputError: it does not read images; nothing is left of the image.
    """

    def __init__(
        self,
        channels: int,
        *,
        kernel: int = 3,
        stride: int = 1,
        padding: int = 0,
        pool: int = 1,
        shape: Sequence[int],
        normalisation: AbstractNormalisation,
        generator: Generator,
    ) -> None:
        super().__init__(channels, kernel, stride, padding, pool, shape, normalisation)
        d, places = shape[0] * kernel**2, math.prod(self.places)
        draw = _uniform(d, generator)
        self.weight, self.bias = draw((places, d, channels)), draw((channels, places))

    def multiply(self, x: Tensor) -> Tensor:
        """Each window with its own weights, float [b, channels, places]."""
        # [b, d, places] -> [places, b, d]
        windows = F.unfold(x, self.kernel, stride=self.stride, padding=self.padding)
        return torch.bmm(windows.permute(2, 0, 1), self.weight).permute(1, 2, 0)

    def rectify(self, z: Tensor) -> Tensor:
        """pool(relu(z + b))."""
        return self._pooled((z + self.bias).relu_().view(*z.shape[:-1], *self.places))


def _uniform(d: int, generator: Generator) -> Callable[[Sequence[int]], nn.Parameter]:
    """Weights uniform in +-1/sqrt(d), d numbers read by each unit."""
    bound = 1 / math.sqrt(d)

    def draw(size: Sequence[int]) -> nn.Parameter:
        return nn.Parameter(torch.empty(*size).uniform_(-bound, bound, generator=generator))

    return draw
