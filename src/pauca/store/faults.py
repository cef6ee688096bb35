"""What SQLite reports, in words that say what to do."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pauca.errors import StoreError

__all__ = ["Advice", "told"]

Advice = Mapping[int, tuple[str, str]]
"""What is wrong and what to do, by SQLite's primary code; -1 for all others."""

_ADVICE: Advice = {
    sqlite3.SQLITE_NOTADB: (
        "this file is no database of a study",
        "name another folder; pauca leaves this file as it is",
    ),
    sqlite3.SQLITE_CORRUPT: (
        "the study's database is damaged",
        "put back a copy, or keep what can be read: `pauca merge DIR --salvage --out NEW`",
    ),
    sqlite3.SQLITE_BUSY: (
        "the study's database is locked by another process",
        "wait for that process or end it, then try again",
    ),
    sqlite3.SQLITE_LOCKED: (
        "the study's database is locked by another process",
        "wait for that process or end it, then try again",
    ),
    sqlite3.SQLITE_FULL: (
        "the disk is full",
        "free some space, then go on with `pauca resume`: what was finished is kept",
    ),
    sqlite3.SQLITE_IOERR: (
        "the disk refuses to read or write",
        "check the disk and its free space, then go on with `pauca resume`",
    ),
    sqlite3.SQLITE_READONLY: (
        "the study's database may not be written",
        "check who owns the file, or copy the folder to a place of your own",
    ),
    sqlite3.SQLITE_PERM: (
        "the study's database may not be written",
        "check who owns the file, or copy the folder to a place of your own",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        "the study's database cannot be opened",
        "check that the folder exists and that you may read and write it",
    ),
    sqlite3.SQLITE_CONSTRAINT: (
        "the store refuses this change",
        "nothing: what is finished never changes",
    ),
    -1: ("the study's database cannot be used", "check the file, or use another folder"),
}


@contextmanager
def told(path: Path, advice: Advice = _ADVICE) -> Iterator[None]:
    """Turn an error of SQLite into one that says what is wrong, where, and what to do.

    Args:
        path: The file.
        advice: What is said; of a study if left out.

    Raises:
        StoreError: in place of any sqlite3.Error, and of a UnicodeDecodeError, which Python raises
            where a text of the file, or a message that quotes one, is no UTF-8.
    """
    try:
        yield
    except (sqlite3.Error, UnicodeDecodeError) as error:
        code = getattr(error, "sqlite_errorcode", None)
        if code is None and "UTF-8" in str(error).upper():
            code = sqlite3.SQLITE_CORRUPT
        what, todo = advice.get(-1 if code is None else code & 0xFF, advice[-1])
        raise StoreError(what, got=str(error), where=path, todo=todo) from error
