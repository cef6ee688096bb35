"""One layer under one condition: ensembles by every definition, and whether to trust them."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan
from typing import Any

import torch
from torch import Generator, Tensor

from pauca.analysis import (
    bootstrap_membership,
    chance_jaccard,
    class_selectivity,
    coactivation,
    d_prime,
    dead_units,
    jaccard,
    mean_defined,
    mutual_information,
    one_vs_rest,
    shuffle_labels,
    split_half,
)
from pauca.rng import split
from pauca.study.emergence.finders import (
    RATIO,
    SELECTIVE,
    detector,
    find,
    find_published,
)
from pauca.study.emergence.plain import plain

__all__ = [
    "FEW",
    "Layer",
    "alike",
    "coactive",
    "ensembles",
    "reliability",
    "selectivity",
    "shuffled",
]

PUBLISHED = "ks-mean"
_SPLITS, _RESAMPLES = 5, 5
FEW = 4000
"""Items for what is dear: single units, reliability and co-activation."""


@dataclass(frozen=True, eq=False)
class Layer:
    """Activity of one layer under one condition.

    Args:
        defined: On items that define ensembles, float [n, u].
        defined_y: int64 [n].
        defined_correct: Which of them are classified rightly, bool [n].
        tested: On other items, float [m, u].
        tested_y: int64 [m].
        tested_correct: bool [m].
        c: Number of classes.
    """

    defined: Tensor
    defined_y: Tensor
    defined_correct: Tensor
    tested: Tensor
    tested_y: Tensor
    tested_correct: Tensor
    c: int

    @property
    def few(self) -> "Layer":
        """The same with at most some thousand test items; these are in random order."""
        tested = (self.tested[:FEW], self.tested_y[:FEW], self.tested_correct[:FEW])
        return Layer(self.defined, self.defined_y, self.defined_correct, *tested, self.c)

    @property
    def live(self) -> Tensor:
        """Units that answer to any of the items, bool [u]: those that can be a member."""
        return ~(dead_units(self.defined) & dead_units(self.tested))


def ensembles(layer: Layer, *, published: bool) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Sizes, and how far those of test items are the same; and the members, bool [c, u].

    Args:
        layer: Looked at.
        published: Whether ``ks-mean`` is among the definitions: on rightly classified items.
    """
    defined = find(layer.defined, layer.defined_y, layer.c)
    tested = find(layer.tested, layer.tested_y, layer.c)
    if published:
        known, seen = layer.defined_correct, layer.tested_correct
        pairs = ((layer.defined, layer.defined_y, known), (layer.tested, layer.tested_y, seen))
        defined[PUBLISHED], tested[PUBLISHED] = (
            find_published(h[kept], y[kept], layer.c) for h, y, kept in pairs
        )
    record = {
        name: {
            "size": plain(members.sum(1)),
            "test_size": plain(tested[name].sum(1)),
            **alike(members, tested[name], layer.live),
        }
        for name, members in defined.items()
    }
    return record, defined


def alike(a: Tensor, b: Tensor, live: Tensor) -> dict[str, Any]:
    """Jaccard index of two sets of ensembles, beside that of random sets among live units."""
    units = int(torch.count_nonzero(live | (a | b).any(0)))
    return {
        "jaccard": plain(jaccard(a, b)),
        "chance": plain(chance_jaccard(a.sum(1), b.sum(1), units)),
    }


def selectivity(layer: Layer) -> dict[str, float]:
    """How well single live units tell classes: means over units of their best class."""
    h = layer.few.tested[:, layer.live]
    if not h.shape[1]:
        return dict.fromkeys(("auc", "d_prime", "class_selectivity", "mutual_information"), nan)
    y = layer.few.tested_y
    varies = d_prime(h, y)
    found = {
        "auc": one_vs_rest(h, y).auc.amax(0),
        "d_prime": varies.where(varies.isfinite(), -torch.inf).amax(0),
        "mutual_information": mutual_information(h, y),
    }
    if bool((h >= 0).all()):
        found["class_selectivity"] = class_selectivity(h, y)
    return {name: mean_defined(each[each.isfinite()]).mean for name, each in found.items()}


def shuffled(layer: Layer, members: Mapping[str, Tensor], generator: Generator) -> dict[str, Any]:
    """How many members there are in all, and with the defining items' labels in random order.

    A definition that finds as many with shuffled labels does not depend on the category.
    """
    drawn = find(layer.defined, shuffle_labels(layer.defined_y, generator), layer.c)
    if PUBLISHED in members:
        kept = layer.defined_correct
        y = shuffle_labels(layer.defined_y[kept], generator)
        drawn[PUBLISHED] = find_published(layer.defined[kept], y, layer.c)
    return {
        name: {"observed": int(members[name].sum()), "shuffled": int(sets.sum()), "draws": 1}
        for name, sets in drawn.items()
    }


def reliability(
    layer: Layer, members: Mapping[str, Tensor], generator: Generator
) -> dict[str, Any]:
    """Split-half Jaccard index, and how often a member is found again in resamples."""
    halves, draws = split(generator, "halves", "draws")
    h, y, record = layer.defined[:, layer.live], layer.defined_y, {}
    step = max(1, -(-len(y) // FEW))  # items are sorted by class: of each its share
    h, y = h[::step], y[::step]
    for name in (SELECTIVE, RATIO):
        if name not in members or not h.shape[1]:
            continue
        found = detector(name, layer.c)
        two = split_half(found, h, y, halves=_SPLITS, generator=halves)
        again = bootstrap_membership(found, h, y, draws=_RESAMPLES, generator=draws)
        sets = members[name][:, layer.live]
        record[name] = {
            "split_half": plain(two.jaccard),
            "chance": plain(two.chance),
            "bootstrap": plain((again.frequency * sets).sum(1) / sets.sum(1)),
        }
    return record


def coactive(layer: Layer, generator: Generator) -> dict[str, Any]:
    """Ensembles found without any label, and how well the best class of each explains it."""
    live = layer.live
    if int(live.sum()) < 2:
        return {"found": 0, "size": [], "auc": [], "class": [], "chance_auc": nan}
    h, y = layer.few.tested[:, live], layer.few.tested_y
    found = coactivation(h, generator=generator, shuffles=9)
    score = h @ found.weights.T.to(h.dtype)  # [n, a]
    auc = one_vs_rest(score, y).auc  # [c, a]
    by_chance = one_vs_rest(score, shuffle_labels(y, generator)).auc
    best = auc.max(0) if len(found.members) else None
    return {
        "found": len(found.members),
        "size": plain(found.members.sum(1)),
        "auc": plain(best.values) if best else [],
        "class": plain(best.indices) if best else [],
        "chance_auc": float(by_chance.amax(0).mean()) if best else nan,
    }
