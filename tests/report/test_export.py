"""The wide table: its rows and columns, and that files read back to the same numbers."""

from pathlib import Path

import pandas as pd
import pytest

from pauca.errors import StoreError, UsageError
from pauca.report import export_frame, export_study
from pauca.report.frame import study_frame
from pauca.report.view import read_study
from pauca.store import MemoryStore, RunSpec, SqliteStore
from tests.report.studies import Plan, study

PLAN = Plan(repetitions=2, rounds=3)


def test_one_row_per_round_with_what_varies() -> None:
    frame = export_frame(study(PLAN).runs())
    assert len(frame) == 4 * 2 * 3 + 3 * 2
    assert not frame.duplicated(["run", "round"]).any()
    heads = ["run", "kind", "status", "strategy.name", "learner.name"]
    assert list(frame.columns[:8]) == [*heads, "repetition", "round", "labels"]
    active = frame[frame.kind == "active"]
    assert set(active["strategy.name"]) == {"random", "margin", "entropy", "least-confidence"}
    assert set(active["learner.name"]) == {"backprop"}
    assert active["hoyer.layer-1.neutral"].isna().all()
    models = frame[frame.kind == "model"]
    assert models["strategy.name"].isna().all()
    assert models["hoyer.layer-1.neutral"].notna().all()


def test_every_number_is_that_of_the_long_table() -> None:
    store = study(PLAN)
    wide = export_frame(store.runs())
    rows = {(row["run"], row["round"]): row for row in wide.to_dict("records")}
    long = study_frame(read_study(store)).to_dict("records")
    assert len(long) > 100
    for row in long:
        found = rows[row["run"], row["round"]]
        assert found[row["metric"]] == row["value"]
        assert (found["labels"], found["repetition"]) == (row["labels"], row["repetition"])


def test_settings_that_vary_have_columns_and_others_have_none() -> None:
    store = MemoryStore()
    choices = [
        {"name": "a", "rate": 0.1, "widths": [4, 4], "net": {"hidden": 2}, "same": 1},
        {"name": "a", "rate": 0.2, "widths": [4], "net": {"hidden": 3}, "same": 1},
        {"name": "b", "only": "here", "same": 1},
    ]
    for place, learner in enumerate(choices):
        settings = {"learner": learner, "repetition": place, "study_seed": 4, "budget": 9}
        store.add([RunSpec(f"r{place}", "model", settings)])
        store.claim("me")
        store.append(f"r{place}", "me", {"round": 0, "labels": 7, "steps": 3}, {})
    frame = export_frame(store.runs())
    heads = [name for name in frame.columns if name.startswith(("learner", "budget", "study"))]
    assert heads[0] == "learner.name"
    assert set(heads[1:]) == {"learner.rate", "learner.widths", "learner.net.hidden"}
    assert frame["learner.rate"].tolist()[:2] == [0.1, 0.2]
    assert frame["learner.widths"].tolist()[:2] == ["[4, 4]", "[4]"]
    assert frame["repetition"].tolist() == [0, 1, 2]
    assert frame["steps"].tolist() == [3, 3, 3]
    assert set(frame["status"]) == {"running"}


def test_nothing_finished_gives_the_columns_and_no_row() -> None:
    frame = export_frame(MemoryStore().runs())
    assert len(frame) == 0
    assert list(frame.columns)[-3:] == ["repetition", "round", "labels"]


def kept(folder: Path) -> Path:
    """A made-up study in a folder, one value of a setting a number and one a text."""
    folder.mkdir()
    with SqliteStore(folder / "study.db") as store:
        for run in study(PLAN).runs():
            rate = "auto" if run.spec.settings["repetition"] else 0.5
            store.add([RunSpec(run.spec.id, run.spec.kind, {**run.spec.settings, "rate": rate})])
            store.claim("me")
            for record in run.rounds:
                store.append(run.spec.id, "me", record, {})
            store.finish(run.spec.id, "me")
    return folder


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_files_read_back_to_the_same_numbers(ending: str, tmp_path: Path) -> None:
    folder, path = kept(tmp_path / "s"), tmp_path / f"out{ending}"
    rows = export_study(folder, path)
    read = pd.read_csv(path) if ending == ".csv" else pd.read_parquet(path)
    with SqliteStore(folder / "study.db", readonly=True) as store:
        frame = export_frame(store.runs())
    assert len(read) == rows == len(frame)
    assert list(read.columns) == list(frame.columns)
    for name in frame.columns:
        expected = [None if pd.isna(value) else value for value in frame[name]]
        assert [None if pd.isna(value) else value for value in read[name]] == expected, name
    assert set(read["rate"].astype(str)) == {"auto", "0.5"}
    assert [p.name for p in tmp_path.iterdir() if p.name.endswith(".part")] == []


def test_what_cannot_be_written(tmp_path: Path) -> None:
    folder = kept(tmp_path / "s")
    with pytest.raises(UsageError, match=r"\.csv or \.parquet; got: out\.xlsx"):
        export_study(folder, tmp_path / "out.xlsx")
    with pytest.raises(StoreError, match=r"cannot be written.*nowhere"):
        export_study(folder, tmp_path / "nowhere" / "out.csv")
    with pytest.raises(StoreError, match="no study here"):
        export_study(tmp_path / "none", tmp_path / "out.csv")
