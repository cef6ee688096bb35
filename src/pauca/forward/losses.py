"""Losses: what makes goodness high for right labels and low for wrong ones."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor

from pauca.checks import check_positive
from pauca.registry import Registry

__all__ = ["AbstractLoss", "Threshold", "losses"]

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
