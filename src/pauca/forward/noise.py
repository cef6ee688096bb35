"""What is made harder while learning: parts left out, items moved against the first layer."""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from pauca.checks import check_fraction

__all__ = ["Noise"]


@dataclass(frozen=True)
class Noise:
    """Dropout of what layers read, before they normalise it, and how far items are moved.

    Positives and negatives of an item lose the same parts, so that their difference is the label's.
    The label itself is never left out.

    Args:
        item: Probability that a number of an item is left out, in [0, 1).
        hidden: Probability that the activity of a unit is left out, in [0, 1).
        generator: Source of what is left out, on the CPU.
        adversarial: Length of the step against the first layer, as a part of an item's own, >= 0.

    Reference: Srivastava et al., JMLR 2014, section 4.
    """

    item: float
    hidden: float
    generator: Generator
    adversarial: float = 0.0

    def __post_init__(self) -> None:
        """Check."""
        check_fraction(self.item, "dropout of items", open_end=True)
        check_fraction(self.hidden, "dropout of hidden layers", open_end=True)
        check_fraction(self.adversarial, "adversarial", open_end=True)

    def on_items(self, x: Tensor) -> Tensor:
        """Items with parts left out, float [b, d] or [r, b, d]."""
        return x if self.item == 0 else x * self._mask(x.shape[-2:], self.item, x)

    def on_activity(self, h: Tensor) -> Tensor:
        """Activity with units left out, float [r, b, ...]."""
        return h if self.hidden == 0 else h * self._mask(h.shape[1:], self.hidden, h)

    def _mask(self, shape: torch.Size, p: float, like: Tensor) -> Tensor:
        """0, or 1 / (1 - p)."""
        kept = torch.empty(shape, dtype=like.dtype).bernoulli_(1 - p, generator=self.generator)
        return kept.div_(1 - p).to(like.device)
