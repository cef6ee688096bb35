"""Which units have a mean KS p below alpha, where most need not be known to the last digit.

Between two thresholds the cumulative counts of two units can lie no further apart than what one has
before the second and the other has at the first; at a threshold they lie as far apart as they do.
So a few thresholds bound every gap from both sides, gaps bound p, and p its mean over a row. Rows
on which the bounds do not agree are looked at with more thresholds, and at last step by step.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from pauca.analysis._sort import sorted_rows

__all__ = ["Below", "mean_p_below"]

LEVELS = (64, 512)
"""How many thresholds at first, and for the rows that are open then."""
SAMPLED = 2**16
"""From how many of all values thresholds are taken."""
_TIE = 1e-9


@dataclass(frozen=True, eq=False)
class Below:
    """What was decided, and how.

    Args:
        members: Where the mean p is below alpha, bool [u].
        open_rows: How many rows were open after each level; the last were looked at step by step.
    """

    members: Tensor
    open_rows: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class _Rows:
    """Some rows of the matrix of all pairs.

    Args:
        table: p by gap, float64 [n + 1].
        alpha: What the mean p is compared with.
        pairs: Which units a unit is tested against.
        ascending: Sorted units, [u, n].
    """

    table: Tensor
    alpha: float
    pairs: Literal["later", "all"]
    ascending: Tensor

    def mean(self, rows: Tensor, gaps: Tensor) -> Tensor:
        """Mean p of each row, from its gaps, whole numbers [r, u] -> [r]."""
        u = gaps.shape[1]
        p = self.table[gaps.long()]
        units = torch.arange(u, device=p.device)
        own = rows[:, None]
        if self.pairs == "all":
            return p.masked_fill_(units == own, 0).sum(1) / (u - 1)
        return p.masked_fill_(units <= own, 0).sum(1) / (u - 1 - rows)


def mean_p_below(
    x: Tensor, known: Tensor, alpha: float, pairs: Literal["later", "all"] = "later"
) -> Below:
    """Whether the mean p of each unit of x, [n, u], against others is below alpha.

    Time O(u^2 t + u n log n) with t thresholds, and O(u n log n) for every row that stays open.

    Args:
        x: Activity of the units on n samples.
        known: p by gap, float64, while it is not negligible; beyond these it is 0.
        alpha: In (0, 1].
        pairs: Which units a unit is tested against.
    """
    n, u = x.shape
    table = torch.zeros(n + 1, dtype=torch.float64, device=x.device)
    table[: len(known)] = known
    asked = _Rows(table, alpha, pairs, sorted_rows(x.T))
    members = torch.zeros(u, dtype=torch.bool, device=x.device)
    rows = torch.arange(u if pairs == "all" else u - 1, device=x.device)
    open_rows = []
    for thresholds in LEVELS:
        if len(rows):
            least, most = _bounds(asked.ascending, rows, thresholds)
            # the wider the gap, the smaller p
            members[rows] = asked.mean(rows, least) < alpha * (1 - _TIE)
            rows = rows[~members[rows] & (asked.mean(rows, most) < alpha * (1 + _TIE))]
        open_rows.append(len(rows))
    for row in rows[:, None]:
        members[row] = asked.mean(row, _row(asked.ascending, row)[None]) < alpha
    return Below(members, tuple(open_rows))


def _bounds(ascending: Tensor, rows: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Least and most that the gaps of these rows to all units can be, [r, u] each."""
    _, n = ascending.shape
    step = max(1, ascending.numel() // SAMPLED)
    values = torch.unique(ascending.view(-1)[::step])
    at_most = min(count, len(values))
    # float64, or the last of many values would be missed
    places = torch.linspace(0, len(values) - 1, at_most, dtype=torch.float64, device=values.device)
    thresholds = values[places.round().long()].expand(len(ascending), -1).contiguous()
    kind = torch.int16 if n < 2**15 else torch.int32
    # [t, u]: a threshold's counts lie together; none before the first, all after the last
    at = torch.searchsorted(ascending, thresholds, right=True).T.to(kind)
    before = torch.searchsorted(ascending, thresholds).T.to(kind)
    at = torch.cat([torch.zeros_like(at[:1]), at])
    before = torch.cat([before, torch.full_like(before[:1], n)])
    least = torch.zeros(len(rows), len(ascending), dtype=kind, device=at.device)
    most, gap = least.clone(), torch.empty_like(least)
    for here, later in zip(at, before, strict=True):
        torch.sub(here[rows, None], here, out=gap)
        torch.maximum(least, gap.abs_(), out=least)
        torch.maximum(most, torch.sub(later[rows, None], here, out=gap), out=most)
        torch.maximum(most, torch.sub(later, here[rows, None], out=gap), out=most)
    return least, most


def _row(ascending: Tensor, row: Tensor) -> Tensor:
    """Gaps of one unit to all, [u]: the widest is at one of its own steps or just before it."""
    steps = torch.unique(ascending[row])
    asked = steps.expand(len(ascending), -1).contiguous()
    at = torch.searchsorted(ascending, asked, right=True)
    before = torch.searchsorted(ascending, asked)
    return torch.maximum((at[row] - at).abs().amax(1), (before[row] - before).abs().amax(1))
