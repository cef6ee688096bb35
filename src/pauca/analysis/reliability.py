"""Would the same ensembles come out again: on other samples, on resampled ones, in other nets?

A **detector** is any function of activations and labels that gives ensembles, bool [c, u].
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic

import torch
from torch import Generator, Tensor

from pauca.analysis._arrays import Array, classes, like, matrix, tensor
from pauca.analysis._draws import random_half, uniform
from pauca.analysis._hypergeometric import mean_jaccard
from pauca.analysis._sets import jaccard, member_sets, possible
from pauca.analysis.matching import match_units, matched_jaccard
from pauca.analysis.nulls import Null, null_distribution, shuffle_units
from pauca.checks import check_count, check_fraction
from pauca.errors import InputError
from pauca.metrics import Interval, mean_interval

__all__ = [
    "Bootstrap",
    "SeedStability",
    "SplitHalf",
    "bootstrap_membership",
    "seed_stability",
    "split_half",
]


@dataclass(frozen=True, eq=False)
class SplitHalf(Generic[Array]):
    """How alike the ensembles of two random halves of the samples are, class by class.

    Args:
        jaccard: Mean over splits of shared over joint members, float64 [c], in [0, 1]; NaN where no
            half ever had a member.
        chance: What random sets of the very sizes found would have on average, float64 [c].
        low: Lower end of the central part of the splits, float64 [c]. Splits reuse the same
            samples: this is their spread, not a confidence interval.
        high: Upper end.
        defined: Splits in which at least one half had a member, int64 [c].
        values: Of every split, float64 [halves, c]; NaN where both halves found none, 0 where one
            did.
    """

    jaccard: Array
    chance: Array
    low: Array
    high: Array
    defined: Array
    values: Array


@dataclass(frozen=True, eq=False)
class Bootstrap(Generic[Array]):
    """How often each unit is found when the samples are drawn anew.

    Args:
        frequency: Share of resamples in which the unit is a member, float64 [c, u], in [0, 1].
        sizes: Members of each resample, int64 [draws, c].
    """

    frequency: Array
    sizes: Array


@dataclass(frozen=True, eq=False)
class SeedStability(Generic[Array]):
    """How alike the ensembles of nets from different seeds are, after their units are matched.

    Args:
        pairs: Jaccard index of each pair of nets and class, float64 [p, c], pairs in the order
            (0, 1), (0, 2), ...; NaN where both ensembles are empty.
        jaccard: Mean over pairs of each class, float64 [c], beside that of shuffled profiles: what
            a match makes of such units whatever they answer to.
        chance: What a random match would give, mean over pairs, float64 [c].
        intervals: Of the mean of each class over nets, by the jackknife over nets; without bounds
            for two nets, and where an ensemble is undefined without one of the nets.
        correlation: Mean correlation of matched units, each pair of nets, float64 [p].
    """

    pairs: Array
    jaccard: Null[Array]
    chance: Array
    intervals: tuple[Interval, ...]
    correlation: Array


def split_half(
    detector: Callable[[Array, Array], Array],
    activations: Array,
    labels: Array,
    *,
    halves: int = 100,
    generator: Generator,
    among: Array | None = None,
    level: float = 0.95,
) -> SplitHalf[Array]:
    """Split-half reliability: the detector on two random halves, the same share of every class.

    The detector runs twice for each split; one copy of the activations is held.

    Args:
        detector: Gives ensembles, bool [c, u], of the activations and labels of a half.
        activations: float [n, u].
        labels: int64 [n]; at least two samples of every class that has any.
        halves: Random splits, >= 1.
        generator: Of the splits.
        among: Units that could be a member, bool [u], for ``chance``; all where nothing is said.
            Give the live units where dead ones cannot be found.
        level: Of the central part of the splits.

    Raises:
        InputError: a class with one sample; a detector whose sets have another shape or type.

    Reference: Spearman, British Journal of Psychology 3, 1910; Brown, the same volume.
    """
    x, (y, c) = matrix(activations), classes(labels, len(activations))
    check_count(halves, "halves", least=1)
    check_fraction(level, "level", open_end=True)
    if bool((y.bincount() == 1).any()):
        raise InputError(
            "a class with one sample cannot be halved",
            expected="at least 2 samples of each class",
            got=f"one of class {int((y.bincount() == 1).nonzero()[0])}",
            todo="give more samples of it, or leave the class out",
        )
    values, chance = [], []
    for _ in range(halves):
        first = random_half(y, generator)
        a, b = (
            _found(detector, activations, labels, part.nonzero()[:, 0], (c, x.shape[1]))
            for part in (first, ~first)
        )
        units = possible(among, a | b).sum()
        values.append(jaccard(a, b))
        chance.append(mean_jaccard(a.sum(1), b.sum(1), units))
    all_values = torch.stack(values)
    ends = torch.tensor([0.5 - level / 2, 0.5 + level / 2]).to(all_values)
    low, high = all_values.nanquantile(ends, dim=0)
    parts = (all_values.nanmean(0), torch.stack(chance).nanmean(0), low, high)
    mean, random, low, high = (like(part, activations) for part in parts)
    defined = like((~all_values.isnan()).sum(0), activations)
    return SplitHalf(mean, random, low, high, defined, like(all_values, activations))


def bootstrap_membership(
    detector: Callable[[Array, Array], Array],
    activations: Array,
    labels: Array,
    *,
    draws: int = 100,
    generator: Generator,
) -> Bootstrap[Array]:
    """Bootstrap membership frequency: samples drawn with replacement, class by class.

    Every resample has as many samples of each class as the data. The detector runs once for each;
    one copy of the activations is held.

    Args:
        detector: Gives ensembles, bool [c, u].
        activations: float [n, u].
        labels: int64 [n].
        draws: Resamples, >= 1.
        generator: Of the resamples.

    Raises:
        InputError: a detector whose sets have another shape or type.

    Reference: Efron, Annals of Statistics 7, 1979; Meinshausen and Buehlmann, Journal of the Royal
    Statistical Society B 72, 2010 (selection frequency).
    """
    x, (y, c) = matrix(activations), classes(labels, len(activations))
    check_count(draws, "draws", least=1)
    found = torch.zeros(c, x.shape[1], dtype=torch.int64, device=x.device)
    sizes = []
    for _ in range(draws):
        sets = _found(detector, activations, labels, _resample(y, generator), (c, x.shape[1]))
        found += sets
        sizes.append(sets.sum(1))
    frequency = found.to(torch.float64) / draws
    return Bootstrap(like(frequency, activations), like(torch.stack(sizes), activations))


def seed_stability(
    profiles: Sequence[Array],
    members: Sequence[Array],
    *,
    draws: int = 19,
    generator: Generator,
    level: float = 0.95,
) -> SeedStability[Array]:
    """Stability over seeds: Jaccard index of ensembles between every two nets, units matched.

    Units are matched by correlation of their rows in ``profiles``. Matching by class means favours
    pairs that answer to the same class, so even nets that have nothing to do with each other look
    alike after it. The null does the same with each unit's profile shuffled over its rows: what the
    match alone makes of such units. Take profiles and members from different samples.

    Costs (1 + draws) r (r - 1) / 2 assignments of O(u^3).

    Args:
        profiles: One for each of r >= 2 nets, float [k, u]: class means, or the activity on the
            same samples.
        members: Ensembles of each net, bool [c, u].
        draws: Of the null, >= 1.
        generator: Of the null.
        level: Of the intervals.

    Raises:
        InputError: fewer than two nets; sizes that do not fit.
    """
    if len(profiles) < 2 or len(profiles) != len(members):
        raise InputError(
            "too few nets, or profiles and members of different nets",
            expected="as many profiles as members, at least 2",
            got=f"{len(profiles)} and {len(members)}",
            todo="give profiles and members of the same nets, in the same order",
        )
    both = list(itertools.combinations(range(len(profiles)), 2))
    matches = [match_units(profiles[i], profiles[j]) for i, j in both]
    pairs = torch.stack(
        [
            tensor(matched_jaccard(match, members[i], members[j]))
            for match, (i, j) in zip(matches, both, strict=True)
        ]
    )

    def shuffled(g: Generator) -> Array:
        values = []
        for i, j in both:
            match = match_units(profiles[i], shuffle_units(profiles[j], g))
            values.append(tensor(matched_jaccard(match, members[i], members[j])))
        return like(torch.stack(values).nanmean(0), profiles[0])

    given = profiles[0]
    return SeedStability(
        pairs=like(pairs, given),
        jaccard=null_distribution(
            shuffled, like(pairs.nanmean(0), given), draws=draws, generator=generator, level=level
        ),
        chance=like(_random_match(members, both), given),
        intervals=tuple(_jackknife(column, both, len(profiles), level) for column in pairs.T),
        correlation=like(torch.tensor([m.mean for m in matches]).to(pairs), given),
    )


def _resample(labels: Tensor, generator: Generator) -> Tensor:
    """Positions drawn with replacement within each class, int64 [n]."""
    order = labels.argsort(stable=True)
    y = labels[order]
    start = torch.searchsorted(y, y)
    size = y.bincount()[y]
    drawn = uniform((len(y),), generator, y.device)
    return order[start + torch.minimum((drawn * size).to(torch.int64), size - 1)]


def _found(
    detector: Callable[[Array, Array], Array],
    activations: Array,
    labels: Array,
    rows: Tensor,
    shape: tuple[int, int],
) -> Tensor:
    at = like(rows, activations)
    sets = member_sets(detector(activations[at], labels[at]), "the detector's sets")
    if sets.shape != shape:
        raise InputError(
            "the detector's sets have the wrong shape",
            expected=list(shape),
            got=list(sets.shape),
            todo="let the detector give one row a class, one column a unit",
        )
    return sets


def _random_match(members: Sequence[Array], both: list[tuple[int, int]]) -> Tensor:
    """Mean over pairs of the Jaccard index that a random one-to-one match gives, float64 [c]."""
    sets = [member_sets(m) for m in members]
    wide = [torch.tensor(s.shape[1]) for s in sets]
    chance = [
        mean_jaccard(
            sets[i].sum(1), sets[j].sum(1), torch.maximum(wide[i], wide[j]).to(sets[i].device)
        )
        for i, j in both
    ]
    return torch.stack(chance).nanmean(0)


def _jackknife(values: Tensor, both: list[tuple[int, int]], r: int, level: float) -> Interval:
    """Interval of the mean over pairs of nets, from the means without each net in turn."""
    mean = float(values.nanmean())
    without = [
        float(values[[k for k, pair in enumerate(both) if net not in pair]].nanmean())
        for net in range(r)
    ]
    pseudo = torch.tensor([r * mean - (r - 1) * other for other in without], dtype=torch.float64)
    if r < 3 or bool(pseudo.isnan().any()):
        return Interval(mean, torch.nan, torch.nan, r, level, "jackknife over nets")
    spread = mean_interval(pseudo, level)
    half = spread.high - spread.mean
    return Interval(mean, mean - half, mean + half, r, level, "jackknife over nets")
