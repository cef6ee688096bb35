"""Answers in the database: recorded once, taken back, looked up; within a transaction of another's.

An item's state follows from its events: the last one of each person that was not taken back stands.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from pauca.errors import InputError
from pauca.label.classes import Classes
from pauca.label.records import Action, Answer, Event, Given
from pauca.label.schema import ANSWERS

__all__ = [
    "COUNTED",
    "VALID",
    "ChangedMeanwhile",
    "check_flagged",
    "check_present",
    "check_standing",
    "counted",
    "flagged",
    "history",
    "record",
    "replay",
    "settle",
    "standing_of",
    "take_back",
    "told_before",
]

COLUMNS = (
    "seq, act, at, person, item, action, class, suggested, confidence, shown, ms, round, strategy, "
    "token, undoes"
)
_MOMENT = 1e-3  # seconds by which one event may differ after a way through text
VALID = "(s.class IS NULL OR s.class NOT IN (SELECT class FROM deleted_classes))"
"""Of a row ``s`` of standing: whether it counts; an answer of a deleted class does not."""

COUNTED = "s.action IN ({}) AND {}".format(", ".join(f"'{each}'" for each in ANSWERS), VALID)
"""Of a row ``s`` of standing: whether it is an answer to its item."""


class ChangedMeanwhile(InputError):
    """The person has answered otherwise meanwhile, for example in another tab.

    Args:
        standing: The answer that stands for each of the items in question, or None.
    """

    standing: Mapping[int, Event | None] = MappingProxyType({})


def told_before(db: sqlite3.Connection, token: str | None, person: str) -> Answer | None:
    """What was kept under this token, or None.

    Raises:
        InputError: it was another person's.
    """
    if token is None:
        return None
    rows = db.execute(
        f"SELECT {COLUMNS} FROM events WHERE token = ? ORDER BY seq", (token,)
    ).fetchall()
    if not rows:
        return None
    found = Answer(tuple(map(event, rows)), again=True)
    if found.events[0].person != person:
        raise InputError(
            "this token belongs to another person's answer",
            got=repr(token),
            todo="give every answer a token of its own",
        )
    return found


def record(
    db: sqlite3.Connection, given: Sequence[Given], known: Classes, at: float, overlap: int
) -> Answer:
    """Keep these answers as one act.

    Args:
        db: In a transaction.
        given: At least one; all by one person with one token.
        known: The classes.
        at: Now.
        overlap: Answers an item.

    Raises:
        InputError: there is no such class, or an item was removed.
    """
    check_present(db, [each.item for each in given])
    act = 1 + _one(db, "SELECT coalesce(max(seq), 0) FROM events")
    found = []
    for number, each in enumerate(given):
        found.append(_kept(db, each, known, at, act, act + number))
        db.execute("DELETE FROM leases WHERE item = ? AND person = ?", (each.item, each.person))
        settle(db, each.item, overlap)
    return Answer(tuple(found))


def standing_of(db: sqlite3.Connection, person: str, items: Iterable[int]) -> dict[int, Event]:
    """The person's answers to these items that stand."""
    found = {}
    for item in items:
        row = db.execute(
            f"SELECT {COLUMNS} FROM events WHERE seq = "
            "(SELECT seq FROM standing WHERE item = ? AND person = ?)",
            (item, person),
        ).fetchone()
        if row is not None:
            found[item] = event(row)
    return found


def check_standing(
    db: sqlite3.Connection, given: Sequence[Given], stands: Mapping[int, int]
) -> None:
    """Refuse answers whose person does not know what stands.

    Args:
        db: In a transaction.
        given: All by one person.
        stands: Place of the answer that stands for each item, as far as the person knows.

    Raises:
        ChangedMeanwhile: another one stands, or none.
    """
    now = standing_of(db, given[0].person, [each.item for each in given])
    other = [
        each.item
        for each in given
        if stands.get(each.item) != (now[each.item].seq if each.item in now else None)
    ]
    if other:
        raise _changed(
            "answered meanwhile, in another tab or window",
            {item: now.get(item) for item in other},
        )


def _changed(what: str, standing: Mapping[int, Event | None]) -> ChangedMeanwhile:
    error = ChangedMeanwhile(
        what,
        got=f"number {next(iter(standing))}, {len(standing)} in all",
        todo="look at what stands now, then answer again",
    )
    error.standing = standing
    return error


def take_back(
    db: sqlite3.Connection,
    person: str,
    at: float,
    overlap: int,
    token: str | None,
    last: int | None = None,
) -> Answer:
    """Take back the person's last answer that stands, and what stood before stands again.

    Args:
        db: In a transaction.
        person: Whose.
        at: Now.
        overlap: Answers an item.
        token: The client's.
        last: The act that the person believes to be the last; unchecked if None.

    Raises:
        ChangedMeanwhile: another act is the last.
        InputError: there is none.
    """
    row = db.execute(
        "SELECT e.act FROM standing s JOIN events e ON e.seq = s.seq "
        "WHERE s.person = ? ORDER BY s.seq DESC LIMIT 1",
        (person,),
    ).fetchone()
    if row is None:
        raise InputError(
            "there is nothing to undo",
            expected="an answer by this person before",
            got="none",
            where=f"person {person!r}",
            todo="nothing: no answer of theirs stands",
        )
    rows = db.execute(
        f"SELECT {COLUMNS} FROM events WHERE act = ? AND seq IN (SELECT seq FROM standing) "
        "ORDER BY seq",
        row,
    ).fetchall()
    undone = list(map(event, rows))
    if last is not None and last != undone[0].act:
        raise _changed("your last answer is another one", {each.item: each for each in undone})
    act = 1 + _one(db, "SELECT max(seq) FROM events")
    found = []
    for number, old in enumerate(undone):
        new = Event(
            seq=act + number,
            act=act,
            at=at,
            person=person,
            item=old.item,
            action="undo",
            round=old.round,
            strategy=old.strategy,
            token=token,
            undoes=old.seq,
        )
        _write(db, new)
        _stand_again(db, old)
        settle(db, old.item, overlap)
        found.append(new)
    return Answer(tuple(found))


def replay(
    db: sqlite3.Connection, account: Sequence[Event], known: Classes, overlap: int
) -> tuple[int, list[tuple[Event, str]]]:
    """Keep the events of an account that was written elsewhere, each with its time.

    What one person did with one item is a line of events. The line of the account must go on where
    the line that is kept ends, or be its beginning: then the rest of it is kept. Otherwise nothing
    of it is.

    Args:
        db: In a transaction.
        account: Events in order; places (``seq``, ``act``, ``undoes``) are those of the account.
        known: The classes.
        overlap: Answers an item.

    Returns:
        How many events were new, and those that do not fit with what is wrong about them; the
        caller takes everything back if there are any.
    """
    lines: dict[tuple[int, str], list[Event]] = {}
    for each in account:
        lines.setdefault((each.item, each.person), []).append(each)
    places: dict[int, int] = {}  # of the account's events in ours
    wrong, new = list[tuple[Event, str]](), list[Event]()
    for (item, person), line in lines.items():
        kept = _line(db, item, person)
        for ours, theirs in zip(kept, line, strict=False):
            if not _is_same(ours, theirs, known, places):
                wrong.append((theirs, _differs(ours)))
                break
            places[theirs.seq] = ours.seq
        new += line[len(kept) :]
    acts: dict[int, int] = {}
    for each in sorted(new, key=lambda event: event.seq):
        if wrong:
            break
        problem = _replayed(db, each, places, acts)
        if problem is not None:
            wrong.append((each, problem))
    for item in sorted({each.item for each in new}):
        settle(db, item, overlap)
    return len(new), wrong


def _line(db: sqlite3.Connection, item: int, person: str) -> list[Event]:
    rows = db.execute(
        f"SELECT {COLUMNS} FROM events WHERE item = ? AND person = ? ORDER BY seq", (item, person)
    )
    return [event(row) for row in rows]


def _is_same(ours: Event, theirs: Event, known: Classes, places: Mapping[int, int]) -> bool:
    """Whether both are one event; labels that came with the data have the time of ``init``."""
    plain = {"relabel": "label"}
    if plain.get(ours.action, ours.action) != plain.get(theirs.action, theirs.action):
        return False
    if (ours.cls is None) != (theirs.cls is None):
        return False
    both = ours.cls is not None and theirs.cls is not None
    if both and known.root(ours.cls or 0) != known.root(theirs.cls or 0):
        return False
    if ours.undoes is not None and places.get(theirs.undoes or 0) != ours.undoes:
        return False
    return ours.strategy == theirs.strategy == "given" or abs(ours.at - theirs.at) < _MOMENT


def _differs(ours: Event) -> str:
    at = datetime.fromtimestamp(ours.at, UTC).isoformat(" ", "seconds")
    return f"here {ours.person!r} did otherwise: {ours.action} at {at}"


def _replayed(
    db: sqlite3.Connection, each: Event, places: dict[int, int], acts: dict[int, int]
) -> str | None:
    """Keep an event at the end of the account; what is wrong with it, or None."""
    seq = 1 + _one(db, "SELECT coalesce(max(seq), 0) FROM events")
    act = acts.setdefault(each.act, seq)
    undone = None
    if each.action == "undo":
        place = places.get(each.undoes or 0)
        undone = None if place is None else _undone(db, place, each)
        if undone is None:
            return "takes back what the file does not hold"
    new = replace(each, seq=seq, act=act, action=_action(db, each), token=None,
                  undoes=None if undone is None else undone.seq)  # fmt: skip
    _write(db, new)
    places[each.seq] = seq
    if undone is None:
        _stand(db, new)
    else:
        _stand_again(db, undone)
    return None


def _undone(db: sqlite3.Connection, place: int, by: Event) -> Event | None:
    """The event at this place, if this person may take it back: his own, and not yet taken back."""
    row = db.execute(
        f"SELECT {COLUMNS} FROM events WHERE seq = ? AND item = ? AND person = ? "
        "AND action <> 'undo' AND seq NOT IN (SELECT undoes FROM events WHERE undoes IS NOT NULL)",
        (place, by.item, by.person),
    ).fetchone()
    return None if row is None else event(row)


def history(
    db: sqlite3.Connection, person: str | None, most: int, before: int | None
) -> list[tuple[Event, bool]]:
    """Events, newest first, each with whether it stands."""
    rows = db.execute(
        f"SELECT {COLUMNS}, seq IN (SELECT seq FROM standing) FROM events "
        "WHERE (:person IS NULL OR person = :person) AND (:before IS NULL OR seq < :before) "
        "ORDER BY seq DESC LIMIT :most",
        {"person": person, "before": before, "most": most},
    )
    return [(event(row[:-1]), bool(row[-1])) for row in rows]


def settle(db: sqlite3.Connection, item: int, overlap: int) -> None:
    """Let the item be in the queue while it was asked for and lacks answers, and not otherwise."""
    out = _one(
        db,
        "SELECT (SELECT count(*) FROM standing WHERE item = :item AND action = 'flag') "
        "+ (SELECT count(*) FROM removals WHERE item = :item)",
        {"item": item},
    )
    if out or counted(db, item) >= overlap:
        db.execute("DELETE FROM queue WHERE item = ?", (item,))
        return
    db.execute(
        "INSERT OR IGNORE INTO queue (item, place) SELECT item, seq FROM asked WHERE item = ?",
        (item,),
    )


def counted(db: sqlite3.Connection, item: int) -> int:
    """Answers that the item has."""
    return _one(db, f"SELECT count(*) FROM standing s WHERE s.item = ? AND {COUNTED}", item)


def check_present(db: sqlite3.Connection, items: Iterable[int]) -> None:
    """Refuse items that were removed.

    Raises:
        InputError: there are such.
    """
    for item in items:
        if _one(db, "SELECT count(*) FROM removals WHERE item = ?", item):
            raise InputError(
                "this item was removed from the pool",
                got=f"number {item}",
                todo="go on with the next item",
            )


def flagged(db: sqlite3.Connection) -> set[int]:
    """Items that somebody's standing answer sets aside."""
    rows = db.execute(
        "SELECT item FROM standing WHERE action = 'flag' AND item NOT IN "
        "(SELECT item FROM removals)"
    )
    return {item for (item,) in rows}


def check_flagged(db: sqlite3.Connection, items: Iterable[int]) -> None:
    """Refuse items that nobody sets aside.

    Raises:
        InputError: there are such.
    """
    other = sorted(set(items) - flagged(db))
    if other:
        raise InputError(
            "items were answered otherwise meanwhile, so nothing was kept",
            expected="items that are set aside as unfit",
            got=f"{len(other)} that are not, such as number {other[0]}",
            todo="look at the proposals again: `pauca label discover PROJECT`",
        )


def event(row: Sequence[object]) -> Event:
    """The event of a row with ``COLUMNS``."""
    values = list(row)
    values[9] = bool(values[9])
    return Event(*values)  # type: ignore[arg-type]  # the table's own checks hold the types


def _kept(
    db: sqlite3.Connection, given: Given, known: Classes, at: float, act: int, seq: int
) -> Event:
    asked = db.execute("SELECT round, strategy FROM asked WHERE item = ?", (given.item,)).fetchone()
    round_, strategy = asked if asked is not None else (None, given.strategy)
    cls = None if given.cls is None else known.active_root(given.cls)
    suggested = None if given.suggested is None else known.root(given.suggested)
    new = Event(
        seq=seq,
        act=act,
        at=at if given.at is None else given.at,
        person=given.person,
        item=given.item,
        action=_action(db, given),
        cls=cls,
        suggested=suggested,
        confidence=given.confidence,
        shown=given.shown,
        ms=given.ms,
        round=round_,
        strategy=strategy,
        token=given.token,
    )
    _write(db, new)
    _stand(db, new)
    return new


def _stand(db: sqlite3.Connection, new: Event) -> None:
    db.execute(
        "INSERT INTO standing (item, person, seq, action, class) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (item, person) DO UPDATE SET seq = excluded.seq, action = excluded.action, "
        "class = excluded.class",
        (new.item, new.person, new.seq, new.action, new.cls),
    )


def _action(db: sqlite3.Connection, given: Given | Event) -> Action:
    if given.action not in ("label", "relabel"):
        return given.action
    row = db.execute(
        "SELECT action FROM standing WHERE item = ? AND person = ?", (given.item, given.person)
    ).fetchone()
    return "relabel" if row is not None and row[0] in ("label", "relabel") else "label"


def _stand_again(db: sqlite3.Connection, undone: Event) -> None:
    """Put back what stood before, or nothing."""
    db.execute("DELETE FROM standing WHERE item = ? AND person = ?", (undone.item, undone.person))
    db.execute(
        "INSERT INTO standing (item, person, seq, action, class) "
        "SELECT item, person, seq, action, class FROM events WHERE item = :item "
        "AND person = :person AND action <> 'undo' "
        "AND seq NOT IN (SELECT undoes FROM events WHERE item = :item AND undoes IS NOT NULL) "
        "ORDER BY seq DESC LIMIT 1",
        {"item": undone.item, "person": undone.person},
    )


def _write(db: sqlite3.Connection, new: Event) -> None:
    db.execute(
        f"INSERT INTO events ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        tuple(vars(new).values()),
    )


def _one(db: sqlite3.Connection, query: str, *values: Any) -> int:
    named = values[0] if len(values) == 1 and isinstance(values[0], dict) else values
    return int(db.execute(query, named).fetchone()[0])
