"""One pass over the pool serves every strategy that asks about the same model."""

from typing import Any

import pytest
import torch
from torch import Generator, Tensor

from pauca.errors import CapabilityError, InputError
from pauca.outputs import Outputs
from pauca.rng import Streams, generator_from
from pauca.session import Session
from pauca.session.reading import Reader
from pauca.strategies import make_strategy
from pauca.testing.fakes import FakeLearner, tiny_table_dataset


class Counting(FakeLearner):
    """Counts the items it is asked about."""

    told = 0

    def outputs(self, x: Tensor, ids: Tensor, **options: Any) -> Outputs:
        self.told += len(x)
        return super().outputs(x, ids, **options)


def begun(strategy: str = "margin") -> tuple[Session, Counting]:
    data = tiny_table_dataset(60)
    learner = Counting(task=data.task)
    streams = Streams(study_seed=1)
    session = Session(data.train.x, learner, make_strategy(strategy), streams=streams, block=16)
    ids = session.ask(12)
    assert data.train.y is not None
    session.tell(ids, data.train.y[ids])
    return session, learner


def test_a_second_strategy_on_the_same_model_costs_no_pass() -> None:
    session, learner = begun()
    session.preview(make_strategy("entropy"), 5)
    first = learner.told
    assert first == 48
    session.preview(make_strategy("margin"), 5)
    session.preview(make_strategy("least-confidence"), 5)
    assert learner.told == first


def test_what_is_missing_is_computed_once_and_then_serves_both() -> None:
    session, learner = begun()
    session.preview(make_strategy("margin"), 5)
    session.preview(make_strategy("badge"), 5)
    assert learner.told == 2 * 48
    session.preview(make_strategy("badge"), 5)
    session.preview(make_strategy("margin"), 5)
    assert learner.told == 2 * 48


def test_a_new_training_is_read_anew() -> None:
    session, learner = begun()
    session.preview(make_strategy("margin"), 5)
    ids = session.ask(4)
    session.tell(ids, torch.zeros(4, dtype=torch.int64))
    before = learner.told
    session.preview(make_strategy("margin"), 5)
    assert learner.told == before + 44


@pytest.mark.parametrize("name", ["margin", "badge", "k-center", "bald", "random"])
def test_a_preview_is_what_would_be_asked_and_changes_nothing(name: str) -> None:
    session, _ = begun(name)
    events = session.events
    seen = session.preview(make_strategy(name), 7)
    assert session.events == events
    fresh, _ = begun(name)
    assert fresh.ask(7).tolist() == seen.tolist() == session.ask(7).tolist()


def test_a_preview_that_cannot_be_is_refused() -> None:
    session, _ = begun()
    with pytest.raises(CapabilityError, match="vaal"):
        session.preview(make_strategy("vaal"), 3)
    with pytest.raises(InputError, match="k"):
        session.preview(make_strategy("margin"), 0)


def test_members_are_not_kept_and_the_limit_holds() -> None:
    data = tiny_table_dataset(60)
    learner = Counting(task=data.task)
    assert data.train.y is not None
    learner.fit(data.train.x, data.train.y, generator=generator_from(0))

    def read(reader: Reader, *needs: str) -> None:
        found = reader.blocks(
            torch.arange(60), learner, frozenset(needs), model=learner, generator=Generator
        )
        assert sum(block.n for block in found) == 60

    members, small = Reader(data.train.x, 16), Reader(data.train.x, 16, limit=1)
    for reader, needs in ((members, ("probs", "members")), (small, ("probs",))):
        learner.told = 0
        read(reader, *needs)
        read(reader, *needs)
        assert learner.told == 120


def test_a_strategy_that_needs_nothing_costs_no_pass() -> None:
    session, learner = begun("random")
    assert len(session.ask(5)) == 5
    assert learner.told == 0
