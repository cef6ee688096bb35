"""The tables of a study's database, and the triggers by which what is finished never changes."""

__all__ = ["APPLICATION", "SCHEMA", "VERSION"]

APPLICATION = 0x70617563
"""Marks a file as a pauca study in its header (PRAGMA application_id)."""

VERSION = 1
"""Of the tables below (PRAGMA user_version)."""

_TABLES = """
CREATE TABLE meta (
    key TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
);
CREATE TABLE runs (
    seq INTEGER PRIMARY KEY,
    id TEXT UNIQUE NOT NULL,
    kind TEXT NOT NULL,
    settings TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('pending', 'running', 'done', 'failed')),
    error TEXT,
    owner TEXT,
    started REAL,
    ended REAL,
    CHECK ((owner IS NOT NULL) = (status = 'running'))
);
CREATE INDEX runs_by_status ON runs (status, seq);
CREATE TABLE rounds (
    run TEXT NOT NULL REFERENCES runs (id),
    number INTEGER NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (run, number)
);
CREATE TABLE blobs (
    run TEXT NOT NULL REFERENCES runs (id),
    name TEXT NOT NULL,
    round INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (run, name),
    FOREIGN KEY (run, round) REFERENCES rounds (run, number)
);
CREATE TABLE digests (
    run TEXT NOT NULL,
    name TEXT NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (run, name)
) WITHOUT ROWID;
"""


def _trigger(name: str, event: str, when: str, message: str) -> str:
    return (
        f"CREATE TRIGGER {name} BEFORE {event} WHEN {when} "
        f"BEGIN SELECT RAISE(ABORT, '{message}'); END;\n"
    )


def _never(table: str, what: str) -> str:
    """Rows are written once. INSERT OR REPLACE fires no delete trigger, hence the third."""
    key = {"meta": "key = NEW.key", "rounds": "run = NEW.run AND number = NEW.number"}
    same = key.get(table, "run = NEW.run AND name = NEW.name")
    return (
        _trigger(f"{table}_update", f"UPDATE ON {table}", "1", f"{what} never changes")
        + _trigger(f"{table}_delete", f"DELETE ON {table}", "1", f"{what} is never deleted")
        + _trigger(
            f"{table}_replace",
            f"INSERT ON {table}",
            f"EXISTS (SELECT 1 FROM {table} WHERE {same})",
            f"{what} never changes",
        )
    )


_STEPS = "('pending', 'running'), ('running', 'pending'), ('failed', 'pending')"
_ENDS = "('running', 'done'), ('running', 'failed')"
_RUNNING = "(SELECT status FROM runs WHERE id = NEW.run) IS NOT 'running'"
_SAME = " OR ".join(f"OLD.{c} IS NOT NEW.{c}" for c in ("seq", "id", "kind", "settings"))

_TRIGGERS = (
    _never("meta", "a value of the study")
    + _never("rounds", "a finished round")
    + _never("blobs", "what a round keeps")
    + _never("digests", "a digest")
    + _trigger("runs_done", "UPDATE ON runs", "OLD.status = 'done'", "a done run never changes")
    + _trigger("runs_same", "UPDATE ON runs", _SAME, "what a run is never changes")
    + _trigger(
        "runs_steps",
        "UPDATE OF status ON runs",
        f"(OLD.status, NEW.status) NOT IN (VALUES {_STEPS}, {_ENDS})",
        "a run cannot change its status like that",
    )
    + _trigger("runs_delete", "DELETE ON runs", "1", "a run is never deleted")
    + _trigger(
        "runs_replace",
        "INSERT ON runs",
        "EXISTS (SELECT 1 FROM runs WHERE id = NEW.id OR seq = NEW.seq)",
        "what a run is never changes",
    )
    + _trigger(
        "rounds_order",
        "INSERT ON rounds",
        "NEW.number IS NOT (SELECT count(*) FROM rounds WHERE run = NEW.run)",
        "rounds are added in order",
    )
    + _trigger("rounds_running", "INSERT ON rounds", _RUNNING, "only a running run gets rounds")
    + _trigger("blobs_running", "INSERT ON blobs", _RUNNING, "only a running run keeps more")
)

SCHEMA = _TABLES + _TRIGGERS
"""Everything of an empty database. What an older one lacks is added when it is opened to write."""
