"""Processes: any number gives the same; whatever dies, nothing is lost and nothing done twice."""

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from pauca.errors import PaucaError, RunError, StoreError, UsageError
from pauca.progress import Snapshot
from pauca.store import SqliteStore
from pauca.study import Result, resume_study, run_study
from pauca.study.engines import local
from pauca.study.folder import StudyFolder
from tests.study.helpers import Lines, numbers, rounds_kept, run
from tests.study.plugin import NAME, study


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """The study done in this very process."""
    return run(tmp_path_factory.mktemp("alone") / "s", workers=0)


def test_workers_change_nothing(alone: Result, tmp_path: Path) -> None:
    lines = Lines()
    result = run_study(study(), tmp_path / "s", workers=2, imports=[NAME], progress=lines)
    assert numbers(result.runs) == numbers(alone.runs)
    assert (len(result.done), result.failed, result.worked) == (4, (), 4)
    assert (lines.shown[-1].done, lines.shown[-1].fraction) == (4, 1.0)
    assert any(snapshot.running for snapshot in lines.shown)
    assert sorted(path.name for path in (tmp_path / "s").iterdir()) == [
        "study.db",
        "study.lock",
        "study.toml",
    ]


def test_workers_that_die(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, alone: Result) -> None:
    """One is replaced and its run goes on; one that dies again and again is given up."""
    monkeypatch.setattr(local, "ATTEMPTS", 2)
    once = {"name": "fake", "fault": "kill", "at": 60, "mark": str(tmp_path / "mark")}
    always = {"name": "fake", "fault": "kill", "at": 60}
    raising = {"name": "fake", "fault": "raise", "at": 60}
    models = {"repetitions": 1, "learners": [raising, once, always, "fake"]}
    plain = study(models=models)
    del plain["active"]
    lines = Lines()
    result = run_study(plain, tmp_path / "s", workers=1, imports=[NAME], progress=lines)
    assert [r.status for r in result.runs] == ["failed", "done", "failed", "done"]
    raised, killed = (r.error or "" for r in result.failed)
    assert "ValueError: a fault on purpose" in raised
    assert killed.startswith("given up after 2 tries: its worker was killed by SIGKILL")
    assert sum("taken up again" in line for line in lines.lines) == 2
    assert sum(line.startswith("failed: fake") for line in lines.lines) == 2
    one, other = (numbers([r])[r.spec.id][1] for r in result.done)
    assert one == other


def test_failed_runs_are_tried_again_when_asked(tmp_path: Path) -> None:
    learner = {"name": "fake", "fault": "raise", "at": 16, "mark": str(tmp_path / "mark")}
    result = run(tmp_path / "s", workers=0, active__learner=learner)
    assert [r.status for r in result.runs] == ["failed", "done", "done", "done"]
    assert len(result.failed[0].rounds) == 2
    assert resume_study(tmp_path / "s", workers=0).worked == 0
    again = resume_study(tmp_path / "s", workers=0, failed=True)
    assert (again.worked, again.failed) == (1, ())
    assert again.runs[0].rounds[:2] == result.runs[0].rounds
    with StudyFolder(tmp_path / "s").store() as store:
        assert "resume.1" in store.meta()


def test_what_was_run_stands_in_the_folder(alone: Result) -> None:
    with StudyFolder(alone.folder).store() as store:
        meta = store.meta()
    assert meta["study"]["active"]["budget"] == 20
    assert meta["study"]["active"]["learner"]["pause"] == 0.0
    assert meta["planned"] == 4
    assert (meta["data"]["train"], meta["data"]["test"]) == (60, 30)
    assert {"pauca", "torch", "numpy", "python"} <= set(meta["provenance"]["versions"])
    assert {"platform", "cpu_count", "threads", "device", "git_commit", "command", "started"} <= (
        set(meta["provenance"])
    )


def test_done_study_is_not_done_again(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    first = run(folder, workers=0)
    before = (folder / "study.db").read_bytes()
    again, resumed = run(folder), resume_study(folder, imports=[NAME])
    assert (again.worked, resumed.worked) == (0, 0)
    assert again.runs == resumed.runs == first.runs
    assert (folder / "study.db").read_bytes() == before


def test_a_folder_holds_one_study(tmp_path: Path) -> None:
    run(tmp_path / "s", workers=0)
    with pytest.raises(
        UsageError, match=r"another study; expected: active.budget = 20; got: active.budget = 15"
    ):
        run(tmp_path / "s", active__budget=15)


def test_changed_data_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pauca.study import begin
    from pauca.testing import tiny_image_dataset

    folder = tmp_path / "s"
    run(folder, workers=0, active__learner={"name": "fake", "fault": "raise", "at": 16})
    monkeypatch.setattr(begin, "load_items", lambda data: tiny_image_dataset(seed=9))
    with pytest.raises(StoreError, match="not the one that this study was begun with"):
        resume_study(folder, workers=0, failed=True)


def test_nothing_is_left_of_a_study_that_cannot_be_done(tmp_path: Path) -> None:
    with pytest.raises(PaucaError, match="crystal-ball"):
        run(tmp_path / "s", active__strategies=["greedy"])
    assert not (tmp_path / "s").exists()


def test_resume_of_what_is_no_study(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no study here"):
        resume_study(tmp_path)
    assert not list(tmp_path.iterdir())
    SqliteStore(tmp_path / "study.db").close()
    with pytest.raises(StoreError, match=r"stopped before it began.*pauca run"):
        resume_study(tmp_path)


def test_workers_that_cannot_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "_START", "import sys; sys.exit('no torch here')")
    with pytest.raises(RunError, match=r"die before they can begin.*exit code 1.*no torch here"):
        run(tmp_path / "s")
    with StudyFolder(tmp_path / "s").store() as store:
        assert {r.status for r in store.runs()} == {"pending"}


FULL = f"""if True:
    import resource, signal, sys
    from pauca.errors import StoreError
    from pauca.study import run_study
    from tests.study.plugin import study
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))
    try:
        run_study(study(active__repetitions=15), sys.argv[1], workers=1, imports=[{NAME!r}])
    except StoreError as error:
        sys.exit(str(error))
"""


def test_a_full_disk_stops_the_study_and_costs_nothing(tmp_path: Path) -> None:
    """A limit on the size of files, which the worker inherits, stands for a full disk."""
    command = [sys.executable, "-c", FULL, str(tmp_path / "s")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "disk" in ended.stderr
    assert "pauca resume" in ended.stderr
    with StudyFolder(tmp_path / "s").store() as store:
        kept = [len(r.rounds) for r in store.runs()]
    assert 0 < sum(kept) < 120
    result = resume_study(tmp_path / "s", workers=0)
    assert len(result.done) == 30


def test_a_locked_database_stops_the_study_and_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, alone: Result
) -> None:
    """Another program holds the file for longer than anyone would wait."""

    def impatient(place: StudyFolder, *, create: bool = False, readonly: bool = False) -> Any:
        return SqliteStore(place.database, create=create, readonly=readonly, timeout=0.1)

    class Meddler(Lines):
        held: sqlite3.Connection | None = None

        def show(self, snapshot: Snapshot) -> None:
            super().show(snapshot)
            if self.held is None and rounds_kept(tmp_path / "s") == 6:
                self.held = sqlite3.connect(tmp_path / "s" / "study.db", isolation_level=None)
                self.held.execute("BEGIN IMMEDIATE")

    meddler = Meddler()
    with monkeypatch.context() as patch:
        patch.setattr(StudyFolder, "store", impatient)
        with pytest.raises(StoreError, match=r"locked by another process.*end it, then try again"):
            run_study(study(), tmp_path / "s", workers=0, progress=meddler)
    assert meddler.held is not None
    with StudyFolder(tmp_path / "s").store(readonly=True) as store:
        before = {r.spec.id: r.rounds for r in store.runs()}
    assert sum(map(len, before.values())) == 6
    meddler.held.close()
    result = resume_study(tmp_path / "s", workers=0)
    assert numbers(result.runs) == numbers(alone.runs)
    for after in result.runs:
        kept = before[after.spec.id]
        assert after.rounds[: len(kept)] == kept  # times included


def test_run_in_a_thread(tmp_path: Path) -> None:
    """Signals belong to the main thread alone; elsewhere a study runs without them."""
    results: list[Result] = []
    thread = threading.Thread(target=lambda: results.append(run(tmp_path / "s", workers=0)))
    thread.start()
    thread.join()
    assert len(results[0].done) == 4
