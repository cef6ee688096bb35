import json
from collections.abc import Callable

import pytest
import torch
from torch import Generator, Tensor

from pauca.learners.base import FitReport, Progress
from pauca.session import fold
from pauca.session.events import from_json
from pauca.testing.fakes import FakeLearner
from pauca.testing.process import OtherProcess
from tests.session.helpers import DATA, answer, make, play


@pytest.mark.parametrize("name", ["margin", "bald"])
def test_a_session_rebuilt_from_its_events_goes_on_as_if_nothing_had_happened(name: str) -> None:
    session = make(name)
    steps: list[Callable[[], object]] = [
        lambda: answer(session, session.ask(6)),
        lambda: session.ask(5),
        lambda: session.skip(session.pending[:2]),
        lambda: answer(session, session.pending[:2]),
        lambda: session.undo(),
        lambda: session.ask(3),
        lambda: session.tell([int(session.remaining[0])], [1]),
        lambda: answer(session, session.pending),
    ]
    for step in steps:
        step()
        text = json.dumps(session.events)
        again = make(name, events=json.loads(text))
        assert again.events == session.events
        assert again.state == session.state
        assert fold(from_json(event, "here") for event in session.events) == session.state
        # a third one asks, so that the session itself is not changed by being looked at
        third = make(name, events=session.events)
        assert again.ask(4).tolist() == third.ask(4).tolist()
    final = make(name, events=session.events)
    assert session.ask(7).tolist() == final.ask(7).tolist()


def test_rebuilding_after_an_ask_without_answers_trains_as_before() -> None:
    one, other = FakeLearner(task=DATA.task), FakeLearner(task=DATA.task)
    session = make(learner=one)
    answer(session, session.ask(6))
    session.ask(3)
    session.ask(3)
    again = make(learner=other, events=session.events)
    again.train()
    for name, weight in one.state().items():
        assert torch.equal(weight, other.state()[name])


class Carries(FakeLearner):
    """Its class means are half those of the training before."""

    @property
    def carries_state(self) -> bool:
        return True

    def fit(
        self,
        x: Tensor,
        y: Tensor,
        *,
        generator: Generator,
        progress: Progress | None = None,
        unlabelled: Tensor | None = None,
    ) -> FitReport:
        before = self.state()
        report = super().fit(x, y, generator=generator)
        if before:
            now = self.state()
            self.load_state({name: (now[name] + before[name]) / 2 for name in now})
        return report


def test_a_learner_that_carries_state_repeats_its_trainings_after_rebuilding() -> None:
    one, other, third = (Carries(task=DATA.task) for _ in range(3))
    session = make(learner=one)
    for _ in range(3):
        answer(session, session.ask(6))
        session.train()
        kept = one.state(), session.events
    session.ask(3)
    answer(session, session.pending)
    session.train()
    again = make(learner=other, events=session.events)
    again.train()
    assert other.fits == one.fits == 4
    # given the state of the last training, only the next one is done
    third.load_state(kept[0])
    late = make(learner=third, events=session.events)
    late.train()
    assert third.fits == 1
    for learner in (other, third):
        for name, weight in one.state().items():
            assert torch.equal(weight, learner.state()[name])


def test_the_same_seed_asks_the_same_in_another_process(other_process: OtherProcess) -> None:
    here = {name: play(name) for name in ("margin", "bald")}
    for name, events in here.items():
        assert other_process.call(play, name) == events
    assert play("margin", seed=1) != here["margin"]
