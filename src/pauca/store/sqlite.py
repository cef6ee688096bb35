"""A store in one SQLite file: many processes may write, and a kill at any moment costs nothing."""

import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from pauca.errors import StoreError
from pauca.store.base import AbstractStore
from pauca.store.codec import decode, encode
from pauca.store.connect import connect, one, roll_back
from pauca.store.faults import told
from pauca.store.records import Run, RunSpec
from pauca.store.rules import check_owned, refuse_blob, refuse_meta, refuse_missing

__all__ = ["SqliteStore"]

_COLUMNS = "id, kind, settings, status, error, owner, started, ended"


class SqliteStore(AbstractStore):
    """Keeps everything in one file in WAL mode; each write is one transaction.

    Triggers in the file itself refuse any change of a done run, a round or a blob, whoever writes.

    Args:
        path: The file.
        create: Make it if it is not there.
        readonly: Only read; works on a folder that may not be written.
        timeout: Seconds to wait for another process's write.

    Raises:
        StoreError: there is no such file, or it is no study of this version, or it is damaged.
    """

    shared: ClassVar[bool] = True

    def __init__(
        self,
        path: Path | str,
        *,
        create: bool = True,
        readonly: bool = False,
        timeout: float = 30.0,
    ) -> None:
        self.path = Path(path)
        self._readonly = readonly
        self._timeout = timeout
        self._open: sqlite3.Connection | None = None
        if (readonly or not create) and not self.path.is_file():
            raise StoreError(
                "there is no study here",
                expected=f"a file {self.path.name}",
                where=self.path.parent,
                todo="name the folder of a study; `pauca run STUDY.toml --out DIR` makes one",
            )
        with told(self.path):
            self._open = connect(self.path, readonly=readonly, timeout=timeout)

    @property
    def folder(self) -> Path | None:
        """The one that holds the file."""
        return self.path.parent

    def __reduce__(self) -> tuple[object, ...]:
        """A pickled store opens the same file again."""
        return _reopen, (self.path, self._readonly, self._timeout)

    def put_meta(self, key: str, value: Any) -> None:
        """Keep a JSON value of the whole study, once."""
        text = encode(value, f"meta {key!r}")
        with self._write() as db:
            row = db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
            if row is None:
                db.execute("INSERT INTO meta VALUES (?, ?)", (key, text))
            elif row[0] != text:
                refuse_meta(key, row[0], text)

    def meta(self) -> Mapping[str, Any]:
        """Every JSON value of the study."""
        with self._read() as db:
            rows = db.execute("SELECT key, value FROM meta ORDER BY rowid").fetchall()
        return {key: decode(text, f"{self.path}, meta {key!r}") for key, text in rows}

    def add(self, specs: Sequence[RunSpec]) -> int:
        """Add what is not there yet, all in one transaction."""
        rows = [(s.id, s.kind, encode(dict(s.settings), f"settings of {s.id}")) for s in specs]
        with self._write() as db:
            known = {run_id for (run_id,) in db.execute("SELECT id FROM runs")}
            new = {row[0]: row for row in reversed(rows) if row[0] not in known}
            db.executemany(
                "INSERT INTO runs (id, kind, settings, status) VALUES (?, ?, ?, 'pending')",
                [row for row in rows if new.get(row[0]) is row],
            )
            return len(new)

    def claim(self, owner: str) -> Run | None:
        """Take the next pending run; no two owners ever get the same."""
        with self._write() as db:
            row = db.execute(
                "SELECT id FROM runs WHERE status = 'pending' ORDER BY seq LIMIT 1"
            ).fetchone()
            if row is None:
                return None
            db.execute(
                "UPDATE runs SET status = 'running', owner = ?, started = coalesce(started, ?)"
                " WHERE id = ?",
                (owner, time.time(), row[0]),
            )
            return self._run(db, row[0])

    def append(
        self, run_id: str, owner: str, record: Mapping[str, Any], blobs: Mapping[str, bytes]
    ) -> None:
        """Add one finished round with its blobs, all or nothing."""
        text = encode(dict(record), f"a round of run {run_id}")
        with self._write() as db:
            self._check(db, run_id, owner)
            number = one(db, "SELECT count(*) FROM rounds WHERE run = ?", run_id)
            taken = blobs.keys() & set(self._names(db, run_id))
            if taken:
                refuse_blob(run_id, taken)
            db.execute("INSERT INTO rounds VALUES (?, ?, ?)", (run_id, number, text))
            db.executemany(
                "INSERT INTO blobs VALUES (?, ?, ?, ?)",
                [(run_id, name, number, data) for name, data in blobs.items()],
            )

    def finish(self, run_id: str, owner: str) -> None:
        """Mark done."""
        self._end(run_id, owner, "done", None)

    def fail(self, run_id: str, owner: str, error: str) -> None:
        """Mark failed."""
        self._end(run_id, owner, "failed", error)

    def requeue(
        self,
        *,
        running: bool = False,
        failed: bool = False,
        owner: str | None = None,
        only: Sequence[str] | None = None,
    ) -> int:
        """Put running or failed runs back to pending."""
        chosen = None if only is None else encode(list(only), "ids of runs")
        with self._write() as db:
            return db.execute(
                "UPDATE runs SET status = 'pending', owner = NULL, error = NULL, ended = NULL"
                " WHERE ((? AND status = 'running' AND (? IS NULL OR owner = ?))"
                " OR (? AND status = 'failed'))"
                " AND (? IS NULL OR id IN (SELECT value FROM json_each(?)))",
                (running, owner, owner, failed, chosen, chosen),
            ).rowcount

    def adopt(self, run: Run, blobs: Mapping[str, tuple[int, bytes]]) -> None:
        """Add a run of another store as it is there, all or nothing; a running one is pending.

        Args:
            run: With its rounds and times.
            blobs: By name, the round that kept it and its bytes.
        """
        spec, owner = run.spec, "adopted"
        texts = [encode(dict(record), f"a round of run {spec.id}") for record in run.rounds]
        with self._write() as db:
            db.execute(
                "INSERT INTO runs (id, kind, settings, status, owner, started)"
                " VALUES (?, ?, ?, 'running', ?, ?)",
                (spec.id, spec.kind, encode(dict(spec.settings), spec.id), owner, run.started),
            )
            db.executemany(
                "INSERT INTO rounds VALUES (?, ?, ?)",
                [(spec.id, number, text) for number, text in enumerate(texts)],
            )
            db.executemany(
                "INSERT INTO blobs VALUES (?, ?, ?, ?)",
                [(spec.id, name, number, data) for name, (number, data) in blobs.items()],
            )
            ended = run.status in ("done", "failed")
            db.execute(
                "UPDATE runs SET status = ?, owner = NULL, error = ?, ended = ? WHERE id = ?",
                (
                    run.status if ended else "pending",
                    run.error if ended else None,
                    run.ended if ended else None,
                    spec.id,
                ),
            )

    def runs(self) -> tuple[Run, ...]:
        """Every run, in order of adding, all of one moment."""
        with self._read() as db:
            ids = db.execute("SELECT id FROM runs ORDER BY seq").fetchall()
            return tuple(self._run(db, run_id) for (run_id,) in ids)

    def run(self, run_id: str) -> Run:
        """One run with its rounds."""
        with self._read() as db:
            return self._run(db, run_id)

    def blob(self, run_id: str, name: str) -> bytes:
        """The bytes kept under this name."""
        with self._read() as db:
            self._status(db, run_id)
            row = db.execute(
                "SELECT data FROM blobs WHERE run = ? AND name = ?", (run_id, name)
            ).fetchone()
        if row is None:
            refuse_missing(run_id, name)
        return bytes(row[0])

    def blobs(self, run_id: str) -> tuple[str, ...]:
        """Names of a run's blobs, sorted."""
        with self._read() as db:
            self._status(db, run_id)
            return self._names(db, run_id)

    def blob_rounds(self, run_id: str) -> dict[str, int]:
        """The round that kept each blob of a run, by the blob's name."""
        with self._read() as db:
            self._status(db, run_id)
            found = db.execute(
                "SELECT name, round FROM blobs WHERE run = ? ORDER BY name", (run_id,)
            )
            return dict(found.fetchall())

    def close(self) -> None:
        """Let go of the file; the last one to do so folds the write-ahead log into it."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def check_whole(self) -> None:
        """Read every page of the file.

        Raises:
            StoreError: the file is damaged.
        """
        with self._read() as db:
            found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            with told(self.path):
                fault = sqlite3.DatabaseError(found)
                fault.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
                raise fault

    def _end(self, run_id: str, owner: str, status: str, error: str | None) -> None:
        with self._write() as db:
            self._check(db, run_id, owner)
            db.execute(
                "UPDATE runs SET status = ?, error = ?, owner = NULL, ended = ? WHERE id = ?",
                (status, error, time.time(), run_id),
            )

    def _check(self, db: sqlite3.Connection, run_id: str, owner: str) -> None:
        check_owned(run_id, *self._status(db, run_id), owner)

    @staticmethod
    def _status(db: sqlite3.Connection, run_id: str) -> tuple[str, str | None]:
        row = db.execute("SELECT status, owner FROM runs WHERE id = ?", (run_id,)).fetchone()
        if row is None:
            refuse_missing(run_id)
        return row[0], row[1]

    @staticmethod
    def _names(db: sqlite3.Connection, run_id: str) -> tuple[str, ...]:
        rows = db.execute("SELECT name FROM blobs WHERE run = ? ORDER BY name", (run_id,))
        return tuple(name for (name,) in rows)

    def _run(self, db: sqlite3.Connection, run_id: str) -> Run:
        row = db.execute(f"SELECT {_COLUMNS} FROM runs WHERE id = ?", (run_id,)).fetchone()
        if row is None:
            refuse_missing(run_id)
        where = f"{self.path}, run {run_id}"
        rounds = db.execute("SELECT record FROM rounds WHERE run = ? ORDER BY number", (run_id,))
        return Run(
            RunSpec(row[0], row[1], decode(row[2], where)),
            row[3],
            tuple(decode(text, where) for (text,) in rounds),
            *row[4:],
        )

    @contextmanager
    def _read(self) -> Iterator[sqlite3.Connection]:
        """One moment of the file, however many statements."""
        with self._transaction("BEGIN") as db:
            yield db

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        """All or nothing; the lock is taken first, so nothing read here can be overtaken."""
        with self._transaction("BEGIN IMMEDIATE") as db:
            yield db

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        db = self._open
        if db is None:
            raise StoreError("the store was closed", where=self.path, todo="open it again")
        with told(self.path):
            db.execute(begin)
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                roll_back(db)
                raise


def _reopen(path: Path, readonly: bool, timeout: float) -> SqliteStore:
    return SqliteStore(path, create=False, readonly=readonly, timeout=timeout)
