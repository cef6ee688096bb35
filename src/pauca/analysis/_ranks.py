"""Ranks of every unit's activity over samples, ties shared, in blocks of units."""

from collections.abc import Iterator

import torch
from torch import Tensor

from pauca.analysis._sort import ordered_rows

__all__ = ["blocks_of_units", "mid_ranks"]

BLOCK = 2**21
"""Values worked on at once: a few arrays of this many float64 stand in memory."""


def blocks_of_units(x: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """The units of x, [n, u], a few at a time: which they are, and their activity, [b, n]."""
    n, u = x.shape
    size = max(1, BLOCK // max(n, 1))
    for start in range(0, u, size):
        block = slice(start, min(start + size, u))
        yield block, x[:, block].T.contiguous()


def mid_ranks(x: Tensor) -> tuple[Tensor, Tensor]:
    """Rank of each sample within each unit from 1, the mean where values tie; and the ties.

    Args:
        x: [b, n].

    Returns:
        Ranks, float64 [b, n], whole or half numbers; sum over groups of t equal values of t^3 - t,
        float64 [b].
    """
    n = x.shape[1]
    ascending, order = ordered_rows(x)
    places = torch.arange(n, device=x.device).expand_as(order)
    starts = torch.ones_like(ascending, dtype=torch.bool)
    starts[:, 1:] = ascending[:, 1:] != ascending[:, :-1]
    ends = torch.ones_like(starts)
    ends[:, :-1] = starts[:, 1:]
    first = places.masked_fill(~starts, 0).cummax(1).values
    last = places.masked_fill(~ends, n - 1).flip(1).cummin(1).values.flip(1)
    ranks = torch.empty_like(ascending, dtype=torch.float64)
    ranks.scatter_(1, order, (first + last).double() / 2 + 1)
    # each of a group's t values gives t^2 - 1
    ties = ((last - first + 1).double().square() - 1).sum(1)
    return ranks, ties
