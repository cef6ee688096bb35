"""Which unit of one net is which of another: nets of different seeds, matched one to one.

Unit 17 of one net has nothing to do with unit 17 of the next. Before ensembles of two nets are
compared, their units are paired so that the sum of correlations over pairs is as high as it can be.
"""

from dataclasses import dataclass
from typing import Generic

import torch
from torch import Tensor

from pauca.analysis._arrays import Array, like, matrix, tensor
from pauca.analysis._sets import member_sets
from pauca.checks import check_size
from pauca.errors import InputError

__all__ = ["Match", "match_units", "matched_jaccard"]

_BLOCK = 4096  # rows centred at once


@dataclass(frozen=True, eq=False)
class Match(Generic[Array]):
    """Units of net A, each with its partner in net B.

    Args:
        partner: Unit of B for each unit of A, int64 [u_a], no unit twice; -1 for a unit without
            one, which happens only where B is narrower.
        correlation: Of each pair, float64 [u_a], in [-1, 1]; NaN without a partner and where one of
            both never varies (a dead unit): such units are paired last, with what is left.
        mean: Mean of the correlations that are defined; NaN where there is none.
    """

    partner: Array
    correlation: Array
    mean: float


def match_units(a: Array, b: Array) -> Match[Array]:
    """One-to-one match of the units of two nets by the highest sum of Pearson correlations.

    Rows are what both nets have in common: the same classes (``class_means``) or the same
    samples in the same order. With few rows, as with classes, a match correlates highly by chance:
    compare what follows from it with shuffled profiles (``seed_stability``).

    The assignment is exact (Hungarian method), O(u^3) time; u_a x u_b correlations are held in
    memory, and no copy of a or b.

    Args:
        a: Activity of net A, float [k, u_a], k >= 2.
        b: Activity of net B, float [k, u_b].

    Raises:
        InputError: not [k, u] with u >= 2, numbers of rows that differ, one row, NaN or infinity.

    Reference: Li et al., Convergent Learning, ICLR 2016, section 3 (bipartite matching); Crouse,
    IEEE Transactions on Aerospace and Electronic Systems 52, 2016 (the assignment).
    """
    x, y = matrix(a), matrix(b)
    check_size(y, len(x), "b")
    if len(x) < 2:
        raise InputError(
            "no correlation over one row",
            expected="k >= 2",
            got=len(x),
            todo="give at least two samples",
        )
    from scipy.optimize import linear_sum_assignment

    r = _correlations(x, y)
    gain = r.nan_to_num(nan=0.0).cpu().numpy()
    rows, columns = (torch.from_numpy(i).to(r.device) for i in linear_sum_assignment(gain, True))
    partner = torch.full((x.shape[1],), -1, dtype=torch.int64, device=r.device)
    correlation = torch.full((x.shape[1],), torch.nan, dtype=torch.float64, device=r.device)
    partner[rows], correlation[rows] = columns.to(torch.int64), r[rows, columns]
    return Match(like(partner, a), like(correlation, a), float(correlation.nanmean()))


def matched_jaccard(match: Match[Array], a: Array, b: Array) -> Array:
    """Jaccard index of each class's ensembles in two nets after matching, float64 [c], 0 to 1.

    A member without a partner counts as one not shared. NaN where both ensembles are empty.

    Args:
        match: Units of A with their partners in B.
        a: Ensembles of A, bool [c, u_a].
        b: Ensembles of B, bool [c, u_b].

    Raises:
        InputError: numbers of classes or units that differ.
    """
    first, second = member_sets(a, "a"), member_sets(b, "b")
    partner = tensor(match.partner)
    check_size(second, len(first), "b")
    check_size(first, len(partner), "a", axis=1)
    if len(partner) and int(partner.max()) >= second.shape[1]:
        raise InputError(
            "b has fewer units than the match",
            expected=f"> {int(partner.max())}",
            got=second.shape[1],
            todo="pass the activations that the match was made of",
        )
    return like(_matched(partner, first, second), a)


def _matched(partner: Tensor, a: Tensor, b: Tensor) -> Tensor:
    theirs = b[:, partner.clamp(min=0)] & (partner >= 0)  # [c, u_a]
    both = (a & theirs).sum(1)
    return both.to(torch.float64) / (a.sum(1) + b.sum(1) - both)


def _correlations(x: Tensor, y: Tensor) -> Tensor:
    """Pearson correlations of columns, [k, u_a] and [k, u_b] -> float64 [u_a, u_b]; NaN if flat."""
    mean_x, mean_y = (z.mean(0, dtype=torch.float64) for z in (x, y))
    product = torch.zeros(x.shape[1], y.shape[1], dtype=torch.float64, device=x.device)
    square_x, square_y = torch.zeros_like(mean_x), torch.zeros_like(mean_y)
    for i in range(0, len(x), _BLOCK):
        p, q = x[i : i + _BLOCK] - mean_x, y[i : i + _BLOCK] - mean_y
        product += p.T @ q
        square_x += p.square().sum(0)
        square_y += q.square().sum(0)
    flat_x, flat_y = (x == x[0]).all(0), (y == y[0]).all(0)
    r = (product / (square_x.sqrt()[:, None] * square_y.sqrt())).clamp(-1, 1)
    return r.masked_fill(flat_x[:, None] | flat_y, torch.nan)
