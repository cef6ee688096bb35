"""Categories never seen: does a group of items get an ensemble of its own, and with whom in common?

A *group* is any set of items that the net was not trained on: a category that was left out, or, to
compare with, noise images or items of another data set. For an untrained net as the comparison,
call the same functions with its activity.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic

import torch
from torch import Generator, Tensor

from pauca.analysis._arrays import Array, classes, like, matrix, tensor
from pauca.analysis._draws import random_half, ranks_within
from pauca.analysis._hypergeometric import mean_jaccard, moments, tails
from pauca.analysis._members import fitting_sets
from pauca.analysis._sets import jaccard, possible
from pauca.analysis.controls import share_as_high
from pauca.checks import check_count
from pauca.errors import InputError
from pauca.rng import split

__all__ = ["Detector", "Formation", "SharedUnits", "formation", "formations", "shared_units"]

Detector = Callable[[Any, Any], Any]
"""Finds ensembles: (activations [n, u], labels [n]) -> members bool [c, u]."""


@dataclass(frozen=True, eq=False)
class Formation(Generic[Array]):
    """The ensemble of a group of items, and how much it is to be trusted.

    Args:
        members: Its units, bool [u].
        seen: Ensembles of the seen classes beside it, bool [c, u].
        size: How many units it has.
        jaccard: Mean over splits of the Jaccard index of the ensembles that two halves of the items
            give; NaN if there was none in any half.
        jaccards: Of each split, float [splits]; 0 where one half alone has an ensemble, NaN where
            neither has.
        chance: What random sets as large as those of the halves would have in common, as a mean
            Jaccard index.
        formed: Share of the splits in which both halves have an ensemble.
        null_sizes: Sizes for random groups of seen items without a common category, [nulls].
        null_jaccards: Their Jaccard indices, of one split each, 0 without an ensemble, [nulls].
        p_size: Share of random groups (and this one) with an ensemble at least as large; NaN
            without any.
        p_jaccard: Share of them with at least as high a Jaccard index.
    """

    members: Array
    seen: Array
    size: int
    jaccard: float
    jaccards: Array
    chance: float
    formed: float
    null_sizes: Array
    null_jaccards: Array
    p_size: float
    p_jaccard: float


@dataclass(frozen=True, eq=False)
class SharedUnits(Generic[Array]):
    """Units that one ensemble has in common with each of c others; NaN where either is empty.

    Args:
        observed: How many, int64 [c].
        expected: How many random sets of these sizes would share, a b / u, float [c].
        ratio: observed / expected, float [c]; 1 is chance.
        p_more: P(as many or more by chance), float [c].
        p_fewer: P(as few or fewer by chance), float [c].
    """

    observed: Array
    expected: Array
    ratio: Array
    p_more: Array
    p_fewer: Array


def formation(
    detector: Detector,
    seen: Array,
    labels: Any,
    group: Array,
    *,
    generator: Generator,
    splits: int = 10,
    nulls: int = 0,
    among: Array | None = None,
) -> Formation[Array]:
    """Whether the group gets a reliable ensemble when it is one more class beside the seen ones.

    Reliability: all items are split in two halves class by class, and the detector is asked twice.
    Random groups are as many seen items, of all classes in proportion, that are said to be one
    class: what a detector finds where there is nothing to find.

    Args:
        detector: Finds ensembles.
        seen: Activity for items of seen classes, float [n, u].
        labels: Their classes, int64 [n].
        group: Activity for the items of the group, float [m, u], m >= 4.
        generator: Draws splits and random groups.
        splits: How many splits.
        nulls: How many random groups; the lowest p there can be is 1 / (nulls + 1).
        among: Units that could be a member, bool [u], for ``chance``; all where nothing is said.
            Give the live units of a net with dead ones.

    Raises:
        InputError: sizes that differ, too few items, members that do not fit.

    Cost: 1 + 2 splits + 3 nulls calls of the detector.
    """
    known, new = matrix(seen), matrix(group)
    y, c = classes(labels, len(known), least=1)
    check_count(splits, "splits", least=1)
    check_count(nulls, "nulls")
    _check_enough(y, c, known, new, nulls)
    halves, draws = split(generator, "halves", "nulls")
    x = torch.cat([known, new.to(known)])
    whole = torch.cat([y.to(x.device), torch.full((len(new),), c, device=x.device)])

    def ask(rows: Tensor, said: Tensor) -> Tensor:
        found = detector(like(x[rows], seen), like(said, seen))
        return fitting_sets(found, x.shape[1], c + 1).to(x.device)

    def halved(rows: Tensor, said: Tensor) -> tuple[float, float, bool]:
        first = random_half(said, halves)
        a, b = (ask(rows[part], said[part])[c] for part in (first, ~first))
        sizes = a.sum(), b.sum(), possible(among, torch.stack([a, b])).sum()
        return float(jaccard(a, b)), float(mean_jaccard(*sizes)), bool(a.any() and b.any())

    every = torch.arange(len(x), device=x.device)
    members = ask(every, whole)
    jaccards, chances, formed = zip(*(halved(every, whole) for _ in range(splits)), strict=True)
    rows, sizes, others = every[: len(known)], [], []
    for _ in range(nulls):
        said = _pretended(y.to(x.device), c, len(new), draws)
        sizes.append(float(ask(rows, said)[c].sum()))
        others.append(halved(rows, said)[0])
    as_told = x.new_tensor(jaccards, dtype=torch.float64)
    null_sizes = x.new_tensor(sizes, dtype=torch.float64)
    null_jaccards = x.new_tensor(others, dtype=torch.float64).nan_to_num()
    size, mean = int(members[c].sum()), float(as_told.nanmean())
    return Formation(
        members=like(members[c], seen),
        seen=like(members[:c], seen),
        size=size,
        jaccard=mean,
        jaccards=like(as_told, seen),
        chance=float(x.new_tensor(chances, dtype=torch.float64).nanmean()),
        formed=sum(formed) / splits,
        null_sizes=like(null_sizes, seen),
        null_jaccards=like(null_jaccards, seen),
        p_size=_p(float(size), null_sizes),
        p_jaccard=_p(mean, null_jaccards),
    )


def formations(
    detector: Detector,
    seen: Array,
    labels: Any,
    groups: Mapping[str, Array],
    *,
    generator: Generator,
    splits: int = 10,
    nulls: int = 0,
    among: Array | None = None,
) -> dict[str, Formation[Array]]:
    """``formation`` of each group in turn, such as the class left out, noise, another data set.

    The result of one group does not depend on the others.
    """
    streams = split(generator, *groups)
    return {
        name: formation(
            detector,
            seen,
            labels,
            group,
            generator=stream,
            splits=splits,
            nulls=nulls,
            among=among,
        )
        for (name, group), stream in zip(groups.items(), streams, strict=True)
    }


def shared_units(group: Array, members: Array, *, among: Array | None = None) -> SharedUnits[Array]:
    """Which ensembles an ensemble has units in common with, beside what chance would give.

    If units were drawn at random, the number of common ones would be hypergeometric. p values are
    not corrected for asking c times.

    Args:
        group: Units of the ensemble, bool [u].
        members: The others, bool [c, u].
        among: Units that could be a member, bool [u]; all where nothing is said. Give the live
            units of a net with dead ones, or every overlap looks large.

    Raises:
        InputError: sizes that differ; a member that is not among the units that could be one.
    """
    others = fitting_sets(members)
    own = fitting_sets(tensor(group)[None], others.shape[1])[0].to(others.device)
    sizes, observed = others.sum(1), (others & own).sum(1)
    units = possible(among, torch.cat([others, own[None]])).sum()
    a, u = own.sum().expand_as(sizes), units.expand_as(sizes)
    fewer, more, _ = tails(*(part[None] for part in (observed, a, sizes, u)))
    lost = (a == 0) | (sizes == 0)
    expected, fewer, more = (
        part.masked_fill(lost, torch.nan) for part in (moments(a, sizes, u)[0], fewer, more)
    )
    return SharedUnits(
        observed=like(observed, members),
        expected=like(expected, members),
        ratio=like(observed / expected, members),
        p_more=like(more, members),
        p_fewer=like(fewer, members),
    )


def _check_enough(y: Tensor, c: int, known: Tensor, new: Tensor, nulls: int) -> None:
    """Two halves of every class, and enough left of each for a random group."""
    if known.shape[1] != new.shape[1]:
        raise InputError(
            "the group was seen by other units",
            expected=known.shape[1],
            got=new.shape[1],
            todo="record both at the same layer of the same net",
        )
    counts = torch.bincount(y, minlength=c)
    least = int(counts[counts > 0].min())
    if len(new) < 4 or least < 4:
        raise InputError(
            "too few items to split in two halves",
            expected="at least 4 of every class and of the group",
            got=min(len(new), least),
            todo="give more items of each class and of the group",
        )
    if nulls and (1 - len(new) / len(y)) * least < 4:
        raise InputError(
            "the group is too large for random groups of as many seen items",
            expected=f"at most {int(len(y) * (1 - 4 / least))} items",
            got=len(new),
            todo="give fewer items of the group, or more of the seen classes",
        )


def _pretended(y: Tensor, c: int, m: int, generator: Generator) -> Tensor:
    """Labels with m items, of all classes in proportion, said to be of class c."""
    counts = torch.bincount(y, minlength=c)
    key = (ranks_within(y, generator) + 0.5) / counts[y]
    said = y.clone()
    said[key.argsort(stable=True)[:m]] = c
    return said


def _p(observed: float, nulls: Tensor) -> float:
    if not len(nulls):
        return float("nan")
    return float(share_as_high(nulls.new_tensor(observed), nulls))
