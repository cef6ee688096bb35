"""Do classes of one group share more units than classes of different groups?"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from pauca.analysis._arrays import tensor
from pauca.analysis._draws import permutations
from pauca.analysis._square import Floats, Ints, p_values, square
from pauca.checks import check_count
from pauca.errors import InputError
from pauca.metrics import Interval, mean_interval

__all__ = ["GroupContrast", "group_contrast"]

_BLOCK = 256  # relabellings whose pairs are held at once


@dataclass(frozen=True)
class GroupContrast:
    """Mean overlap ratio within groups, between them, and the difference.

    Intervals are Student's t over repetitions, and count those in which the mean is defined:
    without bounds where that is one, NaN where it is none.

    Args:
        within: Mean ratio over pairs of classes of one group. Above 1: they share above chance.
        between: Mean ratio over all other pairs.
        difference: Within less between, repetition by repetition. Above 0: more than unrelated.
        by_group: ``within`` of each group of at least two classes, by the group's number.
        p_above: Share of relabellings of classes with at least this mean difference: small where
            groups share more.
        p_below: Share with at most this difference.
        p: Two-sided: twice the smaller, at most 1.
        relabellings: How many ways to put the classes into such groups the p-values rest on.
        exact: Whether those are all there are; otherwise drawn, and the observed one counted in.
    """

    within: Interval
    between: Interval
    difference: Interval
    by_group: dict[int, Interval]
    p_above: float
    p_below: float
    p: float
    relabellings: int
    exact: bool


def group_contrast(
    ratios: Tensor | NDArray[Any],
    groups: Tensor | NDArray[Any] | Sequence[int],
    *,
    draws: int = 9999,
    generator: Generator,
    level: float = 0.95,
) -> GroupContrast:
    """Contrast of pairs within groups against pairs between them, tested by relabelling classes.

    If groups meant nothing, any other way of putting the classes into groups of the same sizes
    would do as well. All ways are tried where there are no more than ``draws``. Few classes allow
    few ways: the smallest p is one over their number. The p-value is about these classes, the
    intervals about more nets of the same kind.

    Args:
        ratios: Observed over expected overlap, float [c, c] of one net or [r, c, c] of r
            repetitions; symmetric, NaN where undefined (such pairs are left out of means).
        groups: Group of each class, whole numbers [c]; a class of its own has its own number.
        draws: Relabellings drawn where there are more, >= 1.
        generator: Of the relabellings.
        level: Of the intervals, in (0, 1).

    Raises:
        InputError: sizes that differ; no group of two classes; all classes in one group.

    Reference: Anderson, Austral Ecology 26, 2001 (permutation of labels of distances).
    """
    all_ratios = tensor(ratios)
    stack = all_ratios if all_ratios.ndim == 3 else all_ratios[None]
    check_count(len(stack), "repetitions", least=1)
    values = np.stack([square(one, "ratios") for one in stack])
    own = _groups(groups, values.shape[1])
    i, j = np.triu_indices(len(own), 1)
    pairs = values[:, i, j]  # [r, p]
    exact = _ways(own) <= check_count(draws, "draws", least=1)
    orders = _every_way(own) if exact else _drawn_ways(own, draws, generator)
    contrasts = np.concatenate([_contrast(pairs, block)[0] for block in orders])
    observed, each = _contrast(pairs, own[None])
    above, below = p_values(contrasts, float(observed[0]), exact=exact)
    same = own[i] == own[j]
    shared = {int(g): (own[i] == g) & same for g in np.unique(own[i][same])}
    return GroupContrast(
        within=_interval(_mean(pairs, same), level),
        between=_interval(_mean(pairs, ~same), level),
        difference=_interval(each[0], level),
        by_group={g: _interval(_mean(pairs, chosen), level) for g, chosen in shared.items()},
        p_above=above,
        p_below=below,
        p=min(1.0, 2 * min(above, below)) if not math.isnan(above) else math.nan,
        relabellings=len(contrasts),
        exact=exact,
    )


def _groups(groups: Tensor | NDArray[Any] | Sequence[int], c: int) -> Ints:
    given = groups if isinstance(groups, Tensor) else torch.as_tensor(groups)
    own = given.cpu().numpy()
    counts = np.unique(own, return_counts=True)[1]
    if own.shape != (c,) or own.dtype.kind not in "iu" or len(counts) < 2 or counts.max() < 2:
        raise InputError(
            "groups of classes have the wrong form",
            expected=f"{c} whole numbers, a group of at least two classes and one class beside it",
            got=own.tolist(),
            todo="give one number a class; classes of one group have equal ones",
        )
    return own.astype(np.int64)


def _ways(own: Ints) -> int:
    """Ways to put the classes into groups of these sizes, classes of their own being alike."""
    sizes = [int(n) for n in np.unique(own, return_counts=True)[1] if n > 1]
    free, ways = len(own), 1
    for size in sizes:
        ways, free = ways * math.comb(free, size), free - size
    return ways


def _every_way(own: Ints) -> Iterator[Ints]:
    """Every such way, as groups of classes in blocks, int64 [block, c]."""
    numbers, counts = np.unique(own, return_counts=True)
    large = [(int(g), int(n)) for g, n in zip(numbers, counts, strict=True) if n > 1]
    # numbers that no group has, for classes of their own
    alone = int(numbers.max()) + 1 + np.arange(len(own))

    def fill(way: Ints, free: tuple[int, ...], rest: list[tuple[int, int]]) -> Iterator[Ints]:
        if not rest:
            yield way
            return
        group, size = rest[0]
        for chosen in itertools.combinations(free, size):
            taken = way.copy()
            taken[list(chosen)] = group
            yield from fill(taken, tuple(k for k in free if k not in chosen), rest[1:])

    ways = fill(alone.astype(np.int64), tuple(range(len(own))), large)
    while block := list(itertools.islice(ways, _BLOCK)):
        yield np.stack(block)


def _drawn_ways(own: Ints, draws: int, generator: Generator) -> Iterator[Ints]:
    for start in range(0, draws, _BLOCK):
        rows = min(_BLOCK, draws - start)
        yield own[permutations(rows, len(own), generator, torch.device("cpu")).numpy()]


def _contrast(pairs: Floats, ways: Ints) -> tuple[Floats, Floats]:
    """Within less between: mean over repetitions [ways], and each [ways, r]; NaN if undefined."""
    i, j = np.triu_indices(ways.shape[1], 1)
    same = (ways[:, i] == ways[:, j]).astype(np.float64)  # [ways, p]
    defined = ~np.isnan(pairs)
    filled = np.where(defined, pairs, 0).T
    count = same @ defined.T.astype(np.float64)
    total, number = filled.sum(0), defined.sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        sums = same @ filled
        each = sums / count - (total - sums) / (number - count)
    known = ~np.isnan(each)
    with np.errstate(invalid="ignore"):
        mean = np.where(known, each, 0).sum(1) / known.sum(1)
    return mean, each


def _mean(pairs: Floats, chosen: NDArray[np.bool_]) -> Floats:
    """Mean of the defined pairs chosen, repetition by repetition, float64 [r]; NaN without any."""
    known = ~np.isnan(pairs[:, chosen])
    with np.errstate(invalid="ignore"):
        mean: Floats = np.where(known, pairs[:, chosen], 0).sum(1) / known.sum(1)
    return mean


def _interval(values: Floats, level: float) -> Interval:
    defined = values[~np.isnan(values)]
    if not len(defined):
        return Interval(math.nan, math.nan, math.nan, 0, level)
    return mean_interval(defined, level)
