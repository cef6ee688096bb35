"""Some 10,000 calls of the Python API with something of the wrong kind: none ends raw."""

import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

import pauca
from pauca import metrics, select
from pauca.learners import learners
from pauca.session import Session, fold, run
from pauca.strategies import strategies
from pauca.testing.fakes import FakeLearner, fake_outputs, tiny_table_dataset
from tests.malformed.conftest import TallyOf

DATA = tiny_table_dataset(40, c=3)
X = DATA.train.x
assert DATA.train.y is not None
Y: Tensor = DATA.train.y


class Odd:
    """An object that is nothing in particular."""


WRONG: dict[str, Callable[[], Any]] = {
    "None": lambda: None,
    "text": lambda: "x",
    "set": lambda: {1, 2},
    "keys": lambda: {0: 1, 1: 0}.keys(),
    "generator": lambda: iter([0, 1]),
    "object": Odd,
    "mapping": lambda: {"a": 1},
    "list of texts": lambda: ["a", "b"],
    "ragged": lambda: [[1.0], [1.0, 2.0]],
    "empty": list,
    "NaN": lambda: float("nan"),
    "infinite": lambda: float("inf"),
    "negative": lambda: -3,
    "huge": lambda: 10**400,
    "digits": lambda: 10**5_000,
    "true": lambda: True,
    "array": lambda: np.zeros((2, 3, 4, 5)),
    "objects": lambda: np.array([None, "a"], dtype=object),
    "NaN tensor": lambda: torch.full((5, 3), float("nan")),
    "scalar tensor": lambda: torch.tensor(0.5),
    "complex tensor": lambda: torch.ones(4, dtype=torch.complex64),
    "bool tensor": lambda: torch.ones(3, dtype=torch.bool),
    "no rows": lambda: torch.zeros(0, 3),
    "no columns": lambda: torch.zeros(3, 0),
    "sparse tensor": lambda: torch.eye(3).to_sparse(),
    "meta tensor": lambda: torch.zeros(3, device="meta"),
    "negative ids": lambda: torch.tensor([-1, 2]),
    "module": lambda: torch.nn.Identity(),
}


def seeded() -> Generator:
    return Generator().manual_seed(1)


@dataclass(frozen=True)
class Door:
    """Something to call, and arguments that are right."""

    name: str
    call: Callable[..., Any]
    given: Callable[[], Mapping[str, Any]]


PROBS = np.full((6, 3), 1 / 3)
LABELS = [0, 1, 2, 0, 1, 2]
CURVE = {"labels": [10, 20, 30], "values": [0.1, 0.5, 0.9]}
PAIR = {"a": [1.0, 2.0, 3.0, 4.0], "b": [2.0, 2.5, 3.0, 5.0]}
GROUPS = {"higher": [0.9, 0.8, 0.3], "lower": [0.1, 0.4, 0.2]}
TABLE = [[1.0, 2.0, 3.0], [2.0, 2.5, 3.5], [1.5, 1.0, 3.0], [1.0, 2.0, 4.0]]
ROUNDS = [0.9, 0.8, 0.95, None, 0.99, 0.99, 0.99]
MEASURES: dict[str, dict[str, Any]] = {
    "accuracy": {"labels": LABELS, "predicted": LABELS},
    "adjusted_rand": {"a": LABELS, "b": LABELS},
    "answer_entropy": {"counts": [1, 2, 3], "c": 3},
    "area_under_budget_curve": CURVE,
    "aupr": {**GROUPS, "level": 0.9},
    "auroc": {**GROUPS, "level": 0.9},
    "balanced_accuracy": {"labels": LABELS, "predicted": LABELS},
    "benjamini_hochberg": {"p": [0.1, 0.2]},
    "bootstrap_interval": {
        "statistic": np.mean,
        "*arrays": [1.0, 2.0, 3.0],
        "generator": None,
        "draws": 20,
        "level": 0.9,
        "paired": True,
        "method": "percentile",
    },
    "brier": {"labels": LABELS, "probs": PROBS},
    "class_entropy": {"labels": LABELS, "classes": 3},
    "cliffs_delta": PAIR,
    "cliques": {"mean_ranks": [1.0, 1.2, 3.0], "cd": 0.5},
    "cohen_kappa": {"a": LABELS, "b": LABELS, "undefined": 0.0},
    "compare_all": {"values": TABLE, "names": ["a", "b", "c"], "against": "a", "level": 0.9},
    "duplicate_rate": {"x": [[1.0], [2.0]], "tolerance": 0.1},
    "ece": {"labels": LABELS, "probs": PROBS, "bins": 5, "by": "mass"},
    "evaluate": {"labels": LABELS, "probs": PROBS, "groups": LABELS},
    "false_acceptance": {**GROUPS, "keep": 0.9},
    "fleiss_kappa": {"counts": [[1, 2], [2, 1]]},
    "friedman": {"values": TABLE},
    "holm": {"p": [0.1, 0.2]},
    "hypergeometric_interval": {"hits": 3, "n": 5, "population": 9, "level": 0.9},
    "jaccard": {"a": LABELS, "b": [7, 8]},
    "judge_stop": {**CURVE, "at": 1},
    "label_saving": {
        "labels": [10, 20, 30],
        "curve": [[0.1, 0.5, 0.9]] * 3,
        "baseline_curve": [[0.1, 0.3, 0.6]] * 3,
        "generator": None,
        "draws": 20,
        "level": 0.9,
    },
    "labels_for_share": {
        "labels": [10, 20, 30],
        "curves": [[0.1, 0.5, 0.9]] * 3,
        "full": 0.95,
        "shares": [0.5, 0.9],
        "level": 0.9,
    },
    "labels_to_reach": {**CURVE, "target": 0.4},
    "least_p": {"n": 5, "comparisons": 2},
    "macro_f1": {"labels": LABELS, "predicted": LABELS},
    "mean_interval": {"values": [1.0, 2.0], "level": 0.9},
    "nemenyi": {"values": TABLE, "level": 0.9},
    "nll": {"labels": LABELS, "probs": PROBS, "floor": 1e-9},
    "overlap_matrix": {"picks": [[[1, 2], [3]], [[1], [3, 4]]], "level": 0.9},
    "paired_difference": {**PAIR, "level": 0.9},
    "paired_power": {"n": 5, "sd_of_differences": 1.0, "effect": 0.5, "alpha": 0.05},
    "penalty_matrix": {"settings": [np.random.default_rng(0).random((3, 4, 2))], "level": 0.9},
    "reliability_curve": {
        "labels": LABELS,
        "probs": PROBS,
        "bins": 5,
        "by": "width",
        "level": 0.9,
    },
    "repetitions_needed": {"sd_of_differences": 1.0, "effect": 0.5, "alpha": 0.05, "power": 0.8},
    "smallest_effect": {"sd_of_differences": 1.0, "n": 5, "alpha": 0.05, "power": 0.8},
    "stop_by_classification_change": {"changed": ROUNDS, "share": 0.0, "rounds": 1},
    "stop_by_confidence": {"confidence": ROUNDS, "drops": 2},
    "stop_by_ensemble_stability": {"stability": ROUNDS, "threshold": 0.9, "window": 2},
    "stop_by_max_uncertainty": {"uncertainty": ROUNDS, "threshold": 0.9},
    "stop_by_overall_uncertainty": {"uncertainty": ROUNDS, "threshold": 0.9},
    "stop_by_plateau": {"values": ROUNDS, "gain": 0.1, "window": 2},
    "stop_by_stable_predictions": {"agreement": ROUNDS, "threshold": 0.9, "window": 2},
    "wilcoxon": PAIR,
    "wilson_interval": {"right": 3, "n": 5, "level": 0.9},
    "worst_group_accuracy": {"labels": LABELS, "predicted": LABELS, "groups": LABELS},
}
ROWS = torch.randn(12, 4, generator=seeded())
CODES = select.pack_bits(ROWS > 0)
KERNELS: dict[str, dict[str, Any]] = {
    "badge_seeding": {"q": ROWS, "h": ROWS, "k": 3, "generator": None, "prune": True},
    "hamming_distances": {"codes": CODES, "centre": CODES[0]},
    "k_center": {"x": ROWS, "k": 3, "labelled": ROWS[:2], "width": 2},
    "k_center_codes": {"codes": CODES, "k": 3, "labelled": CODES[:2], "width": 2},
    "k_means": {"x": ROWS, "k": 3, "generator": None, "rounds": 5, "engine": "pauca"},
    "k_means_centres": {"x": ROWS, "k": 3, "generator": None, "rounds": 5},
    "kmeans_plusplus": {"x": ROWS, "k": 3, "generator": None, "prune": True},
    "nearest_distinct": {"x": ROWS, "centres": ROWS[:2].double()},
    "pack_bits": {"active": ROWS > 0},
    "principal_components": {"x": ROWS, "p": 2, "further": ROWS[:3]},
    "top_k": {"scores": ROWS[:, 0].contiguous(), "k": 3, "generator": None},
}
SETTINGS = "make_learner forward-forward"
"""Its settings by a number, which not every one of them takes."""


def functions(module: Any, table: Mapping[str, Mapping[str, Any]]) -> Iterator[Door]:
    """Every public function of a module, with arguments that are right."""
    names = {name for name in module.__all__ if inspect.isfunction(getattr(module, name))}
    assert names == set(table), names ^ set(table)
    for name in sorted(names):
        assert inspect.unwrap(getattr(module, name)) is not getattr(module, name), "not `typed`"
        yield Door(
            f"{module.__name__}.{name}", getattr(module, name), partial(table.__getitem__, name)
        )


def session() -> Session:
    made = Session(X, FakeLearner(task=DATA.task), "margin", streams=pauca.Streams(1))
    made.tell([1, 2, 3], Y[[1, 2, 3]])
    made.ask(4)
    return made


def in_session(name: str, **given: Any) -> Any:
    return getattr(session(), name)(**given)


def sessions() -> Iterator[Door]:
    """A session, what it does, and the loop over it."""
    yield Door(
        "Session",
        Session,
        lambda: {
            "x": X,
            "learner": FakeLearner(task=DATA.task),
            "strategy": "margin",
            "streams": pauca.Streams(1),
            "events": session().events,
            "initial_strategy": "random",
            "initial": "strategy",
            "block": 10,
        },
    )
    given: dict[str, dict[str, Any]] = {
        "ask": {"k": 3},
        "preview": {"strategy": "entropy", "k": 3},
        "tell": {"ids": [5, 6], "labels": [0, 1]},
        "reject": {"ids": [5, 6]},
        "answer": {"ids": [5, 6], "answers": [0, -1]},
        "skip": {"ids": [5, 6]},
    }
    for name, arguments in given.items():
        yield Door(
            f"Session.{name}",
            partial(in_session, name),
            partial(dict, arguments),
        )
    oracle = pauca.VaultOracle(Y)
    yield Door(
        "session.run",
        lambda **given: list(run(**given)),
        lambda: {"session": session(), "oracle": oracle, "k": 3, "budget": 8, "initial": 2},
    )
    yield Door("VaultOracle", pauca.VaultOracle, lambda: {"labels": Y, "known": [0, 2]})
    yield Door("VaultOracle.answer", pauca.VaultOracle(Y).answer, lambda: {"ids": [1, 2]})
    yield Door("Streams", pauca.Streams, lambda: {"study_seed": 1, "repetition": 0})
    yield Door(
        "Streams.generator", pauca.Streams(1).generator, lambda: {"name": "model", "*index": 2}
    )
    yield Door("session.fold", fold, lambda: {"events": []})


def outputs() -> Iterator[Door]:
    """What learners say, made by hand."""
    whole = fake_outputs(n=8, d=3, s=2, l=2, labelled=True)
    columns = {
        name: getattr(whole, name) for name in ("ids", "probs", "features", "goodness", "labels")
    }
    columns["extras"] = {"critic": torch.zeros(8)}
    yield Door("Outputs", pauca.Outputs, lambda: columns)
    yield Door("Outputs.from_arrays", pauca.Outputs.from_arrays, lambda: columns)
    yield Door("Outputs.take", whole.take, lambda: {"index": torch.tensor([1, 2])})
    yield Door("Outputs.to", whole.to, lambda: {"device": "cpu"})
    yield Door(
        "Outputs.concat",
        pauca.Outputs.concat,
        lambda: {"blocks": [whole, whole.take(torch.arange(0))]},
    )


def choices() -> Iterator[Door]:
    """Strategies by name, and what they select."""
    yield Door("make_strategy", pauca.make_strategy, lambda: {"name": "margin", "x": 1})
    for name in strategies.names():
        try:
            strategy = pauca.make_strategy(name)
        except pauca.PaucaError:  # one that needs a setting
            continue
        extras = strategy.needs - {"probs", "features", "members", "goodness", "layers"}
        pool = fake_outputs(n=12, d=3, s=2, l=2, extras=sorted(extras))
        known = fake_outputs(n=6, d=3, s=2, l=2, extras=sorted(extras), labelled=True, first=100)
        yield Door(
            f"{name}.select",
            strategy.select,
            partial(dict, pool=pool, labelled=known, k=3, generator=None),
        )


def learning() -> Iterator[Door]:
    """Learners by name, and what they are given."""
    yield Door(
        "make_learner",
        pauca.make_learner,
        lambda: {"name": "probe", "task": DATA.task, "device": "cpu"},
    )
    for name in ("probe", "forward-forward"):
        maker: Any = learners.get(name)
        learner = pauca.make_learner(name, task=DATA.task, **dict(maker.quick))
        learner.fit(X, Y, generator=seeded())
        yield Door(
            f"{name}.outputs",
            learner.outputs,
            lambda: {"x": X[:4], "ids": torch.arange(4), "needs": frozenset({"probs"})},
        )
        yield Door(f"{name}.predict", learner.predict, lambda: {"x": X[:4]})
        yield Door(
            f"{name}.fit", learner.fit, lambda: {"x": X[:9], "y": Y[:9], "generator": seeded()}
        )
    for settings in ("widths", "steps", "rate", "batch", "goodness", "loss", "device", "nope"):
        yield Door(
            SETTINGS,
            lambda **given: pauca.make_learner("forward-forward", task=DATA.task, **given),
            partial(dict, {settings: 1}),
        )


def data() -> Iterator[Door]:
    """Data sets, made by hand and by name."""
    task = DATA.task
    yield Door(
        "Task",
        pauca.Task,
        lambda: {
            "name": "a",
            "kind": "table",
            "shape": (5,),
            "classes": ("a", "b"),
            "evaluate": task.evaluate,
            "train": task.train,
        },
    )
    yield Door("load_dataset", pauca.load_dataset, lambda: {"name_or_path": "digits"})
    yield Door(
        "Split",
        pauca.Split,
        lambda: {"x": X, "y": Y, "groups": Y, "sources": tuple(map(str, range(len(X))))},
    )
    yield Door(
        "Dataset",
        pauca.Dataset,
        lambda: {"task": task, "train": DATA.train, "test": DATA.test, "notes": ()},
    )


def doors() -> list[Door]:
    return [
        *functions(metrics, MEASURES),
        *functions(select, KERNELS),
        *sessions(),
        *outputs(),
        *choices(),
        *learning(),
        *data(),
    ]


def called(door: Door, changed: Mapping[str, Any]) -> Any:
    """The call with some arguments replaced; a starred one is passed by place."""
    given = {**door.given(), **changed}
    for name, value in given.items():
        if name == "generator" and value is None and name not in changed:
            given[name] = seeded()
    starred = next((name for name in given if name.startswith("*")), None)
    if starred is None:
        return door.call(**given)
    before = [given.pop(name) for name in list(given)[: list(given).index(starred)]]
    return door.call(*before, given.pop(starred), **given)


def test_what_is_right_is_taken() -> None:
    for door in doors():
        if door.name not in ("make_strategy", SETTINGS):
            called(door, {})


def test_no_call_ends_raw(tally: TallyOf) -> None:
    found = tally("the Python API")
    for door in doors():
        for name in door.given():
            for kind, make in WRONG.items():
                with warnings.catch_warnings():
                    warnings.simplefilter("error")
                    changed = {name: make()}
                    found.open(f"{door.name}({name}: {kind})", partial(called, door, changed))
    assert not found.bugs, str(found)
