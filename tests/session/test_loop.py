import pytest
import torch

from pauca.errors import InputError
from pauca.oracle import UNKNOWN, VaultOracle
from pauca.rng import Streams
from pauca.session import Session, run
from pauca.strategies import make_strategy
from pauca.testing.fakes import FakeLearner, tiny_table_dataset

DATA = tiny_table_dataset(60)
LABELS = DATA.train.y


def make(events: tuple[dict[str, object], ...] = ()) -> tuple[Session, VaultOracle]:
    session = Session(
        DATA.train.x,
        FakeLearner(task=DATA.task),
        make_strategy("margin"),
        streams=Streams(5),
        events=events,
    )
    assert DATA.train.y is not None
    return session, VaultOracle(DATA.train.y)


def test_the_budget_is_spent_to_the_label() -> None:
    session, oracle = make()
    turns = list(run(session, oracle, k=7, budget=25, initial=10))
    assert [len(turn.ids) for turn in turns] == [10, 7, 7, 1]
    assert [turn.spent for turn in turns] == [10, 17, 24, 25]
    assert [turn.round for turn in turns] == [0, 1, 2, 3]
    assert oracle.spent == 25
    assert DATA.train.y is not None
    for turn in turns:
        assert torch.equal(turn.labels, DATA.train.y[turn.ids])


def test_it_ends_with_the_pool() -> None:
    session, oracle = make()
    session.skip([3])
    turns = list(run(session, oracle, k=25, budget=1000))
    assert turns[-1].spent == 59
    assert list(run(session, oracle, k=25, budget=1000)) == []


def test_it_is_nothing_but_ask_and_tell() -> None:
    session, oracle = make()
    by_hand, vault = make()
    for _ in run(session, oracle, k=6, budget=18):
        ids = by_hand.ask(6)
        by_hand.tell(ids, vault.answer(ids))
    assert session.events == by_hand.events


def test_an_interrupted_session_goes_on_with_what_is_pending() -> None:
    whole, oracle = make()
    list(run(whole, oracle, k=6, budget=30))
    broken, _ = make()
    for turn in run(broken, VaultOracle(torch.as_tensor(DATA.train.y)), k=6, budget=30):
        if turn.spent == 12:
            break
    broken.ask(6)
    resumed, vault = make(broken.events)
    list(run(resumed, vault, k=6, budget=30))
    assert resumed.events == whole.events


@pytest.mark.parametrize(("k", "budget", "initial"), [(0, 5, None), (1, -1, None), (1, 5, 0)])
def test_bad_sizes_are_refused_at_once(k: int, budget: int, initial: int | None) -> None:
    session, oracle = make()
    with pytest.raises(InputError):
        run(session, oracle, k=k, budget=budget, initial=initial)
    assert session.events == ()


def test_unknown_items_cost_budget_leave_the_pool_and_are_not_learned_from() -> None:
    session, _ = make()
    assert LABELS is not None
    turns = list(run(session, VaultOracle(LABELS, known=(2, 0)), k=6, budget=24))
    assert [turn.spent for turn in turns] == [6, 12, 18, 24]
    asked = torch.cat([turn.ids for turn in turns])
    answers = torch.cat([turn.labels for turn in turns])
    assert len(torch.unique(asked)) == 24
    truth = LABELS[asked]
    assert answers.tolist() == [{2: 0, 0: 1, 1: UNKNOWN}[int(y)] for y in truth]
    assert session.rejected.tolist() == sorted(asked[truth == 1].tolist())
    assert session.labelled_ids.tolist() == sorted(asked[truth != 1].tolist())
    assert session.train().examples == int((truth != 1).sum())
    assert not set(session.remaining.tolist()) & set(asked.tolist())
    rebuilt, _ = make(session.events)
    assert rebuilt.state == session.state
    assert rebuilt.ask(5).tolist() == session.ask(5).tolist()


def test_a_query_of_unknown_items_alone_trains_anew_and_goes_on() -> None:
    session, _ = make()
    assert LABELS is not None
    first = session.ask(6)
    session.answer(first, LABELS[first])
    fits = session.train()
    second = session.ask(6)
    session.answer(second, torch.full((6,), UNKNOWN))
    assert session.train() is not fits  # as any other round
    assert session.train().examples == fits.examples
    session.undo()
    assert set(session.pending.tolist()) == set(second.tolist())
    assert session.rejected.tolist() == []
