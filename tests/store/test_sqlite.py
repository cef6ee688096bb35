"""What is special to the SQLite store: its file, its triggers, its faults."""

import os
import resource
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from pauca.errors import StoreError
from pauca.store import RunSpec, SqliteStore, connect
from pauca.store.faults import told


def begun(path: Path) -> SqliteStore:
    """One done run with a round and a blob, and one running."""
    store = SqliteStore(path)
    store.put_meta("study", {"seed": 1})
    store.add([RunSpec(name, "active", {"name": name}) for name in ("done", "running", "failed")])
    for name in ("done", "running", "failed"):
        store.claim("me")
        store.append(name, "me", {"round": 0}, {f"blob-{name}": b"kept"})
    store.finish("done", "me")
    store.fail("failed", "me", "boom")
    return store


NEVER = [
    "UPDATE runs SET status = 'pending' WHERE id = 'done'",
    "UPDATE runs SET error = 'x' WHERE id = 'done'",
    "UPDATE runs SET ended = 0 WHERE id = 'done'",
    "UPDATE OR REPLACE runs SET id = 'done' WHERE id = 'failed'",
    "UPDATE runs SET settings = '{}' WHERE id = 'running'",
    "UPDATE runs SET status = 'done' WHERE id = 'failed'",
    "UPDATE runs SET status = 'lost', owner = NULL WHERE id = 'running'",
    "DELETE FROM runs",
    "DELETE FROM runs WHERE id = 'failed'",
    "REPLACE INTO runs (id, kind, settings, status) VALUES ('done', 'x', '{}', 'pending')",
    "REPLACE INTO runs (seq, id, kind, settings, status) VALUES (1, 'n', 'x', '{}', 'pending')",
    "UPDATE rounds SET record = '{}' WHERE run = 'running'",
    "DELETE FROM rounds WHERE run = 'running'",
    "REPLACE INTO rounds VALUES ('running', 0, '{}')",
    "INSERT INTO rounds VALUES ('running', 2, '{}')",
    "INSERT INTO rounds VALUES ('done', 1, '{}')",
    "INSERT INTO rounds VALUES ('failed', 1, '{}')",
    "INSERT INTO rounds VALUES ('nobody', 0, '{}')",
    "UPDATE blobs SET data = x'00'",
    "DELETE FROM blobs WHERE run = 'running'",
    "REPLACE INTO blobs VALUES ('running', 'blob-running', 0, x'00')",
    "INSERT INTO blobs VALUES ('done', 'new', 0, x'00')",
    "INSERT INTO blobs VALUES ('running', 'new', 7, x'00')",
    "UPDATE meta SET value = '{}'",
    "DELETE FROM meta",
    "REPLACE INTO meta VALUES ('study', '{}')",
]


@pytest.mark.parametrize("statement", NEVER)
def test_raw_sql_cannot_change_what_is_finished(statement: str, tmp_path: Path) -> None:
    with begun(tmp_path / "study.db") as store:
        before = store.runs(), store.meta(), store.blob("running", "blob-running")
        raw = sqlite3.connect(store.path)
        raw.execute("PRAGMA foreign_keys = ON")
        with pytest.raises(sqlite3.IntegrityError), raw:
            raw.execute(statement)
        raw.close()
        assert (store.runs(), store.meta(), store.blob("running", "blob-running")) == before


def test_log_is_folded_in_at_the_end(tmp_path: Path) -> None:
    with begun(tmp_path / "study.db") as store:
        assert store.path.with_name("study.db-wal").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["study.db"]


def test_survives_sigkill_between_writes(tmp_path: Path) -> None:
    code = """if True:
        import os, signal, sys
        from pauca.store import RunSpec, SqliteStore, connect
        store = SqliteStore(sys.argv[1])
        store.add([RunSpec("a", "active", {})])
        store.claim("me")
        for t in range(5):
            store.append("a", "me", {"round": t}, {f"b{t}": bytes(100_000)})
        with store._write() as db:
            db.execute("INSERT INTO rounds VALUES ('a', 5, '{}')")
            os.kill(os.getpid(), signal.SIGKILL)
    """
    path = tmp_path / "study.db"
    ended = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    with SqliteStore(path, create=False) as store:
        store.check_whole()
        assert [record["round"] for record in store.run("a").rounds] == list(range(5))
        assert store.run("a").status == "running"


def test_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    path.write_text("hello, this is a text file\n" * 100)
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"no database of a study.*what to do"):
        SqliteStore(path)
    assert path.read_bytes() == before


def test_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    raw = sqlite3.connect(path)
    raw.execute("CREATE TABLE photos (x)")
    raw.commit()
    raw.close()
    before = path.read_bytes()
    for readonly in (False, True):
        with pytest.raises(StoreError, match="made by another program"):
            SqliteStore(path, readonly=readonly)
    assert path.read_bytes() == before


def test_another_version_is_refused(tmp_path: Path) -> None:
    begun(tmp_path / "study.db").close()
    raw = sqlite3.connect(tmp_path / "study.db")
    raw.execute("PRAGMA user_version = 99")
    raw.close()
    with pytest.raises(StoreError, match="expected: format 1; got: format 99"):
        SqliteStore(tmp_path / "study.db")


def test_damaged_database(tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    with begun(path) as store:
        store.append("running", "me", {"round": 1}, {"big": os.urandom(400_000)})
    data = bytearray(path.read_bytes())
    data[4096 : len(data) - 4096] = os.urandom(len(data) - 8192)
    path.write_bytes(data)
    with pytest.raises(StoreError, match=r"damaged.*copy"), SqliteStore(path) as store:
        store.check_whole()


def test_truncated_database(tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    begun(path).close()
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(StoreError, match="damaged"), SqliteStore(path) as store:
        store.runs()


def test_damaged_record(tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    with begun(path) as store, store._write() as db:
        db.execute("INSERT INTO rounds VALUES ('running', 1, '{\"round\": 1')")
    with SqliteStore(path) as store, pytest.raises(StoreError, match=r"damaged.*run running"):
        store.runs()


def test_locked_database(tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    begun(path).close()
    with SqliteStore(path) as holder, SqliteStore(path, timeout=0.05) as other, holder._write():
        assert len(other.runs()) == 3  # reading goes on
        with pytest.raises(StoreError, match=r"locked by another process.*wait"):
            other.append("running", "me", {"round": 1}, {})


@pytest.mark.parametrize("readonly", [False, True])
def test_no_study_here(tmp_path: Path, readonly: bool) -> None:
    with pytest.raises(StoreError, match=r"no study here.*pauca run"):
        SqliteStore(tmp_path / "study.db", create=readonly, readonly=readonly)
    assert not list(tmp_path.iterdir())


def test_folder_is_missing(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be opened"):
        SqliteStore(tmp_path / "nowhere" / "study.db")


def test_disk_full(tmp_path: Path) -> None:
    """A limit on the size of files stands for a full disk: SQLite sees a write that fails."""
    path = tmp_path / "study.db"
    store = begun(path)
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, old[1]))
        with pytest.raises(StoreError, match=r"disk.*pauca resume"):
            store.append("running", "me", {"round": 1}, {"big": bytes(1_000_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, ignored)
    store.append("running", "me", {"round": 1}, {"small": b"1"})
    assert store.blobs("running") == ("blob-running", "small")
    store.close()


def test_page_limit_is_told_as_a_full_disk(tmp_path: Path) -> None:
    with begun(tmp_path / "study.db") as store:
        assert store._open is not None
        store._open.execute("PRAGMA max_page_count = 20")
        with pytest.raises(StoreError, match=r"the disk is full.*free some space"):
            store.append("running", "me", {"round": 1}, {"big": bytes(1_000_000)})
        assert len(store.run("running").rounds) == 1


def test_reading_writes_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    begun(tmp_path / "study.db").close()
    with SqliteStore(tmp_path / "study.db", readonly=True) as store:
        assert len(store.runs()) == 3
        with pytest.raises(StoreError, match="may not be written"):
            store.put_meta("new", 1)
    assert [path.name for path in tmp_path.iterdir()] == ["study.db"]


def test_reading_a_folder_that_may_not_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that cannot have a log beside it is read as it is, unless there is a log."""
    path = tmp_path / "study.db"
    begun(path).close()
    unpatched = connect._open

    def late(place: str, timeout: float, *, uri: bool, threads: bool) -> sqlite3.Connection:
        class Late(sqlite3.Connection):
            def execute(self, *args: object) -> sqlite3.Cursor:
                error = sqlite3.OperationalError("unable to open database file")
                error.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN
                raise error

        if "mode=rw" in place:
            return sqlite3.connect(":memory:", factory=Late)
        return unpatched(place, timeout, uri=uri, threads=threads)

    monkeypatch.setattr(connect, "_open", late)
    with SqliteStore(path, readonly=True) as store:
        assert len(store.runs()) == 3
        with pytest.raises(StoreError, match="may not be written"):
            store.put_meta("new", 1)
    path.with_name("study.db-wal").write_bytes(b"log")
    with pytest.raises(StoreError, match="cannot be opened"):
        SqliteStore(path, readonly=True)


def test_closed_store(tmp_path: Path) -> None:
    store = begun(tmp_path / "study.db")
    store.close()
    with pytest.raises(StoreError, match="was closed"):
        store.runs()


def test_unknown_fault_is_told_too(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be used"), told(tmp_path):
        raise sqlite3.ProgrammingError("something else")
