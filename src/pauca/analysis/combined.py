"""Shared units over several nets: how sure is it, and would another net show it too?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic

import torch
from torch import Tensor

from pauca.analysis._arrays import Array, like, tensor
from pauca.analysis._hypergeometric import moments, tails
from pauca.analysis._sets import adjusted, table, upper
from pauca.analysis.sharing import Overlap
from pauca.checks import check_fraction, check_size
from pauca.errors import InputError

__all__ = ["CombinedOverlap", "combine_overlaps"]


@dataclass(frozen=True, eq=False)
class CombinedOverlap(Generic[Array]):
    """Shared units over r repetitions; each field is symmetric, [c, c], NaN on its diagonal.

    Unit identity differs between seeds, so what is combined is how far each net is from its own
    chance.

    Args:
        repetitions: How many nets.
        defined: Nets in which neither ensemble is empty, int64 [c, c]; on the diagonal, nets in
            which the one is not.
        ratio: Mean over those nets of observed over expected; 1 is chance, NaN without any.
        low: Lower bound of its Student t interval over nets; NaN with fewer than two. No width says
            that nets agree, as where none shares a unit, and not that the ratio is known so well.
        high: Upper bound.
        pooled_ratio: Sum of observed over sum of expected: steadier where few are expected.
        z: Mean standardised difference from chance, whose mean is 0 under chance.
        p: Two-sided t test of z against 0 over nets: would new nets show it too? NaN with fewer
            than two nets or without any spread.
        q: p adjusted over pairs by Benjamini and Hochberg.
        p_pooled: Two-sided exact test of all shared units against the sum of r independent random
            draws: is it chance in these nets? Has power with few nets.
        q_pooled: p_pooled adjusted likewise.
    """

    repetitions: int
    defined: Array
    ratio: Array
    low: Array
    high: Array
    pooled_ratio: Array
    z: Array
    p: Array
    q: Array
    p_pooled: Array
    q_pooled: Array


def combine_overlaps(
    overlaps: Sequence[Overlap[Array]], level: float = 0.95
) -> CombinedOverlap[Array]:
    """Overlaps of several nets of the same classes: mean ratios with intervals, and two tests.

    The t test takes nets as the sample and is about nets of this kind; the exact test takes units
    as the sample and is about these nets. With few nets and few units expected to be shared the t
    test is only roughly at its level.

    Args:
        overlaps: One for each repetition, r >= 1.
        level: Of the intervals, in (0, 1).

    Raises:
        InputError: none; numbers of classes that differ.
    """
    if not overlaps:
        raise InputError(
            "no repetition to combine",
            expected=">= 1",
            got=0,
            todo="give the results of at least one repetition",
        )
    check_fraction(level, "level", open_end=True)
    first = tensor(overlaps[0].observed)
    c = len(first)
    i, j = upper(c, first.device)
    for one in overlaps:
        check_size(tensor(one.sizes), c, "sizes of an overlap")
    sizes = torch.stack([tensor(one.sizes) for one in overlaps])  # [r, c]
    shared = torch.stack([tensor(one.observed)[i, j] for one in overlaps])  # [r, p]
    a, b = sizes[:, i], sizes[:, j]
    units = torch.tensor([one.units for one in overlaps], device=first.device)[:, None].expand_as(a)
    expected, deviation = moments(a, b, units)
    ratio = torch.where(expected > 0, shared / expected, torch.nan)
    z = torch.where(deviation > 0, (shared - expected) / deviation, torch.nan)
    mean, low, high, _ = _t_test(ratio, level)
    z_mean, _, _, p = _t_test(z, level)
    pooled = tails(shared, a, b, units)[2].masked_fill(~(expected > 0).any(0), torch.nan)

    def full(values: Tensor) -> Array:
        return like(table(values, c), overlaps[0].observed)

    defined = torch.full_like(first, len(overlaps))
    defined[i, j] = defined[j, i] = (expected > 0).sum(0)
    defined.diagonal().copy_((sizes > 0).sum(0))
    return CombinedOverlap(
        repetitions=len(overlaps),
        defined=like(defined, overlaps[0].observed),
        ratio=full(mean),
        low=full(low),
        high=full(high),
        pooled_ratio=full(shared.sum(0) / expected.sum(0)),
        z=full(z_mean),
        p=full(p),
        q=full(adjusted(p)),
        p_pooled=full(pooled),
        q_pooled=full(adjusted(pooled)),
    )


def _t_test(values: Tensor, level: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Mean over rows, its t interval and the two-sided p against 0, [r, p] -> [p] each."""
    from scipy.special import stdtr, stdtrit

    n = (~values.isnan()).sum(0).to(torch.float64)
    mean = values.nanmean(0)
    square = (values - mean).square().nansum(0) / (n - 1)
    error = torch.where(n > 1, (square / n).sqrt(), torch.nan)
    freedom = (n - 1).clamp(min=1).cpu().numpy()
    half = error * torch.from_numpy(stdtrit(freedom, (1 + level) / 2)).to(error)
    spread = error > 1e-12 * (1 + mean.abs())
    t = torch.where(spread, mean.abs() / error, torch.nan)
    p = 2 * torch.from_numpy(stdtr(freedom, -t.cpu().numpy())).to(error)
    return mean, mean - half, mean + half, p
