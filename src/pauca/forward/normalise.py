"""Normalisation of what a layer reads, so that it cannot reuse the goodness of the layer below."""

from abc import ABC, abstractmethod
from typing import ClassVar, final

from torch import Tensor

from pauca.registry import Registry

__all__ = ["AbstractScaling", "L2Scaling", "NoScaling", "normalisations"]

normalisations: Registry["AbstractScaling"] = Registry(
    "normalisation", "pauca.forward", "normalisations"
)
"""Every normalisation by name."""


class AbstractScaling(ABC):
    """Multiplies a vector by a factor that depends on its squared length alone.

    The first layer needs the factor without the vector: the squared length of an item with a label
    is a sum of two, so the product with the weights can be shared by all labels.

    Class attributes:
        name: Lower case with hyphens.
        reference: Authors, venue, year, equation.
    """

    name: ClassVar[str]
    reference: ClassVar[str]

    @abstractmethod
    def factor(self, squares: Tensor, d: int) -> Tensor:
        """Factor for vectors of d numbers with these sums of squares, [...] -> [...]."""

    @final
    def __call__(self, x: Tensor) -> Tensor:
        """Each row of ``x`` times its factor, float [..., d] -> [..., d]."""
        return x * self.factor(x.square().sum(-1, keepdim=True), x.shape[-1])


@normalisations.register("l2")
class L2Scaling(AbstractScaling):
    """x / max(||x||_2, 1e-8): the published form. A silent row stays silent, with gradient 0."""

    name = "l2"
    reference = "Hinton, arXiv 2212.13345, 2022, section 2; Tosato et al., TMLR 2025"

    def factor(self, squares: Tensor, d: int) -> Tensor:
        """1 / max(||x||_2, 1e-8)."""
        return squares.clamp_min(1e-16).rsqrt()


@normalisations.register("none")
class NoScaling(AbstractScaling):
    """x as it is."""

    name = "none"
    reference = "no normalisation"

    def factor(self, squares: Tensor, d: int) -> Tensor:
        """1."""
        return squares.new_ones(squares.shape)
