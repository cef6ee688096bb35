"""Where a session stands, as a pure function of what happened."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from pauca.checks import check_ordered
from pauca.errors import InputError, shown
from pauca.session.events import Asked, Event, Rejected, Skipped, Told, Undone

__all__ = ["Book", "State", "fold", "last_change", "standing"]


@dataclass(frozen=True)
class State:
    """Where a session stands.

    Args:
        labelled: Class of each labelled item.
        pending: Items asked for and not answered since, in the order of asking.
        skipped: Items set aside.
        round: How often the strategy has chosen: the number of the round under way.
        initial: How often the initial strategy has chosen.
        labels_round: The round of the last answer, a rejection too: it names the random stream
            that a training on these labels draws from, whenever it takes place.
        rejected: Items said to be of none of the known classes.
    """

    labelled: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))
    pending: tuple[int, ...] = ()
    skipped: frozenset[int] = frozenset()
    round: int = 0
    initial: int = 0
    labels_round: int = 0
    rejected: frozenset[int] = frozenset()


def fold(events: Iterable[Event]) -> State:
    """The state after these events: what was undone never happened.

    Raises:
        InputError: something that is no event.
    """
    events = tuple(check_ordered(events, "events", once=True))
    for event in events:
        if not isinstance(event, Event):
            raise InputError(
                "this is no event of a session",
                expected="Asked, Told, Skipped, Rejected or Undone",
                got=shown(event),
                todo="read plain ones with pauca.session.events.from_json first",
            )
    return Book.of(events).state()


def standing(log: Sequence[Event]) -> list[tuple[int, Asked | Told | Rejected | Skipped]]:
    """What happened and was not undone, each with its place in the log."""
    undone = {event.event for event in log if isinstance(event, Undone)}
    return [
        (place, event)
        for place, event in enumerate(log)
        if not isinstance(event, Undone) and place not in undone
    ]


def last_change(log: Sequence[Event]) -> int | None:
    """Place of the last tell, rejection or skip that was not undone, or None."""
    changes = (place for place, event in standing(log) if not isinstance(event, Asked))
    return max(changes, default=None)


@dataclass
class Book:
    """The same as ``State`` while it is being written: one event costs its own size, not all.

    Args:
        labelled: As in ``State``.
        pending: As in ``State``; the keys, in order.
        skipped: As in ``State``.
        round: As in ``State``.
        initial: As in ``State``.
        labels_round: As in ``State``.
        rejected: As in ``State``.
    """

    labelled: dict[int, int] = field(default_factory=dict)
    pending: dict[int, None] = field(default_factory=dict)
    skipped: set[int] = field(default_factory=set)
    round: int = 0
    initial: int = 0
    labels_round: int = 0
    rejected: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, events: Iterable[Event]) -> "Book":
        """The book after these events."""
        book = cls()
        for _, event in standing(list(events)):
            book.write(event)
        return book

    def state(self) -> State:
        """A frozen copy."""
        return State(
            labelled=MappingProxyType(dict(self.labelled)),
            pending=tuple(self.pending),
            skipped=frozenset(self.skipped),
            round=self.round,
            initial=self.initial,
            labels_round=self.labels_round,
            rejected=frozenset(self.rejected),
        )

    def write(self, event: Asked | Told | Rejected | Skipped) -> None:
        """What the event changes."""
        if isinstance(event, Asked):
            self.pending.update(dict.fromkeys(event.ids))
            self.initial += event.initial
            self.round += not event.initial
            return
        for i in event.ids:
            self.pending.pop(i, None)
        if isinstance(event, Skipped):
            self.skipped.update(event.ids)
            return
        self.skipped.difference_update(event.ids)
        self.labels_round = self.round
        if isinstance(event, Rejected):
            self.rejected.update(event.ids)
            return
        self.rejected.difference_update(event.ids)
        self.labelled.update(zip(event.ids, event.labels, strict=True))
