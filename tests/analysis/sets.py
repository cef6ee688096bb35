"""Plain references for sets of units: enumeration and loops, nothing vectorised."""

import itertools
import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from pauca.rng import generator_from


def every_set(u: int, size: int) -> Iterator[frozenset[int]]:
    return map(frozenset, itertools.combinations(range(u), size))


def shared_counts(a: int, b: int, u: int) -> list[float]:
    """P(k shared) by trying every set of b units against the first a."""
    counts = [0] * (min(a, b) + 1)
    for other in every_set(u, b):
        counts[sum(i < a for i in other)] += 1
    return [count / math.comb(u, b) for count in counts]


def as_rows(sets: Sequence[Sequence[int]], u: int) -> Tensor:
    members = torch.zeros(len(sets), u, dtype=torch.bool)
    for row, chosen in zip(members, sets, strict=True):
        row[list(chosen)] = True
    return members


def plain_jaccard(a: Tensor, b: Tensor) -> float:
    first, second = set(a.nonzero()[:, 0].tolist()), set(b.nonzero()[:, 0].tolist())
    return len(first & second) / len(first | second) if first | second else math.nan


def some_sets(c: int, u: int, seed: int, share: float = 0.3) -> Tensor:
    return torch.rand(c, u, generator=generator_from(seed)) < share
