"""The numeric contract once more, on a GPU; skipped without one."""

from collections.abc import Callable

import pytest
import torch

from pauca.rng import Streams, generator_from
from pauca.select.topk import top_k
from pauca.session import Session
from pauca.strategies import AbstractStrategy, make_strategy, strategies
from pauca.testing.fakes import FakeLearner, tiny_table_dataset
from pauca.testing.strategies import STRATEGY_CHECKS

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")


@pytest.mark.parametrize("name", strategies.names())
@pytest.mark.parametrize("check", STRATEGY_CHECKS, ids=lambda check: check.__name__)
def test_contract(name: str, check: Callable[[AbstractStrategy, str], None]) -> None:
    check(make_strategy(name), "cuda")


def test_ties_are_broken_as_on_the_cpu() -> None:
    scores = torch.randint(5, (1000,), generator=generator_from(0)).to(torch.float32)
    here = top_k(scores, 100, generator_from(1))
    there = top_k(scores.cuda(), 100, generator_from(1))
    assert there.device.type == "cuda"
    assert torch.equal(here, there.cpu())


@pytest.mark.parametrize("name", ["random", "margin", "bald"])
def test_a_session_asks_as_on_the_cpu(name: str) -> None:
    data = tiny_table_dataset()
    assert data.train.y is not None
    events = []
    for device in ("cpu", "cuda"):
        learner = FakeLearner(task=data.task, device=device)
        session = Session(data.train.x, learner, make_strategy(name), streams=Streams(0))
        for _ in range(4):
            ids = session.ask(6)
            assert ids.device.type == "cpu"
            session.tell(ids, data.train.y[ids])
        events.append(session.events)
    assert events[0] == events[1]
