"""The project's database as an object: threads share it, processes may write side by side."""

import hashlib
import json
import secrets
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import RLock
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pauca.errors import StoreError
from pauca.label import answers, leases
from pauca.label.classes import (
    Classes,
    add_class,
    end_class,
    merge_class,
    read_classes,
    rename_class,
)
from pauca.label.records import Addition, Answer, Event, Given, Move, Pick, Version
from pauca.label.schema import ACCOUNT, LATER, META, PROJECT
from pauca.store.connect import UNWRITABLE, connect, one, roll_back
from pauca.store.faults import Advice, told

__all__ = ["Book", "Standing", "Training"]

_Told = TypeVar("_Told", Given, Event)
_SHOWN = 32  # hexadecimal digits of a digest that are kept
_AGAIN = "wait for that process or end it, then try again"
_KEPT = "every answer that was acknowledged is kept"
_ADVICE: Advice = {
    sqlite3.SQLITE_NOTADB: ("this file is no database of a project", "name another folder"),
    sqlite3.SQLITE_CORRUPT: ("the project's database is damaged", "put back a copy"),
    sqlite3.SQLITE_BUSY: ("the project's database is locked by another process", _AGAIN),
    sqlite3.SQLITE_LOCKED: ("the project's database is locked by another process", _AGAIN),
    sqlite3.SQLITE_FULL: ("the disk is full", f"free some space and go on: {_KEPT}"),
    sqlite3.SQLITE_IOERR: ("the disk refuses to read or write", f"check the disk: {_KEPT}"),
    sqlite3.SQLITE_READONLY: (
        "the project's database may not be written",
        "check who owns the file, or copy the folder to a place of your own",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        "the project's database cannot be opened",
        "check that the folder exists and that you may read and write it",
    ),
    sqlite3.SQLITE_CONSTRAINT: ("the account refuses this change", "nothing: what happened stays"),
    -1: ("the project's database cannot be used", "check the file, or use another folder"),
}


@dataclass(frozen=True, eq=False)
class Standing:
    """Every answer that stands, in order of time.

    Args:
        item: int64 [a].
        person: Who gave each.
        action: label, relabel, skip, unsure or flag.
        cls: int64 [a], id of the active class that each has become; -1 without one.
        last: Place of the last event of the account, 0 without one.
        first: Place of the event by which the person first answered so, or gave the item the class
            that this answer replaced, int64 [a].
    """

    item: NDArray[np.int64]
    person: tuple[str, ...]
    action: tuple[str, ...]
    cls: NDArray[np.int64]
    last: int
    first: NDArray[np.int64]


@dataclass(frozen=True)
class Training:
    """A training that took place.

    Args:
        seq: Its number, from 1.
        at: When, in seconds since 1970.
        last: Place of the last event that it knew.
        labels: Labelled items that it learned from.
        record: What was found out, plain values.
    """

    seq: int
    at: float
    last: int
    labels: int
    record: Mapping[str, Any]


class Book:
    """Keeps the account of a project. Every call is one transaction, on the disk when it returns.

    Where nothing can be written (a full disk, a folder of somebody else's) it is read all the same,
    and a call that would write says why it cannot.

    Args:
        path: The file.
        create: Make it.
        overlap: Answers an item.
        clock: Tells the time in seconds since 1970.
        timeout: Seconds to wait for another process's write.

    Raises:
        StoreError: there is no such file, or it is not a project's, or it is damaged.
    """

    def __init__(
        self,
        path: Path,
        *,
        create: bool = False,
        overlap: int = 1,
        clock: Callable[[], float] = time.time,
        timeout: float = 60.0,
    ) -> None:
        self.path, self.overlap, self.clock = path, overlap, clock
        self._lock = RLock()
        self._open: sqlite3.Connection | None = None
        if not create and not path.is_file():
            raise StoreError(
                "there is no project here",
                expected=f"a file {path.name}",
                where=path.parent,
                todo=f"name the folder of a project; `{PROJECT.begin}` makes one",
            )
        if not create and not path.stat().st_size:
            raise StoreError("the project's database is empty", where=path, todo="put back a copy")
        self._barred: sqlite3.Error | None = None  # why nothing can be written
        self._copy: TemporaryDirectory[str] | None = None
        with told(path, _ADVICE):
            try:
                self._open = connect(
                    path, readonly=False, timeout=timeout, form=PROJECT, threads=True
                )
            except sqlite3.OperationalError as error:
                if create or error.sqlite_errorcode & 0xFF not in UNWRITABLE:
                    raise
                self._barred = error
                self._open = self._readable(error, timeout)
                _lend_tables(self._open)
        try:
            with self._read() as db:
                _check_account(db, path)
        except BaseException:
            self.close()
            raise

    def _readable(self, barred: sqlite3.Error, timeout: float) -> sqlite3.Connection:
        """A connection that only reads; of a copy where a log was left that has to be read too."""
        try:
            return connect(self.path, readonly=True, timeout=timeout, form=PROJECT, threads=True)
        except sqlite3.OperationalError:
            pass
        try:
            self._copy = TemporaryDirectory(prefix="pauca-read-")
            for path in (self.path, self.path.with_name(f"{self.path.name}-wal")):
                if path.exists():
                    shutil.copyfile(path, Path(self._copy.name) / path.name)
            place = Path(self._copy.name) / self.path.name
            return connect(place, readonly=True, timeout=timeout, form=PROJECT, threads=True)
        except (OSError, sqlite3.Error):
            if self._copy is not None:
                self._copy.cleanup()
            raise barred from None

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            if self._open is not None:
                self._open.close()
                self._open = None
            if self._copy is not None:
                self._copy.cleanup()

    def copy_to(self, path: Path) -> None:
        """Write the database as it is at one moment into a new file; others may write meanwhile.

        Raises:
            StoreError: it cannot be read, or the copy not be written.
        """
        with self._lock, told(path, _ADVICE):
            if self._open is None:
                raise StoreError("the project was closed", where=self.path, todo="open it again")
            copy = sqlite3.connect(path)
            try:
                self._open.backup(copy)
            finally:
                copy.close()

    def own(self, name: str) -> str:
        """A random text that is this project's alone; made when it is first asked for, and kept.

        Raises:
            StoreError: there is none, and none can be kept.
        """
        with self._read() as db:
            known = db.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone()
            if known and (row := _own(db, name)):
                return row
        with self._write() as db:
            db.execute(META)
            made = (name, secrets.token_hex(16))
            db.execute("INSERT OR IGNORE INTO meta (key, value) VALUES (?, ?)", made)
            return _own(db, name) or ""

    def answer(self, given: Sequence[Given], stands: Mapping[int, int] | None = None) -> Answer:
        """Keep one person's answers to one or more items as one act.

        The same token again is the answer that was kept before, whatever else is said.

        Args:
            given: The answers.
            stands: Place of the person's answer that stands for each item, as far as the person
                knows; items without one are not named. Unchecked if None.

        Raises:
            ChangedMeanwhile: another answer of the person's stands.
            InputError: there is no such class; the token is another person's.
        """
        with self._write() as db:
            before = answers.told_before(db, given[0].token, given[0].person)
            if before is not None:
                return before
            if stands is not None:
                answers.check_standing(db, given, stands)
            return answers.record(db, given, read_classes(db), self.clock(), self.overlap)

    def answer_all(
        self, given: Sequence[Given], new: Mapping[int, str] | None = None, person: str = "cli"
    ) -> int:
        """Keep many answers, each an act of its own, all or none; equal ones are passed over.

        Args:
            given: The answers.
            new: Names of classes that are added with them, by the number that stands for each in
                ``given``; those that are there by now are taken.
            person: Who adds these.

        Returns:
            How many were new: an answer equal to what stands from the same person is not.
        """
        with self._write() as db:
            known, places = _with_new(db, new or {}, person, self.clock())
            return _keep_all(db, _placed(given, places), known, self.clock(), self.overlap)

    def replay(
        self, account: Sequence[Event], new: Mapping[int, str] | None = None, person: str = "cli"
    ) -> tuple[int, list[tuple[Event, str]]]:
        """Keep the events of an account that was written elsewhere, all or none.

        Args:
            account: The events.
            new: As in ``answer_all``.
            person: As in ``answer_all``.

        Returns:
            How many were new, and those that do not fit; see ``answers.replay``. With any of them
            nothing is kept.
        """
        try:
            with self._write() as db:
                known, places = _with_new(db, new or {}, person, self.clock())
                account = _placed(account, places)
                kept, wrong = answers.replay(db, account, known, self.overlap)
                if wrong:
                    raise _Conflict(wrong)
                return kept, []
        except _Conflict as conflict:
            return 0, conflict.wrong

    def accept(
        self, person: str, named: Mapping[int, str]
    ) -> tuple[Answer, tuple[str, ...], frozenset[int]]:
        """Label items that are set aside, as one act; classes that are not there are added.

        Args:
            person: Who.
            named: Name of the class of each item, at least one.

        Returns:
            The answer, the names that were added, the items that others' flags still set aside.

        Raises:
            InputError: an item is not set aside, or a name is none; then nothing is kept.
        """
        with self._write() as db:
            answers.check_flagged(db, named)
            known, at = read_classes(db), self.clock()
            new = tuple(name for name in dict.fromkeys(named.values()) if name not in known.names)
            add_class(db, new, person, at)
            known = read_classes(db)
            given = [Given(person, item, "label", known.find(name)) for item, name in named.items()]
            found = answers.record(db, given, known, at, self.overlap)
            return found, new, frozenset(answers.flagged(db).intersection(named))

    def undo(
        self, person: str, *, seconds: float, token: str | None = None, last: int | None = None
    ) -> Answer:
        """Take back the person's last answer; the items are leased to him, if nobody else has them.

        Raises:
            ChangedMeanwhile: it is not the one named by ``last``.
            InputError: there is none; the token is another person's.
        """
        with self._write() as db:
            before = answers.told_before(db, token, person)
            if before is not None:
                return before
            now = self.clock()
            found = answers.take_back(db, person, now, self.overlap, token, last)
            leases.hold(db, person, found.items, now, now + seconds, self.overlap)
            return found

    def history(
        self, person: str | None, most: int, before: int | None = None
    ) -> list[tuple[Event, bool]]:
        """Events, newest first, each with whether it stands."""
        with self._read() as db:
            return answers.history(db, person, most, before)

    def standing_of(self, person: str, items: Sequence[int]) -> dict[int, Event]:
        """The person's answers to these items that stand."""
        with self._read() as db:
            return answers.standing_of(db, person, items)

    def lease(self, person: str, k: int, seconds: float) -> list[leases.Held]:
        """Up to k items for this person, held for so many seconds."""
        with self._write() as db:
            now = self.clock()
            return leases.lease(db, person, k, now, now + seconds, self.overlap)

    def release(self, person: str) -> int:
        """Take back what the person holds; how many items."""
        with self._write() as db:
            return leases.let_go(db, person)

    def waiting(self, person: str | None = None) -> int:
        """Items of the queue that the person could be given; all that wait if None."""
        with self._read() as db:
            return leases.waiting(db, person, self.clock(), self.overlap)

    def queued(self, most: int) -> list[Pick]:
        """The next items of the queue, whoever holds them, in order."""
        with self._read() as db:
            rows = db.execute(
                "SELECT q.item, a.strategy, a.random FROM queue q JOIN asked a ON a.item = q.item "
                "ORDER BY q.place LIMIT ?",
                (most,),
            ).fetchall()
        return [Pick(item, strategy, bool(random)) for item, strategy, random in rows]

    def ask(self, picks: Sequence[Pick], round_: int) -> int:
        """Put items into the queue; how many were new."""
        with self._write() as db:
            return leases.ask(db, picks, round_, self.clock(), self.overlap)

    def asked(self) -> tuple[int, int]:
        """How many items were asked for, and the number of the next round."""
        with self._read() as db:
            n, last = db.execute("SELECT count(*), max(round) FROM asked").fetchone()
        return int(n), 0 if last is None else int(last) + 1

    def closed(self) -> NDArray[np.int64]:
        """Items that were asked for, have an answer that counts, or are gone; int64, increasing."""
        with self._read() as db:
            rows = db.execute(
                "SELECT item FROM asked UNION SELECT item FROM removals "
                f"UNION SELECT s.item FROM standing s WHERE {answers.VALID}"
            ).fetchall()
        return np.sort(np.array([item for (item,) in rows], dtype=np.int64))

    def closed_among(self, items: Sequence[int]) -> set[int]:
        """Those of these items that are closed."""
        with self._read() as db:
            return {
                item
                for item in items
                if db.execute(
                    "SELECT EXISTS (SELECT 1 FROM asked WHERE item = :i) "
                    "OR EXISTS (SELECT 1 FROM removals WHERE item = :i) "
                    f"OR EXISTS (SELECT 1 FROM standing s WHERE s.item = :i AND {answers.VALID})",
                    {"i": int(item)},
                ).fetchone()[0]
            }

    def unheard(self, first: int) -> NDArray[np.int64]:
        """Items whose label is missing for a reason that has to do with what they are.

        They wait, and either came with an addition and nobody has looked at them yet, or had the
        label of a class that was deleted.

        Args:
            first: Number of the first item that was added.
        """
        with self._read() as db:
            rows = db.execute(
                "SELECT q.item FROM queue q WHERE q.item >= ? AND NOT EXISTS "
                "(SELECT 1 FROM standing s WHERE s.item = q.item) OR EXISTS "
                f"(SELECT 1 FROM standing s WHERE s.item = q.item AND NOT {answers.VALID})",
                (first,),
            ).fetchall()
        return np.sort(np.array([item for (item,) in rows], dtype=np.int64))

    def last(self) -> int:
        """Place of the last event, 0 without one."""
        with self._read() as db:
            return int(db.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()[0])

    def standing(self) -> Standing:
        """Every answer that stands."""
        return self.moment()[0]

    def moment(self) -> tuple[Standing, Classes]:
        """Every answer that stands, and the classes then: those of the answers are active."""
        with self._read() as db:
            known = read_classes(db)
            rows = db.execute(
                "SELECT item, person, action, class, coalesce(CASE action WHEN 'relabel' THEN "
                "(SELECT min(e.seq) FROM events e WHERE e.item = s.item AND e.person = s.person "
                "AND e.action = 'label' AND e.seq NOT IN (SELECT undoes FROM events u WHERE "
                "u.item = s.item AND undoes IS NOT NULL)) END, seq) FROM standing s WHERE "
                f"item NOT IN (SELECT item FROM removals) AND {answers.VALID} ORDER BY seq"
            ).fetchall()
            last = db.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()[0]
        item, person, action, cls, first = zip(*rows, strict=True) if rows else ((),) * 5
        roots = [-1 if one is None else known.root(one) for one in cls]
        items, ids, begun = (np.array(each, dtype=np.int64) for each in (item, roots, first))
        return Standing(items, person, action, ids, last, begun), known

    def where_asked(self, items: Sequence[int]) -> dict[int, tuple[int, str, bool]]:
        """Round, strategy and whether at random, of those of these items that were asked for."""
        with self._read() as db:
            rows = db.execute("SELECT item, round, strategy, random FROM asked").fetchall()
        wanted = set(items)
        return {i: (round_, name, bool(r)) for i, round_, name, r in rows if i in wanted}

    def counts(self) -> dict[str, int]:
        """How many answers of each kind stand, and how many items wait (``pending``)."""
        with self._read() as db:
            rows = db.execute(
                "SELECT action, count(*) FROM standing s WHERE item NOT IN "
                f"(SELECT item FROM removals) AND {answers.VALID} GROUP BY action"
            ).fetchall()
            pending = db.execute("SELECT count(*) FROM queue").fetchone()[0]
        return {**dict(rows), "pending": pending}

    def classes(self) -> Classes:
        """The classes as they stand."""
        with self._read() as db:
            return read_classes(db)

    def add_classes(self, names: Sequence[str], person: str) -> None:
        """Add classes, all or none."""
        with self._write() as db:
            add_class(db, names, person, self.clock())

    def rename_class(self, old: str, new: str, person: str) -> None:
        """Give a class another name."""
        with self._write() as db:
            rename_class(db, old, new, person, self.clock())

    def merge_class(self, name: str, into: str, person: str) -> None:
        """Let a class become part of another."""
        with self._write() as db:
            merge_class(db, name, into, person, self.clock())

    def delete_class(self, name: str, person: str) -> None:
        """Let a class end: what was answered so does not count, and its items are asked again."""
        self._end_class(name, person, restore=False)

    def restore_class(self, name: str, person: str) -> None:
        """Undo that a class was deleted: what was answered so counts again."""
        self._end_class(name, person, restore=True)

    def _end_class(self, name: str, person: str, *, restore: bool) -> None:
        with self._write() as db:
            ids = end_class(db, name, person, self.clock(), restore=restore)
            for cls in ids:
                rows = db.execute("SELECT item FROM standing WHERE class = ?", (cls,)).fetchall()
                for (item,) in rows:
                    answers.settle(db, item, self.overlap)

    def version(self) -> Version:
        """What the pool is: how many additions, removals and moves there were."""
        with self._read() as db:
            return _version(db)

    def pool(self) -> tuple[Version, list[Addition], list[Move], list[int]]:
        """What became of the pool: what was added, where it lies now, which items are gone."""
        with self._read() as db:
            added = db.execute("SELECT first, source, prefix FROM additions ORDER BY seq")
            moved = db.execute("SELECT part, was, path FROM moves ORDER BY seq")
            gone = db.execute("SELECT item FROM removals ORDER BY item")
            return (
                _version(db),
                [Addition(*row) for row in added],
                [Move(*row) for row in moved],
                [item for (item,) in gone],
            )

    def add_items(
        self,
        addition: Addition,
        before: int,
        given: Sequence[Given],
        new: Mapping[int, str],
        person: str,
    ) -> None:
        """Let items be part of the pool from now on, with the labels that they came with.

        Args:
            addition: What is added.
            before: How many additions there were when its files were written.
            given: Labels that came with the data.
            new: As in ``answer_all``.
            person: Who adds them.

        Raises:
            StoreError: something was added meanwhile.
        """
        with self._write() as db:
            if _version(db).additions != before:
                raise StoreError(
                    "items were added by another process meanwhile",
                    where=self.path.parent,
                    todo="add yours again",
                )
            at = self.clock()
            db.execute(
                "INSERT INTO additions (at, person, first, source, prefix) VALUES (?, ?, ?, ?, ?)",
                (at, person, addition.first, addition.source, addition.prefix),
            )
            known, places = _with_new(db, new, person, at)
            _keep_all(db, _placed(given, places), known, at, self.overlap)

    def remove_items(self, items: Sequence[int], person: str) -> None:
        """Take items out of the pool, all or none; what was answered stays in the account.

        Raises:
            InputError: one was removed before.
        """
        with self._write() as db:
            answers.check_present(db, items)
            at = self.clock()
            for item in items:
                db.execute(
                    "INSERT INTO removals (at, person, item) VALUES (?, ?, ?)", (at, person, item)
                )
                db.execute("DELETE FROM queue WHERE item = ?", (item,))
                db.execute("DELETE FROM leases WHERE item = ?", (item,))

    def move(self, moves: Sequence[Move], person: str) -> None:
        """Keep where data lie now, all or none."""
        with self._write() as db:
            db.executemany(
                "INSERT INTO moves (at, person, part, was, path) VALUES (?, ?, ?, ?, ?)",
                [(self.clock(), person, each.part, each.was, each.path) for each in moves],
            )

    def changed(self) -> float:
        """When labels last came or went otherwise than by answers, in seconds since 1970."""
        with self._read() as db:
            found = [one(db, f"SELECT max(at) FROM {name}") for name in ("removals", "class_ends")]
        return max(at or 0.0 for at in found)

    def note(self, person: str, item: int, text: str) -> None:
        """Keep a person's note on an item, in place of an earlier one; an empty one takes it back.

        Raises:
            InputError: the item was removed.
        """
        with self._write() as db:
            answers.check_present(db, [item])
            if _notes(db).get(item, {}).get(person, "") != text:
                db.execute(
                    "INSERT INTO notes (at, person, item, note) VALUES (?, ?, ?, ?)",
                    (self.clock(), person, item, text),
                )

    def notes(self) -> dict[int, dict[str, str]]:
        """The notes that stand, by item and person, in order."""
        with self._read() as db:
            return _notes(db)

    def keep_training(self, last: int, labels: int, record: Mapping[str, Any]) -> int:
        """Keep what a training found out; its number."""
        with self._write() as db:
            done = db.execute(
                "INSERT INTO trainings (at, last, labels, record) VALUES (?, ?, ?, ?)",
                (self.clock(), last, labels, json.dumps(record, allow_nan=False)),
            )
            return int(done.lastrowid or 0)

    def trainings(self) -> list[Training]:
        """Every training, in order."""
        with self._read() as db:
            rows = db.execute(
                "SELECT seq, at, last, labels, record FROM trainings ORDER BY seq"
            ).fetchall()
        return [
            Training(seq, at, last, labels, _plain(record, seq, self.path))
            for seq, at, last, labels, record in rows
        ]

    @contextmanager
    def _read(self) -> Iterator[sqlite3.Connection]:
        """One moment of the file."""
        with self._transaction("BEGIN") as db:
            yield db

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        """All or nothing; the lock is taken first, so nothing read here can be overtaken."""
        if self._barred is not None:
            with told(self.path, _ADVICE):
                raise self._barred
        with self._transaction("BEGIN IMMEDIATE") as db:
            yield db
            _seal(db)

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        with self._lock:
            db = self._open
            if db is None:
                raise StoreError("the project was closed", where=self.path, todo="open it again")
            with told(self.path, _ADVICE):
                db.execute(begin)
                try:
                    yield db
                    db.execute("COMMIT")
                except BaseException:
                    roll_back(db)
                    raise


class _Conflict(Exception):
    """Ends a transaction whose events do not fit."""

    def __init__(self, wrong: list[tuple[Event, str]]) -> None:
        super().__init__()
        self.wrong = wrong


def _seal(db: sqlite3.Connection) -> None:
    """Keep the digest of what was added to the account since the last one."""
    for table in ACCOUNT:
        since = one(db, "SELECT max(last) FROM digests WHERE account = ?", table) or 0
        found, last = hashlib.sha256(), since
        for row in db.execute(f"SELECT * FROM {table} WHERE seq > ? ORDER BY seq", (since,)):
            found.update(ascii(row).encode())  # the same in every version of Python
            last = row[0]
        if last > since:
            values = (table, last, found.hexdigest()[:_SHOWN])
            db.execute("INSERT INTO digests VALUES (?, ?, ?)", values)


def _check_account(db: sqlite3.Connection, path: Path) -> None:
    """Compare what happened with its digests, and what stands with what happened.

    Raises:
        StoreError: a row is not as it was written, or gone.
    """
    for table in ACCOUNT:
        ends = db.execute(
            "SELECT CAST(last AS INTEGER), digest FROM digests WHERE account = ? ORDER BY last",
            (table,),
        )
        rows = db.execute(f"SELECT * FROM {table} ORDER BY seq")
        low, row = 0, rows.fetchone()
        for end, kept in ends.fetchall():
            found = hashlib.sha256()
            while row is not None and (not isinstance(row[0], int) or row[0] <= end):
                found.update(ascii(row).encode())
                row = rows.fetchone()
            if found.hexdigest()[:_SHOWN] != kept:
                raise _damaged(path, f"another digest of {table} {low + 1} to {end}")
            low = end
    known = read_classes(db)
    dead = {cls for cls in known.roots if not known.is_active(cls)}
    if dead != {cls for (cls,) in db.execute("SELECT class FROM deleted_classes")}:
        raise _damaged(path, "another list of deleted classes")
    follows = (
        "SELECT item, person, max(seq), action, class FROM events WHERE action <> 'undo' AND seq "
        "NOT IN (SELECT undoes FROM events WHERE undoes IS NOT NULL) GROUP BY item, person"
    )
    stands = "SELECT item, person, seq, action, class FROM standing"
    for a, b in ((follows, stands), (stands, follows)):
        odd = db.execute(f"{a} EXCEPT {b} LIMIT 1").fetchone()
        if odd is not None:
            raise _damaged(path, f"another answer of {odd[1]!r:.100} to item {odd[0]}")


def _damaged(path: Path, got: str) -> StoreError:
    return StoreError(
        "the project's database is damaged",
        expected="what happened, as it was written",
        got=got,
        where=path,
        todo="put back a copy of the file: every answer in it is kept",
    )


def _plain(record: str, seq: int, path: Path) -> Mapping[str, Any]:
    """What a training found out.

    Raises:
        StoreError: it cannot be read.
    """
    try:
        found = json.loads(record)
        if isinstance(found, dict):
            return found
    except (TypeError, ValueError, RecursionError):
        pass
    raise _damaged(path, f"another record of training {seq}")


def _version(db: sqlite3.Connection) -> Version:
    names = ("additions", "removals", "moves")
    return Version(*(one(db, f"SELECT coalesce(max(seq), 0) FROM {name}") for name in names))


def _with_new(
    db: sqlite3.Connection, new: Mapping[int, str], person: str, at: float
) -> tuple[Classes, dict[int, int]]:
    """The classes with these added, and the id of each by the number that stood for it."""
    names = read_classes(db).names
    add_class(db, [name for name in new.values() if name not in names], person, at)
    known = read_classes(db)
    return known, {number: known.find(name) for number, name in new.items()}


def _placed(given: Sequence[_Told], places: Mapping[int, int]) -> list[_Told]:
    """The same with the ids that classes have."""
    if not places:
        return list(given)
    return [
        each if each.cls is None else replace(each, cls=places.get(each.cls, each.cls))
        for each in given
    ]


def _keep_all(
    db: sqlite3.Connection, given: Sequence[Given], known: Classes, at: float, overlap: int
) -> int:
    """Keep answers, each an act of its own; how many were new."""
    new = 0
    for each in given:
        if not _stands(db, each, known):
            answers.record(db, [each], known, at, overlap)
            new += 1
    return new


def _lend_tables(db: sqlite3.Connection) -> None:
    """Let tables that an older database lacks be there, empty, for this connection alone."""
    there = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
    db.execute("PRAGMA query_only = OFF")
    db.execute("PRAGMA temp_store = MEMORY")
    for statement in LATER.split(";"):
        name = statement.strip().removeprefix("CREATE TABLE ").partition(" ")[0]
        if name and name not in there:
            db.execute(statement.replace("CREATE TABLE", "CREATE TEMP TABLE"))
    db.execute("PRAGMA query_only = ON")


def _notes(db: sqlite3.Connection) -> dict[int, dict[str, str]]:
    found: dict[int, dict[str, str]] = {}
    for item, person, note in db.execute(
        "SELECT item, person, note FROM notes WHERE seq IN "
        "(SELECT max(seq) FROM notes GROUP BY item, person) AND note <> '' ORDER BY item, seq"
    ):
        found.setdefault(item, {})[person] = note
    return found


def _own(db: sqlite3.Connection, name: str) -> str | None:
    row = db.execute("SELECT value FROM meta WHERE key = ?", (name,)).fetchone()
    return None if row is None else str(row[0])


def _stands(db: sqlite3.Connection, given: Given, known: Classes) -> bool:
    """Whether this person's answer to the item is the same already."""
    row = db.execute(
        "SELECT action, class FROM standing WHERE item = ? AND person = ?",
        (given.item, given.person),
    ).fetchone()
    if row is None:
        return False
    action = "label" if row[0] == "relabel" else row[0]
    before = None if row[1] is None else known.root(row[1])
    wanted = None if given.cls is None else known.root(given.cls)
    return bool((action, before) == (given.action, wanted))
