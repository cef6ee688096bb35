"""Tables and pictures of what is seen while labels arrive, from made-up records."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pauca.metrics import judge_stop, stop_by_plateau
from pauca.report.comparison.arriving import (
    RULES,
    arriving_tables,
    discovery_table,
    followed_pictures,
    novelty_table,
    openset_table,
    stop_rows,
    stop_table,
    together_pictures,
)
from pauca.report.comparison.asked import asked_rows
from pauca.report.comparison.noticed import noticed_picture, noticed_record
from pauca.report.curves import points
from pauca.report.frame import study_frame
from pauca.report.page import build_page
from pauca.report.view import Group, read_study
from pauca.store import MemoryStore
from tests.report.studies import Plan, active, meta

PLAN = Plan(repetitions=3, rounds=6)
ROUNDS = range(PLAN.rounds)
KAPPA = [None, 0.5, 0.995, 0.995, 0.995, 1.0]
CHANGED = [None, 0.3, 0.2, 0.1, 0.0, 0.0]


def opened(repetition: int, t: int) -> dict[str, Any]:
    novelty = {"max-softmax": {"auroc": 0.7 + 0.01 * repetition, "aupr": 0.4, "fpr95": 0.8}}
    return {
        "openset": {
            "labelled": 10 + 5 * t,
            "rejected": 10 + 10 * t,
            "precision": 0.4 + 0.1 * repetition,
            "recall": 0.25,
            "novelty": novelty,
        }
    }


def stopping(repetition: int, t: int) -> dict[str, Any]:
    return {
        "stopping": {
            "confidence": 0.5 + 0.05 * t,
            "uncertainty": 0.5 - 0.1 * t,
            "max_uncertainty": 0.9,
            "changed": CHANGED[t],
            "kappa": KAPPA[t],
        }
    }


def followed(repetition: int, t: int) -> dict[str, Any]:
    rule = {"size": 10.0 + t, "sharing": 0.5, "matched": None if t == 0 else 0.1 * t}
    return {
        "follow": {"layer1": {"hoyer": 0.6, "selective": rule}, "layer2": {"hoyer": 0.7}},
        "ensembles": {"layer1": {"selective": [1, 2, 3]}},
    }


def discovery(repetition: int, t: int) -> dict[str, Any]:
    if t + 1 < PLAN.rounds:
        return {}
    part = {"classes": 10, "accuracy": 0.8, "accuracy_known": 0.9, "accuracy_new": 0.7}
    return {
        "discovery": {
            "rejected": 60,
            "categories": 4,
            "groups": 3 + repetition,
            "adjusted_rand": 0.6,
            "proposals": [{"size": 9, "exemplars": [1, 2], "named": None}],
            "before": {**part, "accuracy": 0.5, "accuracy_new": 0.0},
            "accepted": part,
            "truth": {**part, "accuracy_new": 0.95},
        }
    }


def store_with(*more: Callable[[int, int], dict[str, Any]]) -> MemoryStore:
    source, store = MemoryStore(), MemoryStore()
    active(source, PLAN)
    meta(store, PLAN)
    store.add([run.spec for run in source.runs()])
    for run in source.runs():
        assert store.claim("tester") is not None
        for t, record in enumerate(run.rounds):
            repetition = run.spec.settings["repetition"]
            whole = dict(record)
            for make in more:
                whole |= make(repetition, t)
            store.append(run.spec.id, "tester", whole, {})
        store.finish(run.spec.id, "tester")
    return store


def group_with(*more: Callable[[int, int], dict[str, Any]]) -> Group:
    (group,) = read_study(store_with(*more)).kind("active")
    return group


def test_a_closed_pool_without_a_stop_set_says_nothing_more() -> None:
    group = group_with()
    assert arriving_tables(group) == ()
    assert list(followed_pictures(group, "a")) == []


def test_what_was_asked_of_an_open_pool() -> None:
    table = openset_table(group_with(opened))
    assert table is not None
    assert [column.title for column in table.columns[1:]] == ["Precision", "Recall", "Rejected"]
    assert len(table.rows) == len(PLAN.strategies)
    name, *values = [cell.text for cell in table.rows[0]]
    assert name == "random"
    assert list(map(float, values)) == [50, 25, 60]


def test_scores_of_novelty() -> None:
    table = novelty_table(group_with(opened))
    assert table is not None
    ((first, *others),) = table.rows
    assert first.text == "max-softmax"
    assert [float(cell.text) for cell in others] == [71] * len(PLAN.strategies)
    interval, rest = others[0].sub.split(", AUPR ")
    assert interval.startswith("[")
    assert float(rest) == 40


def test_scores_are_drawn_setting_beside_setting() -> None:
    group = group_with(opened)
    other = replace(group, title="another learner")
    assert noticed_picture([group_with()], "x") == ()
    assert noticed_picture([group] * 8, "x") == ()
    record = noticed_record([group, other])
    assert record is not None
    assert record.strategy == "random"
    assert {score: set(found) for score, found in record.scores.items()} == {
        "max-softmax": {group.title, "another learner"}
    }
    assert record.scores["max-softmax"][group.title].mean == pytest.approx(0.71)
    (picture,) = noticed_picture([group, other], "x")
    assert f"{group.title}: max-softmax 71" in picture.says[0]
    for words in ("max-softmax", "another learner", "AUROC"):
        assert words in picture.svgs[0]


def test_scores_are_in_the_order_of_their_means() -> None:
    def both(repetition: int, t: int) -> dict[str, Any]:
        found = opened(repetition, t)
        found["openset"]["novelty"]["energy"] = {"auroc": 0.9, "aupr": 0.5, "fpr95": 0.2}
        return found

    record = noticed_record([group_with(both)])
    assert record is not None
    assert list(record.scores) == ["energy", "max-softmax"]


def test_new_classes() -> None:
    table = discovery_table(group_with(opened, discovery))
    assert table is not None
    name, *values = [cell.text for cell in table.rows[0]]
    assert name == "random"
    assert list(map(float, values)) == [4, 0.6, 50, 80, 70, 95]
    assert table.rows[0][1].sub == "of 4"
    few = {"discovery": {"rejected": 3}}  # too few were rejected to look for groups
    assert discovery_table(group_with(opened, lambda r, t: few)) is None


def test_rules_are_judged_on_the_curve_of_each_run() -> None:
    group = group_with(stopping)
    rows = {(row.rule, row.label): row for row in stop_rows(group)}
    assert {rule for rule, _ in rows} == set(RULES) - {"stable ensembles", "ensembles settle"}
    stops: dict[str, Any] = {
        "confidence drops": None,
        "maximum uncertainty": None,
        "overall uncertainty": 5,
        "classification change": 4,
        "stable predictions": 4,
        "predictions settle": None,
        "accuracy settles": "accuracy",
    }
    for series in group.series:
        for rule, t in stops.items():
            row = rows[rule, series.label]
            for (_, run), found in zip(series.done, row.stops, strict=True):
                labels = [record["labels"] for record in run.rounds]
                values = [record["metrics"]["accuracy"] for record in run.rounds]
                at = stop_by_plateau(values) if t == "accuracy" else t
                assert found == judge_stop(labels, values, at)
    table = stop_table(group)
    assert table is not None
    assert len(table.rows) == 7 * len(PLAN.strategies)
    first = next(row for row in table.rows if row[0].text == "classification change")
    assert (first[2].text, first[2].sub) == ("3", "of 3")
    assert first[3].text == "100"  # 20 to start with, 20 more in each of 4 rounds
    assert float(first[4].text) == pytest.approx(100 * (1 - 100 / 120), abs=0.05)


def test_a_run_without_accuracy_is_not_judged() -> None:
    def lost(repetition: int, t: int) -> dict[str, Any]:
        return {"metrics": {"accuracy": math.nan if repetition == 0 else 0.5}}

    assert {len(row.stops) for row in stop_rows(group_with(stopping, lost))} == {2}


def test_ensembles_are_drawn_layer_by_layer() -> None:
    group = group_with(followed)
    pictures = list(followed_pictures(group, "a"))
    assert [picture.title for picture in pictures] == [
        "While labels arrive: layer1",
        "While labels arrive: layer2",
    ]
    assert [len(picture.svgs) for picture in pictures] == [4, 1]
    found = points(group.series[0], "follow/layer1/selective/size")
    assert found[0] == {20 + 20 * t: 10.0 + t for t in ROUNDS}
    matched = points(group.series[0], "follow/layer1/selective/matched")[1]
    assert math.isnan(matched[20])
    assert matched[120] == pytest.approx(0.5)


def test_learners_are_drawn_side_by_side_for_random_choice() -> None:
    group = group_with(followed)
    other = replace(group, title="another learner", series=group.series[::-1])
    plain = replace(group_with(), title="one that was not followed")
    assert list(together_pictures([group, plain], "x")) == []
    assert list(together_pictures([group] * 8, "x")) == []
    pictures = list(together_pictures([group, other, plain], "x"))
    assert [picture.title for picture in pictures] == [
        f"While labels arrive: layer{n}, setting beside setting" for n in (1, 2)
    ]
    assert [len(picture.svgs) for picture in pictures] == [4, 1]
    assert pictures[0].how.startswith("Labels asked for by random.")
    for words in (group.title, "another learner"):
        assert words in pictures[0].svgs[0]
    assert "margin" not in pictures[0].svgs[0]


def test_the_page_and_the_table_hold_all_of_it() -> None:
    store = store_with(opened, stopping, followed, discovery)
    page = build_page(store)
    for words in (
        "What was asked of the open pool",
        "Is it noticed that an item is of no known class?",
        "New classes among what was rejected",
        "When to stop?",
        "While labels arrive: layer1",
    ):
        assert words in page
    frame = study_frame(read_study(store))
    last = frame[(frame["round"] == PLAN.rounds - 1) & (frame.repetition == 1)]
    values = dict(zip(last.metric, last.value, strict=True))
    assert values["openset.precision"] == 0.5
    assert values["openset.novelty.max-softmax.auroc"] == pytest.approx(0.71)
    assert values["stopping.kappa"] == 1
    assert values["follow.layer1.selective.size"] == 15
    assert values["discovery.accepted.accuracy_new"] == 0.7
    assert not any(name.startswith(("discovery.proposals", "ensembles")) for name in values)


def test_balance_is_that_of_the_known_classes() -> None:
    def answers(repetition: int, t: int) -> dict[str, Any]:
        first = {"known": [2, 5, 7, 8]} if t == 0 else {}
        return {**first, "asked": [1, 2, 3, 4, 5], "answers": [0, 1, -1, 2, 3]}

    for row in asked_rows(group_with(answers), 10):
        assert row.balance.mean == pytest.approx(1)
