import json
from typing import Any

import pytest

from pauca.errors import DataError, InputError
from pauca.session import State, fold
from pauca.session.events import Asked, Event, Rejected, Skipped, Told, Undone, from_json, to_json
from pauca.session.ledger import Ledger
from pauca.session.state import last_change

EVENTS: list[Event] = [
    Asked(ids=(3, 1), round=0, initial=True),
    Told(ids=(3, 5), labels=(0, 1), unasked=(5,)),
    Asked(ids=(2,), round=0, initial=False),
    Skipped(ids=(2, 7)),
    Undone(event=3),
    Undone(event=1),
]


@pytest.mark.parametrize("event", [*EVENTS, Rejected(ids=(2, 9), unasked=(9,))])
def test_events_survive_json(event: Event) -> None:
    text = json.dumps(to_json(event))
    assert from_json(json.loads(text), "here") == event


@pytest.mark.parametrize(
    "plain",
    [
        {},
        {"kind": "forgotten"},
        {"kind": "skipped"},
        {"kind": "skipped", "ids": [1], "extra": 2},
        {"kind": "skipped", "ids": 1},
        {"kind": "skipped", "ids": [1.5]},
        {"kind": "skipped", "ids": [True]},
        {"kind": "undone", "event": "1"},
        {"kind": "asked", "ids": [1], "round": 0, "initial": 1},
    ],
)
def test_what_is_no_event_is_refused_with_its_place(plain: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="event 4"):
        from_json(plain, "event 4")


def test_the_state_by_hand() -> None:
    states = [fold(EVENTS[:count]) for count in range(len(EVENTS) + 1)]
    assert states[0] == State()
    assert states[1] == State(pending=(3, 1), initial=1)
    assert states[2] == State(labelled={3: 0, 5: 1}, pending=(1,), initial=1)
    assert states[3] == State(labelled={3: 0, 5: 1}, pending=(1, 2), initial=1, round=1)
    assert states[4].skipped == {2, 7}
    assert states[4].pending == (1,)
    assert states[5] == states[3]
    assert states[6] == State(pending=(3, 1, 2), initial=1, round=1)


def test_a_rejected_item_is_answered_and_comes_back_with_a_class_or_an_undo() -> None:
    events: list[Event] = [
        *EVENTS[:3],
        Rejected(ids=(1, 7), unasked=(7,)),
        Told(ids=(7,), labels=(1,), unasked=(7,)),
        Undone(event=4),
        Undone(event=3),
    ]
    ledger = Ledger(8, 2)
    for event in events:
        ledger.append(event)
    states = [fold(events[:count]) for count in range(len(events) + 1)]
    assert ledger.state == states[-1]
    assert states[3] == State(labelled={3: 0, 5: 1}, pending=(1, 2), initial=1, round=1)
    assert states[4] == State(
        labelled={3: 0, 5: 1},
        pending=(2,),
        initial=1,
        round=1,
        labels_round=1,
        rejected=frozenset({1, 7}),
    )
    assert states[5].labelled == {3: 0, 5: 1, 7: 1}
    assert states[5].rejected == {1}
    assert states[6] == states[4]
    assert states[7] == states[3]


@pytest.mark.parametrize(
    "event",
    [
        Asked(ids=(1,), round=1, initial=False),
        Skipped(ids=(1,)),
        Rejected(ids=(1,), unasked=(1,)),
        Rejected(ids=(3,), unasked=(3,)),
        Rejected(ids=(2,), unasked=(2,)),
        Rejected(ids=(6,), unasked=()),
        Rejected(ids=(8,), unasked=(8,)),
        Rejected(ids=(), unasked=()),
    ],
)
def test_what_cannot_follow_a_rejection_is_refused(event: Event) -> None:
    ledger = Ledger(8, 2)
    for earlier in (*EVENTS[:3], Rejected(ids=(1,), unasked=())):
        ledger.append(earlier)
    state = ledger.state
    with pytest.raises(InputError):
        ledger.append(event)
    assert ledger.state == state


def test_stepping_is_folding() -> None:
    ledger = Ledger(8, 2)
    for count in range(1, len(EVENTS) + 1):
        ledger.append(EVENTS[count - 1])
        assert ledger.state == fold(EVENTS[:count])
        assert ledger.events == tuple(EVENTS[:count])


def test_the_last_change_is_the_last_one_that_stands() -> None:
    assert [last_change(EVENTS[:count]) for count in range(7)] == [None, None, 1, 1, 3, 1, None]


@pytest.mark.parametrize(
    "event",
    [
        Asked(ids=(1,), round=0, initial=False),
        Asked(ids=(1,), round=1, initial=False),
        Asked(ids=(4,), round=0, initial=False),
        Told(ids=(6,), labels=(0,), unasked=()),
        Told(ids=(1,), labels=(0,), unasked=(1,)),
        Undone(event=1),
        Undone(event=-1),
    ],
)
def test_events_that_cannot_follow_are_refused(event: Event) -> None:
    ledger = Ledger(8, 2)
    for earlier in EVENTS[:4]:
        ledger.append(earlier)
    state = ledger.state
    with pytest.raises(InputError):
        ledger.append(event)
    assert ledger.events == tuple(EVENTS[:4])
    assert ledger.state == state
