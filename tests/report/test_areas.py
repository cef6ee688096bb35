import math

import numpy as np
import pytest
from scipy import stats

from pauca.report.areas import AreaRow, areas_record, draw_areas
from pauca.report.estimates import SHARE, estimate
from pauca.report.view import Group, read_study
from tests.report.studies import Plan, accuracy, study


def group(plan: Plan) -> Group:
    return read_study(study(plan, parts="a")).groups[0]


def by_hand(plan: Plan, strategy: str, repetition: int) -> float:
    at = [plan.initial + t * plan.query for t in range(plan.rounds)]
    y = [accuracy(plan, strategy, repetition, m) for m in at]
    total = 0.0
    for i in range(len(at) - 1):
        total += (at[i + 1] - at[i]) * (y[i] + y[i + 1]) / 2
    return total / (at[-1] - at[0])


def row(plan: Plan, label: str) -> AreaRow:
    return next(r for r in areas_record(group(plan)).rows if r.label == label)


def test_areas_differences_and_p_by_hand() -> None:
    plan = Plan(repetitions=4, rounds=5)
    areas = {s: [by_hand(plan, s, r) for r in range(4)] for s in ("random", "margin")}
    found = row(plan, "margin")
    assert found.area.mean == pytest.approx(estimate(areas["margin"]).mean)
    assert [v for _, v in found.values] == pytest.approx(areas["margin"])
    differences = [a - b for a, b in zip(areas["margin"], areas["random"], strict=True)]
    assert [d for _, d in found.differences] == pytest.approx(differences)
    assert found.difference is not None
    expected = estimate(differences)
    assert (found.difference.low, found.difference.high) == pytest.approx(
        (expected.low, expected.high)
    )
    plain = stats.ttest_1samp(differences, 0).pvalue
    assert plain <= found.p <= 3 * plain + 1e-12
    assert found.final == estimate([accuracy(plan, "margin", r, 100) for r in range(4)], SHARE)


def test_rows_are_sorted_and_random_has_no_difference_to_itself() -> None:
    record = areas_record(group(Plan(repetitions=5)))
    means = [r.area.mean for r in record.rows]
    assert means == sorted(means, reverse=True)
    assert record.baseline == "random"
    assert row(Plan(repetitions=5), "random").difference is None
    assert {r.label for r in record.compared} == {"margin", "entropy", "least-confidence"}


def test_planted_gains_are_found_and_a_planted_null_is_not() -> None:
    verdicts = {r.label: r.verdict for r in areas_record(group(Plan(repetitions=20))).rows}
    assert verdicts["margin"] == 1
    assert verdicts["entropy"] == 1
    assert verdicts["random"] == 0


def test_false_discoveries_are_held_at_the_level() -> None:
    names = ("random", *(f"null-{i}" for i in range(3)))
    wrong = 0
    for seed in range(60):
        plan = Plan(
            seed=seed,
            repetitions=5,
            rounds=2,
            initial=1,
            query=1,
            strategies=tuple({"name": n} for n in names),
        )
        wrong += any(r.verdict for r in areas_record(group(plan)).rows)
    assert wrong <= 9  # 5 % of 60 is 3; more than 9 has probability 0.001


def test_only_finished_repetitions_count() -> None:
    found = row(Plan(repetitions=3, fails={0: "boom"}), "random")
    assert (found.planned, found.area.n) == (3, 2)
    assert [r for r, _ in found.values] == [1, 2]
    assert [r for r, _ in row(Plan(repetitions=3, fails={0: "boom"}), "margin").differences] == [
        1,
        2,
    ]


def test_a_missing_value_leaves_no_area() -> None:
    found = row(Plan(repetitions=3, nan=frozenset({1})), "margin")
    assert (found.area.n, found.area.missing) == (2, 1)
    assert len(found.differences) == 2


def test_without_random_there_is_nothing_to_differ_from() -> None:
    plan = Plan(repetitions=2, strategies=({"name": "margin"}, {"name": "entropy"}))
    record = areas_record(group(plan))
    assert record.baseline is None
    assert record.compared == ()
    assert draw_areas(record).axes[0].get_xlabel() == "area under the budget curve (%)"


def test_one_repetition_gives_differences_without_verdict() -> None:
    found = row(Plan(repetitions=1), "margin")
    assert found.difference is not None
    assert found.difference.n == 1
    assert math.isnan(found.p)
    assert found.verdict == 0


def test_one_round_gives_its_value() -> None:
    plan = Plan(repetitions=1, rounds=1)
    assert row(plan, "margin").area.mean == accuracy(plan, "margin", 0, 20)


def test_nothing_finished_is_an_empty_record() -> None:
    record = areas_record(group(Plan(unfinished=999)))
    assert all(r.area.n == 0 for r in record.rows)
    assert record.compared == ()


def test_the_drawing_has_a_line_for_each_and_a_zero() -> None:
    axes = draw_areas(areas_record(group(Plan(repetitions=3)))).axes[0]
    labels = [text.get_text() for text in axes.get_yticklabels()]
    assert sorted(labels) == ["entropy", "least-confidence", "margin"]
    assert "percentage points" in axes.get_xlabel()
    assert any(np.array_equal(line.get_xdata(), [0, 0]) for line in axes.lines)
