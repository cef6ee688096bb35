"""What a cell keeps: checked against the session, the metrics and the analysis by hand."""

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch

from pauca.analysis import hoyer
from pauca.errors import StoreError
from pauca.learners import make_learner
from pauca.metrics import evaluate
from pauca.outputs import Outputs
from pauca.rng import Streams
from pauca.store import OF_THE_MACHINE, MemoryStore, Run, RunSpec
from pauca.strategies import make_strategy
from pauca.study import plan, settings_from
from pauca.study.pool import made_pool
from pauca.study.work import work_through
from pauca.testing import tiny_image_dataset
from tests.study.plugin import study

MODELS = {"repetitions": 1, "learners": ["fake"]}
WARM = {"name": "fake", "warm": True}


def done(plain: Mapping[str, Any]) -> MemoryStore:
    store = MemoryStore()
    store.add(plan(settings_from(plain), lambda data: 10))
    work_through(store, "me", lambda *event: None)
    for run in store.runs():
        assert run.status == "done", run.error
    return store


def timeless(run: Run) -> list[dict[str, Any]]:
    return [{k: v for k, v in record.items() if k not in OF_THE_MACHINE} for record in run.rounds]


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    return done(study(models=MODELS))


def test_records_of_an_active_run(store: MemoryStore) -> None:
    dataset = tiny_image_dataset()
    assert dataset.train.y is not None
    for run in (run for run in store.runs() if run.spec.kind == "active"):
        assert [record["round"] for record in run.rounds] == [0, 1, 2, 3]
        assert [record["labels"] for record in run.rounds] == [6, 11, 16, 20]
        assert [len(record["asked"]) for record in run.rounds] == [5, 5, 4, 0]
        ids = run.rounds[0]["initial"] + [i for r in run.rounds for i in r["asked"]]
        answers = run.rounds[0]["initial_answers"] + [y for r in run.rounds for y in r["answers"]]
        assert len(set(ids)) == 20
        assert dataset.train.y[torch.tensor(ids)].tolist() == answers
        for record in run.rounds:
            assert record["steps"] == 1
            assert set(record["seconds"]) == {"train", "query", "evaluate"}
            assert set(record["memory"]) == {"train", *(["query"] if record["asked"] else [])}
            assert {"accuracy", "balanced_accuracy", "nll", "brier", "ece", "worst_group"} <= set(
                record["metrics"]
            )
            sure = record["calibration"]
            off = sum(b["items"] * abs(b["accuracy"] - b["confidence"]) for b in sure)
            items = sum(b["items"] for b in sure)
            assert off / items == pytest.approx(record["metrics"]["ece"])
            right = sum(b["items"] * b["accuracy"] for b in sure) / items
            assert right == pytest.approx(record["metrics"]["accuracy"])


def test_metrics_are_those_of_a_learner_trained_by_hand(store: MemoryStore) -> None:
    dataset = tiny_image_dataset()
    assert dataset.train.y is not None
    assert dataset.test is not None
    run = store.runs()[1]
    learner = make_learner("fake", task=dataset.task)
    ids = torch.tensor(sorted(run.rounds[0]["initial"] + run.rounds[0]["asked"]))
    streams = Streams(3, run.spec.settings["repetition"])
    learner.fit(dataset.train.x[ids], dataset.train.y[ids], generator=streams.generator("model", 1))
    probs = learner.outputs(dataset.test.x, torch.arange(len(dataset.test))).mean_probs
    expected = evaluate(dataset.test.y, probs, dataset.test.groups)
    assert run.rounds[1]["metrics"] == expected


def test_repetitions_are_paired(store: MemoryStore) -> None:
    """The same initial set for every strategy of a repetition, another one in another."""
    first = [run.rounds[0]["initial"] for run in store.runs() if run.spec.kind == "active"]
    assert first[0] == first[1]
    assert first[2] == first[3]
    assert set(first[0]) != set(first[2])
    one, other = store.runs()[:2]
    assert one.rounds[0]["metrics"] == other.rounds[0]["metrics"]
    assert one.rounds[0]["asked"] != other.rounds[0]["asked"]


def test_record_of_a_model(store: MemoryStore) -> None:
    dataset = tiny_image_dataset()
    assert dataset.train.y is not None
    assert dataset.test is not None
    assert dataset.test.y is not None
    run = next(run for run in store.runs() if run.spec.kind == "model")
    (record,) = run.rounds
    learner = make_learner("fake", task=dataset.task)
    generator = Streams(3, 0).generator("model")
    learner.fit(dataset.train.x, dataset.train.y, generator=generator)
    layer = learner.activations(dataset.test.x)["layer1"]
    sparsity = hoyer(layer)
    right = learner.predict(dataset.test.x) == dataset.test.y
    assert record["labels"] == 60
    assert record["metrics"]["accuracy"] == pytest.approx(right.double().mean().item())
    assert record["hoyer"]["layer1"]["neutral"] == pytest.approx(sparsity.mean().item())
    assert record["hoyer"]["layer1"]["true_correct"] == pytest.approx(sparsity[right].mean().item())
    assert record["silent"]["layer1"] == {
        "dead_units": 0,
        "silent_samples": 0,
        "true_dead_units": 0,
        "true_silent_samples": 0,
    }
    assert record["history"] == [{"items": 60.0}]
    walls = np.load(io.BytesIO(store.blob(run.spec.id, "walls.npz")))
    assert set(walls) == {"labels", "layer1"}
    assert walls["labels"].dtype == np.int64
    assert sorted(walls["labels"]) == walls["labels"].tolist() == sorted(dataset.test.y.tolist())
    assert walls["layer1"].dtype == np.float16
    assert walls["layer1"].shape == (30, 3)


def test_model_on_a_part_of_the_items() -> None:
    plain = study(models={**MODELS, "train_size": 25})
    del plain["active"]
    (run,) = done(plain).runs()
    assert run.rounds[0]["labels"] == 25


def replayed(run: Run, blobs: Mapping[str, bytes], rounds: int) -> Run:
    """The run done again, but killed after so many rounds."""
    store = MemoryStore()
    store.add([RunSpec(run.spec.id, run.spec.kind, run.spec.settings)])
    store.claim("killed")
    for t, record in enumerate(run.rounds[:rounds]):
        kept = {name: data for name, data in blobs.items() if name == f"state-{t}.pt"}
        store.append(run.spec.id, "killed", record, kept)
    store.requeue(running=True)
    work_through(store, "me", lambda *event: None)
    return store.runs()[0]


@pytest.mark.parametrize("learner", [{"name": "fake"}, WARM], ids=["cold", "warm"])
@pytest.mark.parametrize("rounds", [0, 1, 2, 3, 4])
def test_going_on_gives_the_same_numbers(learner: dict[str, Any], rounds: int) -> None:
    store = done(study(active__learner=learner, active__repetitions=1))
    for run in store.runs():
        blobs = {name: store.blob(run.spec.id, name) for name in store.blobs(run.spec.id)}
        again = replayed(run, blobs, rounds)
        assert timeless(again) == timeless(run)
        assert len(again.rounds) == 4


def test_warm_learners_keep_their_state() -> None:
    store = done(study(active__learner=WARM, active__repetitions=1))
    cold = done(study(active__repetitions=1))
    for run, other in zip(store.runs(), cold.runs(), strict=True):
        states = [name for name in store.blobs(run.spec.id) if name.startswith("state")]
        assert states == ["state-0.pt", "state-1.pt", "state-2.pt"]
        assert cold.blobs(other.spec.id) == ("picks.npz",)
        assert run.rounds[3]["metrics"] != other.rounds[3]["metrics"]


def test_a_cell_that_raises_is_failed_and_the_others_go_on() -> None:
    store = MemoryStore()
    learners = [{"name": "fake"}, {"name": "fake", "fault": "raise", "at": 60}]
    plain = study(models={"repetitions": 2, "learners": learners})
    store.add(plan(settings_from(plain), lambda data: 10))
    heard: list[tuple[Any, ...]] = []
    work_through(store, "me", lambda *event: heard.append(event))
    failed = [run for run in store.runs() if run.status == "failed"]
    assert len(failed) == 2
    assert all("ValueError: a fault on purpose" in (run.error or "") for run in failed)
    assert all("Traceback" in (run.error or "") for run in failed)
    assert sum(run.status == "done" for run in store.runs()) == 6
    whats = [what for event, *_, what in heard if event == "failed"]
    assert whats == ["ValueError: a fault on purpose"] * 2


def test_fractions_grow_to_one() -> None:
    store = MemoryStore()
    store.add(plan(settings_from(study(active__repetitions=1)), lambda data: 10)[:1])
    heard: list[tuple[str, str, float, str]] = []
    work_through(store, "me", lambda *event: heard.append(event))
    fractions = [fraction for _, _, fraction, _ in heard]
    assert fractions == sorted(fractions)
    assert (heard[0][0], heard[-1][0], fractions[0], fractions[-1]) == ("claimed", "done", 0, 1)


def test_a_store_that_refuses_is_no_failure_of_the_cell() -> None:
    class Full(MemoryStore):
        def append(self, *args: Any, **kwargs: Any) -> None:
            raise StoreError("the disk is full")

    store = Full()
    store.add(plan(settings_from(study()), lambda data: 10))
    with pytest.raises(StoreError, match="full"):
        work_through(store, "me", lambda *event: None)
    assert {run.status for run in store.runs()} == {"running", "pending"}


def test_the_first_repetition_keeps_pictures_of_what_it_asked_for() -> None:
    store, dataset = done(study()), tiny_image_dataset()
    for run in store.runs():
        if run.spec.settings["repetition"]:
            assert store.blobs(run.spec.id) == ()
            continue
        with np.load(io.BytesIO(store.blob(run.spec.id, "picks.npz"))) as picks:
            asked = torch.tensor(run.rounds[0]["asked"])
            assert np.array_equal(picks["items"], dataset.train.x[asked].numpy())
            assert picks["answers"].tolist() == run.rounds[0]["answers"]


def test_items_that_come_again_are_counted() -> None:
    pool = {"redundancy": 0.6}
    dataset = tiny_image_dataset()
    for run in done(study(active__pool=pool)).runs():
        repetition = run.spec.settings["repetition"]
        made = made_pool(dataset.train, dataset.task.c, pool, Streams(3, repetition))
        seen = [made.x[i] for i in run.rounds[0]["initial"]]
        for record in run.rounds[:-1]:
            again = 0
            for i in record["asked"]:
                again += any(torch.equal(made.x[i], other) for other in seen)
                seen.append(made.x[i])
            assert record["duplicates"] == again / len(record["asked"])


def test_the_upper_bound_is_the_learner_trained_on_the_whole_pool() -> None:
    pool = {"size": 30, "noise": 0.2}
    store = done(study(active__upper_bound=True, active__budget=20, active__pool=pool))
    bounds = [run for run in store.runs() if run.spec.kind == "bound"]
    assert [run.spec.settings["repetition"] for run in bounds] == [0, 1]
    dataset = tiny_image_dataset()
    assert dataset.test is not None
    for repetition, run in enumerate(bounds):
        streams = Streams(3, repetition)
        learner = make_learner("fake", task=dataset.task)
        whole = made_pool(dataset.train, dataset.task.c, pool, streams)
        assert whole.y is not None
        learner.fit(whole.x, whole.y, generator=streams.generator("model"))
        probs = learner.outputs(dataset.test.x, torch.arange(len(dataset.test))).mean_probs
        record = run.rounds[0]
        assert record["labels"] == 30
        assert record["metrics"] == evaluate(dataset.test.y, probs, dataset.test.groups)


def test_a_pool_answers_with_its_own_labels() -> None:
    pool = {"size": 40, "redundancy": 0.25, "noise": 0.3}
    store = done(study(active__pool=pool))
    dataset = tiny_image_dataset()
    wrong = 0
    for run in store.runs():
        repetition = run.spec.settings["repetition"]
        made = made_pool(dataset.train, dataset.task.c, pool, Streams(3, repetition))
        assert made.y is not None
        record = run.rounds[0]
        assert max(record["initial"]) < 40
        assert made.y[torch.tensor(record["initial"])].tolist() == record["initial_answers"]
        clean = made_pool(
            dataset.train, dataset.task.c, {**pool, "noise": 0.0}, Streams(3, repetition)
        )
        assert clean.y is not None
        wrong += int(torch.count_nonzero(made.y != clean.y))
    assert wrong > 0


@pytest.mark.parametrize("name", ["random", "k-means", "k-center", "margin"])
def test_the_initial_set_is_chosen_by_the_strategy_named(name: str) -> None:
    store = done(study(active__initial_strategy=name, active__repetitions=1))
    dataset = tiny_image_dataset()
    initial = [run.rounds[0]["initial"] for run in store.runs()]
    assert initial[0] == initial[1]  # whatever asks later
    x = dataset.task.evaluate(dataset.train.x, None).flatten(1).float()
    blank = Outputs(
        ids=torch.arange(60),
        probs=torch.full((1, 60, dataset.task.c), 1 / dataset.task.c),
        features=x,
    )
    generator = Streams(3, 0).generator("initial", 0)
    assert make_strategy(name).select(blank, None, 6, generator).tolist() == initial[0]
