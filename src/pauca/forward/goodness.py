"""Goodness: one number that says how strongly a layer answers to an item shown with a label."""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from pauca.registry import Registry

__all__ = [
    "L1",
    "L2",
    "AbstractGoodness",
    "LInf",
    "MeanOfSquares",
    "SumOfSquares",
    "goodnesses",
]

goodnesses: Registry["AbstractGoodness"] = Registry("goodness", "pauca.forward", "goodnesses")
"""Every goodness by name."""


class AbstractGoodness(ABC):
    """Goodness of activity, float [..., u] -> [...]; at least 0, higher is better.

    Permuting the units changes nothing, and a silent layer has goodness 0 with gradient 0.

    Class attributes:
        name: Lower case with hyphens.
        reference: Authors, venue, year, equation.
    """

    name: ClassVar[str]
    reference: ClassVar[str]

    @abstractmethod
    def __call__(self, h: Tensor) -> Tensor:
        """Goodness of each row of ``h``, float [..., u] -> [...]."""


@goodnesses.register("l2")
class L2(AbstractGoodness):
    """||h||_2, neither squared nor averaged: the published form."""

    name = "l2"
    reference = "Tosato et al., TMLR 2025, section 2"

    def __call__(self, h: Tensor) -> Tensor:
        """sqrt(sum_i h_i^2)."""
        norm: Tensor = torch.linalg.vector_norm(h, dim=-1)
        return norm


@goodnesses.register("l1")
class L1(AbstractGoodness):
    """||h||_1."""

    name = "l1"
    reference = "the Manhattan norm"

    def __call__(self, h: Tensor) -> Tensor:
        """sum_i |h_i|."""
        return h.abs().sum(-1)


@goodnesses.register("linf")
class LInf(AbstractGoodness):
    """||h||_inf: the activity of the strongest unit."""

    name = "linf"
    reference = "the maximum norm"

    def __call__(self, h: Tensor) -> Tensor:
        """max_i |h_i|."""
        return h.abs().amax(-1)


@goodnesses.register("sum-of-squares")
class SumOfSquares(AbstractGoodness):
    """||h||_2^2."""

    name = "sum-of-squares"
    reference = "Hinton, arXiv 2212.13345, 2022, eq. 1"

    def __call__(self, h: Tensor) -> Tensor:
        """sum_i h_i^2."""
        return h.square().sum(-1)


@goodnesses.register("mean-of-squares")
class MeanOfSquares(AbstractGoodness):
    """||h||_2^2 / u: does not grow with the width."""

    name = "mean-of-squares"
    reference = "Hinton, arXiv 2212.13345, 2022, section 2 (public code)"

    def __call__(self, h: Tensor) -> Tensor:
        """sum_i h_i^2 / u."""
        return h.square().mean(-1)
