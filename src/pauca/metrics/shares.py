"""Labels needed for a share of what all labels give, over repetitions that may not get there."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pauca.checks import check_share, typed
from pauca.errors import InputError
from pauca.metrics.arrays import as_floats, as_table, check_level
from pauca.metrics.curves import labels_to_reach

__all__ = ["ShareReached", "labels_for_share"]


@dataclass(frozen=True)
class ShareReached:
    """Labels needed for one share of full-data performance; None is beyond what was measured.

    Args:
        share: Share of full-data performance, in (0, 1].
        labels: Of each repetition, [r]; None where it ended before it got there (right-censored).
        reached: Repetitions that got there.
        n: Repetitions r.
        median: Kaplan-Meier median: labels by which half of the repetitions had got there; None
            where fewer than half did.
        low: Lower bound of the median; None where so few repetitions allow none at this level.
        high: Upper bound; None where so few repetitions allow none, or where it lies beyond what
            was measured.
        level: Confidence level.
    """

    share: float
    labels: tuple[int | None, ...]
    reached: int
    n: int
    median: int | None
    low: int | None
    high: int | None
    level: float = 0.95


@typed
def labels_for_share(
    labels: Any,
    curves: Any,
    full: Any,
    shares: Sequence[float] = (0.9, 0.95, 0.99),
    level: float = 0.95,
) -> tuple[ShareReached, ...]:
    """Labels needed for 90, 95 and 99 % of full-data performance, over repetitions.

    A repetition needs the first measured budget at which it has the share, see ``labels_to_reach``;
    one that never has it is right-censored at the last budget, not left out. As all end at the same
    budget, the Kaplan-Meier estimate is the share of all repetitions that have not got there yet.
    The interval of its median is exact, of any distribution (order statistics, sign test): it holds
    the median with at least ``level``; with fewer than six repetitions there is none at .95.

    Args:
        labels: Labels spent at each point, [t], strictly increasing.
        curves: Value at each point of each repetition, [r, t], finite; higher is better.
        full: Value with all labels, one number or one a repetition, [r]; > 0.
        shares: Each in (0, 1].
        level: Confidence level in (0, 1).

    Returns:
        One record a share, in the order given.

    Raises:
        InputError: another shape, budgets unsorted or twice the same, NaN, ``full`` not above 0, a
            share outside (0, 1], a level outside (0, 1).

    Reference: Kaplan and Meier, JASA 53, 1958; David and Nagaraja, Order Statistics, 2003,
        section 7.1 (interval of a quantile).
    """
    check_level(level)
    heights = as_table(curves, "curves", "r t")
    whole = as_floats(full)
    if whole.shape not in ((), (len(heights),)) or not (np.isfinite(whole) & (whole > 0)).all():
        raise InputError(
            "full has the wrong form",
            expected=f"a number above 0, or {len(heights)} of them",
            got=f"{whole.tolist() if whole.size <= 8 else f'shape {list(whole.shape)}'}",
            todo="pass what training on all labels reached, above 0",
        )
    whole = np.broadcast_to(whole, len(heights))
    found = []
    for share in shares:
        check_share(share, "share")
        needed = [
            labels_to_reach(labels, height, share * top)
            for height, top in zip(heights, whole.tolist(), strict=True)
        ]
        found.append(_record(share, needed, level))
    return tuple(found)


def _record(share: float, needed: Sequence[int | None], level: float) -> ShareReached:
    n, known = len(needed), sorted(labels for labels in needed if labels is not None)
    place = _place(n, level)

    def at(rank: int) -> int | None:
        """The rank-th smallest, from 1; None where it is censored."""
        return known[rank - 1] if rank <= len(known) else None

    return ShareReached(
        share=share,
        labels=tuple(needed),
        reached=len(known),
        n=n,
        median=at((n + 1) // 2),
        low=at(place) if place else None,
        high=at(n + 1 - place) if place else None,
        level=level,
    )


def _place(n: int, level: float) -> int:
    """Greatest k such that the median lies in [k-th smallest, k-th largest] with this level.

    That is the greatest k with P(fewer than k of n fair coins) <= (1 - level) / 2; 0 if none.
    """
    rest, k = (1 - level) / 2, 0
    below = math.ldexp(1.0, -n)  # P(at most k heads)
    chance = below
    while below <= rest:
        k += 1
        chance *= (n - k + 1) / k
        below += chance
    return k
