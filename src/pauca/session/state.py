"""Where a session stands, as a pure function of what happened."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from pauca.errors import InputError
from pauca.session.events import Asked, Event, Skipped, Told, Undone

__all__ = ["State", "advance", "check_event", "fold", "last_change"]


@dataclass(frozen=True)
class State:
    """Where a session stands.

    Args:
        labelled: Class of each labelled item.
        pending: Items asked for and neither labelled nor skipped since, in the order of asking.
        skipped: Items set aside.
        round: How often the strategy has chosen: the number of the round under way.
        initial: How often the initial strategy has chosen.
        labels_round: The round in which the labels last changed: it names the random stream that
            a training on these labels draws from, whenever it takes place.
    """

    labelled: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))
    pending: tuple[int, ...] = ()
    skipped: frozenset[int] = frozenset()
    round: int = 0
    initial: int = 0
    labels_round: int = 0


def fold(events: Iterable[Event]) -> State:
    """The state after these events: what was undone never happened."""
    log = list(events)
    undone = {event.event for event in log if isinstance(event, Undone)}
    state = State()
    for place, event in enumerate(log):
        if place not in undone and not isinstance(event, Undone):
            state = _step(state, event)
    return state


def advance(state: State, log: Sequence[Event]) -> State:
    """The state after ``log``, from the state before its last event."""
    event = log[-1]
    return fold(log) if isinstance(event, Undone) else _step(state, event)


def last_change(log: Sequence[Event]) -> int | None:
    """Place of the last tell or skip that was not undone, or None."""
    undone = {event.event for event in log if isinstance(event, Undone)}
    for place in range(len(log) - 1, -1, -1):
        if isinstance(log[place], Told | Skipped) and place not in undone:
            return place
    return None


def _step(state: State, event: Asked | Told | Skipped) -> State:
    if isinstance(event, Asked):
        return replace(
            state,
            pending=(*state.pending, *event.ids),
            round=state.round + (not event.initial),
            initial=state.initial + event.initial,
        )
    gone = frozenset(event.ids)
    pending = tuple(i for i in state.pending if i not in gone)
    if isinstance(event, Skipped):
        return replace(state, pending=pending, skipped=state.skipped | gone)
    new = dict(zip(event.ids, event.labels, strict=True))
    return replace(
        state,
        labelled=MappingProxyType({**state.labelled, **new}),
        pending=pending,
        skipped=state.skipped - gone,
        labels_round=state.round,
    )


def check_event(event: Event, state: State, log: Sequence[Event], *, n: int, c: int) -> None:
    """Refuse what cannot happen now, before anything changes.

    Args:
        event: What is about to happen.
        state: Where the session stands.
        log: What happened so far.
        n: Items of the pool.
        c: Classes of the task.

    Raises:
        InputError: an id outside the pool or named twice, an item labelled already, a label outside
            the task, sizes that differ, nothing to undo.
    """
    if isinstance(event, Undone):
        _check_undone(event, log)
        return
    _check_items(event.ids, state, n)
    if isinstance(event, Told):
        _check_told(event, state, c)
        return
    aside = state.skipped if isinstance(event, Skipped) else {*state.skipped, *state.pending}
    for i in event.ids:
        if i in aside:
            word = "asked for or " if isinstance(event, Asked) else ""
            raise InputError(f"item {i} is {word}skipped already", where=f"item {i}")
    if isinstance(event, Asked) and event.round != state.round:
        raise InputError("a round is out of order", expected=state.round, got=event.round)


def _check_items(ids: Sequence[int], state: State, n: int) -> None:
    if not ids:
        raise InputError("no item is named", expected="at least one id", got="none")
    if len(set(ids)) != len(ids):
        twice = next(i for i in ids if ids.count(i) > 1)
        raise InputError("an item is named twice", expected="distinct ids", got=twice)
    for i in ids:
        if not 0 <= i < n:
            raise InputError("an item is not in the pool", expected=f"0 to {n - 1}", got=i)
        if i in state.labelled:
            raise InputError(
                f"item {i} is labelled already",
                got=f"class {state.labelled[i]}",
                todo="undo the tell that labelled it, then tell again",
            )


def _check_told(event: Told, state: State, c: int) -> None:
    if len(event.labels) != len(event.ids):
        raise InputError(
            "ids and labels differ in size", expected=len(event.ids), got=len(event.labels)
        )
    for i, label in zip(event.ids, event.labels, strict=True):
        if not 0 <= label < c:
            raise InputError(
                "a label is not a class of the task",
                expected=f"0 to {c - 1}",
                got=label,
                where=f"item {i}",
            )
    pending = set(state.pending)
    if event.unasked != tuple(i for i in event.ids if i not in pending):
        raise InputError("what was not asked for is not so recorded", got=event.unasked)


def _check_undone(event: Undone, log: Sequence[Event]) -> None:
    place = last_change(log)
    if place is None:
        raise InputError("there is nothing to undo", expected="a tell or a skip before", got="none")
    if event.event != place:
        raise InputError("only the last tell or skip is undone", expected=place, got=event.event)
