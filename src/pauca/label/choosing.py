"""What to ask for next: coverage until every class was seen, then the project's strategy.

A share of what is asked for is a random sample of the whole pool, whatever the strategy does: the
items have one random order, drawn once from the seed, and when t items were asked for, the first
share * t of that order are among them. Which these are depends on nothing that was labelled.

Items that are added take random places among the others, which keep their order: the result is a
random order of all. Those whose places are among the first share * t are asked for next. What was
removed is left out of the order.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from pauca.label.records import Pick
from pauca.learners import AbstractLearner
from pauca.rng import Streams
from pauca.select import k_means_centres, nearest_distinct
from pauca.session import Session
from pauca.strategies import AbstractStrategy
from pauca.strategies.base import AbstractScore

__all__ = ["COLD", "RANDOM", "Situation", "choose", "cover", "random_order", "sample_size"]

COLD, RANDOM = "coverage", "random"
"""Names under which items of the cold start and of the random share are kept."""

_COMPARED = 20_000  # most items for strategies that compare items with each other
_COVERED = 10_000  # most items that the cold start clusters
_ROUNDS = 20
_WIDE = 256
_BLOCK = 4096


@dataclass(frozen=True, eq=False)
class Situation:
    """All that a choice depends on.

    Args:
        x: Features of the pool, float32 [n, d]; may be memory-mapped.
        labelled: Labelled items, int64 [m], distinct.
        y: Column of the class of each, int64 [m].
        c: Number of classes.
        closed: Items that are not to be chosen, increasing: asked for, answered or flagged.
        asked: How many items were asked for so far.
        round: Number of the round.
        seed: Of the project.
        share: Random share.
        candidates: Most items that the strategy looks at.
        cold_labels: Labels a class, on average, that end the cold start.
        groups: Number of the group of near-duplicates of each item, -1 without one, [n]; or None.
        order: The random order of the pool, without what was removed; drawn from the seed if None.
    """

    x: Tensor
    labelled: NDArray[np.int64]
    y: Tensor
    c: int
    closed: NDArray[np.int64]
    asked: int
    round: int
    seed: int
    share: float = 0.1
    candidates: int = 50_000
    cold_labels: int = 3
    groups: NDArray[np.int32] | None = None
    order: NDArray[np.int64] | None = None

    @property
    def n(self) -> int:
        """Items of the pool."""
        return len(self.x)

    @property
    def cold(self) -> bool:
        """Whether some class was never seen, and few labels are there."""
        seen = len(torch.unique(self.y))
        few = len(self.labelled) < self.cold_labels * max(self.c, 1)
        return seen < 2 or (seen < self.c and few)


def random_order(n: int, seed: int, added: Sequence[int] = ()) -> NDArray[np.int64]:
    """The random order of n items, int64 [n]; every order is equally likely.

    Args:
        n: All of them.
        seed: Of the project.
        added: How many each addition brought, in order. Items that were there before one stay in
            the order that they had; the new ones take places that are drawn uniformly.
    """
    base = n - sum(added)
    order = _places(torch.randperm(base, generator=Streams(seed).generator("split")))
    for number, count in enumerate(added, start=1):
        generator = Streams(seed).generator("split", number)
        new = base + _places(torch.randperm(count, generator=generator))
        base += count
        is_new = np.zeros(base, dtype=np.bool_)
        is_new[_places(torch.randperm(base, generator=generator)[:count])] = True
        whole = np.empty(base, dtype=np.int64)
        whole[is_new], whole[~is_new] = new, order
        order = whole
    return order


def sample_size(share: float, asked: int, n: int) -> int:
    """Length of the beginning of the random order that is asked for once ``asked`` items were."""
    return min(n, ceil(round(share * asked, 9)))


def choose(
    now: Situation,
    k: int,
    strategy: AbstractStrategy,
    learner: Callable[[], AbstractLearner],
) -> list[Pick]:
    """Up to k items to ask for; the random ones stand at random places among the others.

    The strategy looks at ``candidates`` items at most (20,000 for those that compare items with
    each other), a uniform sample of what is open; of a group of near-duplicates at one.

    Args:
        now: The situation.
        k: How many, >= 1; fewer where fewer are open.
        strategy: The project's.
        learner: Makes an untrained learner.
    """
    free = np.ones(now.n, dtype=np.bool_)
    free[now.closed] = False
    k = min(k, int(free.sum()))
    streams = Streams(now.seed, now.round)
    order = random_order(now.n, now.seed) if now.order is None else now.order
    begin = order[: sample_size(now.share, now.asked + k, len(order))]
    at_random = begin[free[begin]][:k]
    free[at_random] = False
    picks: list[Pick] = []
    wanted = k - len(at_random)
    if wanted:
        pool = _candidates(now, free, wanted, strategy, streams.generator("noise"))
        name = COLD if now.cold else strategy.name
        if now.cold:
            chosen = cover(now, pool, wanted, streams.generator("initial"))
        else:
            chosen = _by_strategy(now, pool, wanted, strategy, learner, streams)
        picks = [Pick(int(item), name) for item in chosen]
    generator = streams.generator("analysis")
    for item in at_random.tolist():
        place = int(torch.randint(len(picks) + 1, (), generator=generator))
        picks.insert(place, Pick(item, RANDOM, random=True))
    return picks


def cover(
    now: Situation, pool: NDArray[np.int64], k: int, generator: Generator
) -> NDArray[np.int64]:
    """Items of the pool, k of them, that are typical and unlike what is labelled.

    Pool and labelled items (at most 10,000 of each) are clustered, into k clusters and one more for
    each labelled item, but at most 3 k. Of the clusters those with the fewest labelled items come
    first, of these the largest; of each the item nearest to its centre that is not labelled. Beyond
    256 features distances are those of 128 random projections.

    Reference: Hacohen, Dekel and Weinshall, ICML 2022 (clusters without labels, largest first).
    """
    pool = _subset(pool, max(_COVERED, 2 * k), generator)
    if k >= len(pool):
        return pool
    known = _subset(now.labelled, _COVERED, generator)
    x = _narrow(now.x[torch.from_numpy(np.r_[pool, known])], generator)
    n, m = len(pool), len(known)
    count = min(n, k + min(m, 2 * k))
    centres = k_means_centres(x, count, generator, rounds=_ROUNDS)
    owner = torch.cat([torch.cdist(part, centres).argmin(1) for part in torch.split(x, _BLOCK)])
    labelled = torch.bincount(owner[n:], minlength=count)
    size = torch.bincount(owner, minlength=count)
    order = np.lexsort((-size.numpy(), labelled.numpy()))[:k]
    return pool[_places(nearest_distinct(x[:n], centres[torch.from_numpy(order)]))]


def _narrow(x: Tensor, generator: Generator) -> Tensor:
    """Features that are cheap to cluster; distances are kept to within some 10 %."""
    d = x.shape[1]
    if d <= _WIDE:
        return x
    axes: Tensor = torch.randn(d, _WIDE // 2, generator=generator) / (_WIDE // 2) ** 0.5
    return torch.mm(x, axes)


def _by_strategy(
    now: Situation,
    pool: NDArray[np.int64],
    k: int,
    strategy: AbstractStrategy,
    learner: Callable[[], AbstractLearner],
    streams: Streams,
) -> NDArray[np.int64]:
    """As a session over labelled items and candidates asks."""
    rows = np.union1d(pool, now.labelled)
    told = np.searchsorted(rows, now.labelled).tolist()
    event = {"kind": "told", "ids": told, "labels": now.y.tolist(), "unasked": told}
    session = Session(
        now.x[torch.from_numpy(rows)], learner(), strategy, streams=streams, events=[event]
    )
    return rows[_places(session.ask(k))]


def _candidates(
    now: Situation,
    free: NDArray[np.bool_],
    k: int,
    strategy: AbstractStrategy,
    generator: Generator,
) -> NDArray[np.int64]:
    """At least k open items, increasing."""
    pool = np.flatnonzero(free)
    if now.groups is not None:
        single = _one_a_group(pool, now.groups, now.closed)
        pool = single if len(single) >= k else pool
    most = now.candidates
    if not isinstance(strategy, AbstractScore):
        most = min(most, _COMPARED)
    return _subset(pool, max(most, k), generator)


def _one_a_group(
    pool: NDArray[np.int64], groups: NDArray[np.int32], closed: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Items without a near-duplicate that is closed, and the first of each other group."""
    mine = groups[pool]
    first = np.zeros(len(pool), dtype=np.bool_)
    first[np.unique(mine, return_index=True)[1]] = True
    met = np.isin(mine, groups[closed])
    return pool[(mine < 0) | (first & ~met)]


def _subset(items: NDArray[np.int64], most: int, generator: Generator) -> NDArray[np.int64]:
    """At most so many of these, at random, in increasing order."""
    if len(items) <= most:
        return items
    return np.sort(items[_places(torch.randperm(len(items), generator=generator)[:most])])


def _places(index: Tensor) -> NDArray[np.int64]:
    return np.asarray(index.numpy(), dtype=np.int64)
