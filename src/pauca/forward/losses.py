"""Losses: what makes goodness high for right labels and low for wrong ones."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from pauca.checks import check_fraction, check_positive
from pauca.registry import Registry

__all__ = ["AbstractLoss", "CrossEntropy", "Difference", "Threshold", "losses"]

losses: Registry["AbstractLoss"] = Registry("loss", "pauca.forward", "losses")
"""Every loss by name."""


class AbstractLoss(ABC):
    """Loss of a batch: goodness of positives [b] and of r negatives each [r, b] -> a scalar.

    Class attributes:
        name: Lower case with hyphens.
        reference: Authors, venue, year, equation.
    """

    name: ClassVar[str]
    reference: ClassVar[str]

    @abstractmethod
    def __call__(self, positive: Tensor, negative: Tensor) -> Tensor:
        """The loss, a scalar >= 0; finite for every goodness up to 1e4 and beyond."""


@losses.register("threshold")
@dataclass(frozen=True)
class Threshold(AbstractLoss):
    """Positives above theta, negatives below: the published form.

    softplus(x) = log(1 + exp x) is computed as max(x, 0) + log1p(exp -|x|), which never overflows.

    Args:
        theta: The threshold, > 0, in units of goodness.
    """

    theta: float = 3.0

    name = "threshold"
    reference = "Hinton, arXiv 2212.13345, 2022; Tosato et al., TMLR 2025 (theta = 3)"

    def __post_init__(self) -> None:
        """Check."""
        check_positive(self.theta, "theta")

    def __call__(self, positive: Tensor, negative: Tensor) -> Tensor:
        """Mean softplus(theta - G+) + mean softplus(G- - theta)."""
        return F.softplus(self.theta - positive).mean() + F.softplus(negative - self.theta).mean()


@losses.register("difference")
@dataclass(frozen=True)
class Difference(AbstractLoss):
    """Positives above the negatives of the same item, whatever the level.

    Args:
        scale: a > 0, how steep; in inverse units of goodness.
    """

    scale: float = 4.0

    name = "difference"
    reference = "Lee and Song, arXiv 2303.08418, 2023 (SymBa), eq. 4"

    def __post_init__(self) -> None:
        """Check."""
        check_positive(self.scale, "scale")

    def __call__(self, positive: Tensor, negative: Tensor) -> Tensor:
        """Mean softplus(-a (G+ - G-))."""
        return F.softplus(self.scale * (negative - positive)).mean()


@losses.register("cross-entropy")
@dataclass(frozen=True)
class CrossEntropy(AbstractLoss):
    """-log of the right label's share of exp(a G) over the labels shown.

    With all wrong labels shown, the cross-entropy of the label given the item.

    Args:
        scale: a > 0, in inverse units of goodness.
        smoothing: Part of the target that is spread over all labels shown, in [0, 1).
    """

    scale: float = 1.0
    smoothing: float = 0.0

    name = "cross-entropy"
    reference = "Papachristodoulou et al., AAAI 2024, eq. 5 (over the goodness of all classes)"

    def __post_init__(self) -> None:
        """Check."""
        check_positive(self.scale, "scale")
        check_fraction(self.smoothing, "smoothing", open_end=True)

    def __call__(self, positive: Tensor, negative: Tensor) -> Tensor:
        """Mean over items of -(1 - s) log p_right - s mean log p."""
        shares = torch.cat([positive.unsqueeze(0), negative]).mul(self.scale).log_softmax(0)
        return -(1 - self.smoothing) * shares[0].mean() - self.smoothing * shares.mean()
