"""What can still be read of a store of which a part is damaged."""

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from pauca.errors import StoreError
from pauca.store.connect import one
from pauca.store.records import Run
from pauca.store.sqlite import SqliteStore, sealed_blobs

__all__ = ["salvaged"]

T = TypeVar("T")


def salvaged(store: SqliteStore) -> tuple[tuple[Run, ...], tuple[str, ...]]:
    """Every run with its rounds in front of the first damaged one, and what was lost, in words.

    A run that lost a round, or an array kept with it, is pending again; one of which not even the
    settings can be read is left out.

    Raises:
        StoreError: not even the list of runs can be read.
    """
    with store._read() as db:
        ids = [
            run_id.decode("utf-8", "backslashreplace")
            for (run_id,) in db.execute("SELECT CAST(id AS BLOB) FROM runs ORDER BY seq").fetchall()
        ]
    runs, lost = [], []
    for run_id in dict.fromkeys(ids):
        run, what = _run(store, run_id)
        runs += [] if run is None else [run]
        lost += [] if what is None else [f"cell {run_id}: {what}"]
    try:
        with store._read() as db:
            store._ids(db)
    except StoreError as error:
        lost.append(str(error.where))
    return tuple(runs), tuple(lost)


def _run(store: SqliteStore, run_id: str) -> tuple[Run | None, str | None]:
    seals = _tried(store, lambda db: store._seals(db, run_id)) or {}
    head = _tried(store, lambda db: store._head(db, run_id, seals))
    if head is None:
        return None, "what it is cannot be read"
    rounds = _rounds(store, run_id, seals)
    kept = replace(head, rounds=tuple(rounds))
    count = "SELECT count(*) FROM rounds WHERE run = ?"
    there = _tried(store, lambda db: int(one(db, count, run_id)))
    total = max(there or 0, sum(name.startswith("round ") for name in seals))
    whole = _tried(store, lambda db: store._run(db, run_id))
    if whole is not None and len(rounds) == total:
        return kept, None
    asked = replace(kept, status="pending", error=None, ended=None)
    if len(rounds) == total and there is not None:
        return asked, "how it ended cannot be read"
    return asked, f"{len(rounds)} of {'its' if there is None else total} rounds can be read"


def _rounds(store: SqliteStore, run_id: str, seals: Mapping[str, str]) -> list[Mapping[str, Any]]:
    """Records up to the first that is damaged, or an array of which is damaged or gone."""
    rounds: list[Mapping[str, Any]] = []

    def read(db: sqlite3.Connection) -> None:
        for record in store._records(db, run_id, seals):
            rounds.append(record)  # what was read in front of the damage stays

    _tried(store, read)
    there = _tried(store, lambda db: store._places(db, run_id))
    if there is None:
        return []
    for name, number in (sealed_blobs(seals) | there).items():
        if number < len(rounds) and _tried(store, _reader(store, run_id, name)) is None:
            del rounds[number:]
    return rounds


def _reader(store: SqliteStore, run_id: str, name: str) -> Callable[[sqlite3.Connection], bytes]:
    return lambda db: store._blob(db, run_id, name)


def _tried(store: SqliteStore, read: Callable[[sqlite3.Connection], T]) -> T | None:
    """What is read; None if it is damaged."""
    try:
        with store._read() as db:
            return read(db)
    except StoreError:
        return None
