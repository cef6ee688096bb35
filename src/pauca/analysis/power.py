"""What each detector of ensembles finds and what it invents, measured on planted truth."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Generator, Tensor

from pauca.analysis.coactivation import coactivation
from pauca.analysis.ensembles import ks_mean_members, mean_ratio, selective
from pauca.analysis.planted import Planted
from pauca.analysis.selectivity import class_means
from pauca.checks import check_count
from pauca.rng import split

__all__ = ["DETECTORS", "PowerRecord", "SeededDetector", "coactivation_by_class", "measure_power"]

SeededDetector = Callable[[Tensor, Tensor, Generator], Tensor]
"""Activations [n, u], labels [n] and a generator to members, bool [c, u]."""


class _Draws(Protocol):
    def __call__(self, *, effect: float, generator: Generator) -> Planted: ...


@dataclass(frozen=True)
class PowerRecord:
    """One detector on one planted set; counts are of pairs of class and unit.

    Args:
        detector: Its name.
        effect: That was planted.
        repetition: Number of the draw, from 0.
        planted: Pairs that are true.
        found: Pairs that the detector names.
        hits: Pairs that are both.
        pairs: All there are, c u.
    """

    detector: str
    effect: float
    repetition: int
    planted: int
    found: int
    hits: int
    pairs: int

    @property
    def power(self) -> float:
        """Share of what is true that is found; NaN where nothing is."""
        return self.hits / self.planted if self.planted else math.nan

    @property
    def false_discovery(self) -> float:
        """Share of what is found that is false; 0 where nothing is found.

        Its mean over repetitions is the false-discovery rate; where nothing is planted it is 1 if
        anything is found, and the mean is the chance of that.
        """
        return (self.found - self.hits) / max(self.found, 1)

    @property
    def false_positive(self) -> float:
        """Share of what is not true that is found."""
        return (self.found - self.hits) / (self.pairs - self.planted)


def coactivation_by_class(activations: Tensor, labels: Tensor, generator: Generator) -> Tensor:
    """Co-activation ensembles, each under the class that brings it up most, bool [c, u].

    Labels only name what was found without them: the class with the highest mean of the component's
    score. Two ensembles of one class become one; a class may have none.
    """
    found = coactivation(activations, generator=generator)
    # [a, u] weights on activity of variance 1, [n, a] -> [c, a]
    scale = activations.double().std(0).masked_fill(found.dead, 1)
    means = class_means(activations, labels) / scale @ found.weights.T
    members = torch.zeros(len(means), activations.shape[1], dtype=torch.bool)
    members = members.to(activations.device)
    for k, row in zip(means.argmax(0).tolist(), found.members, strict=True):
        members[k] |= row
    return members


DETECTORS: Mapping[str, SeededDetector] = {
    "ks-mean": lambda x, y, _: ks_mean_members(x, y),
    "ks-mean, all pairs": lambda x, y, _: ks_mean_members(x, y, pairs="all"),
    "mean-ratio, c = 1": lambda x, y, _: mean_ratio(x, y, c=1).members,
    "mean-ratio, c = 2": lambda x, y, _: mean_ratio(x, y, c=2).members,
    "selective": lambda x, y, _: selective(x, y).members,
    "selective, any effect": lambda x, y, _: selective(x, y, effect=0).members,
    "co-activation": coactivation_by_class,
}
"""Every detector of ensembles at its usual settings, by name."""


def measure_power(
    draw: _Draws,
    effects: Iterable[float],
    repetitions: int,
    *,
    generator: Generator,
    detectors: Mapping[str, SeededDetector] = DETECTORS,
) -> tuple[PowerRecord, ...]:
    """Every detector on the same planted sets, ``repetitions`` for each effect.

    The noise of a repetition is the same for every effect, so that effects differ by nothing else.

    Args:
        draw: Makes a planted set, such as ``partial(planted, 1000, 200, [15] * 10)``.
        effects: To plant; 0 for what is invented where nothing is.
        repetitions: Draws for each effect, >= 1.
        generator: On the CPU.
        detectors: To compare, by name.
    """
    check_count(repetitions, "repetitions", least=1)
    sets = split(generator, *(f"set {r}" for r in range(repetitions)))
    records = []
    for r, own in enumerate(sets):
        state = own.get_state()
        for effect in effects:
            own.set_state(state)
            truth = draw(effect=effect, generator=own)
            for name, detect in detectors.items():
                (its,) = split(own.clone_state(), name)
                found = detect(truth.activations, truth.labels, its)
                records.append(_record(name, effect, r, truth, found))
    return tuple(records)


def _record(
    name: str, effect: float, repetition: int, truth: Planted, found: Tensor
) -> PowerRecord:
    hits = int((found & truth.members).sum())
    counts = (int(truth.members.sum()), int(found.sum()), hits, found.numel())
    return PowerRecord(name, effect, repetition, *counts)
