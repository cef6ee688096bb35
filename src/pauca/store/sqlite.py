"""A store in one SQLite file: many processes may write, and a kill at any moment costs nothing.

Beside what a run is, each of its rounds, each array that a round keeps, the end of a done run and
each value of the whole study stands a digest, which is checked whenever the row is read. Rows that
were written before there were digests are read without.
"""

import re
import sqlite3
import struct
import time
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, cast, get_args

from pauca.errors import StoreError
from pauca.store.base import AbstractStore
from pauca.store.codec import damaged, decode, digest, encode, fingerprint
from pauca.store.connect import connect, one, roll_back
from pauca.store.faults import told
from pauca.store.records import Run, RunSpec, Status
from pauca.store.rules import check_owned, refuse_blob, refuse_meta, refuse_missing

__all__ = ["SqliteStore", "sealed_blobs"]

# a text of which a byte is damaged may be no UTF-8, which sqlite3 would refuse to hand out
_COLUMNS = (
    "CAST(kind AS BLOB), CAST(settings AS BLOB), CAST(status AS BLOB), CAST(error AS BLOB), "
    "CAST(owner AS BLOB), started, ended"
)
_UNSEALED = """
SELECT EXISTS (SELECT 1 FROM meta WHERE NOT EXISTS
    (SELECT 1 FROM digests d WHERE d.run = '' AND d.name = 'meta ' || key))
OR EXISTS (SELECT 1 FROM runs r WHERE NOT EXISTS
    (SELECT 1 FROM digests d WHERE d.run = r.id AND d.name = 'spec'))
OR EXISTS (SELECT 1 FROM rounds r WHERE NOT EXISTS
    (SELECT 1 FROM digests d WHERE d.run = r.run AND d.name = 'round ' || r.number))
"""
_BY_VALUES = (
    *(LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RuntimeError),
    *(EOFError, zipfile.BadZipFile, zlib.error, struct.error),
)
"""What the code raises that reads a value, or an archive of arrays, of another form."""

_IDS = re.compile(r"[0-9a-f]{20}")


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
            tables = self._open.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            self._sealed = "digests" in {name for (name,) in tables}

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
                _seal(db, "", f"meta {key}", key, text)
            elif row[0] != text:
                refuse_meta(key, row[0], text)

    def meta(self) -> Mapping[str, Any]:
        """Every JSON value of the study."""
        with self._read() as db:
            rows = db.execute(
                "SELECT CAST(key AS BLOB), CAST(value AS BLOB) FROM meta ORDER BY rowid"
            ).fetchall()
            seals = self._seals(db, "")
        texts = {_words(key): text for key, text in rows}
        lost = {name.removeprefix("meta ") for name in seals} - texts.keys()
        if lost:
            raise damaged(f"{self.path}, meta {', '.join(map(repr, sorted(lost)))}", got="nothing")
        for key, text in texts.items():
            _check_seal(seals.get(f"meta {key}"), f"{self.path}, meta {key!r}", key, text)
        return {key: decode(text, f"{self.path}, meta {key!r}") for key, text in texts.items()}

    def add(self, specs: Sequence[RunSpec]) -> int:
        """Add what is not there yet, all in one transaction."""
        rows = [(s.id, s.kind, encode(dict(s.settings), f"settings of {s.id}")) for s in specs]
        with self._write() as db:
            known = {run_id for (run_id,) in db.execute("SELECT id FROM runs")}
            new = {row[0]: row for row in reversed(rows) if row[0] not in known}
            for row in rows:
                if new.get(row[0]) is row:
                    db.execute(
                        "INSERT INTO runs (id, kind, settings, status) VALUES (?, ?, ?, 'pending')",
                        row,
                    )
                    _seal(db, row[0], "spec", *row)
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
            _put_round(db, run_id, number, text)
            for name, data in blobs.items():
                _put_blob(db, run_id, name, number, data)

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
            _seal(db, spec.id, "spec", spec.id, spec.kind, encode(dict(spec.settings), spec.id))
            for number, text in enumerate(texts):
                _put_round(db, spec.id, number, text)
            for name, (number, data) in blobs.items():
                _put_blob(db, spec.id, name, number, data)
            if run.status == "done":
                _seal(db, spec.id, "end", spec.id, len(texts), run.started, run.ended)
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
            return tuple(self._run(db, run_id) for run_id in self._ids(db))

    def run(self, run_id: str) -> Run:
        """One run with its rounds."""
        with self._read() as db:
            return self._run(db, run_id)

    def blob(self, run_id: str, name: str) -> bytes:
        """The bytes kept under this name."""
        with self._read() as db:
            self._status(db, run_id)
            return self._blob(db, run_id, name)

    def blobs(self, run_id: str) -> tuple[str, ...]:
        """Names of a run's blobs, sorted."""
        with self._read() as db:
            self._status(db, run_id)
            return self._names(db, run_id)

    def blob_rounds(self, run_id: str) -> dict[str, int]:
        """The round that kept each blob of a run that is there, by the blob's name."""
        with self._read() as db:
            self._status(db, run_id)
            return self._places(db, run_id)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close; values without digests may be anything, and what they led to is said of them.

        Raises:
            StoreError: in place of an error that a damaged value may have caused.
        """
        doubt = isinstance(error, _BY_VALUES) and self._unsealed()
        super().__exit__(kind, error, trace)
        if doubt:
            got = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            raise damaged(self.path, expected="what a study holds", got=got) from error

    def _unsealed(self) -> bool:
        """Whether some value has no digest."""
        if self._open is None:
            return False
        return not self._sealed or bool(one(self._open, _UNSEALED))

    def close(self) -> None:
        """Let go of the file; the last one to do so folds the write-ahead log into it."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def check_whole(self) -> None:
        """Read every page of the file, and check every run and every array.

        Raises:
            StoreError: the file is damaged.
        """
        with self._read() as db:
            found = db.execute("PRAGMA integrity_check(1)").fetchone()[0]
            if found != "ok":
                fault = sqlite3.DatabaseError(found)
                fault.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
                raise fault
            for run_id in self._ids(db):
                self._run(db, run_id)
                for name in self._names(db, run_id):
                    self._blob(db, run_id, name)

    def _end(self, run_id: str, owner: str, status: str, error: str | None) -> None:
        with self._write() as db:
            self._check(db, run_id, owner)
            now = time.time()
            db.execute(
                "UPDATE runs SET status = ?, error = ?, owner = NULL, ended = ? WHERE id = ?",
                (status, error, now, run_id),
            )
            if status == "done":
                count = one(db, "SELECT count(*) FROM rounds WHERE run = ?", run_id)
                started = one(db, "SELECT started FROM runs WHERE id = ?", run_id)
                _seal(db, run_id, "end", run_id, count, started, now)

    def _check(self, db: sqlite3.Connection, run_id: str, owner: str) -> None:
        check_owned(run_id, *self._status(db, run_id), owner)

    @staticmethod
    def _status(db: sqlite3.Connection, run_id: str) -> tuple[str, str | None]:
        row = db.execute("SELECT status, owner FROM runs WHERE id = ?", (run_id,)).fetchone()
        if row is None:
            refuse_missing(run_id)
        return row[0], row[1]

    def _blob(self, db: sqlite3.Connection, run_id: str, name: str) -> bytes:
        """The bytes under a name, checked."""
        row = db.execute(
            "SELECT round, CAST(data AS BLOB) FROM blobs WHERE run = ? AND name = ?",
            (run_id, name),
        ).fetchone()
        if row is None:
            self._names(db, run_id)  # says so if it was there
            refuse_missing(run_id, name)
        number, data = row
        where = f"{self.path}, run {run_id}, {_round(number)}, array {name!r}"
        seal = self._seals(db, run_id).get(f"blob {name}")
        if seal is not None:
            _check_seal(seal.partition(" ")[2], where, run_id, name, number, data)
        return bytes(data or b"")

    def _names(self, db: sqlite3.Connection, run_id: str) -> tuple[str, ...]:
        """Names of a run's blobs, sorted.

        Raises:
            StoreError: one was there and is not any more.
        """
        found = self._places(db, run_id)
        for name, number in sealed_blobs(self._seals(db, run_id)).items():
            if name not in found:
                where = f"{self.path}, run {run_id}, {_round(number)}, array {name!r}"
                raise damaged(where, got="it is gone")
        return tuple(found)

    def _places(self, db: sqlite3.Connection, run_id: str) -> dict[str, int]:
        """The round of each blob that is there, by its name, sorted."""
        rows = db.execute("SELECT CAST(name AS BLOB), round FROM blobs WHERE run = ?", (run_id,))
        found = {_words(name): number for name, number in rows}
        for name, number in found.items():
            if not isinstance(number, int):
                raise damaged(f"{self.path}, run {run_id}, {_round(number)}, array {name!r}")
        return dict(sorted(found.items()))

    def _ids(self, db: sqlite3.Connection) -> list[str]:
        """Of every run, in order of adding.

        Raises:
            StoreError: one was there and is not any more.
        """
        rows = db.execute("SELECT CAST(id AS BLOB) FROM runs ORDER BY seq")
        ids = [_words(run_id) for (run_id,) in rows]
        if self._sealed:
            kept = db.execute("SELECT CAST(run AS BLOB) FROM digests WHERE name = 'spec'")
            lost = sorted({_words(run_id) for (run_id,) in kept}.difference(ids))
            if lost:
                raise damaged(f"{self.path}, run {', '.join(lost)}", got="it is gone")
        return ids

    def _run(self, db: sqlite3.Connection, run_id: str) -> Run:
        """A run, everything of it checked."""
        seals = self._seals(db, run_id)
        run = self._head(db, run_id, seals)
        where = f"{self.path}, run {run_id}"
        known = get_args(Status)
        if run.status not in known or ("end" in seals and run.status != "done"):
            raise damaged(f"{where}, its status", expected=", ".join(known), got=run.status)
        rounds = tuple(self._records(db, run_id, seals))
        if run.status == "done":
            parts = (run_id, len(rounds), run.started, run.ended)
            _check_seal(seals.get("end"), f"{where}, its end", *parts)
        return replace(run, rounds=rounds)

    def _head(self, db: sqlite3.Connection, run_id: str, seals: Mapping[str, str]) -> Run:
        """A run without its rounds, its status and times as they stand there.

        Raises:
            StoreError: there is none, or what it is was damaged.
        """
        row = db.execute(f"SELECT {_COLUMNS} FROM runs WHERE id = ?", (run_id,)).fetchone()
        where = f"{self.path}, run {run_id}"
        if row is None and "spec" in seals:
            raise damaged(where, got="it is gone")
        if row is None:
            refuse_missing(run_id)
        kind, text, status, error, owner = (
            None if part is None else _words(part) for part in row[:5]
        )
        _check_seal(seals.get("spec"), f"{where}, its settings", run_id, kind, row[1])
        settings = decode(row[1], f"{where}, its settings")
        named = digest({"kind": kind, "settings": settings}) if _IDS.fullmatch(run_id) else run_id
        if not isinstance(settings, dict) or ("spec" not in seals and named != run_id):
            raise damaged(
                f"{where}, its settings", expected="those of its id", got=(text or "")[:99]
            )
        spec = RunSpec(run_id, kind or "", settings)
        return Run(spec, cast(Status, status), (), error, owner, *row[5:])

    def _records(
        self, db: sqlite3.Connection, run_id: str, seals: Mapping[str, str]
    ) -> Iterator[Mapping[str, Any]]:
        """The rounds of a run, in order, up to the first that is damaged.

        Raises:
            StoreError: at that one; also where one was there and is not any more.
        """
        count = 0
        rows = db.execute(
            "SELECT number, CAST(record AS BLOB) FROM rounds WHERE run = ? ORDER BY number",
            (run_id,),
        )
        for number, text in rows:
            where = f"{self.path}, run {run_id}, {_round(count)}"
            if number != count:
                raise damaged(where, got=f"{_round(number)} in its place")
            _check_seal(seals.get(f"round {number}"), where, run_id, number, text)
            record = decode(text, where)
            if not isinstance(record, dict):
                raise damaged(where, expected="names and values", got=type(record).__name__)
            yield record
            count += 1
        if sum(name.startswith("round ") for name in seals) > count:
            raise damaged(f"{self.path}, run {run_id}, {_round(count)}", got="it is gone")

    def _seals(self, db: sqlite3.Connection, run_id: str) -> dict[str, str]:
        """The digests of a run's rows by what they are of; of a run before digests there are none.

        The whole study's have no run.
        """
        if not self._sealed:
            return {}
        rows = db.execute(
            "SELECT CAST(name AS BLOB), CAST(digest AS BLOB) FROM digests WHERE run = ?", (run_id,)
        )
        return {_words(name): _words(digest) for name, digest in rows}

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


def sealed_blobs(seals: Mapping[str, str]) -> dict[str, int]:
    """The round of each blob that a run is known to have had, by its name."""
    numbers = {
        name.removeprefix("blob "): seal.partition(" ")[0]
        for name, seal in seals.items()
        if name.startswith("blob ")
    }
    return {name: int(text) if text.isdecimal() else 0 for name, text in numbers.items()}


def _put_round(db: sqlite3.Connection, run_id: str, number: int, text: str) -> None:
    db.execute("INSERT INTO rounds VALUES (?, ?, ?)", (run_id, number, text))
    _seal(db, run_id, f"round {number}", run_id, number, text)


def _put_blob(db: sqlite3.Connection, run_id: str, name: str, number: int, data: bytes) -> None:
    db.execute("INSERT INTO blobs VALUES (?, ?, ?, ?)", (run_id, name, number, data))
    parts = (run_id, name, number, bytes(data))
    _seal(db, run_id, f"blob {name}", *parts, before=f"{number} ")


def _seal(db: sqlite3.Connection, run_id: str, name: str, *parts: object, before: str = "") -> None:
    """Keep the digest of a row; of an array, behind the number of its round."""
    kept = before + fingerprint(*parts)
    db.execute("INSERT INTO digests VALUES (?, ?, ?)", (run_id, name, kept))


def _check_seal(seal: str | None, where: str, *parts: object) -> None:
    """Refuse a row that is not as it was written, as far as that is known.

    Raises:
        StoreError: it is not.
    """
    if seal is None:
        return
    found = fingerprint(*parts)
    if found != seal:
        raise damaged(where, expected=f"digest {seal}", got=f"digest {found}")


def _words(raw: object) -> str:
    return raw.decode("utf-8", "backslashreplace") if isinstance(raw, bytes) else str(raw)


def _round(number: object) -> str:
    """Rounds count from 1 for people."""
    return f"round {number + 1}" if isinstance(number, int) else f"round {number!r}"


def _reopen(path: Path, readonly: bool, timeout: float) -> SqliteStore:
    return SqliteStore(path, create=False, readonly=readonly, timeout=timeout)
