import math

import pytest

from pauca.report.estimates import SHARE, estimate
from pauca.report.models import ModelsRecord, draw_accuracy, draw_hoyer, models_record
from pauca.report.view import Group, read_study
from tests.report.studies import LAYERS, Plan, study

PLAN = Plan(repetitions=3)


def group(plan: Plan) -> Group:
    return read_study(study(plan, parts="m")).groups[0]


def record(plan: Plan = PLAN) -> ModelsRecord:
    return models_record(group(plan))


def test_models_are_sorted_by_accuracy() -> None:
    assert [row.label for row in record().rows] == ["backprop", "bp-ff", "forward-forward"]
    assert record().labels == 1000


def test_every_number_is_that_of_the_store() -> None:
    made = group(PLAN)
    series = made.series[0]
    row = next(r for r in models_record(made).rows if r.label == series.label)
    held = [run.rounds[0] for _, run in series.runs]
    assert row.accuracy == estimate([r["metrics"]["accuracy"] for r in held], SHARE)
    assert row.values == tuple(r["metrics"]["accuracy"] for r in held)
    assert [layer.layer for layer in row.layers] == list(LAYERS)
    for layer in row.layers:
        for name in ("neutral", "true", "true_correct"):
            expected = estimate([r["hoyer"][layer.layer][name] for r in held], SHARE)
            assert getattr(layer, name) == expected
        assert (layer.dead.mean, layer.silent.mean) == (3.0, 0.0)


def test_layers_follow_the_given_order() -> None:
    order = ["layer-3", "layer-1", "unheard-of"]
    rows = models_record(group(PLAN), {"bp-ff": order}).rows
    assert [layer.layer for layer in rows[1].layers] == ["layer-3", "layer-1", "layer-2"]


def test_only_nets_whose_values_differ_read_the_label() -> None:
    reads = {row.label: row.reads_label for row in record().rows}
    assert reads == {"backprop": False, "bp-ff": True, "forward-forward": True}


def test_unfinished_models_are_last_and_empty() -> None:
    made = record(Plan(repetitions=1, unfinished=2))
    assert [row.label for row in made.finished] == ["forward-forward"]
    assert [row.accuracy.n for row in made.rows] == [1, 0, 0]
    assert record(Plan(unfinished=99)).labels is None


def test_missing_accuracy_is_left_out() -> None:
    row = record(Plan(repetitions=3, nan=frozenset({0}))).rows[0]
    assert (row.accuracy.n, row.accuracy.missing, len(row.values)) == (2, 1, 2)


def test_drawings_carry_names_units_and_intervals() -> None:
    made = record()
    axes = draw_accuracy(made).axes[0]
    assert [t.get_text() for t in axes.get_yticklabels()] == [r.label for r in made.rows]
    assert axes.get_xlabel() == "test accuracy (%)"
    drawing = draw_hoyer(made)
    axes = drawing.axes[0]
    assert [t.get_text() for t in axes.get_xticklabels()] == list(LAYERS)
    names = [t.get_text() for t in drawing.legends[0].get_texts()]
    assert names == ["backprop", "bp-ff", "forward-forward", "neutral label", "true label"]
    assert axes.get_ylim() == pytest.approx((-0.03, 1.03))


def test_nothing_of_the_label_is_said_where_no_net_reads_it() -> None:
    drawing = draw_hoyer(record(Plan(repetitions=2, learners=({"name": "backprop"},))))
    assert [t.get_text() for t in drawing.legends[0].get_texts()] == ["backprop"]


def test_one_repetition_has_no_interval() -> None:
    made = record(Plan(repetitions=1))
    assert all(math.isnan(layer.neutral.low) for row in made.rows for layer in row.layers)
    draw_hoyer(made)
    draw_accuracy(made)
