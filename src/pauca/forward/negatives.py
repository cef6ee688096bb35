"""Negatives: what an item is shown with that is wrong, drawn afresh for every batch.

Either wrong labels, each paired with its own item; or, where there are no labels, wrong items.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from pauca.checks import check_count, check_nonnegative
from pauca.errors import InputError
from pauca.registry import Registry

__all__ = [
    "AbstractNegatives",
    "AbstractWrongItems",
    "AbstractWrongLabels",
    "AllWrong",
    "HardWrong",
    "HybridMask",
    "RandomWrong",
    "SelfContrastive",
    "negatives",
]

negatives: Registry["AbstractNegatives"] = Registry("negatives", "pauca.forward", "negatives")
"""Every kind of negatives by name."""


class AbstractNegatives(ABC):
    """What is wrong about a negative.

    Class attributes:
        name: Lower case with hyphens.
        reference: Authors, venue, year, equation.
        labelled: Whether the label is wrong; otherwise the item is.
    """

    name: ClassVar[str]
    reference: ClassVar[str]
    labelled: ClassVar[bool]


class AbstractWrongLabels(AbstractNegatives):
    """Wrong labels for the items of a batch; each negative is paired with its own item.

    Class attributes:
        wants_goodness: Whether the draw depends on the first layer's goodness of every label.
    """

    labelled = True
    wants_goodness: ClassVar[bool] = False

    @abstractmethod
    def draw(
        self, y: Tensor, classes: int, generator: Generator, goodness: Tensor | None = None
    ) -> Tensor:
        """Wrong labels, r for each item, int64 [r, b] on the device of ``y``; never the right one.

        Args:
            y: Right labels, int64 [b].
            classes: Number of classes of the task, >= 2.
            generator: On the CPU; numbers are drawn there, then moved.
            goodness: The first layer's goodness of every label, float [b, c], where it is wanted.
        """


class AbstractWrongItems(AbstractNegatives):
    """Positives and negatives made of the items of a batch; no label is read."""

    labelled = False

    @abstractmethod
    def make(self, x: Tensor, generator: Generator) -> Tensor:
        """The positive of each item and r negatives, float [b, ...] -> [1 + r, b, ...].

        Args:
            x: Items [b, channels, height, width] or [b, d].
            generator: On the CPU.

        Raises:
            InputError: a single item, which has no other to be mixed with.
        """


@negatives.register("random")
@dataclass(frozen=True)
class RandomWrong(AbstractWrongLabels):
    """Wrong labels uniform over the c - 1 wrong ones, new at every step.

    Args:
        count: Wrong labels an item, drawn with replacement.
    """

    count: int = 1

    name = "random"
    reference = "Hinton, arXiv 2212.13345, 2022, section 3.3"

    def __post_init__(self) -> None:
        """Check."""
        check_count(self.count, "count of negatives", least=1)

    def draw(
        self, y: Tensor, classes: int, generator: Generator, goodness: Tensor | None = None
    ) -> Tensor:
        """(y + o) mod c with o uniform in 1 .. c - 1, int64 [count, b]."""
        offset = torch.randint(1, classes, (self.count, len(y)), generator=generator)
        return (y + offset.to(y.device)) % classes


@negatives.register("all")
class AllWrong(AbstractWrongLabels):
    """Every wrong label of every item, r = c - 1."""

    name = "all"
    reference = "all c - 1 wrong labels of an item at once"

    def draw(
        self, y: Tensor, classes: int, generator: Generator, goodness: Tensor | None = None
    ) -> Tensor:
        """(y + o) mod c for o = 1 .. c - 1, int64 [c - 1, b]."""
        return (y + torch.arange(1, classes, device=y.device).unsqueeze(1)) % classes


@negatives.register("hard")
@dataclass(frozen=True)
class HardWrong(AbstractWrongLabels):
    """Wrong labels drawn in proportion to exp(beta * the first layer's own goodness).

    The goodness of every label costs the first layer one product with the items in all.

    Args:
        count: Wrong labels an item, drawn with replacement.
        beta: How hard, >= 0; 0 is uniform.
    """

    count: int = 1
    beta: float = 2.0

    name = "hard"
    reference = "Hinton, arXiv 2212.13345, 2022, section 3.3 (hard negative labels)"
    wants_goodness = True

    def __post_init__(self) -> None:
        """Check."""
        check_count(self.count, "count of negatives", least=1)
        check_nonnegative(self.beta, "beta")

    def draw(
        self, y: Tensor, classes: int, generator: Generator, goodness: Tensor | None = None
    ) -> Tensor:
        """Inverse of the cumulated shares of the wrong labels at uniform numbers, [count, b].

        Raises:
            InputError: no goodness.
        """
        if goodness is None:
            raise InputError(
                "hard negatives need the goodness of every label",
                got="none",
                todo="choose other negatives, or a goodness that tells labels apart",
            )
        wrong = goodness.mul(self.beta).scatter(1, y.unsqueeze(1), -torch.inf)
        passed = wrong.double().softmax(1).cumsum(1)  # [b, c]
        u = torch.rand(len(y), self.count, generator=generator, dtype=torch.float64)
        goal = u.to(y.device) * passed[:, -1:]
        found = torch.searchsorted(passed, goal, right=True).clamp_max(classes - 1)
        # rounding may lead past the last label with a share, to the right one
        found = torch.where(found == y.unsqueeze(1), wrong.argmax(1, keepdim=True), found)
        return found.T


@negatives.register("hybrid-mask")
@dataclass(frozen=True)
class HybridMask(AbstractWrongItems):
    """Negatives are two images mixed by a mask with large blobs of ones and zeros.

    The mask is random bits blurred ``blurs`` times with [1/4, 1/2, 1/4] in both directions, then
    cut at its middle: short-range correlations are those of images, long-range ones are not. Rows
    of a table are mixed by random bits.

    Args:
        blurs: How often the mask is blurred.
    """

    blurs: int = 6

    name = "hybrid-mask"
    reference = "Hinton, arXiv 2212.13345, 2022, section 3.2"

    def __post_init__(self) -> None:
        """Check."""
        check_count(self.blurs, "blurs of the mask")

    def make(self, x: Tensor, generator: Generator) -> Tensor:
        """X itself, and m x_i + (1 - m) x_j with j another item: [2, b, ...]."""
        mask = self._mask(x, generator).to(x.device)
        return torch.stack([x, torch.where(mask, x, _others(x, generator))])

    def _mask(self, x: Tensor, generator: Generator) -> Tensor:
        """Bool [b, 1, h, w] or [b, d]."""
        if x.ndim != 4:
            return torch.rand(x.shape, generator=generator) < 0.5
        level = torch.rand(len(x), 1, *x.shape[2:], generator=generator).round_()
        kernel = torch.tensor([0.25, 0.5, 0.25])
        for _ in range(self.blurs):
            level = F.conv2d(level, kernel.view(1, 1, 3, 1), padding=(1, 0))
            level = F.conv2d(level, kernel.view(1, 1, 1, 3), padding=(0, 1))
        middle = level.flatten(1).median(1).values
        return level > middle[:, None, None, None]


@negatives.register("self-contrastive")
class SelfContrastive(AbstractWrongItems):
    """Positive: an item beside itself; negative: beside another. Both halves meet equal weights.

    With equal weights for both halves the layer reads their sum; here it is halved, so the positive
    is the item.
    """

    name = "self-contrastive"
    reference = "Chen et al., Nat. Commun. 2025 (self-contrastive Forward-Forward), section 2"

    def make(self, x: Tensor, generator: Generator) -> Tensor:
        """X itself, and (x_i + x_j) / 2 with j another item: [2, b, ...]."""
        return torch.stack([x, (x + _others(x, generator)) / 2])


def _others(x: Tensor, generator: Generator) -> Tensor:
    """Another item for each, [b, ...]: a random order in which each gets its successor."""
    if len(x) < 2:
        raise InputError(
            "a single item cannot be mixed with another",
            expected="at least two items in a batch",
            got=len(x),
            todo="train on more items, or choose negatives that need no second one",
        )
    order = torch.randperm(len(x), generator=generator).to(x.device)
    return x[order.roll(1)[order.argsort()]]
