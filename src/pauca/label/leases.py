"""Which items wait for an answer, and who holds them; within a transaction of another's."""

import sqlite3
from collections.abc import Sequence

from pauca.label.answers import COUNTED, VALID, settle
from pauca.label.records import Pick

__all__ = ["Held", "ask", "lease", "let_go", "waiting"]

Held = tuple[int, float, int, str, int | None]
"""Item, when its lease runs out, round, strategy, place of the person's answer that stands."""

_FREE = f"""
SELECT q.item FROM queue q
WHERE NOT EXISTS (
  SELECT 1 FROM standing s WHERE s.item = q.item AND s.person = :person AND {VALID})
AND NOT EXISTS (SELECT 1 FROM leases l WHERE l.item = q.item AND l.person = :person)
AND (SELECT count(*) FROM standing s WHERE s.item = q.item AND {COUNTED})
  + (SELECT count(*) FROM leases l WHERE l.item = q.item AND l.until > :now) < :overlap
ORDER BY q.place LIMIT :most
"""


def ask(db: sqlite3.Connection, picks: Sequence[Pick], round_: int, at: float, overlap: int) -> int:
    """Put items into the queue, at its end; those that were asked for before are passed over.

    Returns:
        How many were new.
    """
    new = 0
    for pick in picks:
        known = db.execute("SELECT 1 FROM asked WHERE item = ?", (pick.item,)).fetchone()
        if known is None:
            db.execute(
                "INSERT INTO asked (item, round, strategy, random, at) VALUES (?, ?, ?, ?, ?)",
                (pick.item, round_, pick.strategy, int(pick.random), at),
            )
            settle(db, pick.item, overlap)
            new += 1
    return new


def lease(
    db: sqlite3.Connection, person: str, k: int, now: float, until: float, overlap: int
) -> list[Held]:
    """Give the person up to k items: those held already first, then the next of the queue.

    No item has more answers and leases together than ``overlap``, and nobody is given an item that
    he has answered, skipped or flagged.
    """
    db.execute("DELETE FROM leases WHERE until <= ?", (now,))
    held = db.execute(
        "SELECT l.item FROM leases l JOIN queue q ON q.item = l.item WHERE l.person = ? "
        "ORDER BY q.place LIMIT ?",
        (person, k),
    ).fetchall()
    values = {"person": person, "now": now, "overlap": overlap, "most": k - len(held)}
    items = [item for (item,) in (*held, *db.execute(_FREE, values).fetchall())]
    db.executemany(
        "INSERT INTO leases (item, person, until) VALUES (?, ?, ?) "
        "ON CONFLICT (item, person) DO UPDATE SET until = excluded.until",
        [(item, person, until) for item in items],
    )
    found = []
    for item in items:
        row = db.execute(
            "SELECT round, strategy, (SELECT seq FROM standing WHERE item = :item "
            "AND person = :person) FROM asked WHERE item = :item",
            {"item": item, "person": person},
        ).fetchone()
        found.append((item, until, *row))
    return found


def hold(
    db: sqlite3.Connection,
    person: str,
    items: Sequence[int],
    now: float,
    until: float,
    overlap: int,
) -> None:
    """Give these items to the person, if they wait for an answer and others do not hold them."""
    db.executemany(
        "INSERT INTO leases (item, person, until) SELECT q.item, :person, :until FROM queue q "
        "WHERE q.item = :item AND (SELECT count(*) FROM standing s WHERE s.item = q.item "
        f"AND {COUNTED}) + (SELECT count(*) FROM leases l WHERE l.item = q.item "
        "AND l.person <> :person AND l.until > :now) < :overlap "
        "ON CONFLICT (item, person) DO UPDATE SET until = excluded.until",
        [
            {"person": person, "until": until, "item": item, "now": now, "overlap": overlap}
            for item in items
        ],
    )


def let_go(db: sqlite3.Connection, person: str) -> int:
    """Take back what the person holds; how many items."""
    return db.execute("DELETE FROM leases WHERE person = ?", (person,)).rowcount


def waiting(db: sqlite3.Connection, person: str | None, now: float, overlap: int) -> int:
    """Items of the queue that the person could be given, held ones included; all if None."""
    if person is None:
        return int(db.execute("SELECT count(*) FROM queue").fetchone()[0])
    values = {"person": person, "now": now, "overlap": overlap, "most": -1}
    free = db.execute(f"SELECT count(*) FROM ({_FREE})", values).fetchone()[0]
    held = db.execute(
        "SELECT count(*) FROM leases l JOIN queue q ON q.item = l.item "
        "WHERE l.person = ? AND l.until > ?",
        (person, now),
    ).fetchone()[0]
    return int(free) + int(held)
