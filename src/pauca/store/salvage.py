"""What can still be read of a store of which a part is damaged."""

import sqlite3
from dataclasses import replace
from typing import Any

from pauca.errors import StoreError
from pauca.store.codec import decode
from pauca.store.faults import told
from pauca.store.records import Run, RunSpec
from pauca.store.sqlite import SqliteStore

__all__ = ["salvaged"]


def salvaged(store: SqliteStore) -> tuple[tuple[Run, ...], tuple[str, ...]]:
    """Every run with its rounds in front of the first damaged one, and what was lost, in words.

    A run that lost a round, or an array kept with it, is pending again; one of which not even the
    settings can be read is left out.

    Raises:
        StoreError: not even the list of runs can be read.
    """
    with store._read() as db:
        ids = [name for (name,) in db.execute("SELECT id FROM runs ORDER BY seq").fetchall()]
    runs, lost = [], []
    for run_id in ids:
        run, what = _run(store, run_id)
        runs += [] if run is None else [run]
        lost += [] if what is None else [f"cell {run_id}: {what}"]
    return tuple(runs), tuple(lost)


def _run(store: SqliteStore, run_id: str) -> tuple[Run | None, str | None]:
    try:
        row = _rows(
            store, "SELECT kind, settings, status, error, started, ended", "runs WHERE id", run_id
        )[0]
        spec = RunSpec(run_id, row[0], decode(row[1], f"run {run_id}"))
    except (StoreError, IndexError):
        return None, "what it is cannot be read"
    run = Run(spec, row[2], error=row[3], started=row[4], ended=row[5])
    try:
        total = int(_rows(store, "SELECT count(*)", "rounds WHERE run", run_id)[0][0])
    except StoreError:
        total = -1  # not known
    rounds = _rounds(store, run_id, total)
    kept = replace(run, rounds=tuple(rounds))
    if len(rounds) == total:
        return kept, None
    asked = replace(kept, status="pending", error=None, ended=None)
    return asked, f"{len(rounds)} of {'its' if total < 0 else total} rounds can be read"


def _rounds(store: SqliteStore, run_id: str, total: int) -> list[Any]:
    """Records up to the first that is damaged, or whose arrays are."""
    rounds: list[Any] = []
    while total < 0 or len(rounds) < total:
        number = len(rounds)
        try:
            found = _rows(store, "SELECT record", "rounds WHERE number = ? AND run", run_id, number)
            if not found:
                break
            record = decode(found[0][0], f"run {run_id}")
            _rows(store, "SELECT data", "blobs WHERE round = ? AND run", run_id, number)
        except StoreError:
            break
        rounds.append(record)
    return rounds


def _rows(store: SqliteStore, what: str, where: str, run_id: str, *values: object) -> list[Any]:
    with told(store.path), store._read() as db:
        try:
            return db.execute(f"{what} FROM {where} = ?", (*values, run_id)).fetchall()
        except (UnicodeDecodeError, OverflowError) as error:
            raise sqlite3.DatabaseError(str(error)) from None
