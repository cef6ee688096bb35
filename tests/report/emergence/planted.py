"""A made-up emergence study whose truth is known: which nets have ensembles, and which do not."""

import io
import itertools
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pauca.store import AbstractStore, MemoryStore, RunSpec
from tests.report.studies import Plan as Other
from tests.report.studies import meta, walls

LAYERS = ("layer1", "layer2", "layer3")
DEFINITIONS = ("ks-mean", "mean-ratio-1", "mean-ratio-2", "selective", "off")
CLEAR = {"name": "forward-forward", "recipe": "published", "rate": 0.01}
BP_FF = {"name": "bp-ff", "recipe": "published", "rate": 0.001}
BACKPROP = {"name": "backprop", "rate": 0.0001}
FAST = {"name": "backprop", "rate": 0.01}
START = {"name": "forward-forward", "recipe": "published", "rate": 0.01, "untrained": True}
BP_START = {"name": "backprop", "rate": 0.0001, "untrained": True}


@dataclass(frozen=True)
class Truth:
    """What is planted in one net.

    Args:
        hoyer: Of each layer, no answer shown.
        specific: From 0 (as chance, as the untrained net) to 1 (clear ensembles).
        label: From 0 (the image decides) to 1 (the label alone decides).
        related: Units that related classes share, over what chance gives.
        novel: From 0 to 1: how far an unseen category has an ensemble of its own.
        accuracy: On test items.
    """

    hoyer: tuple[float, ...] = (0.8, 0.65, 0.7)
    specific: float = 1.0
    label: float = 0.0
    related: float = 4.0
    novel: float = 1.0
    accuracy: float = 0.94
    rare: float = 0.0
    """1: each unit answers to few items of its class, so AUC is low and the index is not."""


NONE = Truth(hoyer=(0.45, 0.40, 0.38), specific=0.0, related=1.0, novel=0.0, accuracy=0.1)
"""A net as it starts, and what a net without ensembles is like."""

TRUTHS: Mapping[str, Truth] = {
    "forward-forward": Truth(),
    "bp-ff": Truth(hoyer=(0.9, 0.8, 0.3), accuracy=0.97),
    "backprop": Truth((0.35, 0.30, 0.32), 0.0, 0.0, 1.0, 0.0, 0.98),
}


@dataclass(frozen=True)
class Plan:
    """What is in the made-up study."""

    learners: Sequence[Mapping[str, Any]] = (CLEAR, BP_FF, BACKPROP, START, BP_START)
    truths: Mapping[str, Truth] | None = None
    repetitions: int = 3
    classes: int = 6
    units: int = 48
    related: Sequence[Sequence[int]] | None = ((0, 2, 4), (1, 3))
    unseen: Sequence[int] = (0, 3)
    unseen_repetitions: int = 3
    models: Sequence[Mapping[str, Any]] = ()
    without: frozenset[str] = frozenset()
    layers: Sequence[str] = LAYERS
    seed: int = 3

    def truth(self, learner: Mapping[str, Any]) -> Truth:
        """What is planted in a learner; nothing in a net as it starts."""
        truths = self.truths or TRUTHS
        if learner.get("untrained"):
            return NONE
        return truths.get(f"{learner['name']} {learner.get('rate')}", truths[learner["name"]])


def study(plan: Plan | None = None) -> MemoryStore:
    """A store that holds it."""
    store = MemoryStore()
    fill(store, plan or Plan())
    return store


def fill(store: AbstractStore, plan: Plan) -> None:
    """Put it into a store."""
    groups = None if plan.related is None else [list(g) for g in plan.related]
    emergence = {"repetitions": plan.repetitions, "groups": groups}
    meta(store, Other(name="emergence", classes=plan.classes), emergence=emergence)
    data = {"study_seed": plan.seed, "data": {"name": "mnist"}, "threads": 1, "device": "cpu"}
    specs = []
    for r in range(plan.repetitions):
        for i, learner in enumerate(plan.learners):
            own = {**data, "repetition": r, "learner": dict(learner), "items": 1000}
            specs.append(RunSpec(f"e{i}-{r}", "emergence", own))
        for i, learner in enumerate(plan.models):
            own = {**data, "repetition": r, "learner": dict(learner)}
            specs.append(RunSpec(f"m{i}-{r}", "model", own))
    for r in range(plan.unseen_repetitions):
        for i, learner in enumerate(plan.learners):
            for k in plan.unseen:
                own = {**data, "repetition": r, "learner": dict(learner), "left_out": k}
                specs.append(RunSpec(f"u{i}-{k}-{r}", "unseen", {**own, "items": 1000}))
    store.add(specs)
    for _ in specs:
        run = store.claim("tester")
        assert run is not None
        record, blobs = _of(plan, run.spec)
        store.append(run.spec.id, "tester", record, blobs)
        store.finish(run.spec.id, "tester")


def _of(plan: Plan, spec: RunSpec) -> tuple[dict[str, Any], dict[str, bytes]]:
    made = _Made(plan, spec)
    if spec.kind == "unseen":
        return made.unseen(), {}
    record = made.emergence() if spec.kind == "emergence" else made.model()
    blobs = {
        "walls.npz": walls(Other(units=plan.units, items=40, classes=plan.classes), made.name, 0)
    }
    if spec.kind == "emergence" and "arrays" not in plan.without:
        blobs["emergence.npz"] = made.arrays()
    return {k: v for k, v in record.items() if k not in plan.without}, blobs


class _Made:
    """One record, number by number."""

    def __init__(self, plan: Plan, spec: RunSpec) -> None:
        self.plan, self.settings = plan, spec.settings
        learner = spec.settings["learner"]
        self.name, self.truth = str(learner["name"]), plan.truth(learner)
        self.reads = self.name != "backprop"
        seed = [plan.seed, int(spec.settings["repetition"]), zlib.crc32(spec.id.encode())]
        self.rng = np.random.default_rng(seed)
        self.c, self.u = plan.classes, plan.units
        self.layers = plan.layers
        self.own = "neutral" if self.reads else "none"
        self.conditions = (
            ["neutral", "true", "predicted", "wrong", "absent"] if self.reads else ["none"]
        )
        self.free = ["neutral", "true"] if self.reads else ["none"]

    def near(self, value: float, spread: float = 0.01) -> float:
        """A planted value as one repetition shows it."""
        return float(value + self.rng.normal(0, spread))

    def row(self, value: float, spread: float = 0.03) -> list[float]:
        """One value a class."""
        return [self.near(value, spread) for _ in range(self.c)]

    def table(self, own: float, others: float, spread: float = 0.02) -> list[list[float]]:
        """``own`` on the diagonal, ``others`` elsewhere."""
        found = self.rng.normal(0, spread, (self.c, self.c)) + others
        found[np.diag_indices(self.c)] += own - others
        return [[float(x) for x in row] for row in found]

    def model(self) -> dict[str, Any]:
        """What a cell of kind model keeps."""
        hoyer = {
            layer: {"neutral": self.near(h), "true": self.near(h), "true_correct": self.near(h)}
            for layer, h in zip(self.layers, self.truth.hoyer, strict=False)
        }
        return {
            "round": 0,
            "labels": 1000,
            "metrics": {"accuracy": self.near(self.truth.accuracy, 0.003), "nll": 0.2},
            "hoyer": hoyer,
            "silent": {layer: {"dead_units": 3, "silent_samples": 0} for layer in self.layers},
            "steps": 100,
            "history": [],
            "seconds": {"train": 12.5, "evaluate": 0.7, "lesions": 1.0},
        }

    def emergence(self) -> dict[str, Any]:
        """What a cell of kind emergence keeps."""
        s, label = self.truth.specific, self.truth.label
        return {
            **self.model(),
            "reads_label": self.reads,
            "conditions": self.conditions,
            "layers": list(self.layers),
            "units": dict.fromkeys(self.layers, self.u),
            "classes": self.c,
            "defined_on": 1000,
            "tested_on": 500,
            "sparsity": {c: self._sparsity() for c in self.conditions},
            "ensembles": {c: self._each(self._ensembles) for c in self.conditions},
            "selectivity": {
                c: {layer: self._selectivity() for layer in self.layers} for c in self.conditions
            },
            "coactivation": {
                c: {
                    layer: {
                        "found": 3,
                        "size": [4, 5, 3],
                        "auc": [0.6 + 0.3 * s] * 3,
                        "class": [0, 1, 2],
                        "chance_auc": 0.55,
                    }
                    for layer in self.layers
                }
                for c in self.free
            },
            "nulls": {
                c: self._each(
                    lambda: {
                        "observed": self.near(2.0 + 40 * s, 1),
                        "shuffled": 2.0,
                        "draws": 20,
                    }
                )
                for c in self.free
            },
            "reliability": {
                c: self._each(
                    lambda: {
                        "split_half": self.row(0.1 + 0.6 * s),
                        "chance": self.row(0.1, 0.01),
                        "bootstrap": self.row(0.3 + 0.6 * s),
                    },
                    ("selective", "mean-ratio-1"),
                )
                for c in self.free
            },
            **({"label_control": self._control(s, label)} if self.reads else {}),
            "sharing": {c: self._each(self._sharing) for c in self.free},
            "relations": {
                c: self._each(
                    lambda: {
                        "pixels": {
                            "correlation": self.near(0.6 * (self.truth.related > 1)),
                            "p": 0.01,
                        },
                        "confusion": {"correlation": self.near(0.4), "p": 0.02},
                    }
                )
                for c in self.free
            },
            "lesions": {layer: self._lesion(s) for layer in self.layers},
            "drive": {f"{a}>{b}": self._drive(s) for a, b in itertools.pairwise(self.layers)},
            "pruning": {
                order: {
                    "kept": [self.u, self.u // 2, self.u // 4, 4],
                    "accuracy": [0.94, self.near(0.94 - drop), self.near(0.9 - 2 * drop), 0.3],
                }
                for order, drop in (
                    ("least-active", 0.0),
                    ("least-selective", 0.02),
                    ("random", 0.1),
                )
            },
            "inhibition": {layer: self._inhibition() for layer in self.layers},
        }

    def unseen(self) -> dict[str, Any]:
        """What a cell of kind unseen keeps."""
        left, novel = int(self.settings["left_out"]), self.truth.novel
        groups = {"left-out": 0.15 + 0.6 * novel, "noise": 0.2, "seen": 0.15 + 0.6 * novel}
        seen = [k for k in range(self.c) if k != left]

        def formed() -> dict[str, Any]:
            return {
                name: {
                    "size": 8.0,
                    "jaccard": self.near(jaccard, 0.02),
                    "chance": 0.1,
                    "formed": 1.0,
                    "p_size": 0.01,
                    "p_jaccard": 0.01,
                    "null_jaccard": 0.15,
                }
                for name, jaccard in groups.items()
            }

        def shared() -> dict[str, Any]:
            kin = next((set(g) for g in self.plan.related or () if left in g), set())
            return {
                "observed": [3 if k in kin else 1 for k in seen],
                "expected": [1.2] * len(seen),
                "p_more": [0.01 if k in kin else 0.6 for k in seen],
                "p_fewer": [0.99 if k in kin else 0.5 for k in seen],
            }

        both = ("selective", "mean-ratio-1")
        conditions = ["neutral", "predicted"] if self.reads else ["none"]
        few = {
            "ensemble overlap": 0.5,
            "class mean of activity": 0.7,
            "class mean of pixels": 0.6,
        }
        return {
            "round": 0,
            "labels": 900,
            "metrics": {"accuracy": self.truth.accuracy},
            "steps": 90,
            "history": [],
            "seconds": {"train": 5.0, "evaluate": 1.0},
            "left_out": left,
            "seen": seen,
            "reads_label": self.reads,
            "layers": list(self.layers),
            "units": dict.fromkeys(self.layers, self.u),
            "conditions": conditions,
            "formation": {c: self._each(formed, both) for c in conditions},
            "shared": {c: self._each(shared, both) for c in conditions},
            "novelty": {
                s: [self.near(v), v - 0.02, v + 0.02]
                for s, v in (
                    ("overlap, layer1", 0.5 + 0.3 * novel),
                    ("energy", 0.7),
                    ("confidence", 0.8),
                )
            },
            "few_shot_left_out": {"5": {m: v - 0.1 for m, v in few.items()}},
            "few_shot": {
                n: {m: [self.near(v + 0.02 * int(n)), v, v + 0.1] for m, v in few.items()}
                for n in ("1", "5", "10")
            },
        }

    def arrays(self) -> bytes:
        """Members, live units and mean activity."""
        out: dict[str, Any] = {}
        for condition in self.free:
            for layer in self.layers:
                members = self._members()
                live = np.ones(self.u, dtype=bool)
                live[-3:] = False
                for definition in DEFINITIONS:
                    at = f"members/{condition}/{layer}/{definition}"
                    out[at] = np.packbits(members, axis=1)
                out[f"live/{condition}/{layer}"] = np.packbits(live)
                means = self.rng.gamma(0.5, 0.3, members.shape) + 2 * members
                out[f"means/{condition}/{layer}"] = (means * live).astype(np.float16)
        file = io.BytesIO()
        np.savez_compressed(file, **out)
        return file.getvalue()

    def _members(self) -> NDArray[np.bool_]:
        """Ensembles of six units; those of related classes share most of them."""
        members = np.zeros((self.c, self.u), dtype=bool)
        pool = self.rng.permutation(self.u - 3)
        for k in range(self.c):
            members[k, pool[4 * k : 4 * k + 4]] = True
        shared = self.truth.related > 1
        for place, group in enumerate(self.plan.related or ()):
            start = 4 * self.c + 4 * place
            for k in group:
                drawn = self.rng.choice(self.u - 3, 4, replace=False)
                members[k, pool[start : start + 4] if shared else drawn] = True
        return members

    def _each(
        self, make: Any, definitions: Sequence[str] = DEFINITIONS
    ) -> dict[str, dict[str, Any]]:
        return {layer: {d: make() for d in definitions} for layer in self.layers}

    def _sparsity(self) -> dict[str, Any]:
        return {
            layer: {
                "hoyer": {"all": self.near(h), "correct": self.near(h + 0.01)},
                "gini": {"all": self.near(h), "correct": self.near(h)},
                "treves_rolls_population": {"all": self.near(h), "correct": self.near(h)},
                "fraction_active": {"all": self.near(1 - h), "correct": self.near(1 - h)},
                "treves_rolls_lifetime": self.near(h),
                "participation_ratio": self.near(9.0),
                "dead_units": 3,
                "silent_samples": 0,
                "hoyer_by_class": self.row(h),
            }
            for layer, h in zip(self.layers, self.truth.hoyer, strict=False)
        }

    def _ensembles(self) -> dict[str, Any]:
        s = self.truth.specific
        return {
            "size": [8] * self.c,
            "test_size": [8] * self.c,
            "jaccard": self.row(0.1 + 0.7 * s),
            "chance": self.row(0.1, 0.005),
        }

    def _selectivity(self) -> dict[str, float]:
        s = self.truth.specific
        return {
            "auc": self.near(0.62 + 0.2 * s - 0.3 * self.truth.rare),
            "d_prime": self.near(0.5 + s),
            "class_selectivity": self.near(0.2 + 0.5 * s),
            "mutual_information": self.near(0.05 + 0.2 * s),
        }

    def _control(self, s: float, label: float) -> dict[str, Any]:
        image = 0.5 + 0.4 * s * (1 - label)
        shown = 0.5 + 0.4 * s * label
        return {
            layer: {
                "blank": {
                    "jaccard": self.row(0.1 + 0.7 * s * label),
                    "chance": self.row(0.1, 0.005),
                    "active": [12] * self.c,
                },
                "neutral_true": {
                    d: {
                        "jaccard": self.row(0.1 + 0.6 * s * (1 - label)),
                        "chance": self.row(0.1, 0.005),
                    }
                    for d in DEFINITIONS
                },
                "auc": {
                    d: {
                        "true": self.row(0.5 + 0.45 * s),
                        "neutral": self.row(image),
                        "wrong_image": self.row(image),
                        "wrong_label": self.row(shown),
                    }
                    for d in DEFINITIONS
                },
            }
            for layer in self.layers
        }

    def _sharing(self) -> dict[str, Any]:
        return {
            "observed": np.eye(self.c, dtype=int).tolist(),
            "expected": np.eye(self.c).tolist(),
            "live": self.u - 3,
            "total": {"observed": 12, "mean": 20.0, "low": 15, "high": 25, "p": 0.01},
            "matched": {"observed": 12, "mean": 22.0, "low": 16, "high": 27, "p": 0.01},
        }

    def _lesion(self, s: float) -> dict[str, Any]:
        against = {
            "mean": self.table(0.0, 0.0),
            "excess": self.table(0.4 * s, 0.02 * s),
            "p": self.table(0.04, 0.6),
        }
        spread = {"own": 0.4 * s, "others": 0.02 * s, "low": 0.3 * s, "high": 0.5 * s, "p": 0.001}
        line = {**spread, "difference": self.near(0.38 * s)}
        return {
            "condition": self.own,
            "definition": "selective",
            "items": 500,
            "draws": 20,
            "base": self.row(0.94, 0.01),
            "drop": self.table(0.45 * s, 0.05 * s),
            "size": [8] * self.c,
            "by_size": against,
            "by_activity": against,
            "dominance": {"by_size": line, "by_activity": line},
        }

    def _drive(self, s: float) -> dict[str, Any]:
        found = {"change": self.table(0.5 * s, 0.0), "excess": self.table(0.45 * s, 0.0)}
        line = {"own": 0.5 * s, "others": 0.0, "low": 0.4 * s, "high": 0.6 * s, "p": 0.001}
        both = {**line, "difference": self.near(0.45 * s)}
        return {
            "condition": self.own,
            "definition": "selective",
            "items": 500,
            "draws": 20,
            "driven": [4] * self.c,
            "units": found,
            "answers": found,
            "dominance": {"units": both, "answers": both},
        }

    def _inhibition(self) -> dict[str, Any]:
        edges = np.linspace(0, 1, 21)
        inside = np.exp(-((edges[:-1] - 0.3) ** 2) / 0.02) * 200
        outside = np.exp(-((edges[:-1] - 0.6) ** 2) / 0.02) * 800
        weights = np.linspace(-0.2, 0.2, 21)
        bell = np.exp(-((weights[:-1] + 0.02) ** 2) / 0.004) * 900
        return {
            "inhibition": {"members": self.near(0.3), "others": self.near(0.6)},
            "bias_share": {"members": self.near(0.05), "others": self.near(0.08)},
            "histogram": {
                "edges": edges.tolist(),
                "members": inside.round().tolist(),
                "others": outside.round().tolist(),
            },
            "weights": {
                "edges": weights.tolist(),
                "inside": (bell[::-1] / 5).round().tolist(),
                "between": bell.round().tolist(),
            },
            "inside_between": {
                "inside": self.near(0.02),
                "between": self.near(-0.02),
                "d": self.near(0.6),
                "delta": self.near(0.3),
                "p": 0.01,
            },
            "ablation": {
                "base": 0.94,
                "negative": self.near(0.3),
                "positive": [self.near(0.5) for _ in range(3)],
                "random": [self.near(0.9) for _ in range(3)],
                "share": 0.5,
            },
        }
