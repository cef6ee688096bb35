import math

from pauca.report import tables
from pauca.report.areas import areas_record
from pauca.report.estimates import Estimate
from pauca.report.models import models_record
from pauca.report.tables import Cell, Table
from pauca.report.view import Group, read_study
from pauca.store import MemoryStore, RunSpec
from tests.report.studies import LAYERS, Plan, study


def group(plan: Plan, kind: str = "a") -> Group:
    return read_study(study(plan, parts=kind)).groups[0]


def texts(table: Table, title: str) -> list[str]:
    place = [column.title for column in table.columns].index(title)
    return [row[place].text for row in table.rows]


def test_a_cell_has_a_mean_its_interval_and_what_is_missing() -> None:
    nan = math.nan
    assert tables.cell(Estimate(0.5, 0.4, 0.6, 3)) == Cell("50.0", "[40.0, 60.0]")
    assert tables.cell(Estimate(0.5, nan, nan, 1)) == Cell("50.0", "no interval")
    assert tables.cell(Estimate(0.5, 0.4, 0.6, 3, 2)).sub == "[40.0, 60.0], 2 missing"
    assert tables.cell(Estimate(nan, nan, nan, 0, 3)) == Cell("\u2013", "3 missing")
    assert tables.cell(None) == Cell("\u2013", "")


def test_areas() -> None:
    record = areas_record(group(Plan(repetitions=20)))
    table = tables.areas_table(record)
    assert texts(table, "Strategy") == [row.label for row in record.rows]
    reading = dict(zip(texts(table, "Strategy"), texts(table, "Reading"), strict=True))
    assert reading["margin"] == "above random"
    assert reading["random"] == "baseline"
    assert texts(table, "p")[0] == "<\u202f0.001"
    best = record.rows[0]
    assert table.rows[0][2] == tables.cell(best.area)
    assert all(len(row) == len(table.columns) for row in table.rows)


def test_areas_of_a_partial_study_warn() -> None:
    full = tables.areas_table(areas_record(group(Plan(repetitions=2))))
    part = tables.areas_table(areas_record(group(Plan(repetitions=2, fails={0: "x"}))))
    assert not any("Not every repetition" in note for note in full.notes)
    assert any("Not every repetition" in note for note in part.notes)
    row = next(row for row in part.rows if row[0].text == "random")
    assert row[1] == Cell("1", "of 2")


def test_cost_by_hand() -> None:
    table = tables.cost_table(group(Plan(repetitions=2, rounds=3)))
    train = sum(0.5 + m / 200 for m in (20, 40, 60))
    assert texts(table, "Training") == [f"{train / 3:.3g}"] * 4
    assert texts(table, "Query") == ["0.02"] * 4
    assert texts(table, "Optimiser steps") == ["300"] * 4
    assert texts(table, "One repetition") == [f"{train + 3 * 0.02 + 3 * 0.1:.3g}"] * 4
    assert not any("steps differs" in note for note in table.notes)


def test_unequal_training_is_told() -> None:
    table = tables.cost_table(group(Plan(repetitions=2), "m"))
    assert texts(table, "Optimiser steps") == ["6,000", "6,000", "2,000"]
    assert any("steps differs" in note for note in table.notes)


def test_a_companions_steps_have_a_column() -> None:
    store = MemoryStore()
    for place, extra in enumerate((0, 40)):
        settings = {"strategy": {"name": f"s{place}"}, "repetition": 0}
        store.add([RunSpec(f"r{place}", "active", settings)])
        store.claim("t")
        record = {"round": 0, "labels": 5, "steps": 10, "companion_steps": extra}
        store.append(f"r{place}", "t", record, {})
        store.finish(f"r{place}", "t")
    table = tables.cost_table(read_study(store).groups[0])
    assert texts(table, "Steps of the companion") == ["0", "40"]
    assert any("steps differs" in note for note in table.notes)


def test_other_measures_of_the_last_round() -> None:
    table = tables.measures_table(group(Plan(repetitions=2)))
    assert table is not None
    assert [c.title for c in table.columns[1:]] == ["Balanced accuracy", "NLL", "Brier", "ECE"]
    assert texts(table, "ECE") == ["5.00"] * 4
    assert texts(table, "Brier")[0].startswith("0.2")
    assert tables.measures_table(Group("active", "", {}, ())) is None


def test_layers_have_a_row_each() -> None:
    record = models_record(group(Plan(repetitions=2), "m"))
    table = tables.layers_table(record)
    assert texts(table, "Layer") == list(LAYERS) * 3
    assert texts(table, "Model") == ["backprop", "", "", "bp-ff", "", "", "forward-forward", "", ""]
    assert table.rows[0][3] == tables.cell(record.rows[0].layers[0].neutral, "{:.3f}".format)
    assert all(len(row) == len(table.columns) for row in table.rows)
    empty = tables.layers_table(models_record(group(Plan(repetitions=2, unfinished=9), "m")))
    assert texts(empty, "Accuracy") == ["\u2013"] * 3


def test_states_are_counted() -> None:
    view = read_study(study(Plan(repetitions=2, fails={1: "x"}, unfinished=3), parts="a"))
    table = tables.states_table(view)
    assert [[c.text for c in row] for row in table.rows] == [
        ["random", "2", "0", "0", "0"],
        ["margin", "0", "0", "1", "1"],
        ["entropy", "1", "0", "0", "1"],
        ["least-confidence", "1", "0", "0", "1"],
    ]
