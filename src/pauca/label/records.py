"""What a project says: frozen records of events, answers, items that are given out."""

from dataclasses import dataclass
from typing import Any, Literal

__all__ = [
    "Action",
    "Addition",
    "Answer",
    "Entry",
    "Event",
    "Given",
    "Leased",
    "Move",
    "Pick",
    "Version",
]

Action = Literal["label", "relabel", "skip", "unsure", "flag", "undo"]
"""What can happen to an item; ``relabel`` is a label that replaces the person's earlier one."""


@dataclass(frozen=True)
class Event:
    """One entry of the account, as it is kept.

    Args:
        seq: Its place, from 1.
        act: Place of the first event of the same answer: duplicates that were answered together
            share it.
        at: When, in seconds since 1970.
        person: Who.
        item: Number of the item.
        action: What.
        cls: Id of the class, for label and relabel; as it was given, merged since or not.
        suggested: Id of the class that the model suggested, or None.
        confidence: Its calibrated confidence in [0, 1], or None.
        shown: Whether the person saw the suggestion.
        ms: How long the person took, in milliseconds.
        round: In which round the item was asked for; None where nobody asked.
        strategy: What asked.
        token: The client's, by which the same answer sent twice is one.
        undoes: Place of the event that this one takes back.
    """

    seq: int
    act: int
    at: float
    person: str
    item: int
    action: Action
    cls: int | None = None
    suggested: int | None = None
    confidence: float | None = None
    shown: bool = False
    ms: int | None = None
    round: int | None = None
    strategy: str | None = None
    token: str | None = None
    undoes: int | None = None


@dataclass(frozen=True)
class Entry:
    """One line of the history.

    Args:
        event: What happened.
        stands: Whether it was neither taken back nor replaced.
    """

    event: Event
    stands: bool


@dataclass(frozen=True)
class Given:
    """An answer before it is kept.

    Args:
        person: Who.
        item: Number of the item.
        action: label, skip, unsure or flag.
        cls: Id of the class, for label.
        suggested: As in ``Event``.
        confidence: As in ``Event``.
        shown: As in ``Event``.
        ms: As in ``Event``.
        token: As in ``Event``.
        strategy: What is kept as the strategy of an item that nobody asked for.
        at: When it was given, in seconds since 1970; now if None.
    """

    person: str
    item: int
    action: Action
    cls: int | None = None
    suggested: int | None = None
    confidence: float | None = None
    shown: bool = False
    ms: int | None = None
    token: str | None = None
    strategy: str | None = None
    at: float | None = None


@dataclass(frozen=True)
class Answer:
    """An answer that is kept: it is on the disk.

    Args:
        events: One for each item that was answered.
        again: Whether it had been kept before, under the same token.
    """

    events: tuple[Event, ...]
    again: bool = False

    @property
    def items(self) -> tuple[int, ...]:
        """The items that were answered."""
        return tuple(event.item for event in self.events)


@dataclass(frozen=True)
class Pick:
    """An item that is to be asked for.

    Args:
        item: Its number.
        strategy: What chose it.
        random: Whether it belongs to the random share.
    """

    item: int
    strategy: str
    random: bool = False


@dataclass(frozen=True)
class Leased:
    """An item that is given to one person.

    Args:
        item: Its number.
        key: Its id.
        until: When the lease runs out, in seconds since 1970.
        round: In which round it was asked for.
        strategy: What asked.
        suggested: Id of the likeliest class, or None without a model.
        confidence: Its calibrated probability, or None.
        duplicates: Unanswered near-duplicates of it, where these are known.
        stands: Place of the person's own answer that stands, or None.
    """

    item: int
    key: str
    until: float
    round: int
    strategy: str
    suggested: int | None = None
    confidence: float | None = None
    duplicates: tuple[int, ...] = ()
    stands: int | None = None

    def plain(self) -> dict[str, Any]:
        """Values that JSON holds."""
        return {**vars(self), "duplicates": list(self.duplicates)}


@dataclass(frozen=True)
class Version:
    """How often the pool has changed; each number only grows.

    Args:
        additions: Times that items were added.
        removals: Items that were removed.
        moves: Times that data were moved.
    """

    additions: int = 0
    removals: int = 0
    moves: int = 0


@dataclass(frozen=True)
class Addition:
    """Items that were added to the pool.

    Args:
        first: Number of the first of them.
        source: Where they are from (``settings.Source``), as JSON.
        prefix: What stands in front of the ids that the data give.
    """

    first: int
    source: str
    prefix: str = ""


@dataclass(frozen=True)
class Move:
    """Data that lie elsewhere now.

    Args:
        part: Number of the part of the pool, from 0; the additions follow the first.
        was: Path that was kept for it first.
        path: Where it lies now.
    """

    part: int
    was: str
    path: str
