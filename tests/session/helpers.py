"""A small pool, and what its tests do with a session over it."""

from typing import Any

from torch import Tensor

from pauca.rng import Streams
from pauca.session import Session
from pauca.strategies import AbstractStrategy, make_strategy
from pauca.testing.fakes import FakeLearner, tiny_table_dataset

DATA = tiny_table_dataset(60, c=3)
LABELS = DATA.train.y
assert LABELS is not None


def make(strategy: AbstractStrategy | str = "margin", seed: int = 0, **options: Any) -> Session:
    if isinstance(strategy, str):
        strategy = make_strategy(strategy)
    learner = options.pop("learner", None) or FakeLearner(task=DATA.task)
    return Session(DATA.train.x, learner, strategy, streams=Streams(seed), **options)


def answer(session: Session, ids: Tensor) -> None:
    assert LABELS is not None
    session.tell(ids, LABELS[ids])


def play(strategy: str, rounds: int = 3, **options: Any) -> list[dict[str, Any]]:
    session = make(strategy, **options)
    for _ in range(rounds):
        answer(session, session.ask(6))
    session.ask(6)
    return list(session.events)
