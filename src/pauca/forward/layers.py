"""Layers that learn from their own goodness: normalise, multiply, rectify."""

import math
from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from pauca.forward.normalise import AbstractScaling
from pauca.registry import Registry

__all__ = ["AbstractLayer", "LinearLayer", "layers"]

layers: Registry["AbstractLayer"] = Registry(
    "layer", "pauca.forward", "layers", context=frozenset({"d", "u", "normalisation", "generator"})
)
"""Every kind of layer by name."""


class AbstractLayer(nn.Module, ABC):
    """activity = rectify(multiply(x) * factor + bias), factor from the normalisation of x.

    ``multiply`` is linear, so the first layer's answer to an item with a label is the sum of its
    answers to both.

    Args:
        normalisation: Of what the layer reads.
    """

    def __init__(self, normalisation: AbstractScaling) -> None:
        super().__init__()
        self.normalisation = normalisation

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Activity >= 0, float [..., d] -> [..., u]."""

    @abstractmethod
    def multiply(self, x: Tensor) -> Tensor:
        """The linear part without bias or normalisation, float [..., d] -> [..., u]."""

    @abstractmethod
    def multiply_at(self, spots: Tensor, values: Tensor) -> Tensor:
        """``multiply`` of vectors that are 0 but at ``spots`` int64 [m]; [..., m] -> [..., u]."""

    @abstractmethod
    def rectify(self, product: Tensor, factor: Tensor) -> Tensor:
        """Activity from the linear part [..., u] and the normalisation's factor [...]."""


@layers.register("linear")
class LinearLayer(AbstractLayer):
    """normalise -> Linear -> ReLU, weights and bias uniform in +-1/sqrt(d) at the start.

    Args:
        d: Numbers it reads.
        u: Units.
        normalisation: Of what it reads.
        generator: Source of the weights, on the CPU.
    """

    def __init__(
        self, *, d: int, u: int, normalisation: AbstractScaling, generator: Generator
    ) -> None:
        super().__init__(normalisation)
        bound = 1 / math.sqrt(d)
        self.weight = nn.Parameter(torch.empty(u, d).uniform_(-bound, bound, generator=generator))
        self.bias = nn.Parameter(torch.empty(u).uniform_(-bound, bound, generator=generator))

    def forward(self, x: Tensor) -> Tensor:
        """relu(W x / ||x|| + b)."""
        return F.linear(self.normalisation(x), self.weight, self.bias).relu_()

    def multiply(self, x: Tensor) -> Tensor:
        """W x."""
        return F.linear(x, self.weight)

    def multiply_at(self, spots: Tensor, values: Tensor) -> Tensor:
        """W[:, spots] v."""
        return F.linear(values, self.weight[:, spots])

    def rectify(self, product: Tensor, factor: Tensor) -> Tensor:
        """relu(product * factor + b)."""
        return torch.addcmul(self.bias, product, factor.unsqueeze(-1)).relu_()
