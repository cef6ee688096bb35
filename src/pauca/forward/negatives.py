"""Negatives: which wrong labels an item is shown with, drawn afresh for every batch."""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Generator, Tensor

from pauca.registry import Registry

__all__ = ["AbstractNegatives", "RandomWrong", "negatives"]

negatives: Registry["AbstractNegatives"] = Registry("negatives", "pauca.forward", "negatives")
"""Every kind of negatives by name."""


class AbstractNegatives(ABC):
    """Wrong labels for the items of a batch; each negative is paired with its own item.

    Class attributes:
        name: Lower case with hyphens.
        reference: Authors, venue, year, equation.
    """

    name: ClassVar[str]
    reference: ClassVar[str]

    @abstractmethod
    def draw(self, y: Tensor, classes: int, generator: Generator) -> Tensor:
        """Wrong labels, r for each item, int64 [r, b] on the device of ``y``; never the right one.

        Args:
            y: Right labels, int64 [b].
            classes: Number of classes of the task, >= 2.
            generator: On the CPU; numbers are drawn there, then moved.
        """


@negatives.register("random")
class RandomWrong(AbstractNegatives):
    """One wrong label an item, uniform over the c - 1 wrong ones, new at every step."""

    name = "random"
    reference = "Hinton, arXiv 2212.13345, 2022, section 3.3"

    def draw(self, y: Tensor, classes: int, generator: Generator) -> Tensor:
        """(y + o) mod c with o uniform in 1 .. c - 1, int64 [1, b]."""
        offset = torch.randint(1, classes, (1, len(y)), generator=generator)
        return (y + offset.to(y.device)) % classes
