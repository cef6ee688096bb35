from pathlib import Path

import pandas as pd

from pauca.report.frame import COLUMNS, study_frame, write_csv
from pauca.report.view import read_study
from pauca.store import MemoryStore, RunSpec
from tests.report.studies import LAYERS, Plan, accuracy, study

PLAN = Plan(repetitions=2, rounds=3)


def test_one_row_per_run_round_and_metric() -> None:
    frame = study_frame(read_study(study(PLAN)))
    assert tuple(frame.columns) == COLUMNS
    assert not frame.duplicated(["run", "round", "metric"]).any()
    active = frame[frame.kind == "active"]
    assert len(active) == 4 * 2 * 3 * (5 + 3 + 1)
    models = frame[frame.kind == "model"]
    assert len(models) == 3 * 2 * (5 + 2 + 1 + 3 * len(LAYERS) + 2 * len(LAYERS))
    assert {"seconds.train", "steps", "accuracy", "ece"} <= set(active.metric)
    assert {"hoyer.layer-2.true_correct", "silent.layer-3.dead_units"} <= set(models.metric)


def test_the_steps_of_a_companion_stand_beside_the_learners() -> None:
    store = MemoryStore()
    for place, extra in enumerate((0, 40)):
        settings = {"strategy": {"name": f"s{place}"}, "repetition": 0}
        store.add([RunSpec(f"r{place}", "active", settings)])
        store.claim("t")
        record = {"round": 0, "labels": 5, "steps": 10, "companion_steps": extra}
        store.append(f"r{place}", "t", record, {})
        store.finish(f"r{place}", "t")
    frame = study_frame(read_study(store))
    found = {(s, m): v for s, m, v in zip(frame.series, frame.metric, frame.value, strict=True)}
    assert found == {
        ("s0", "steps"): 10,
        ("s0", "companion_steps"): 0,
        ("s1", "steps"): 10,
        ("s1", "companion_steps"): 40,
    }


def test_values_are_those_of_the_store() -> None:
    frame = study_frame(read_study(study(PLAN, parts="a")))
    held = frame[(frame.series == "margin") & (frame.metric == "accuracy")]
    found = {(r, m): v for r, m, v in zip(held.repetition, held.labels, held.value, strict=True)}
    assert found == {(r, m): accuracy(PLAN, "margin", r, m) for r in (0, 1) for m in (20, 40, 60)}


def test_no_run_gives_the_columns_and_no_row() -> None:
    frame = study_frame(read_study(MemoryStore()))
    assert tuple(frame.columns) == COLUMNS
    assert len(frame) == 0


def test_the_file_reads_back_to_the_same_numbers(tmp_path: Path) -> None:
    plan = Plan(repetitions=2, rounds=3, nan=frozenset({1}))
    frame = study_frame(read_study(study(plan)))
    path = tmp_path / "results.csv"
    write_csv(frame, path)
    pd.testing.assert_frame_equal(pd.read_csv(path), frame, check_dtype=False)
    assert ",nan\n" in path.read_text(encoding="utf-8")
    assert [p.name for p in tmp_path.iterdir()] == ["results.csv"]
