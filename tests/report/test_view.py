import math
from typing import Any

import pytest

from pauca.report.view import flatten, number, read_study
from pauca.store import MemoryStore, RunSpec
from tests.report.studies import Plan, study


def test_runs_are_grouped_and_in_the_studys_order() -> None:
    view = read_study(study(Plan(repetitions=2, rounds=2)))
    assert view.name == "digits-first"
    active, models = view.groups
    assert (active.kind, active.title, active.repetitions) == ("active", "digits, backprop", 2)
    assert [s.label for s in active.series] == ["random", "margin", "entropy", "least-confidence"]
    assert [r for r, _ in active.series[1].runs] == [0, 1]
    assert active.baseline is active.series[0]
    assert (models.kind, models.title) == ("model", "digits")
    assert [s.label for s in models.series] == ["forward-forward", "bp-ff", "backprop"]
    assert models.baseline is None


def test_equal_names_are_told_apart_by_what_differs() -> None:
    plan = Plan(
        repetitions=1,
        rounds=1,
        strategies=({"name": "bald", "passes": 5, "x": 1}, {"name": "bald", "passes": 9, "x": 1}),
    )
    group = read_study(study(plan, parts="a")).groups[0]
    assert [s.label for s in group.series] == ["bald (passes 5)", "bald (passes 9)"]
    assert [s.name for s in group.series] == ["bald", "bald"]


def test_groups_that_differ_in_a_factor_are_not_mixed() -> None:
    store = MemoryStore()
    common = {"data": {"name": "digits"}, "learner": {"name": "backprop"}, "study_seed": 1}
    store.add(
        [
            RunSpec(
                f"{q}{r}", "active", {**common, "query": q, "strategy": "random", "repetition": r}
            )
            for q in (10, 50)
            for r in (0, 1)
        ]
    )
    titles = [(g.title, g.repetitions) for g in read_study(store).groups]
    assert titles == [
        ("digits, backprop (query 10)", 2),
        ("digits, backprop (query 50)", 2),
    ]


def test_an_empty_store_is_a_study_without_runs() -> None:
    view = read_study(MemoryStore())
    assert (view.name, view.runs, view.groups) == ("unnamed study", (), ())


def test_done_leaves_out_the_others() -> None:
    group = read_study(study(Plan(repetitions=2, fails={0: "no"}), parts="a")).groups[0]
    assert [r for r, _ in group.series[0].done] == [1]


@pytest.mark.parametrize(("value", "expected"), [(3, 3.0), (0.5, 0.5), (-1, -1.0)])
def test_number_of_numbers(value: object, expected: float) -> None:
    assert number(value) == expected


@pytest.mark.parametrize("value", [None, "3", True, {}, math.nan])
def test_number_of_anything_else_is_nan(value: object) -> None:
    assert math.isnan(number(value))


def test_flatten_names_what_is_nested() -> None:
    value = {"a": 1, "b": {"c": [1, 2], "d": {}}, "e": [{"name": "x"}, {"name": "y"}]}
    assert flatten(value) == {
        "a": 1,
        "b.c": [1, 2],
        "b.d": {},
        "e.1.name": "x",
        "e.2.name": "y",
    }


def test_groups_of_learners_are_known_by_the_choice_that_tells() -> None:
    store = MemoryStore()
    made = {"name": "ff", "calibration": {"name": "cross-fit", "folds": 2}}
    both: dict[str, dict[str, Any]] = {"plain": {"name": "ff"}, "made": made}
    common = {"data": {"name": "digits"}, "repetition": 0}
    store.add([RunSpec(i, "active", {**common, "learner": one}) for i, one in both.items()])
    assert [g.title for g in read_study(store).groups] == [
        "digits, ff",
        "digits, ff (calibration cross-fit)",
    ]
