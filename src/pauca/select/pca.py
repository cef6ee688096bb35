"""Principal components by the eigenvectors of the covariance, read in blocks."""

import torch
from torch import Tensor

from pauca.checks import check_count, typed
from pauca.select.points import Points, blocks

__all__ = ["principal_components", "signed"]


@typed
def principal_components(x: Tensor, p: int = 50, *, further: Tensor | None = None) -> Tensor:
    """Centred coordinates along the p directions of the largest variance.

    The covariance is summed in float64. The sign of a direction is chosen so that its largest
    coefficient (the first of equals) is positive, so the answer depends on neither the pool's order
    nor the linear algebra library. Differences of coordinates keep distances within the subspace.

    Args:
        x: float [n, d], n >= 1; may be memory-mapped.
        p: How many; at most min(p, n + m, d) come out.
        further: float [m, d] of the same type, rows that follow those of ``x``; may be
            memory-mapped.

    Returns:
        float [n + m, min(p, n + m, d)], float64 for float64 features, else float32; the variance
        falls from column to column. Features that were scaled to fit their type's range stay
        scaled.

    Raises:
        InputError: wrong shape or type, NaN, or p < 1.

    Cost: O((n + m) d^2 + d^3) time, O(d^2 + (n + m) p) memory beside the inputs.

    Reference: Pearson, 1901; Jolliffe, Principal Component Analysis, 2002, chapter 1.
    """
    check_count(p, "p", least=1)
    points = Points.of(x, further)
    m = 0 if points.further is None else len(points.further)
    mean, axes = _axes(points, points.n + m, p)
    found = torch.empty((points.n + m, axes.shape[1]), dtype=points.dtype, device=x.device)
    for low, high in blocks(points.n + m, points.d):
        found[low:high] = (_rows(points, low, high) - mean) @ axes
    return found


def _rows(points: Points, low: int, high: int) -> Tensor:
    """Rows of items, then of further points, in float64."""
    if high <= points.n:
        return points.span(low, high).double()
    return points.rows(torch.arange(low, high, device=points.x.device)).double()


def _axes(points: Points, n: int, p: int) -> tuple[Tensor, Tensor]:
    """Mean [d] and leading axes [d, min(p, n, d)] of all n rows, in float64."""
    total = torch.zeros(points.d, dtype=torch.float64, device=points.x.device)
    scatter = torch.zeros((points.d, points.d), dtype=torch.float64, device=points.x.device)
    for low, high in blocks(n, points.d):
        rows = _rows(points, low, high)
        total += rows.sum(0)
        scatter.addmm_(rows.T, rows)
    mean = total / max(1, n)
    scatter.sub_(torch.outer(mean, total))
    axes = torch.linalg.eigh(scatter)[1].flip(1)[:, : min(p, n, points.d)]
    return mean, signed(axes)


def signed(axes: Tensor) -> Tensor:
    """Directions [d, p], each with the sign that makes its largest coefficient positive."""
    size = axes.abs()
    first = (size >= size.amax(0) * (1 - 1e-9)).int().argmax(0)
    sign = axes.gather(0, first[None]).sign()
    return axes * torch.where(sign == 0, torch.ones_like(sign), sign)
