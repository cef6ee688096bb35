"""Opening a database of ours: made if it is new, refused if it is another program's."""

import re
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pauca.errors import StoreError
from pauca.store.schema import APPLICATION, SCHEMA, VERSION

__all__ = ["STUDY", "UNWRITABLE", "Format", "connect", "one", "roll_back"]

UNWRITABLE = (
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
)
"""What SQLite says of a place where nothing can be written, by its primary code."""


_MADE = re.compile(r"CREATE (?:UNIQUE )?[A-Z]+ (\w+)")


@dataclass(frozen=True)
class Format:
    """Which of our databases a file is.

    Args:
        what: Whose it is, in messages: a study, a project.
        mark: In the file's header (PRAGMA application_id).
        version: Of the tables (PRAGMA user_version).
        schema: Every statement that makes the tables.
        begin: The command that begins one.
    """

    what: str
    mark: int
    version: int
    schema: str
    begin: str


STUDY = Format("study", APPLICATION, VERSION, SCHEMA, "pauca run STUDY.toml --out DIR")
"""The database of a study."""


def connect(
    path: Path,
    *,
    readonly: bool,
    timeout: float,
    form: Format = STUDY,
    threads: bool = False,
) -> sqlite3.Connection:
    """A connection to the database at ``path``, its tables made if the file is empty.

    Every commit is on the disk when it returns (WAL, synchronous = FULL).

    Args:
        path: The file.
        readonly: Only read.
        timeout: Seconds to wait for another process's write.
        form: Which database it is.
        threads: Whether threads share the connection, one at a time by a lock of the caller's.

    Raises:
        StoreError: a database of another program, or of another version of pauca.
        sqlite3.Error: whatever else is wrong with the file.
    """
    opened = _reader if readonly else _writer
    db = opened(path, timeout, threads)
    try:
        db.execute("BEGIN")  # one moment: another process may be making the tables
        known = _known(db, path, form)  # before anything else: a foreign file is left as it is
        db.execute("COMMIT")
        if readonly:
            if not known:
                raise StoreError(
                    f"this {form.what} holds nothing yet",
                    where=path,
                    todo=f"if nobody is just starting it: `{form.begin}`",
                )
            return db
        db.execute("PRAGMA journal_mode = WAL").fetchone()
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA foreign_keys = ON")
        if not known or _missing(db, form):
            _make_tables(db, path, form)
    except BaseException:
        db.close()
        raise
    return db


def one(db: sqlite3.Connection, query: str, *values: object) -> Any:
    """The first value of the first row."""
    return db.execute(query, values).fetchone()[0]


def roll_back(db: sqlite3.Connection) -> None:
    """Leave the transaction, if there still is one."""
    if db.in_transaction:
        db.execute("ROLLBACK")


def _open(
    place: str, timeout: float, *, uri: bool = False, threads: bool = False
) -> sqlite3.Connection:
    return sqlite3.connect(
        place, timeout=timeout, isolation_level=None, uri=uri, check_same_thread=not threads
    )


def _writer(path: Path, timeout: float, threads: bool) -> sqlite3.Connection:
    return _open(str(path), timeout, threads=threads)


def _reader(path: Path, timeout: float, threads: bool) -> sqlite3.Connection:
    """Only reads. Opened as for writing where that is possible, so that no log is left behind."""
    place = path.resolve().as_uri()
    db = _open(f"{place}?mode=rw", timeout, uri=True, threads=threads)
    try:
        one(db, "SELECT count(*) FROM sqlite_master")
    except sqlite3.OperationalError as error:
        # a log cannot be made in a folder that may not be written, or on a full disk; without one,
        # or with an empty one, nothing is lost
        db.close()
        log = path.with_name(f"{path.name}-wal")
        if error.sqlite_errorcode & 0xFF not in UNWRITABLE or (log.exists() and log.stat().st_size):
            raise
        return _open(f"{place}?immutable=1", timeout, uri=True, threads=threads)
    db.execute("PRAGMA query_only = ON")
    return db


def _make_tables(db: sqlite3.Connection, path: Path, form: Format) -> None:
    db.execute("BEGIN IMMEDIATE")
    try:
        known = _known(db, path, form)
        for statement in _missing(db, form):  # none where another process was faster
            db.execute(statement)
        if not known:
            db.execute(f"PRAGMA application_id = {form.mark}")
            db.execute(f"PRAGMA user_version = {form.version}")
        db.execute("COMMIT")
    except BaseException:
        roll_back(db)
        raise


def _missing(db: sqlite3.Connection, form: Format) -> list[str]:
    """Statements for what the database lacks: all of a new one, what came since of an old one."""
    there = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
    return [line for name, line in _statements(form.schema).items() if name not in there]


def _known(db: sqlite3.Connection, path: Path, form: Format) -> bool:
    """Whether the tables are there; False for an empty file."""
    mark = one(db, "PRAGMA application_id")
    version = one(db, "PRAGMA user_version")
    if mark == form.mark and version == form.version:
        return True
    if mark == form.mark:
        raise StoreError(
            f"this {form.what} was made by another version of pauca",
            expected=f"format {form.version}",
            got=f"format {version}",
            where=path,
            todo="use the version that made it, or begin again in an empty folder",
        )
    if one(db, "SELECT count(*) FROM sqlite_master"):
        raise StoreError(
            f"this file is no database of a {form.what}",
            got="a database made by another program",
            where=path,
            todo="name another folder; pauca leaves this file as it is",
        )
    return False


@cache
def _statements(script: str) -> Mapping[str, str]:
    """The statements of a script by what each makes; ``executescript`` commits between them."""
    found, part = {}, ""
    for line in script.splitlines(keepends=True):
        part += line
        if sqlite3.complete_statement(part):
            made = _MADE.match(part.strip())
            assert made is not None, part
            found[made[1]] = part
            part = ""
    return found
