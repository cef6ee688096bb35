"""Goodness: one number that says how strongly a layer answers to an item shown with a label."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from pauca.checks import check_count
from pauca.errors import InputError
from pauca.registry import Registry

__all__ = [
    "L1",
    "L2",
    "AbstractGoodness",
    "ChannelWise",
    "LInf",
    "MeanOfSquares",
    "SumOfSquares",
    "TopK",
    "goodnesses",
]

goodnesses: Registry["AbstractGoodness"] = Registry("goodness", "pauca.forward", "goodnesses")
"""Every goodness by name."""


class AbstractGoodness(ABC):
    """Goodness of activity, float [..., u] -> [...]; at least 0, higher is better.

    Permuting the units changes nothing (for a goodness by class: the units of one group), and a
    silent layer has goodness 0 with gradient 0.

    Class attributes:
        name: Lower case with hyphens.
        reference: Authors, venue, year, equation.
        by_class: Whether each class has units of its own whose goodness it is, so that the item
            alone is shown, without a label.
    """

    name: ClassVar[str]
    reference: ClassVar[str]
    by_class: ClassVar[bool] = False

    @abstractmethod
    def __call__(self, h: Tensor) -> Tensor:
        """Goodness of each row of ``h``, float [..., u] -> [...]."""

    def of(self, h: Tensor, rows: Tensor, classes: int) -> Tensor:
        """Goodness of r labels of b items from the activity they raise.

        Args:
            h: Activity, float [r, b, u]; [1, b, u] where ``by_class``.
            rows: Labels, int64 [r, b] or [r, 1].
            classes: Number of classes c.

        Returns:
            float [r, b].
        """
        return self(h)

    def slope(self, h: Tensor, goodness: Tensor) -> Tensor | None:
        """Factor [...] with d goodness / d h = factor * h, or None where there is no such factor.

        Args:
            h: Activity >= 0, float [..., u].
            goodness: Of ``h``, float [...].
        """
        return None

    def of_squares(self, squares: Tensor, units: int) -> Tensor | None:
        """Goodness from the squared length alone, or None where it depends on more.

        Args:
            squares: sum_i h_i^2, float [...].
            units: u.
        """
        return None

    def check(self, units: int, classes: int) -> None:  # noqa: B027
        """Refuse a layer that it does not fit; by default it fits every one.

        Args:
            units: Units of the layer; where goodness is by class, its channels if it has such.
            classes: Number of classes.

        Raises:
            InputError: too few units, or not a whole number for each class.
        """


@goodnesses.register("l2")
class L2(AbstractGoodness):
    """||h||_2, neither squared nor averaged: the published form."""

    name = "l2"
    reference = "Tosato et al., TMLR 2025, section 2"

    def __call__(self, h: Tensor) -> Tensor:
        """sqrt(sum_i h_i^2)."""
        norm: Tensor = torch.linalg.vector_norm(h, dim=-1)
        return norm

    def of_squares(self, squares: Tensor, units: int) -> Tensor:
        """sqrt(sum_i h_i^2)."""
        return squares.sqrt()

    def slope(self, h: Tensor, goodness: Tensor) -> Tensor:
        """1 / ||h||_2, and 0 for a silent row."""
        return torch.where(goodness > 0, 1 / goodness, 0.0)


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

    def of_squares(self, squares: Tensor, units: int) -> Tensor:
        """As it is."""
        return squares

    def slope(self, h: Tensor, goodness: Tensor) -> Tensor:
        """2."""
        return torch.full_like(goodness, 2.0)


@goodnesses.register("mean-of-squares")
class MeanOfSquares(AbstractGoodness):
    """||h||_2^2 / u: does not grow with the width."""

    name = "mean-of-squares"
    reference = "Hinton, arXiv 2212.13345, 2022, section 2 (public code)"

    def __call__(self, h: Tensor) -> Tensor:
        """sum_i h_i^2 / u."""
        return h.square().mean(-1)

    def of_squares(self, squares: Tensor, units: int) -> Tensor:
        """sum_i h_i^2 / u."""
        return squares / units

    def slope(self, h: Tensor, goodness: Tensor) -> Tensor:
        """2 / u."""
        return torch.full_like(goodness, 2 / h.shape[-1])


@goodnesses.register("top-k")
@dataclass(frozen=True)
class TopK(AbstractGoodness):
    """Mean square of the k most active units: the others are free.

    Args:
        k: How many units count, at least 1 and at most the units of the layer.
    """

    k: int = 20

    name = "top-k"
    reference = "the k largest terms of Hinton, arXiv 2212.13345, 2022, eq. 1"

    def __post_init__(self) -> None:
        """Check."""
        check_count(self.k, "k of the goodness", least=1)

    def __call__(self, h: Tensor) -> Tensor:
        """The mean of the k largest h_i^2."""
        strongest: Tensor = h.square().topk(self.k, dim=-1, sorted=False).values
        return strongest.mean(-1)

    def check(self, units: int, classes: int) -> None:
        """At least k units."""
        if units < self.k:
            raise InputError(
                "a layer has fewer units than its goodness counts",
                expected=f"at least {self.k} units (k)",
                got=units,
                todo="make k smaller or the layer wider",
            )


@goodnesses.register("channel-wise")
class ChannelWise(AbstractGoodness):
    """Mean square of the class's own units: the item is shown without a label.

    Units (channels, in a convolution) stand in c groups of equal size, one after the other; group k
    answers for class k. The wrong labels of an item cost nothing.
    """

    name = "channel-wise"
    reference = "Papachristodoulou et al., AAAI 2024, eq. 3 (channel-wise class goodness)"
    by_class = True

    def __call__(self, h: Tensor) -> Tensor:
        """sum_i h_i^2 / u, over all groups."""
        return h.square().mean(-1)

    def of(self, h: Tensor, rows: Tensor, classes: int) -> Tensor:
        """G_k = mean over group k of h_i^2, float [1, b, u] -> [r, b]."""
        groups = h[0].view(h.shape[1], classes, -1).square().mean(-1)  # [b, c]
        return torch.gather(groups.T, 0, rows.expand(-1, len(groups)))

    def check(self, units: int, classes: int) -> None:
        """The same number of units for every class."""
        if units % classes:
            raise InputError(
                "units cannot be shared out among the classes",
                expected=f"a multiple of {classes} units (channels, in a convolution)",
                got=units,
                todo="change the width of the layer",
            )
