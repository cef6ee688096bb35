"""The tables of a project's database, and the triggers by which its account only grows."""

from pauca.store.connect import Format

__all__ = ["ACCOUNT", "ANSWERS", "LATER", "META", "PROJECT"]

ANSWERS = ("label", "relabel", "unsure")
"""Actions that count as an answer to an item; after ``overlap`` of them it is not given again."""

ACCOUNT = (
    "events", "asked", "class_changes", "trainings", "additions", "removals", "moves", "class_ends",
    "notes",
)  # fmt: skip
"""Tables that only grow; ``digests`` tells whether their rows are as they were written."""


META = """
CREATE TABLE IF NOT EXISTS meta (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
"""
"""What is the project's own, such as its id; older databases get the table when it is needed."""

LATER = """
CREATE TABLE additions (
    seq INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    person TEXT NOT NULL,
    first INTEGER NOT NULL,
    source TEXT NOT NULL,
    prefix TEXT NOT NULL
);
CREATE TABLE removals (
    seq INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    person TEXT NOT NULL,
    item INTEGER UNIQUE NOT NULL
);
CREATE TABLE moves (
    seq INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    person TEXT NOT NULL,
    part INTEGER NOT NULL,
    was TEXT NOT NULL,
    path TEXT NOT NULL
);
CREATE TABLE class_ends (
    seq INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    person TEXT NOT NULL,
    action TEXT NOT NULL CHECK (action IN ('delete', 'restore')),
    class INTEGER NOT NULL
);
CREATE TABLE deleted_classes (
    class INTEGER PRIMARY KEY
);
CREATE TABLE notes (
    seq INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    person TEXT NOT NULL,
    item INTEGER NOT NULL,
    note TEXT NOT NULL
);
"""
"""Tables that older databases get when they are opened; where nothing can be written they have
none, and count as empty."""

_TABLES = """
CREATE TABLE events (
    seq INTEGER PRIMARY KEY,
    act INTEGER NOT NULL,
    at REAL NOT NULL,
    person TEXT NOT NULL,
    item INTEGER NOT NULL,
    action TEXT NOT NULL
        CHECK (action IN ('label', 'relabel', 'skip', 'unsure', 'flag', 'undo')),
    class INTEGER,
    suggested INTEGER,
    confidence REAL,
    shown INTEGER NOT NULL DEFAULT 0,
    ms INTEGER,
    round INTEGER,
    strategy TEXT,
    token TEXT,
    undoes INTEGER REFERENCES events (seq),
    CHECK ((class IS NOT NULL) = (action IN ('label', 'relabel'))),
    CHECK ((undoes IS NOT NULL) = (action = 'undo'))
);
CREATE UNIQUE INDEX events_token ON events (token, item) WHERE token IS NOT NULL;
CREATE UNIQUE INDEX events_undoes ON events (undoes) WHERE undoes IS NOT NULL;
CREATE INDEX events_item ON events (item, person);
CREATE INDEX events_person ON events (person, seq);
CREATE INDEX events_act ON events (act);
CREATE TABLE asked (
    seq INTEGER PRIMARY KEY,
    item INTEGER UNIQUE NOT NULL,
    round INTEGER NOT NULL,
    strategy TEXT NOT NULL,
    random INTEGER NOT NULL,
    at REAL NOT NULL
);
CREATE TABLE class_changes (
    seq INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    person TEXT NOT NULL,
    action TEXT NOT NULL CHECK (action IN ('add', 'rename', 'merge')),
    class INTEGER NOT NULL,
    name TEXT,
    target INTEGER,
    CHECK ((name IS NOT NULL) = (action IN ('add', 'rename'))),
    CHECK ((target IS NOT NULL) = (action = 'merge'))
);
CREATE TABLE trainings (
    seq INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    last INTEGER NOT NULL,
    labels INTEGER NOT NULL,
    record TEXT NOT NULL
);
CREATE TABLE digests (
    account TEXT NOT NULL,
    last INTEGER NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (account, last)
) WITHOUT ROWID;
CREATE TABLE standing (
    item INTEGER NOT NULL,
    person TEXT NOT NULL,
    seq INTEGER UNIQUE NOT NULL,
    action TEXT NOT NULL,
    class INTEGER,
    PRIMARY KEY (item, person)
) WITHOUT ROWID;
CREATE INDEX standing_person ON standing (person, seq);
CREATE INDEX standing_action ON standing (action, item);
CREATE TABLE queue (
    item INTEGER PRIMARY KEY,
    place INTEGER NOT NULL
);
CREATE TABLE leases (
    item INTEGER NOT NULL,
    person TEXT NOT NULL,
    until REAL NOT NULL,
    PRIMARY KEY (item, person)
) WITHOUT ROWID;
CREATE INDEX leases_person ON leases (person);
"""


def _grows(table: str, same: str) -> str:
    """Rows are written once. INSERT OR REPLACE fires no delete trigger, hence the third."""
    events = {
        f"{table}_update": f"UPDATE ON {table}",
        f"{table}_delete": f"DELETE ON {table}",
        f"{table}_replace": f"INSERT ON {table} WHEN EXISTS (SELECT 1 FROM {table} WHERE {same})",
    }
    return "".join(
        f"CREATE TRIGGER {name} BEFORE {event} "
        "BEGIN SELECT RAISE(ABORT, 'what happened never changes'); END;\n"
        for name, event in events.items()
    )


_TRIGGERS = (
    _grows("events", "seq = NEW.seq")
    + _grows("asked", "seq = NEW.seq OR item = NEW.item")
    + _grows("class_changes", "seq = NEW.seq")
    + _grows("trainings", "seq = NEW.seq")
    + _grows("additions", "seq = NEW.seq")
    + _grows("removals", "seq = NEW.seq OR item = NEW.item")
    + _grows("moves", "seq = NEW.seq")
    + _grows("class_ends", "seq = NEW.seq")
    + _grows("notes", "seq = NEW.seq")
    + _grows("digests", "account = NEW.account AND last = NEW.last")
)

PROJECT = Format(
    what="labelling project",
    mark=0x70616C62,
    version=1,
    schema=_TABLES + LATER + META + _TRIGGERS,
    begin="pauca label init DATA --classes a,b --out PROJECT",
)
"""The database of a project. The tables of ``ACCOUNT`` only grow; meta names it; standing, queue,
leases and deleted_classes follow from them and from who works now."""
