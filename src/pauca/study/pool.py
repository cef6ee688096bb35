"""What is done to the training items before any is asked for: fewer, unbalanced, ... ."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Generator, Tensor

from pauca.data import Split
from pauca.errors import DataError
from pauca.rng import Streams, split
from pauca.study.settings import Pool

__all__ = ["long_tail", "made_pool", "redundant", "with_wrong_answers"]


def made_pool(train: Split, c: int, pool: Pool | Mapping[str, Any], streams: Streams) -> Split:
    """The pool of one repetition: size, then imbalance, then redundancy, then wrong answers.

    Items keep their order; row i of what comes back is item i of the pool.

    Args:
        train: The training items with their labels.
        c: Number of classes.
        pool: What is done.
        streams: Of the repetition: streams ``split`` and ``noise``.

    Raises:
        DataError: there are no labels where they are needed.
    """
    made = pool if isinstance(pool, Pool) else Pool(**pool)
    if made == Pool():
        return train
    size, tail, copies = split(streams.generator("split", 1), "size", "imbalance", "redundancy")
    if made.size is not None:
        train = train.take(torch.randperm(len(train), generator=size)[: made.size].sort().values)
    if made.imbalance > 1:
        train = train.take(long_tail(_labels(train), c, made.imbalance, tail))
    if made.redundancy > 0:
        train = train.take(redundant(len(train), made.redundancy, copies))
    if made.noise > 0:
        noise = streams.generator("noise")
        train = replace(train, y=with_wrong_answers(_labels(train), c, made.noise, noise))
    return train


def long_tail(y: Tensor, c: int, ratio: float, generator: Generator) -> Tensor:
    """Items that are left when classes are thinned out exponentially, increasing, int64 [m].

    The class of rank r = 0, 1, ..., c - 1, ranks drawn at random, keeps round(n ratio^(-r / (c -
    1))) of its items at random, at least one, where n is the size of the smallest class; so the
    largest is ``ratio`` times as large as the smallest, but for rounding.

    Args:
        y: Classes, int64 [n].
        c: Number of classes.
        ratio: Largest over smallest, >= 1.
        generator: Ranks and items.

    Reference: Cui et al., CVPR 2019, section 5 (long-tailed CIFAR).
    """
    counts = torch.bincount(y, minlength=c)
    there = counts > 0
    most = int(counts[there].min()) if bool(there.any()) else 0
    ranks = torch.randperm(c, generator=generator)
    kept = []
    for k in range(c):
        rows = (y == k).nonzero()[:, 0]
        wanted = max(1, round(most * ratio ** (-int(ranks[k]) / max(1, c - 1))))
        kept.append(rows[torch.randperm(len(rows), generator=generator)[:wanted]])
    return torch.cat(kept).sort().values


def redundant(n: int, share: float, generator: Generator) -> Tensor:
    """Which item stands in each row when a share of them gives way to copies, int64 [n].

    The floor(n share) rows that give way are drawn at random, and so is, for each, which of the
    others is copied into it.

    Args:
        n: Items.
        share: In [0, 1).
        generator: Rows and copies.
    """
    order = torch.randperm(n, generator=generator)
    gone, stays = order[: int(n * share)], order[int(n * share) :]
    rows = torch.arange(n)
    rows[gone] = stays[torch.randint(len(stays), (len(gone),), generator=generator)]
    return rows


def with_wrong_answers(y: Tensor, c: int, share: float, generator: Generator) -> Tensor:
    """Labels of which each is wrong with this probability, and then any other class, int64 [n].

    Args:
        y: True classes, int64 [n].
        c: Number of classes, >= 2.
        share: In [0, 1).
        generator: One draw an item for whether, one for which: the answer is the item's.
    """
    wrong = torch.rand(len(y), generator=generator) < share
    other = (y + torch.randint(1, max(2, c), (len(y),), generator=generator)) % c
    return torch.where(wrong, other, y)


def _labels(train: Split) -> Tensor:
    if train.y is None:
        raise DataError("the pool has no labels", todo="leave out imbalance and noise")
    return train.y
