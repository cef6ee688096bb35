"""Any sequence of what a user may do, against a model of plain sets."""

import json
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pauca.errors import InputError
from pauca.oracle import UNKNOWN
from pauca.rng import Streams
from pauca.session import Session
from pauca.strategies import make_strategy
from pauca.testing.fakes import FakeLearner, tiny_table_dataset

N, C = 12, 3
DATA = tiny_table_dataset(N, c=C)


def session_of(events: Any = ()) -> Session:
    return Session(
        DATA.train.x,
        FakeLearner(task=DATA.task),
        make_strategy("margin"),
        streams=Streams(3),
        events=events,
    )


class Users(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.session = session_of()
        self.labelled: dict[int, int] = {}
        self.pending: set[int] = set()
        self.skipped: set[int] = set()
        self.rejected: set[int] = set()
        self.past: list[tuple[dict[int, int], set[int], set[int], set[int], set[int]]] = []
        self.asked_since: set[int] = set()

    def free(self) -> set[int]:
        return set(range(N)) - set(self.labelled) - self.pending - self.skipped - self.rejected

    def remember(self) -> None:
        held = (dict(self.labelled), set(self.pending), set(self.skipped), set(self.rejected))
        self.past.append((*held, set()))

    @rule(k=st.integers(1, N + 1))
    def ask(self, k: int) -> None:
        free = self.free()
        if not free:
            with pytest.raises(InputError, match="nothing is left"):
                self.session.ask(k)
            return
        ids = self.session.ask(k).tolist()
        assert len(set(ids)) == len(ids) == min(k, len(free))
        assert set(ids) <= free
        self.pending |= set(ids)
        # what was asked for stays pending when an earlier tell or skip is undone
        for *_, later in self.past:
            later |= set(ids)

    @rule(data=st.data())
    def tell(self, data: st.DataObject) -> None:
        ids = data.draw(st.lists(st.integers(-1, N), max_size=4))
        labels = data.draw(st.lists(st.integers(-1, C), min_size=len(ids), max_size=len(ids)))
        right = (
            0 < len(ids) == len(set(ids))
            and all(0 <= i < N and i not in self.labelled for i in ids)
            and all(0 <= label < C for label in labels)
        )
        if not right:
            with pytest.raises(InputError):
                self.session.tell(ids, labels)
            return
        self.remember()
        self.session.tell(ids, labels)
        self.labelled |= dict(zip(ids, labels, strict=True))
        self.pending -= set(ids)
        self.skipped -= set(ids)
        self.rejected -= set(ids)

    @precondition(lambda self: self.pending)
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        ids = data.draw(st.lists(st.sampled_from(sorted(self.pending)), min_size=1, unique=True))
        labels = [i % C for i in ids]
        self.remember()
        self.session.tell(ids, labels)
        self.labelled |= dict(zip(ids, labels, strict=True))
        self.pending -= set(ids)

    @rule(ids=st.lists(st.integers(-1, N), max_size=3))
    def reject(self, ids: list[int]) -> None:
        gone = set(self.labelled) | self.rejected
        right = 0 < len(ids) == len(set(ids)) and all(0 <= i < N and i not in gone for i in ids)
        if not right:
            with pytest.raises(InputError):
                self.session.reject(ids)
            return
        self.remember()
        self.session.reject(ids)
        self.rejected |= set(ids)
        self.pending -= set(ids)
        self.skipped -= set(ids)

    @precondition(lambda self: self.pending)
    @rule(data=st.data())
    def answer_some_as_unknown(self, data: st.DataObject) -> None:
        ids = data.draw(st.lists(st.sampled_from(sorted(self.pending)), min_size=1, unique=True))
        said = data.draw(st.lists(st.integers(-1, C), min_size=len(ids), max_size=len(ids)))
        if C in said:  # nothing is taken of an answer that is wrong in part
            with pytest.raises(InputError):
                self.session.answer(ids, said)
            return
        known = {i: y for i, y in zip(ids, said, strict=True) if y != UNKNOWN}
        others = set(ids) - set(known)
        if known:
            self.remember()
            self.labelled |= known
            self.pending -= set(known)
        if others:
            self.remember()
            self.rejected |= others
            self.pending -= others
        self.session.answer(ids, said)

    @rule(i=st.integers(-1, N))
    def skip(self, i: int) -> None:
        gone = set(self.labelled) | self.skipped | self.rejected
        if not 0 <= i < N or i in gone:
            with pytest.raises(InputError):
                self.session.skip([i])
            return
        self.remember()
        self.session.skip([i])
        self.skipped.add(i)
        self.pending.discard(i)

    @rule()
    def undo(self) -> None:
        if not self.past:
            with pytest.raises(InputError, match="nothing to undo"):
                self.session.undo()
            return
        self.session.undo()
        self.labelled, self.pending, self.skipped, self.rejected, later = self.past.pop()
        self.pending |= later

    @rule()
    def restart(self) -> None:
        self.session = session_of(json.loads(json.dumps(self.session.events)))

    @precondition(lambda self: self.labelled)
    @rule()
    def train(self) -> None:
        assert self.session.train().examples == len(self.labelled)

    @invariant()
    def the_sets_agree(self) -> None:
        session = self.session
        assert dict(zip(session.labelled_ids.tolist(), session.labels.tolist(), strict=True)) == (
            self.labelled
        )
        assert set(session.pending.tolist()) == self.pending
        assert set(session.skipped.tolist()) == self.skipped
        assert set(session.rejected.tolist()) == self.rejected
        assert session.spent == len(self.labelled) + len(self.rejected)
        assert set(session.remaining.tolist()) == self.free()


TestUsers = Users.TestCase
TestUsers.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
