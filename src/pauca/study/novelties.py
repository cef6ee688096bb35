"""Does the learner notice what is of no known class? Every score that it allows, on test items."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Generator, Tensor

from pauca.analysis import (
    class_mean_distance,
    energy,
    few_labels,
    goodness_novelty,
    label_thresholds,
    low_confidence,
    neighbour_distance,
    novelty_measures,
    overlap_novelty,
)
from pauca.data import Split
from pauca.learners import LOGITS, AbstractLearner
from pauca.outputs import Outputs
from pauca.study.emergence.finders import RATIO, SELECTIVE, detector

__all__ = ["novelty", "scores"]

_MOST = 2000
"""Test items of each kind at most."""


def novelty(
    learner: AbstractLearner,
    learned: tuple[Tensor, Tensor],
    test: Split,
    strange: Split,
    choice: Generator,
    generator: Generator,
) -> dict[str, dict[str, float]]:
    """AUROC, AUPR and FPR95 of every score, items of unknown classes against those of known ones.

    Args:
        learner: Trained.
        learned: Stored items that it learned from, and their classes.
        test: Test items of known classes.
        strange: Test items of other classes.
        choice: Draws up to 2,000 of each, the same in every round.
        generator: Of what the learner draws, if anything.
    """
    items = [each.x[_some(len(each), choice)] for each in (test, strange)]
    unseen = torch.arange(sum(map(len, items))) >= len(items[0])
    found = scores(learner, learned, torch.cat(items), generator)
    return novelty_measures(found, unseen)


def scores(
    learner: AbstractLearner, learned: tuple[Tensor, Tensor], x: Tensor, generator: Generator
) -> dict[str, Tensor]:
    """Every score by name, each [n], higher is more novel.

    ``max-softmax`` always; ``energy`` of summed goodness, or of logits; ``goodness`` and
    ``labels-above`` from goodness; ``class-mean`` and ``neighbour`` from features; and by layer
    ``overlap-...`` with ensembles of the classes, defined on what was learned from.

    Args:
        learner: Trained.
        learned: Stored items that it learned from, and their classes.
        x: Stored items [n, ...].
        generator: Of what the learner draws, if anything.
    """
    needs = frozenset({"probs", "goodness", "features", LOGITS}) & learner.gives
    told = learner.outputs(x, torch.arange(len(x)), needs=needs, generator=generator)
    seen, y = learned
    known = learner.outputs(
        seen, torch.arange(len(seen)), needs=needs - {LOGITS}, generator=generator
    )
    found = {"max-softmax": low_confidence(told.mean_probs), **_by_goodness(told, known, y)}
    if "energy" not in found and LOGITS in told.extras:
        found["energy"] = energy(told.extras[LOGITS])
    if told.features is not None and known.features is not None:
        found["class-mean"] = class_mean_distance(told.features, known.features, y)
        # the nearest one: with few labels of a class a further neighbour is of another class
        found["neighbour"] = neighbour_distance(told.features, known.features, k=1)
    if len(torch.unique(y)) > 1:
        found |= _by_units(learner.activations(x), learner.activations(seen), y, learner.task.c)
    return {name: score.cpu() for name, score in found.items()}


def _by_goodness(told: Outputs, known: Outputs, y: Tensor) -> dict[str, Tensor]:
    if told.goodness is None or known.goodness is None:
        return {}
    return {
        "energy": energy(told.goodness.sum(2)),
        "goodness": goodness_novelty(told.goodness),
        "labels-above": few_labels(told.goodness, label_thresholds(known.goodness, y)),
    }


def _by_units(
    layers: Mapping[str, Tensor], learned: Mapping[str, Tensor], y: Tensor, c: int
) -> dict[str, Tensor]:
    """By the overlap of what is active with the ensembles of classes, layer by layer."""
    found: dict[str, Any] = {}
    for layer, h in layers.items():
        own = learned[layer]
        for rule in (SELECTIVE, RATIO):
            if h.shape[1] < 2 or (rule == RATIO and bool((own < 0).any())):
                continue
            sets = detector(rule, c)(own, y)
            if bool(sets.any()):
                found[f"overlap-{rule}, {layer}"] = overlap_novelty(h, sets)
    return found


def _some(n: int, generator: Generator) -> Tensor:
    return torch.randperm(n, generator=generator)[:_MOST].sort().values
