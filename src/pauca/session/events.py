"""What can happen in a session: frozen records, and their plain JSON form."""

from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any

from pauca.errors import DataError, shown

__all__ = ["Asked", "Event", "Rejected", "Skipped", "Told", "Undone", "from_json", "to_json"]


@dataclass(frozen=True)
class Asked:
    """Items were chosen to be labelled.

    Args:
        ids: Which, in the order of choice.
        round: Number of the round, which names the random streams of the choice.
        initial: Whether this was before there was any label.
        learner: Fingerprint of the trained learner that was asked then; empty where none was.
    """

    ids: tuple[int, ...]
    round: int
    initial: bool
    learner: str = ""


@dataclass(frozen=True)
class Told:
    """Items were labelled.

    Args:
        ids: Which.
        labels: Their classes.
        unasked: Those among them that were not asked for.
    """

    ids: tuple[int, ...]
    labels: tuple[int, ...]
    unasked: tuple[int, ...]


@dataclass(frozen=True)
class Skipped:
    """Items were set aside.

    Args:
        ids: Which.
    """

    ids: tuple[int, ...]


@dataclass(frozen=True)
class Rejected:
    """Items were said to be of none of the known classes.

    Args:
        ids: Which.
        unasked: Those among them that were not asked for.
    """

    ids: tuple[int, ...]
    unasked: tuple[int, ...]


@dataclass(frozen=True)
class Undone:
    """The last tell, rejection or skip was taken back.

    Args:
        event: Its place among the events, from 0.
    """

    event: int


Event = Asked | Told | Rejected | Skipped | Undone

_KINDS: dict[str, type[Event]] = {
    "asked": Asked,
    "told": Told,
    "rejected": Rejected,
    "skipped": Skipped,
    "undone": Undone,
}


def to_json(event: Event) -> dict[str, Any]:
    """A new mapping of strings to plain values; what came later is left out at its default."""
    late = {field.name: field.default for field in fields(event)}
    plain = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in asdict(event).items()
        if late[name] is MISSING or value != late[name]
    }
    return {"kind": type(event).__name__.lower(), **plain}


def from_json(plain: Mapping[str, Any], where: str) -> Event:
    """The event that ``to_json`` gave.

    Raises:
        DataError: no such kind, a missing or unknown entry, a value of the wrong type.
    """
    kind = _KINDS.get(str(plain.get("kind"))) if isinstance(plain, Mapping) else None
    names = {field.name: field.type for field in fields(kind)} if kind else {}
    needed = {each.name for each in fields(kind) if each.default is MISSING} if kind else set()
    if kind is None or not {"kind", *needed} <= set(plain) <= {"kind", *names}:
        raise DataError(
            "this is no event of a session",
            expected=" | ".join(_form(name) for name in _KINDS),
            got=shown(plain),
            where=where,
            todo="take the events as a session gave them",
        )
    given = {name: of for name, of in names.items() if name in plain}
    return kind(**{name: _value(plain[name], of, where) for name, of in given.items()})


def _form(kind: str) -> str:
    return f"{kind}({', '.join(field.name for field in fields(_KINDS[kind]))})"


def _value(value: Any, of: Any, where: str) -> Any:
    if of == tuple[int, ...]:
        right = isinstance(value, list | tuple) and all(type(entry) is int for entry in value)
        value = tuple(value) if right else value
    else:
        right = type(value) is of
    if not right:
        raise DataError(
            "an event holds a value of the wrong type",
            expected=of,
            got=shown(value),
            where=where,
            todo="take the events as a session gave them",
        )
    return value
