"""Open pools: what a cell keeps, against the data set, scikit-learn and trainings by hand."""

import io
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import adjusted_rand_score, average_precision_score, roc_auc_score

from pauca.analysis import Proposal, discover, divide
from pauca.data import Split
from pauca.errors import DataError, UsageError
from pauca.learners import make_learner
from pauca.metrics import evaluate
from pauca.oracle import UNKNOWN
from pauca.rng import Streams, generator_from
from pauca.store import MemoryStore, Run
from pauca.study import plan, settings_from
from pauca.study.checking import check_study
from pauca.study.discoveries import Learned, Rejected, codes, discovered, name_of
from pauca.study.novelties import scores
from pauca.study.openset import known_classes, opened, restricted, restricted_task, so_far
from pauca.study.work import work_through
from pauca.testing import tiny_image_dataset
from tests.study.plugin import study
from tests.study.test_cells import done, replayed, timeless

WARM = {"name": "fake", "warm": True}
SMALL: dict[str, Any] = {"net": "mlp", "net_params": {"widths": [16]}, "steps": 60}
Kept = list[tuple[Run, Mapping[str, bytes]]]
EVERYTHING: dict[str, Any] = {
    "active__pool": {"unknown": 1},
    "active__stop_set": 25,
    "active__follow": True,
    "active__discovery": {"least": 2},
}


def test_unknown_classes_are_drawn_by_repetition_and_nested_in_each_other() -> None:
    task = tiny_image_dataset(c=8).task
    drawn = set()
    for repetition in range(12):
        streams = Streams(1, repetition)
        sets = [known_classes(task, {"unknown": k}, streams) for k in (2, 4, 6)]
        for known, k in zip(sets, (2, 4, 6), strict=True):
            assert known is not None
            assert len(known) == 8 - k
            assert list(known) == sorted(set(known))
        two, four, six = (set(known or ()) for known in sets)
        assert six < four < two
        drawn.add(sets[0])
    assert len(drawn) > 6
    assert known_classes(task, {}, Streams(1)) is None
    assert known_classes(task, {"unknown": [1, "bar 6"]}, Streams(1)) == (0, 2, 3, 4, 5, 7)


def test_a_restricted_split_holds_the_known_items_renumbered() -> None:
    dataset = tiny_image_dataset(c=5)
    assert dataset.train.y is not None
    assert dataset.train.groups is not None
    found = restricted(dataset.train, (1, 4))
    rows = [i for i, y in enumerate(dataset.train.y.tolist()) if y in (1, 4)]
    assert torch.equal(found.x, dataset.train.x[rows])
    assert found.y is not None
    assert found.groups is not None
    assert found.y.tolist() == [(1, 4).index(int(dataset.train.y[i])) for i in rows]
    assert torch.equal(found.groups, dataset.train.groups[rows])
    assert restricted_task(dataset.task, (1, 4)).classes == ("bar 1", "bar 4")
    with pytest.raises(DataError, match="no labels"):
        restricted(Split(dataset.train.x, None), (1, 4))


def test_what_was_asked_is_counted() -> None:
    pool = Split(torch.zeros(8, 1), torch.tensor([0, 1, 2, 2, 0, 1, 1, 1]))
    found = so_far(3, 1, pool, (0, 2))
    assert found == {"labelled": 3, "rejected": 1, "precision": 0.75, "recall": 0.75}
    assert np.isnan(so_far(0, 0, pool, (0, 2))["precision"])


def test_a_world_has_every_test_item_once() -> None:
    dataset = tiny_image_dataset(c=5)
    world = opened(dataset, {"unknown": [0, 3]}, Streams(0))
    assert dataset.test is not None
    assert dataset.test.y is not None
    assert world.known == (1, 2, 4)
    assert world.strange.y is not None
    assert sorted(torch.unique(world.strange.y).tolist()) == [0, 3]
    assert len(world.test) + len(world.strange) == len(dataset.test)
    assert torch.equal(world.pool.x, dataset.train.x)  # unknown items are in the pool
    closed = opened(dataset, {}, Streams(0))
    assert closed.test is dataset.test
    assert len(closed.strange) == 0


@pytest.fixture(scope="module", params=[{"name": "fake"}, WARM], ids=["cold", "warm"])
def runs(request: pytest.FixtureRequest) -> Kept:
    store = done(study(**EVERYTHING, active__learner=request.param, active__upper_bound=True))
    found: list[tuple[Run, Mapping[str, bytes]]] = []
    for run in store.runs():
        blobs = {name: store.blob(run.spec.id, name) for name in store.blobs(run.spec.id)}
        found.append((run, blobs))
    return found


def active(runs: Kept) -> list[Run]:
    return [run for run, _ in runs if run.spec.kind == "active"]


def test_the_budget_counts_unknown_items_and_answers_are_right(
    runs: Kept,
) -> None:
    y = tiny_image_dataset().train.y
    assert y is not None
    for run in active(runs):
        known = run.rounds[0]["known"]
        assert len(known) == 2
        assert [record["labels"] for record in run.rounds] == [6, 11, 16, 20]
        ids = list(run.rounds[0]["initial"])
        answers = list(run.rounds[0]["initial_answers"])
        for record in run.rounds:
            right = [known.index(int(y[i])) if int(y[i]) in known else UNKNOWN for i in ids]
            assert answers == right
            rejected = answers.count(UNKNOWN)
            found = record["openset"]
            assert (found["labelled"], found["rejected"]) == (len(ids) - rejected, rejected)
            assert found["precision"] == (len(ids) - rejected) / len(ids)
            assert found["recall"] == (len(ids) - rejected) / sum(int(k) in known for k in y)
            ids += record["asked"]
            answers += record["answers"]
        assert len(set(ids)) == 20


def test_metrics_and_novelty_are_those_of_a_learner_trained_by_hand(
    runs: Kept,
) -> None:
    dataset = tiny_image_dataset()
    run = active(runs)[1]
    streams = Streams(3, run.spec.settings["repetition"])
    world = opened(dataset, {"unknown": 1}, streams)
    assert world.known == tuple(run.rounds[0]["known"])
    learner = make_learner(**run.spec.settings["learner"], task=world.task)
    y = world.pool.y
    assert y is not None
    asked = run.rounds[0]["initial"] + run.rounds[0]["asked"]
    for t, part in ((0, run.rounds[0]["initial"]), (1, asked)):
        ids = torch.tensor(sorted(i for i in part if int(y[i]) in world.known))
        labels = torch.tensor([world.known.index(int(y[i])) for i in ids])
        learner.fit(world.pool.x[ids], labels, generator=streams.generator("model", t))
    probs = learner.outputs(world.test.x, torch.arange(len(world.test))).mean_probs
    assert run.rounds[1]["metrics"] == evaluate(world.test.y, probs, world.test.groups)
    items = torch.cat([world.test.x, world.strange.x])  # fewer than 2,000: all of them
    unseen = torch.arange(len(items)) >= len(world.test)
    learned = (world.pool.x[ids], labels)
    found = scores(learner, learned, items, generator_from(0))
    assert {"max-softmax", "energy", "goodness", "labels-above", "class-mean", "neighbour"} <= set(
        found
    )
    assert any(name.startswith("overlap-") for name in found)
    assert set(found) == set(run.rounds[1]["openset"]["novelty"])
    for name, kept in run.rounds[1]["openset"]["novelty"].items():
        assert kept["auroc"] == pytest.approx(roc_auc_score(unseen, found[name]))
        assert kept["aupr"] == pytest.approx(average_precision_score(unseen, found[name]))


def test_the_upper_bound_learns_all_that_is_known(
    runs: Kept,
) -> None:
    dataset = tiny_image_dataset()
    bounds = [run for run, _ in runs if run.spec.kind == "bound"]
    assert len(bounds) == 2
    for repetition, run in enumerate(bounds):
        streams = Streams(3, repetition)
        world = opened(dataset, {"unknown": 1}, streams)
        assert world.known is not None
        learner = make_learner("fake", task=world.task)
        whole = restricted(dataset.train, world.known)
        assert whole.y is not None
        learner.fit(whole.x, whole.y, generator=streams.generator("model"))
        probs = learner.outputs(world.test.x, torch.arange(len(world.test))).mean_probs
        assert run.rounds[0]["labels"] == len(whole)
        assert run.rounds[0]["metrics"] == evaluate(world.test.y, probs, world.test.groups)


@pytest.mark.parametrize("rounds", [0, 1, 2, 3])
def test_a_cell_that_was_cut_off_keeps_the_same(runs: Kept, rounds: int) -> None:
    for run, blobs in runs[:2]:
        assert timeless(replayed(run, blobs, rounds)) == timeless(run)


def test_pictures_of_an_open_pool_have_the_names_of_the_data_set(
    runs: Kept,
) -> None:
    y = tiny_image_dataset().train.y
    assert y is not None
    run, blobs = runs[0]
    known = run.rounds[0]["known"]
    with np.load(io.BytesIO(blobs["picks.npz"])) as picks:
        right = [int(y[i]) if int(y[i]) in known else UNKNOWN for i in run.rounds[0]["asked"]]
        assert picks["answers"].tolist() == right


def test_discovery_stands_in_the_last_round_alone(
    runs: Kept,
) -> None:
    for run in active(runs):
        assert ["discovery" in record for record in run.rounds] == [False, False, False, True]
        last = run.rounds[-1]
        assert last["discovery"]["rejected"] == last["openset"]["rejected"]


def test_discovery_against_a_training_by_hand() -> None:
    dataset = tiny_image_dataset(200, c=5)
    assert dataset.test is not None
    assert dataset.test.y is not None
    world = opened(dataset, {"unknown": [1, 3]}, Streams(0))
    assert world.pool.y is not None
    known = (0, 2, 4)
    seen = restricted(dataset.train.take(torch.arange(60)), known)
    assert seen.y is not None
    learner = make_learner("backprop", task=world.task, **SMALL)
    learner.fit(seen.x, seen.y, generator=generator_from(0))
    strange = [i for i in range(60, 140) if int(world.pool.y[i]) not in known]
    ids = torch.tensor(strange)
    rejected = Rejected(ids, world.pool.x[ids], world.pool.y[ids])
    settings: dict[str, Any] = {
        "discovery": {"least": 5, "method": "k-means", "most": 4, "exemplars": 3},
        "learner": {"name": "backprop", **SMALL},
        "device": "cpu",
    }

    learned = Learned(seen.x, seen.y, dataset.train.x[140:])

    def found(**changes: Any) -> dict[str, Any]:
        return discovered(
            learner,
            rejected,
            learned,
            dataset,
            world,
            {**settings, "discovery": {**settings["discovery"], **changes}},
            [generator_from(7), generator_from(7), generator_from(8)],
        )

    few = found(least=1000)
    assert few == {"rejected": len(strange)}
    record = found()
    activity = codes(learner, rejected.x)
    groups = discover(activity, method="k-means", most=4, exemplars=3)
    assert record["categories"] == 2
    assert sum(one["size"] for one in record["proposals"]) <= len(strange)
    for one in record["proposals"]:
        classes = [int(world.pool.y[i]) for i in one["exemplars"]]
        top = max(classes, key=classes.count)
        assert one["named"] == (top if classes.count(top) > len(classes) / 2 else None)
    # the same with the truth, step by step
    names = [*known, 1, 3]
    wider = make_learner("backprop", task=restricted_task(dataset.task, names), **SMALL)
    y = torch.tensor([names.index(int(k)) for k in rejected.truth])
    wider.fit(torch.cat([seen.x, rejected.x]), torch.cat([seen.y, y]), generator=generator_from(7))
    named = torch.tensor(names)[wider.predict(dataset.test.x)]
    right = (named == dataset.test.y).double()
    old = torch.isin(dataset.test.y, torch.tensor(known))
    assert record["truth"]["accuracy"] == pytest.approx(float(right.mean()))
    assert record["truth"]["accuracy_known"] == pytest.approx(float(right[old].mean()))
    assert record["truth"]["accuracy_new"] == pytest.approx(float(right[~old].mean()))
    # and with the proposals as they were named: items of a group turned down are not learned from
    named_groups = [(one.items, name_of(one, rejected.truth)) for one in groups.proposals]
    accepted = sorted({name for _, name in named_groups if name is not None})
    assert accepted  # at least one is accepted here
    names = [*known, *accepted]
    kept = [(items, name) for items, name in named_groups if name is not None]
    x = torch.cat([seen.x, *(rejected.x[items.sort().values] for items, _ in kept)])
    y = torch.cat([seen.y, *(torch.full((len(i),), names.index(name)) for i, name in kept)])
    order = torch.cat([items.sort().values for items, _ in kept]).argsort()
    m = len(seen.x)
    x, y = torch.cat([x[:m], x[m:][order]]), torch.cat([y[:m], y[m:][order]])
    wider = make_learner("backprop", task=restricted_task(dataset.task, names), **SMALL)
    wider.fit(x, y, generator=generator_from(7))
    right = (torch.tensor(names)[wider.predict(dataset.test.x)] == dataset.test.y).double()
    assert record["accepted"]["accuracy"] == pytest.approx(float(right.mean()))
    assert record["accepted"]["accuracy_new"] == pytest.approx(float(right[~old].mean()))
    assert record["before"]["accuracy_new"] == 0
    assert record["before"]["classes"] == 3
    assert record["adjusted_rand"] == pytest.approx(
        adjusted_rand_score(groups.groups, rejected.truth)
    )
    two = divide(activity, 2, method="k-means")
    assert record["adjusted_rand_right_number"] == pytest.approx(
        adjusted_rand_score(two, rejected.truth)
    )


def test_codes_weigh_every_layer_alike() -> None:
    dataset = tiny_image_dataset()
    assert dataset.train.y is not None
    settings = {**SMALL, "net_params": {"widths": [8, 4]}}
    learner = make_learner("backprop", task=dataset.task, **settings)
    learner.fit(dataset.train.x, dataset.train.y, generator=generator_from(0))
    layers = list(learner.activations(dataset.train.x).values())
    found = codes(learner, dataset.train.x)
    assert found.shape[1] == sum(h.shape[1] for h in layers)
    lengths = sum((h.norm(dim=1) > 0).double() for h in layers)
    torch.testing.assert_close(found.double().square().sum(1), lengths, rtol=1e-5, atol=1e-5)


def test_a_group_is_named_by_more_than_half_of_its_exemplars() -> None:
    def named(*classes: int) -> int | None:
        at = torch.arange(len(classes))
        return name_of(Proposal(0, at, 1.0, 1.0, at), torch.tensor(classes))

    assert named(4, 4, 2) == 4
    assert named(4, 4, 2, 2) is None
    assert named(1, 2, 3) is None
    assert named(5) == 5


@pytest.mark.parametrize(
    ("pool", "words"),
    [
        ({"unknown": 2}, "at most 1 unknown of 3"),
        ({"unknown": [0, 1]}, "too few classes are known"),
        ({"unknown": ["bar 9"]}, "no such class"),
        ({"unknown": [3]}, "no such class"),
        ({"unknown": ["bar 1", 1]}, "named twice"),
    ],
)
def test_classes_that_cannot_be_unknown_are_refused(pool: dict[str, Any], words: str) -> None:
    settings = settings_from(study(active__pool=pool))
    with pytest.raises(UsageError, match=words):
        check_study(settings, tiny_image_dataset())


@pytest.mark.parametrize("unknown", [0, -1, True, 1.5, [], [1, 1], [-1], [1.5], "bar 1", {}])
def test_what_names_no_classes_is_refused(unknown: Any) -> None:
    with pytest.raises(UsageError, match="'unknown'"):
        settings_from(study(active__pool={"unknown": unknown}))


def test_nothing_to_discover_in_a_closed_pool() -> None:
    with pytest.raises(UsageError, match="nothing to discover"):
        settings_from(study(active__discovery={}))


def test_an_initial_set_without_a_known_item_is_said() -> None:
    store = _failed(study(active__pool={"unknown": 1}, active__initial=1, active__repetitions=8))
    errors = {run.error for run in store.runs() if run.status == "failed"}
    assert errors
    assert all("no item of the initial set is of a known class" in (e or "") for e in errors)


def _failed(plain: Mapping[str, Any]) -> MemoryStore:
    store = MemoryStore()
    store.add(plan(settings_from(plain), lambda data: 3))
    work_through(store, "me", lambda *event: None)
    return store


def test_what_is_left_out_names_no_cell() -> None:
    """Studies from before these settings keep their cells, and their folders."""
    plain = settings_from(study()).plain()
    assert not {"stop_set", "follow", "discovery"} & set(plain["active"])
    assert "unknown" not in plain["active"]["pool"]
    whole = settings_from(study(**EVERYTHING)).plain()
    assert settings_from(whole).plain() == whole
    assert whole["active"]["discovery"]["method"] == "agglomerative"


def test_no_label_of_the_pool_is_read_before_it_is_paid_for() -> None:
    dataset = tiny_image_dataset()
    assert dataset.train.y is not None
    store = done(study(**EVERYTHING, active__repetitions=1))
    first = store.runs()[0]
    paid = torch.tensor(first.rounds[0]["initial"])
    known = first.rounds[0]["known"]
    wrong = dataset.train.y.roll(1)
    wrong[paid] = dataset.train.y[paid]
    with pytest.MonkeyPatch.context() as patch:
        blind = replace(dataset, train=replace(dataset.train, y=wrong))
        patch.setattr("pauca.study.work.load_items", lambda data: blind)
        other = done(study(**EVERYTHING, active__repetitions=1)).runs()[0]
    assert other.rounds[0]["known"] == known
    for key in ("initial", "asked", "metrics", "stopping", "follow"):
        assert other.rounds[0][key] == first.rounds[0][key]
    assert other.rounds[0]["answers"] != first.rounds[0]["answers"]
