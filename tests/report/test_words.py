from dataclasses import replace

import pytest

from pauca.report import words
from pauca.report.areas import AreasRecord, areas_record
from pauca.report.curves import curves_record
from pauca.report.estimates import Estimate, estimate
from pauca.report.models import ModelsRecord, models_record
from pauca.report.view import Group, read_study
from pauca.report.walls import wall
from tests.report.studies import Plan, study


def group(plan: Plan, kind: str = "a") -> Group:
    return read_study(study(plan, parts=kind)).groups[0]


def areas(plan: Plan) -> AreasRecord:
    return areas_record(group(plan))


def models(plan: Plan) -> ModelsRecord:
    return models_record(group(plan, "m"))


@pytest.mark.parametrize(
    ("parts", "text"),
    [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")],
)
def test_join(parts: list[str], text: str) -> None:
    assert words.join(parts) == text


def test_numbers_as_text() -> None:
    assert words.share(0.9712) == "97.1"
    assert words.signed(0.01234) == "+1.23"
    assert words.signed(-0.01234) == "\u22121.23"
    assert words.signed(-0.000001) == "+0.00"
    assert words.with_interval(Estimate(0.5, 0.4, 0.6, 3)) == "50.0\u202f% [40.0, 60.0]"
    narrow = words.with_interval(Estimate(0.9903, 0.9898, 0.9908, 5))
    assert narrow == "99.03\u202f% [98.98, 99.08]"
    assert words.with_interval(estimate([0.5])) == "50.0\u202f%"
    assert words.with_interval(estimate([])) == "no value"
    assert words.repetitions([5, 5]) == "5 repetitions"
    assert words.repetitions([1]) == "1 repetition"
    assert words.repetitions([5, 3]) == "3 to 5 repetitions"


@pytest.mark.parametrize(
    ("n", "said"),
    [
        (1, "nothing is decided"),
        (3, "first look"),
        (5, "not a claim"),
        (19, "not a claim"),
        (20, ""),
    ],
)
def test_caution_grows_as_repetitions_shrink(n: int, said: str) -> None:
    assert said in words.caution(n)
    assert bool(words.caution(n)) == bool(said)


def test_a_difference_is_told_with_its_interval_and_direction() -> None:
    record = areas(Plan(repetitions=20))
    text = words.comparison(record)
    row = next(r for r in record.rows if r.label == "margin")
    assert row.difference is not None
    low, high = words.signed(row.difference.low), words.signed(row.difference.high)
    assert text.startswith("Over 20 repetitions, ")
    assert f"margin ({words.signed(row.difference.mean)} points [{low}, {high}])" in text
    assert "above random" in text
    assert "Holm" in text


def test_equal_strategies_are_never_called_better() -> None:
    names = ("random", "null-1", "null-2")
    for seed in range(10):
        plan = Plan(
            seed=seed, repetitions=3, noise=0.03, strategies=tuple({"name": n} for n in names)
        )
        record = areas(plan)
        if not any(r.verdict for r in record.rows):
            text = words.comparison(record)
            assert "cannot be told from random" in text
            assert "above" not in text
            assert "below" not in text


def test_worse_than_random_is_said_too() -> None:
    record = areas(Plan(repetitions=20))
    row = next(r for r in record.rows if r.label == "margin")
    worse = replace(row, difference=Estimate(-0.02, -0.03, -0.01, 20))
    text = words.comparison(replace(record, rows=(worse,)))
    assert "margin (\u22122.00 points [\u22123.00, \u22121.00]) is below random" in text


def test_one_repetition_is_not_judged() -> None:
    text = words.comparison(areas(Plan(repetitions=1)))
    assert text.startswith("In one repetition, ")
    assert text.endswith("A single repetition cannot tell a difference from chance.")
    assert "[" not in text


def test_without_random_nothing_is_compared() -> None:
    plan = Plan(repetitions=2, strategies=({"name": "margin"},))
    assert "No random choice was run" in words.comparison(areas(plan))


def test_without_results_nothing_is_said() -> None:
    assert "No repetition has finished" in words.comparison(areas(Plan(unfinished=999)))


def test_curves_name_the_end_and_the_meaning_of_bands() -> None:
    first, second = words.curve_words(curves_record(group(Plan(repetitions=5))))
    assert first.startswith("Mean test accuracy at 140 labels, from highest to lowest: margin 9")
    assert "over 5 repetitions" in second
    one = words.curve_words(curves_record(group(Plan(repetitions=1))))[1]
    assert "no interval" in one
    part = words.curve_words(curves_record(group(Plan(repetitions=3, fails={0: "x"}))))[1]
    assert "2 to 3 repetitions (3 planned" in part


def test_curves_without_a_number_say_so() -> None:
    plan = Plan(repetitions=1, rounds=2, initial=1, nan=frozenset({0}))
    record = curves_record(group(plan))
    assert words.curve_words(record)[0].startswith("Mean test accuracy at 1 label")
    none = replace(
        record, curves=tuple(replace(c, estimates=(estimate([]),) * 2) for c in record.curves)
    )
    assert words.curve_words(none) == ("No round has a test accuracy that is a number.", "")


def test_many_series_are_counted_not_listed() -> None:
    plan = Plan(repetitions=2, strategies=tuple({"name": f"s{i}"} for i in range(9)))
    first, _ = words.curve_words(curves_record(group(plan)))
    assert "(5 more in the table)" in first


def test_models_are_told_apart_only_where_intervals_are() -> None:
    apart = words.accuracy_words(models(Plan(repetitions=5)))
    assert "do not overlap" in apart[1]
    assert "indication" in apart[1]
    single = words.accuracy_words(models(Plan(repetitions=1)))
    assert "may be chance" in single[1]
    same = Plan(repetitions=3, learners=({"name": "x"}, {"name": "y"}))
    assert "not settled" in words.accuracy_words(models(same))[1]


def test_sparsity_is_ranked_by_the_first_layer() -> None:
    first, second = words.hoyer_words(models(Plan(repetitions=5)))
    assert first.index("bp-ff") < first.index("forward-forward") < first.index("backprop")
    assert "bp-ff and forward-forward, do not overlap" in second


def test_summary_of_models() -> None:
    text = words.models_summary(models(Plan(repetitions=5)))
    assert text.startswith("Trained on 1,000 labels, test accuracy over 5 repetitions: backprop 98")
    assert "No model has finished" in words.models_summary(models(Plan(unfinished=99)))


def test_walls_are_told_by_their_numbers() -> None:
    made = wall("m", "l1", [[1.0, 0], [0, 0]], [0, 1])  # type: ignore[arg-type]
    first, second = words.wall_words([made], reads_label=True)
    assert "25.0\u202f% in l1 of the units active" in first
    assert "1 of 2 units are silent" in first
    assert "Class explains 100.0\u202f% in l1" in second
    assert "(100.0\u202f% expected by chance)" in second
    assert "true label" in second
    assert "true label" not in words.wall_words([made], reads_label=False)[1]
