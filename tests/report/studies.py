"""Made-up studies with planted results, filled into any store through its public interface."""

import io
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pauca.store import AbstractStore, MemoryStore, RunSpec

LAYERS = ("layer-1", "layer-2", "layer-3")
GAINS = {"random": 0.0, "margin": 0.02, "entropy": 0.012, "least-confidence": 0.001}
HOYER = {
    "forward-forward": (0.85, 0.63, 0.75),
    "bp-ff": (0.93, 0.79, 0.26),
    "backprop": (0.49, 0.36, 0.34),
}
ACCURACY = {"forward-forward": 0.94, "bp-ff": 0.97, "backprop": 0.983}


@dataclass(frozen=True)
class Plan:
    """What a made-up study holds."""

    name: str = "digits-first"
    seed: int = 1
    repetitions: int = 5
    strategies: Sequence[Mapping[str, Any]] = tuple({"name": n} for n in GAINS)
    learners: Sequence[Mapping[str, Any]] = tuple({"name": n} for n in HOYER)
    rounds: int = 7
    initial: int = 20
    query: int = 20
    classes: int = 10
    units: int = 196
    items: int = 200
    noise: float = 0.006
    unfinished: int = 0
    fails: Mapping[int, str] = field(default_factory=dict)
    nan: frozenset[int] = frozenset()


def active(store: AbstractStore, plan: Plan) -> None:
    specs = [
        RunSpec(f"a-{place}-{r}", "active", _active_settings(plan, strategy, r))
        for r in range(plan.repetitions)
        for place, strategy in enumerate(plan.strategies)
    ]
    _fill(store, plan, specs)


def models(store: AbstractStore, plan: Plan) -> None:
    specs = [
        RunSpec(f"m-{place}-{r}", "model", _model_settings(plan, learner, r))
        for r in range(plan.repetitions)
        for place, learner in enumerate(plan.learners)
    ]
    _fill(store, plan, specs)


def meta(store: AbstractStore, plan: Plan, **more: Any) -> None:
    store.put_meta(
        "study",
        {
            "name": plan.name,
            "seed": plan.seed,
            "threads": 1,
            "device": "cpu",
            "data": {"name": "digits"},
            "active": {
                "repetitions": plan.repetitions,
                "strategies": [dict(s) for s in plan.strategies],
                "initial": plan.initial,
                "query": plan.query,
                "learner": {"name": "backprop", "net": "convnet", "rate": 0.001},
            },
            **more,
        },
    )
    store.put_meta(
        "data",
        {"name": "digits", "classes": [f"class {i}" for i in range(plan.classes)], "train": 1437},
    )
    store.put_meta(
        "provenance",
        {
            "versions": {"pauca": "0.1.0", "torch": "2.13.0", "numpy": "2.3.1"},
            "platform": "Linux-x86_64",
            "cpus": 2,
            "git": None,
            "command": ["pauca", "run", "a study.toml", "--out", "there"],
            "started": 1_700_000_000.0,
        },
    )


def study(plan: Plan | None = None, *, parts: str = "am") -> MemoryStore:
    store = MemoryStore()
    fill(store, plan or Plan(), parts=parts)
    return store


def fill(store: AbstractStore, plan: Plan, *, parts: str = "am") -> None:
    meta(store, plan)
    if "a" in parts:
        active(store, plan)
    if "m" in parts:
        models(store, plan)


def accuracy(plan: Plan, strategy: str, repetition: int, labels: int) -> float:
    """The planted value: a rising curve, a repetition's own shift, a strategy's gain, noise."""
    rng = np.random.default_rng([plan.seed, repetition, labels, zlib.crc32(strategy.encode())])
    shift = np.random.default_rng([plan.seed, repetition]).normal(0, 0.015)
    rise = 0.96 - 0.45 * np.exp(-labels / 60)
    gain = GAINS.get(strategy, 0.005) * min(1.0, labels / 60)
    return float(np.clip(rise + shift + gain + rng.normal(0, plan.noise), 0, 1))


def walls(plan: Plan, name: str, repetition: int) -> bytes:
    """Units that fire for one class each, as many as the planted sparsity asks for."""
    rng = np.random.default_rng([plan.seed, repetition, 7])
    labels = np.sort(np.arange(plan.items) % plan.classes)
    arrays: dict[str, Any] = {"labels": labels}
    for layer, hoyer in zip(LAYERS, HOYER.get(name, (0.5, 0.5, 0.5)), strict=True):
        own = rng.integers(0, plan.classes, plan.units)
        noise = np.maximum(rng.normal(0.2 - hoyer, 0.4, (plan.items, plan.units)), 0)
        tuned = (labels[:, None] == own) * rng.gamma(2, 1, (plan.items, plan.units)) * hoyer
        arrays[layer] = (noise + tuned).astype(np.float16)
    out = io.BytesIO()
    np.savez_compressed(out, **arrays)
    return out.getvalue()


def _active_settings(plan: Plan, strategy: Mapping[str, Any], repetition: int) -> dict[str, Any]:
    return {
        "study_seed": plan.seed,
        "repetition": repetition,
        "data": {"name": "digits"},
        "learner": {"name": "backprop", "net": "convnet"},
        "strategy": dict(strategy),
        "initial": plan.initial,
        "query": plan.query,
        "budget": plan.initial + plan.query * (plan.rounds - 1),
        "threads": 1,
        "device": "cpu",
    }


def _model_settings(plan: Plan, learner: Mapping[str, Any], repetition: int) -> dict[str, Any]:
    return {
        "study_seed": plan.seed,
        "repetition": repetition,
        "data": {"name": "digits"},
        "learner": dict(learner),
        "threads": 1,
        "device": "cpu",
    }


def _active_rounds(plan: Plan, spec: RunSpec) -> list[tuple[dict[str, Any], dict[str, bytes]]]:
    strategy = str(spec.settings["strategy"]["name"])
    repetition = int(spec.settings["repetition"])
    records: list[tuple[dict[str, Any], dict[str, bytes]]] = []
    for t in range(plan.rounds):
        m = plan.initial + t * plan.query
        value = accuracy(plan, strategy, repetition, m)
        if repetition in plan.nan and t == 1:
            value = float("nan")
        last = t == plan.rounds - 1
        record = {
            "round": t,
            "labels": m,
            "asked": [] if last else list(range(m, m + plan.query)),
            "answers": [] if last else [0] * plan.query,
            "metrics": {
                "accuracy": value,
                "balanced_accuracy": value - 0.01,
                "nll": 1.5 - value,
                "brier": 0.5 - value / 4,
                "ece": 0.05,
            },
            "steps": 300,
            "seconds": {"train": 0.5 + m / 200, "query": 0.02, "evaluate": 0.1},
        }
        if t == 0:
            record["initial"] = list(range(plan.initial))
        records.append((record, {}))
    return records


def _model_rounds(plan: Plan, spec: RunSpec) -> list[tuple[dict[str, Any], dict[str, bytes]]]:
    name = str(spec.settings["learner"]["name"])
    repetition = int(spec.settings["repetition"])
    rng = np.random.default_rng([plan.seed, repetition, zlib.crc32(name.encode())])
    shift = 0.0 if name == "backprop" else 0.03
    hoyer = {}
    for layer, value in zip(LAYERS, HOYER.get(name, (0.5, 0.5, 0.5)), strict=True):
        neutral = value - shift + rng.normal(0, 0.01)
        hoyer[layer] = {
            "neutral": neutral,
            "true": neutral + shift,
            "true_correct": neutral + 1.1 * shift,
        }
    value = float("nan") if repetition in plan.nan else ACCURACY.get(name, 0.9)
    record = {
        "round": 0,
        "labels": 1000,
        "metrics": {
            "accuracy": value + rng.normal(0, 0.003),
            "balanced_accuracy": value,
            "nll": 0.2,
            "brier": 0.1,
            "ece": 0.02,
        },
        "hoyer": hoyer,
        "silent": {layer: {"dead_units": 3, "silent_samples": 0} for layer in LAYERS},
        "steps": 2000 if name == "backprop" else 6000,
        "seconds": {"train": 12.5, "evaluate": 0.7},
        "history": [{"loss": 1.0}],
    }
    blobs = {"walls.npz": walls(plan, name, repetition)} if repetition == 0 else {}
    return [(record, blobs)]


def _fill(store: AbstractStore, plan: Plan, specs: Sequence[RunSpec]) -> None:
    store.add(specs)
    for place in range(len(specs) - plan.unfinished):
        run = store.claim("tester")
        if run is None:
            break
        make = _active_rounds if run.spec.kind == "active" else _model_rounds
        records = make(plan, run.spec)
        error = plan.fails.get(place)
        for record, blobs in records[: len(records) // 2 if error else None]:
            store.append(run.spec.id, "tester", record, blobs)
        if error:
            store.fail(run.spec.id, "tester", error)
        else:
            store.finish(run.spec.id, "tester")
