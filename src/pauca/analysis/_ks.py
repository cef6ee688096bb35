"""Two-sample Kolmogorov-Smirnov tests between all pairs of units at once.

All units have the same number n of samples, so a test's p depends on one whole number alone: the
largest gap h = n max_x |F_i(x) - F_j(x)| between the two cumulative counts. Gaps are counted in
whole numbers, so nothing is rounded before p is looked up.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from pauca.analysis._sort import sorted_rows
from pauca.metrics.arrays import Floats

__all__ = ["Gaps", "ks_p_values", "largest_gaps"]

EXACT_UP_TO = 10_000
"""Samples up to which p is exact, as in ``scipy.stats.ks_2samp``'s method "auto"."""
THRESHOLDS = 64
"""Values at which all pairs are compared first, to know which need no closer look."""


@dataclass(frozen=True, eq=False)
class Gaps:
    """Largest gap between the cumulative counts of each pair of units.

    Args:
        counts: n max_x |F_i(x) - F_j(x)|, int64 [u, u]; of pairs that are at least ``enough``
            apart, some number from ``enough`` to the gap.
        lookups: How many cumulative counts were looked up one by one: the work that was done.
    """

    counts: Tensor
    lookups: int


@dataclass(frozen=True, eq=False)
class _Steps:
    """Where the cumulative counts of units rise, units of about as many steps together.

    Args:
        units: Which unit each row is, int64 [b].
        codes: Place of each step among all values of all units, int32 [b, m].
        heights: Cumulative count from that step on; the last step fills a row up, [b, m].
    """

    units: Tensor
    codes: Tensor
    heights: Tensor


def ks_p_values(n: int, negligible: float) -> Floats:
    """P of the two-sided test for two samples of n, by gap h = 0, 1, ..., while p >= negligible.

    Exact for n <= 10,000: 2 sum_(k >= 1) (-1)^(k-1) C(2n, n - k h) / C(2n, n); beyond that
    Smirnov's limit with round(n / 2) in place of the sample size: what ``scipy.stats.ks_2samp``
    does.

    Reference: Gnedenko and Korolyuk, Doklady 80, 1951; Hodges, Arkiv for Matematik 3, 1958.
    """
    found = [1.0]
    if n > EXACT_UP_TO:
        from scipy.stats import kstwo

        later = (float(kstwo.sf(h / n, np.round(n / 2))) for h in range(1, n + 1))
    else:
        m = np.arange(n, dtype=np.float64)
        ratios = (n - m) / (n + m + 1)
        later = (_exact_p(ratios, h) for h in range(1, n + 1))
    for p in later:
        if p < negligible:
            break
        found.append(p)
    return np.array(found)


def _exact_p(ratios: Floats, h: int) -> float:
    """The alternating sum as 2 A_0 (1 - A_1 (1 - A_2 (...))), free of cancellation.

    A_k = C(2n, n - (k + 1) h) / C(2n, n - k h), a product of h neighbouring ratios.
    """
    whole = len(ratios) // h * h
    p = 0.0
    for factor in np.multiply.reduceat(ratios[:whole], np.arange(0, whole, h))[::-1].tolist():
        p = factor * (1.0 - p)
    return min(2 * p, 1.0)


def largest_gaps(x: Tensor, enough: int) -> Gaps:
    """Gaps of all pairs of the units of x, [n, u], n >= 1.

    Pairs are compared at a few thresholds first; what is ``enough`` apart there stays as it is. The
    largest gap of a pair lies at a step of one of the two, so for every other unit j the count of j
    is looked up at each step of i: in a table of j's count at every value that occurs. A unit has a
    step for each distinct value, so silence costs nothing. Time O(u (u m + v)) at most, memory O(n
    u + u^2), with m distinct values a unit and v in all.
    """
    u = x.shape[1]
    # [n, u] -> [u, n]
    ascending = sorted_rows(x.T)
    steps, size, values = _steps(ascending)
    # float64, or the last of many millions of values would be missed
    spaced = torch.linspace(0, size - 1, THRESHOLDS, dtype=torch.float64, device=x.device)
    thresholds = values[spaced.round().long()]
    at = torch.searchsorted(ascending, thresholds.expand(u, -1).contiguous(), right=True)
    # float32 holds whole numbers up to 2^24
    counts = torch.cdist(at.float(), at.float(), p=torch.inf).long()
    open_pairs = counts < enough
    above = torch.zeros_like(counts)
    lookups = 0
    for j, its_codes, its_heights in _one_by_one(steps):
        table = _table(its_codes, its_heights, size)
        for i, codes, heights in _wanted(steps, open_pairs[j]):
            looked_up = table.index_select(0, codes.view(-1)).view_as(codes)
            above[i, j] = (heights - looked_up).amax(1).long()
            lookups += codes.numel()
    return Gaps(torch.maximum(counts, torch.maximum(above, above.T)), lookups)


def _one_by_one(steps: list[_Steps]) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Unit, codes and heights of every unit."""
    for block in steps:
        yield from zip(block.units, block.codes, block.heights, strict=True)


def _wanted(steps: list[_Steps], wanted: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Units, codes and heights of at least the units that are wanted, bool [u]."""
    for block in steps:
        rows = wanted[block.units].nonzero().view(-1)
        # a copy of most rows would take longer than to look up all
        if 2 * len(rows) > len(block.units):
            yield block.units, block.codes, block.heights
        elif len(rows):
            units, codes, heights = block.units, block.codes, block.heights
            yield units[rows], codes.index_select(0, rows), heights.index_select(0, rows)


def _steps(ascending: Tensor) -> tuple[list[_Steps], int, Tensor]:
    """Steps of sorted units, [u, n], in blocks; how many distinct values there are, and these."""
    _, n = ascending.shape
    last = torch.ones_like(ascending, dtype=torch.bool)
    last[:, :-1] = ascending[:, 1:] != ascending[:, :-1]
    values, codes = torch.unique(ascending[last], return_inverse=True)
    coded = torch.zeros_like(ascending, dtype=torch.int32)
    coded[last] = codes.int()
    number = last.sum(1)
    blocks = []
    # units of up to 16, 64, 256, ... steps
    width = number.clamp(min=16).double().log2().div(2).ceil().long()
    for key in torch.unique(width).tolist():
        units = (width == key).nonzero().view(-1)
        most = int(number[units].max())
        # places of the steps in order, then the last one again and again
        order = (~last[units]).byte().argsort(dim=1, stable=True)[:, :most]
        beyond = torch.arange(most, device=order.device) >= number[units][:, None]
        order = order.masked_fill(beyond, n - 1)
        blocks.append(_Steps(units, coded[units].gather(1, order), (order + 1).to(_counter(n))))
    return blocks, len(values), values


def _table(codes: Tensor, heights: Tensor, size: int) -> Tensor:
    """A unit's cumulative count at every value that occurs, [v], from its steps."""
    if codes.device.type != "cpu":
        return _table_by_sums(codes, heights, size)
    # runs of equal counts: a third of the time of sums
    runs = np.diff(codes.numpy(), prepend=0, append=size)
    return torch.from_numpy(np.repeat(F.pad(heights, (1, 0)).numpy(), runs))


def _table_by_sums(codes: Tensor, heights: Tensor, size: int) -> Tensor:
    # a last step that is there again and again rises once
    rises = torch.diff(heights, prepend=torch.zeros_like(heights[:1]))
    table = torch.zeros(size, dtype=heights.dtype, device=heights.device)
    return table.index_add_(0, codes, rises).cumsum(0, dtype=heights.dtype)


def _counter(n: int) -> torch.dtype:
    return torch.int16 if n < 2**15 else torch.int32
