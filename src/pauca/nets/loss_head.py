"""The loss prediction module: a small head on the block outputs, and the loss that it learns by.

Sizes: b items of a batch, u units of a tap.
"""

from collections.abc import Sequence

import torch
from torch import Generator, Tensor, nn

from pauca.checks import shapes
from pauca.rng import isolated

__all__ = ["LossHead", "make_loss_head", "pooled", "ranking_loss"]


class LossHead(nn.Module):
    """One hidden layer a tap, put side by side, then one number: the predicted loss.

    Args:
        widths: u of each tap, input side first.
        hidden: Units of the hidden layer of each tap.

    Reference: Yoo and Kweon, CVPR 2019, section 3.2 and figure 2.
    """

    def __init__(self, widths: Sequence[int], hidden: int) -> None:
        super().__init__()
        self.widths = tuple(widths)
        self.reads = nn.ModuleList(nn.Linear(width, hidden) for width in widths)
        self.out = nn.Linear(hidden * len(self.reads), 1)

    def forward(self, taps: Sequence[Tensor]) -> Tensor:
        """Predicted loss, float [b], from pooled taps, each float [b, u]."""
        seen = [read(tap).relu() for read, tap in zip(self.reads, taps, strict=True)]
        predicted: Tensor = self.out(torch.cat(seen, dim=1))
        return predicted.squeeze(1)


def make_loss_head(widths: Sequence[int], hidden: int, generator: Generator) -> LossHead:
    """A freshly initialised head for taps of these widths."""
    with isolated(generator):
        return LossHead(widths, hidden)


def pooled(tap: Tensor) -> Tensor:
    """Maps [b, u, h, w] -> their means [b, u] (global average pooling); [b, u] as it is."""
    return tap.flatten(2).mean(2) if tap.ndim > 2 else tap


@shapes(predicted="b", losses="b")
def ranking_loss(predicted: Tensor, losses: Tensor, margin: float) -> Tensor:
    """(2/b) sum over pairs of max(0, -sign(l_i - l_j)(p_i - p_j) + margin).

    Item i of the first half is paired with item i of the second; an odd one out is left over, and a
    batch of one has no pair and gives 0. The sign is 1 where l_i > l_j and -1 otherwise.

    Args:
        predicted: p, float [b].
        losses: l, float [b]; a constant here, no gradient flows into it.
        margin: xi > 0.

    Returns:
        A scalar >= 0.

    Reference: Yoo and Kweon, CVPR 2019, eq. 2 and 3.
    """
    half = len(predicted) // 2
    if half == 0:
        return predicted.sum() * 0
    gap = losses[:half].detach() - losses[half : 2 * half].detach()
    sign = torch.where(gap > 0, 1.0, -1.0).to(predicted.dtype)
    return (margin - sign * (predicted[:half] - predicted[half : 2 * half])).clamp_min(0).mean()
