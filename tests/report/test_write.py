from pathlib import Path

import pandas as pd
import pytest

from pauca.errors import StoreError
from pauca.report import build_page, results_frame, write_report
from pauca.store import SqliteStore
from tests.report.studies import Plan, fill

PLAN = Plan(repetitions=2, rounds=2, learners=({"name": "bp-ff"},), units=10, items=20)


def folder(tmp_path: Path) -> Path:
    with SqliteStore(tmp_path / "study.db") as store:
        fill(store, PLAN)
    return tmp_path


def test_page_and_table_are_written_beside_the_store(tmp_path: Path) -> None:
    place = folder(tmp_path)
    path = write_report(place)
    assert path == place / "report.html"
    names = {p.name for p in place.iterdir()} - {"study.db-wal", "study.db-shm"}
    assert names == {"study.db", "report.html", "results.csv"}
    with SqliteStore(place / "study.db", readonly=True) as store:
        assert path.read_text(encoding="utf-8") == build_page(store)
    frame = results_frame(place)
    read = pd.read_csv(place / "results.csv")
    pd.testing.assert_frame_equal(read, frame, check_dtype=False)


def test_writing_again_changes_nothing(tmp_path: Path) -> None:
    place = folder(tmp_path)
    first = [write_report(place).read_bytes(), (place / "results.csv").read_bytes()]
    assert [write_report(place).read_bytes(), (place / "results.csv").read_bytes()] == first


def test_layers_keep_their_order_through_the_store(tmp_path: Path) -> None:
    text = write_report(folder(tmp_path)).read_text(encoding="utf-8")
    assert text.index(">layer-1<") < text.index(">layer-2<") < text.index(">layer-3<")


@pytest.mark.parametrize("work", [write_report, results_frame])
def test_a_folder_without_a_study_is_refused(work: object, tmp_path: Path) -> None:
    assert callable(work)
    with pytest.raises(StoreError, match="no study here"):
        work(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_report_that_cannot_be_written(tmp_path: Path) -> None:
    place = folder(tmp_path)
    (place / "report.html").mkdir()
    with pytest.raises(StoreError, match=r"cannot be written.*`pauca report "):
        write_report(place)
