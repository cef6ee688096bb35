"""Independent components by skewness: a rotation of uncorrelated scores."""

import torch
from torch import Tensor

__all__ = ["most_skewed", "polar"]

STEPS = 1000
"""Of the ascent, at most."""


def most_skewed(scores: Tensor, turn: Tensor) -> tuple[Tensor, bool]:
    """Rotation of largest sum_k E[y_k^3] that ascent finds, [a, a], and whether it came to rest.

    The next rotation is the polar factor of the gradient (a fixed-point step for all components at
    once); a multiple of the present rotation, added where that is needed, keeps the sum from
    falling.

    Args:
        scores: Of mean 0, variance 1 and no correlation, [n, a]; y = scores @ turn.T.
        turn: Where to begin, orthogonal, [a, a].

    Reference: Hyvarinen and Oja, Neural Computation 9, 1997, with g(y) = y^2.
    """
    shift = 0.0
    skewness, gradient = _skewness(scores, turn)
    for _ in range(STEPS):
        following = polar(gradient + shift * turn)
        reached, slope = _skewness(scores, following)
        if reached < skewness - 1e-12 * abs(skewness):
            shift = 2 * shift + 1
            continue
        at_rest = torch.allclose(following, turn, rtol=0, atol=1e-7)
        turn, skewness, gradient = following, reached, slope
        if at_rest:
            return turn, True
    return turn, False


def _skewness(scores: Tensor, turn: Tensor) -> tuple[float, Tensor]:
    """Sum of the skewness of the turned scores, and a third of its gradient, [a, a]."""
    y = scores @ turn.T
    gradient = y.square().T @ scores / len(scores)
    return float((gradient * turn).sum()), gradient


def polar(square: Tensor) -> Tensor:
    """The rotation or reflection nearest to a square matrix."""
    left, _, right = torch.linalg.svd(square)
    nearest: Tensor = left @ right
    return nearest
