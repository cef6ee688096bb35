"""Everything that is measured of one trained learner, and how long each part took."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pauca.analysis import class_means
from pauca.study.emergence.causes import drives, lesions, prunings, removal_orders
from pauca.study.emergence.examined import DEEP, NONE, Examined
from pauca.study.emergence.inhibition import inhibitions
from pauca.study.emergence.labels import LabelControl
from pauca.study.emergence.layer import (
    FEW,
    Layer,
    coactive,
    ensembles,
    reliability,
    selectivity,
    shuffled,
)
from pauca.study.emergence.plain import packed, plain
from pauca.study.emergence.relations import alike_classes, related, shared
from pauca.study.emergence.sparse import sparsity

__all__ = ["Measured", "measure_all"]

Told = Callable[[float, str], None]


@dataclass
class Measured:
    """What is kept of an examination.

    Args:
        record: Plain values.
        arrays: Members and live units as bits, class means; by name.
        seconds: By part.
    """

    record: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Within it, time counts for this part."""
        began = perf_counter()
        try:
            yield
        finally:
            self.seconds[part] = self.seconds.get(part, 0.0) + perf_counter() - began

    def put(self, part: str, condition: str, layer: str, value: Any) -> None:
        """Keep a value at its place."""
        self.record.setdefault(part, {}).setdefault(condition, {})[layer] = value


def measure_all(exam: Examined, told: Told = lambda part, what: None) -> Measured:
    """Every measure of the examination under every condition.

    Args:
        exam: What is examined.
        told: Told which fraction is done, and what is measured now.
    """
    work = _Work(exam)
    for number, condition in enumerate(exam.conditions):
        told(0.7 * number / len(exam.conditions), f"{condition} label")
        work.condition(condition)
    for number, (name, part) in enumerate(work.parts.items()):
        told(0.7 + 0.3 * number / len(work.parts), name)
        with work.found.timed(name):
            work.found.record[name] = part()
    if work.control is not None:
        work.found.record["label_control"] = work.control.found
    work.found.record |= _in_short(work.found.record["sparsity"])
    return work.found


def _in_short(sparsity: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Sparsity as records of all kinds of cell have it (``pauca.study.evaluate``)."""
    neutral, true = (sparsity.get(name, sparsity.get(NONE, {})) for name in ("neutral", "true"))
    counts = ("dead_units", "silent_samples")
    return {
        "hoyer": {
            layer: {
                "neutral": neutral[layer]["hoyer"]["all"],
                "true": true[layer]["hoyer"]["all"],
                "true_correct": true[layer]["hoyer"]["correct"],
            }
            for layer in neutral
        },
        "silent": {
            layer: {
                **{key: neutral[layer][key] for key in counts},
                **{f"true_{key}": true[layer][key] for key in counts},
            }
            for layer in neutral
        },
    }


class _Work:
    def __init__(self, exam: Examined) -> None:
        self.exam, self.found = exam, Measured()
        self.control = LabelControl(exam) if exam.reads_label else None
        self.members: dict[str, dict[str, Tensor]] = {}
        """Under the usual condition, by layer and definition."""
        self.live: dict[str, Tensor] = {}
        self.orders: dict[str, dict[str, Tensor]] = {}
        """In which units are pruned, by layer and by what goes first."""
        self.classes = alike_classes(exam)
        self.parts: dict[str, Callable[[], Any]] = {
            "lesions": lambda: lesions(exam, self.members),
            "drive": lambda: drives(exam, self.members),
            "pruning": lambda: prunings(exam, self.orders),
            "inhibition": lambda: inhibitions(exam, self.members, self.live),
        }

    def condition(self, name: str) -> None:
        """All layers under one condition."""
        exam, found = self.exam, self.found
        with found.timed("activity"):
            activity = {part: exam.activity(part, name) for part in ("defined", "tested")}
        if "layers" not in found.record:
            self._head(activity["tested"])
        for layer in activity["tested"]:
            shown = Layer(
                activity["defined"].pop(layer),
                exam.defined.y,
                exam.defined.correct,
                activity["tested"][layer],
                exam.tested.y,
                exam.tested.correct,
                exam.c,
            )
            self._layer(name, layer, shown)

    def _head(self, activity: dict[str, Tensor]) -> None:
        self.found.record |= {
            "reads_label": self.exam.reads_label,
            "conditions": list(self.exam.conditions),
            "layers": list(activity),
            "units": {layer: h.shape[1] for layer, h in activity.items()},
            "classes": self.exam.c,
            "defined_on": len(self.exam.defined.y),
            "tested_on": len(self.exam.tested.y),
            "dear_on": min(FEW, len(self.exam.tested.y)),
        }

    def _layer(self, condition: str, layer: str, shown: Layer) -> None:
        exam, found, deep = self.exam, self.found, condition in DEEP
        with found.timed("sparsity"):
            sparse = sparsity(shown.tested, shown.tested_y, shown.tested_correct, exam.c)
            found.put("sparsity", condition, layer, plain(sparse))
        with found.timed("ensembles"):
            record, members = ensembles(shown, published=condition == exam.usual)
            found.put("ensembles", condition, layer, record)
        live = shown.live
        self._keep(condition, layer, shown, members, live)
        if self.control is not None:
            with found.timed("label control"):
                self._label(condition, layer, shown, members, live)
        if condition == exam.usual:
            self.members[layer], self.live[layer] = members, live
        if condition in ("neutral", NONE):
            self.orders[layer] = removal_orders(exam, layer, shown.defined)
        if deep:
            self._deeply(condition, layer, shown, members, live)

    def _deeply(
        self, condition: str, layer: str, shown: Layer, members: dict[str, Tensor], live: Tensor
    ) -> None:
        found, draws = self.found, self.exam.draws
        with found.timed("selectivity"):
            found.put("selectivity", condition, layer, plain(selectivity(shown)))
        with found.timed("nulls"):
            null = shuffled(shown, members, draws("nulls", condition, layer))
            found.put("nulls", condition, layer, plain(null))
        with found.timed("reliability"):
            again = reliability(shown, members, draws("reliability", condition, layer))
            found.put("reliability", condition, layer, again)
        with found.timed("coactivation"):
            alone = coactive(shown, draws("coactivation", condition, layer))
            found.put("coactivation", condition, layer, plain(alone))
        with found.timed("sharing"):
            draw = draws("sharing", condition, layer)
            both = shared(members, live, shown.tested.mean(0), draw)
            found.put("sharing", condition, layer, plain(both))
            draw = draws("relations", condition, layer)
            found.put(
                "relations", condition, layer, plain(related(members, live, self.classes, draw))
            )

    def _label(
        self, condition: str, layer: str, shown: Layer, members: dict[str, Tensor], live: Tensor
    ) -> None:
        assert self.control is not None
        if condition == "true":
            self.control.begin(layer, members, live)
        if condition == "neutral":
            self.control.compare(layer, members, live)
        self.control.look(condition, layer, shown.tested)

    def _keep(
        self, condition: str, layer: str, shown: Layer, members: dict[str, Tensor], live: Tensor
    ) -> None:
        arrays = self.found.arrays
        for name, sets in members.items():
            arrays[f"members/{condition}/{layer}/{name}"] = packed(sets)
        arrays[f"live/{condition}/{layer}"] = packed(live)
        if condition in DEEP:
            means = class_means(shown.tested, shown.tested_y)
            arrays[f"means/{condition}/{layer}"] = means.cpu().numpy().astype(np.float16)
