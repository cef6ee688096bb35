"""A learner watched while labels arrive: what it says of a stop set, and what emerges inside it.

Both are looked at on items that stay the same. The stop set is drawn from the pool and its labels
are never read, so that a rule of when to stop could be used by a person who has no others; the
items on which ensembles are followed are test items with their labels, for the record alone.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pauca.analysis import (
    choose_samples,
    dead_units,
    hoyer,
    jaccard,
    match_units,
    matched_jaccard,
    mean_defined,
    overlap,
)
from pauca.data import Split
from pauca.learners import AbstractLearner
from pauca.metrics import cohen_kappa
from pauca.rng import Streams
from pauca.study.emergence.finders import RATIO, SELECTIVE, detector
from pauca.study.openset import World

__all__ = ["Snapshot", "Watch"]

_FOLLOWED = 1000


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What was seen of one model.

    Args:
        probs: Of the stop set, float [n, c]; none without one.
        inside: Activity on the stop set by layer, float [n, u]; none unless ensembles are followed.
        activity: Activity on the followed items by layer, float [n, u]; likewise.
    """

    probs: Tensor
    inside: Mapping[str, Tensor]
    activity: Mapping[str, Tensor]


class Watch:
    """Looks at the model of each round and compares it with that of the round before.

    Args:
        world: Pool and test items.
        stop_set: Items of the pool at random; 0 for none.
        follow: Whether ensembles are followed, on up to 1,000 test items, as many of each class.
        streams: Of the repetition: stream ``watch``.
    """

    def __init__(self, world: World, stop_set: int, follow: bool, streams: Streams) -> None:
        self._c, self._streams, self.follow = world.task.c, streams, follow
        n = len(world.pool)
        order = torch.randperm(n, generator=streams.generator("watch", 0))
        self.stop_ids = order[: min(stop_set, n)].sort().values
        self._stop = world.pool.x[self.stop_ids]
        self._followed = _followed(world.test, self._c, streams) if follow else world.test

    @property
    def looks(self) -> bool:
        """Whether anything is looked at."""
        return self.follow or bool(len(self.stop_ids))

    def look(self, learner: AbstractLearner, t: int) -> Snapshot:
        """The model of round t."""
        probs, inside, activity = torch.empty(0, self._c), dict[str, Tensor](), dict[str, Tensor]()
        if len(self._stop):
            generator = self._streams.generator("watch", 2, t)
            told = learner.outputs(self._stop, self.stop_ids, generator=generator)
            probs = told.mean_probs.cpu()
        if self.follow:
            activity = _activity(learner, self._followed.x)
            inside = _activity(learner, self._stop) if len(self._stop) else {}
        return Snapshot(probs, inside, activity)

    def record(
        self, now: Snapshot, before: Snapshot | None, answered: Tensor, *, same_units: bool
    ) -> dict[str, Any]:
        """What is kept of a round: ``stopping``, ``follow`` and ``ensembles``, as far as asked for.

        Args:
            now: The model of the round.
            before: That of the round before; None in the first.
            answered: Items of the pool that were answered before the round's training, int64.
            same_units: Whether a unit of one round is the same unit in the next: the learner goes
                on from its last weights.
        """
        found: dict[str, Any] = {}
        if len(self.stop_ids):
            unanswered = ~torch.isin(self.stop_ids, answered)
            found["stopping"] = _stopping(now, before, unanswered)
            if self.follow:
                found["stopping"]["stability"] = self._stability(now, before, same_units)
        if self.follow:
            y = self._followed.y
            assert y is not None
            layers = {
                layer: _layer(h, None if before is None else before.activity[layer], y, self._c)
                for layer, h in now.activity.items()
            }
            found["follow"] = {layer: measures for layer, (measures, _) in layers.items()}
            found["ensembles"] = {layer: sizes for layer, (_, sizes) in layers.items()}
        return found

    def _stability(self, now: Snapshot, before: Snapshot | None, same_units: bool) -> float | None:
        """Mean over layers of how far ensembles of predicted classes keep their units.

        Each model's ensembles are those of the classes that it names itself.
        """
        if before is None:
            return None
        y, old_y = now.probs.argmax(1), before.probs.argmax(1)
        pairs = [
            _compared(h, before.inside[layer], y, old_y, SELECTIVE, self._c)
            for layer, h in now.inside.items()
        ]
        kept = [one for one, other in pairs] if same_units else [other for one, other in pairs]
        return _mean(torch.tensor([math.nan if one is None else one for one in kept]))


def _stopping(now: Snapshot, before: Snapshot | None, unanswered: Tensor) -> dict[str, Any]:
    """What rules of when to stop read (``pauca.metrics.stop_rules``).

    Confidence in all items, the same in every round; uncertainty of those that are not answered
    yet; how far predictions of these changed; kappa of all predictions with those of the round
    before. None where there is nothing.
    """
    left = now.probs[unanswered].double()
    entropy = torch.special.entr(left).sum(1) / math.log(now.probs.shape[1])
    named = now.probs.argmax(1)
    old = None if before is None else before.probs.argmax(1)
    there = len(left) > 0
    return {
        "items": len(left),
        "confidence": float(now.probs.double().amax(1).mean()),
        "uncertainty": float(entropy.mean()) if there else None,
        "max_uncertainty": float(entropy.max()) if there else None,
        "changed": float((named != old)[unanswered].double().mean())
        if there and old is not None
        else None,
        "kappa": None if old is None else cohen_kappa(named, old, undefined=1.0),
    }


def _layer(
    h: Tensor, before: Tensor | None, y: Tensor, c: int
) -> tuple[dict[str, Any], dict[str, list[int]]]:
    """Sparsity of one layer; size, sharing and stability of its ensembles by each definition."""
    found: dict[str, Any] = {"hoyer": mean_defined(hoyer(h)).mean}
    sizes = {}
    live = ~dead_units(h)
    for rule in (SELECTIVE, RATIO):
        if rule == RATIO and bool((h < 0).any()):
            continue
        members = detector(rule, c)(h, y)
        sizes[rule] = members.sum(1).tolist()
        shared = overlap(members, among=live | members.any(0))
        stable, matched = (None, None) if before is None else _compared(h, before, y, y, rule, c)
        found[rule] = {
            "size": float(members.sum(1).double().mean()),
            "sharing": _mean(shared.ratio),
            "stability": stable,
            "matched": matched,
        }
    return found, sizes


def _compared(
    h: Tensor, before: Tensor, y: Tensor, old_y: Tensor, rule: str, c: int
) -> tuple[float | None, float | None]:
    """Mean Jaccard index of each class's ensembles in two models, unit by unit and after matching.

    Units are matched on every other item and ensembles defined on the rest, so that the match knows
    nothing of what is compared.
    """
    even = torch.arange(len(h)) % 2 == 0
    if rule == RATIO and bool((before < 0).any()):
        return None, None
    if min(len(torch.unique(labels[~even])) for labels in (y, old_y)) < 2:
        return None, None
    new, old = (
        detector(rule, c)(each[~even], labels[~even]) for each, labels in ((h, y), (before, old_y))
    )
    match = match_units(h[even], before[even])
    return _mean(jaccard(new, old)), _mean(matched_jaccard(match, new, old))


def _followed(test: Split, c: int, streams: Streams) -> Split:
    """Test items, as many of each class, in mixed order: half of them are of every class too."""
    assert test.y is not None
    generator = streams.generator("watch", 1)
    chosen = choose_samples(test.y, max(1, _FOLLOWED // c), generator)
    return test.take(chosen[torch.randperm(len(chosen), generator=generator)])


def _activity(learner: AbstractLearner, x: Tensor) -> dict[str, Tensor]:
    """By layer, layers of a single unit left out, on the CPU."""
    layers = learner.activations(x).items()
    return {name: h.detach().cpu() for name, h in layers if h.shape[1] > 1}


def _mean(values: Tensor) -> float | None:
    """Mean of what is defined; None where nothing is."""
    held = values[~values.isnan()].double()
    return float(held.mean()) if len(held) else None
