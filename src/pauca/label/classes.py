"""The classes of a project: ids that stay, names that may change, merges that keep history."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from pauca.errors import InputError, UnknownNameError

__all__ = [
    "Class",
    "Classes",
    "add_class",
    "end_class",
    "merge_class",
    "read_classes",
    "rename_class",
]

_LONGEST = 200


@dataclass(frozen=True)
class Class:
    """A class that items may get.

    Args:
        id: Stays whatever becomes of the name.
        name: As people see it.
    """

    id: int
    name: str


@dataclass(frozen=True)
class Classes:
    """The classes as they stand.

    Args:
        active: Those that items may get, in order of id.
        roots: For every id there ever was, the active or deleted one that it has become.
        deleted: Those that were deleted: what was answered so does not count.
        former: For every name there ever was, the id that had it last.
    """

    active: tuple[Class, ...] = ()
    roots: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))
    deleted: tuple[Class, ...] = ()
    former: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))

    def __len__(self) -> int:
        """How many are active."""
        return len(self.active)

    def __iter__(self) -> Iterator[Class]:
        """The active ones."""
        return iter(self.active)

    @property
    def ids(self) -> tuple[int, ...]:
        """Ids of the active ones."""
        return tuple(each.id for each in self.active)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the active ones."""
        return tuple(each.name for each in self.active)

    def name(self, cls: int) -> str:
        """Name of what this id has become, which may be deleted.

        Raises:
            InputError: there was never such a class.
        """
        root = self.root(cls)
        return next(each.name for each in (*self.active, *self.deleted) if each.id == root)

    def is_active(self, cls: int) -> bool:
        """Whether items may get what this id has become.

        Raises:
            InputError: there was never such a class.
        """
        return self.root(cls) in self.ids

    def active_root(self, cls: int) -> int:
        """The active id that this one has become.

        Raises:
            InputError: there was never such a class, or it was deleted.
        """
        if not self.is_active(cls):
            raise InputError(
                "this class was deleted",
                expected=f"one of {', '.join(self.names)}"[:300],
                got=repr(self.name(cls)),
                todo="choose another class; `pauca label classes PROJECT --restore NAME` undoes it",
            )
        return self.root(cls)

    def root(self, cls: int) -> int:
        """The active or deleted id that this one has become.

        Raises:
            InputError: there was never such a class.
        """
        if cls not in self.roots:
            raise InputError(
                "there is no such class",
                expected=f"one of {list(self.ids)}"[:300],
                got=repr(cls),
                todo="name one of them; `pauca label classes PROJECT` lists their names",
            )
        return self.roots[cls]

    def find(self, name: str) -> int:
        """Id of the active class with this name.

        Raises:
            UnknownNameError: there is none; the nearest one is named.
        """
        for each in self.active:
            if each.name == name:
                return each.id
        raise UnknownNameError("class", name, self.names)


def fold(
    changes: Iterable[tuple[str, int, str | None, int | None]],
    ends: Iterable[tuple[str, int]] = (),
) -> Classes:
    """The classes after these changes in order: (action, class, name, target), (action, class)."""
    names: dict[int, str] = {}
    into: dict[int, int] = {}
    former: dict[str, int] = {}
    deleted = {cls for cls, action in {cls: act for act, cls in ends}.items() if action == "delete"}
    for action, cls, name, target in changes:
        if action == "merge":
            assert target is not None
            into[cls] = target
        else:
            assert name is not None
            names[cls] = name
            former[name] = cls

    def root(cls: int) -> int:
        while cls in into:
            cls = into[cls]
        return cls

    kept = [Class(cls, name) for cls, name in sorted(names.items()) if cls not in into]
    return Classes(
        tuple(each for each in kept if each.id not in deleted),
        MappingProxyType({cls: root(cls) for cls in names}),
        tuple(each for each in kept if each.id in deleted),
        MappingProxyType(former),
    )


def read_classes(db: sqlite3.Connection) -> Classes:
    """The classes of this database as they stand."""
    return fold(
        db.execute("SELECT action, class, name, target FROM class_changes ORDER BY seq"),
        db.execute("SELECT action, class FROM class_ends ORDER BY seq"),
    )


def add_class(db: sqlite3.Connection, names: Sequence[str], person: str, at: float) -> None:
    """Add classes.

    Raises:
        InputError: a name that is taken, or none.
    """
    known = read_classes(db)
    taken, number = set(known.names), 1 + max(known.roots, default=-1)
    for name in names:
        name = _checked(name, taken)
        taken.add(name)
        _write(db, at, person, "add", number, name, None)
        number += 1


def rename_class(db: sqlite3.Connection, old: str, new: str, person: str, at: float) -> None:
    """Give a class another name; what was labelled stays labelled.

    Raises:
        UnknownNameError: there is no such class.
        InputError: the new name is taken, or none.
    """
    known = read_classes(db)
    cls = known.find(old)
    _write(db, at, person, "rename", cls, _checked(new, set(known.names)), None)


def merge_class(db: sqlite3.Connection, name: str, into: str, person: str, at: float) -> None:
    """Let a class become part of another: its labels count as the other's from now on.

    Raises:
        UnknownNameError: there is no such class.
        InputError: both are the same.
    """
    known = read_classes(db)
    cls, target = known.find(name), known.find(into)
    if cls == target:
        raise InputError(
            "a class cannot be merged into itself", got=repr(name), todo="name two classes"
        )
    _write(db, at, person, "merge", cls, None, target)


def end_class(
    db: sqlite3.Connection, name: str, person: str, at: float, *, restore: bool = False
) -> list[int]:
    """Delete a class, so that what was answered so does not count; or undo that.

    Returns:
        Every id that had become this class.

    Raises:
        UnknownNameError: there is no such class.
        InputError: another class has taken the name since.
    """
    known = read_classes(db)
    if restore:
        gone = {each.name: each.id for each in known.deleted}  # of several the one deleted last
        if name not in gone:
            raise UnknownNameError("deleted class", name, tuple(gone))
        cls = gone[_checked(name, set(known.names))]
    else:
        cls = known.find(name)
    db.execute(
        "INSERT INTO class_ends (at, person, action, class) VALUES (?, ?, ?, ?)",
        (at, person, "restore" if restore else "delete", cls),
    )
    ids = [each for each in known.roots if known.roots[each] == cls]
    change = "DELETE FROM deleted_classes WHERE class = ?"
    if not restore:
        change = "INSERT OR IGNORE INTO deleted_classes (class) VALUES (?)"
    db.executemany(change, [(each,) for each in ids])
    return ids


def _checked(name: str, taken: set[str]) -> str:
    """The name without blanks at its ends."""
    bare = name.strip() if isinstance(name, str) else ""
    if not bare or not bare.isprintable() or len(bare) > _LONGEST:
        raise InputError(
            "this is no name of a class",
            expected=f"1 to {_LONGEST} characters that can be printed",
            got=repr(name)[:300],
            todo="choose another name",
        )
    if bare in taken:
        raise InputError(
            "a class has this name already",
            got=repr(bare),
            todo="choose another name, or merge the two classes",
        )
    return bare


def _write(
    db: sqlite3.Connection,
    at: float,
    person: str,
    action: str,
    cls: int,
    name: str | None,
    target: int | None,
) -> None:
    db.execute(
        "INSERT INTO class_changes (at, person, action, class, name, target) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (at, person, action, cls, name, target),
    )
