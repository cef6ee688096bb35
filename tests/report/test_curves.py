import math

from matplotlib.colors import to_hex

from pauca.report.curves import curves_record, draw_curves
from pauca.report.estimates import SHARE, estimate
from pauca.report.view import Group, read_study
from tests.report.studies import Plan, accuracy, study


def group(plan: Plan) -> Group:
    return read_study(study(plan, parts="a")).groups[0]


def test_points_are_means_over_repetitions() -> None:
    plan = Plan(repetitions=3, rounds=4)
    record = curves_record(group(plan))
    assert (record.metric, record.repetitions) == ("accuracy", 3)
    assert [c.label for c in record.curves] == ["random", "margin", "entropy", "least-confidence"]
    curve = record.curves[1]
    assert curve.labels == (20, 40, 60, 80)
    for m, found in zip(curve.labels, curve.estimates, strict=True):
        assert found == estimate([accuracy(plan, "margin", r, m) for r in range(3)], SHARE)
    assert curve.runs[2] == (
        (20, 40, 60, 80),
        tuple(accuracy(plan, "margin", 2, m) for m in curve.labels),
    )


def test_rounds_that_not_every_repetition_reached_rest_on_fewer() -> None:
    record = curves_record(group(Plan(repetitions=3, rounds=6, fails={0: "boom"})))
    assert [e.n for e in record.curves[0].estimates] == [3, 3, 3, 2, 2, 2]


def test_missing_values_are_counted() -> None:
    record = curves_record(group(Plan(repetitions=3, rounds=3, nan=frozenset({2}))))
    assert [(e.n, e.missing) for e in record.curves[0].estimates] == [(3, 0), (2, 1), (3, 0)]


def test_series_without_a_round_are_left_out() -> None:
    plan = Plan(repetitions=1, unfinished=3)
    assert [c.label for c in curves_record(group(plan)).curves] == ["random"]
    assert curves_record(group(Plan(unfinished=999))).curves == ()


def test_the_drawing_has_a_line_a_band_and_a_name_for_each() -> None:
    drawing = draw_curves(curves_record(group(Plan(repetitions=3, rounds=4))))
    axes = drawing.axes[0]
    assert axes.get_xlabel() == "labels spent"
    assert axes.get_ylabel() == "test accuracy (%)"
    assert len(axes.collections) == 4
    names = [text.get_text() for text in drawing.legends[0].get_texts()]
    assert names == ["random", "margin", "entropy", "least-confidence"]
    lines = [line for line in axes.lines if line.get_linewidth() > 1]
    marks = {(line.get_marker(), to_hex(str(line.get_color()))) for line in lines}
    assert len(marks) == 4
    assert len({str(line.get_linestyle()) for line in lines}) >= 2


def test_single_repetitions_are_drawn_where_there_is_room() -> None:
    plan = Plan(repetitions=3, rounds=4, strategies=({"name": "random"}, {"name": "margin"}))
    axes = draw_curves(curves_record(group(plan))).axes[0]
    assert len(axes.lines) == 2 * (3 + 1)


def test_too_many_series_are_grey_but_those_asked_for() -> None:
    names = ["random", *(f"strategy-{i}" for i in range(11))]
    plan = Plan(repetitions=1, rounds=2, strategies=tuple({"name": n} for n in names))
    drawing = draw_curves(curves_record(group(plan)), bold=["random", *reversed(names)])
    shown = [text.get_text() for text in drawing.legends[0].get_texts()]
    assert shown == ["random", *names[5:]]
    assert len(drawing.axes[0].lines) == 12


def test_accuracy_stays_within_its_range() -> None:
    plan = Plan(repetitions=2, rounds=2, noise=0.5)
    low, high = draw_curves(curves_record(group(plan))).axes[0].get_ylim()
    assert low >= -0.03
    assert high <= 1.03


def test_another_measure_can_be_drawn() -> None:
    record = curves_record(group(Plan(repetitions=2, rounds=2)), "nll")
    assert draw_curves(record).axes[0].get_ylabel() == "nll"
    assert not math.isnan(record.curves[0].estimates[0].mean)
