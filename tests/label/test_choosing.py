"""What is asked for next, against the session and against the rules as they are stated."""

from typing import Any

import numpy as np
import pytest
import torch

from pauca.label.choosing import (
    COLD,
    RANDOM,
    Situation,
    choose,
    cover,
    random_order,
    sample_size,
)
from pauca.label.model import make_for
from pauca.learners import AbstractLearner
from pauca.rng import Streams
from pauca.session import Session
from pauca.strategies import make_strategy
from tests.label.helpers import NAMES, clusters

MARGIN = make_strategy("margin")
X, Y = clusters(120)


def situation(labelled: Any = (), **more: Any) -> Situation:
    items = np.array(labelled, dtype=np.int64)
    given: dict[str, Any] = {
        "x": torch.from_numpy(X),
        "labelled": items,
        "y": torch.from_numpy(Y[items]),
        "c": 3,
        "closed": np.sort(items),
        "asked": len(items),
        "round": 0,
        "seed": 4,
        "share": 0.0,
    }
    return Situation(**{**given, **more})


def learner() -> AbstractLearner:
    return make_for({"name": "probe"}, X.shape[1], NAMES)


def test_the_strategy_asks_as_a_session_does() -> None:
    """Same labels, same pool, same streams: the same items, ties included."""
    labelled = [5, 0, 1, 40, 77]
    now = situation(labelled, round=3)
    picks = choose(now, 10, MARGIN, learner)
    session = Session(now.x, learner(), MARGIN, streams=Streams(4, 3))
    session.tell(labelled, Y[labelled].tolist())
    assert [pick.item for pick in picks] == session.ask(10).tolist()
    assert {(pick.strategy, pick.random) for pick in picks} == {("margin", False)}


def test_closed_items_are_not_asked_for_again() -> None:
    closed = np.arange(0, 120, 2)
    now = situation([1, 3, 5], closed=np.union1d(closed, [1, 3, 5]), share=0.3, asked=60)
    picks = choose(now, 1000, MARGIN, learner)
    assert sorted(pick.item for pick in picks) == [i for i in range(7, 120, 2)]


@pytest.mark.parametrize("seed", range(3))
def test_the_random_share_is_the_beginning_of_one_order(seed: int) -> None:
    """After every batch the first share * asked items of the order are among those asked for."""
    order = random_order(120, seed)
    assert sorted(order) == list(range(120))
    asked: list[int] = []
    for round_ in range(8):
        labelled = np.array(asked, dtype=np.int64)
        now = situation(labelled, share=0.25, seed=seed, round=round_)
        picks = choose(now, 12, MARGIN, learner)
        asked += [pick.item for pick in picks]
        assert len(set(asked)) == len(asked) == 12 * (round_ + 1)
        sample = order[: sample_size(0.25, len(asked), 120)]
        assert set(sample) <= set(asked)
        random = [pick for pick in picks if pick.random]
        assert {pick.strategy for pick in random} <= {RANDOM}
        assert {pick.item for pick in random} <= set(sample)
    assert len(sample) == 24


def test_shares_at_the_ends() -> None:
    order = random_order(120, 4)
    picks = choose(situation(share=1.0), 9, MARGIN, learner)
    assert {pick.item for pick in picks} == set(order[:9])
    assert not any(pick.random for pick in choose(situation(), 9, MARGIN, learner))
    assert [sample_size(0.1, t, 50) for t in (0, 1, 10, 11, 30, 1000)] == [0, 1, 1, 2, 3, 50]


def test_coverage_until_every_class_was_seen() -> None:
    assert situation().cold
    assert situation([0, 3, 1]).cold  # two of three classes
    assert not situation([0, 1, 2]).cold
    assert not situation([0, 1] * 15 + [3], cold_labels=10).cold  # enough of waiting
    assert {pick.strategy for pick in choose(situation([0, 1]), 4, MARGIN, learner)} == {COLD}


def test_the_first_batch_has_every_cluster() -> None:
    for seed in range(5):
        picks = choose(situation(seed=seed), 3, MARGIN, learner)
        assert {int(Y[pick.item]) for pick in picks} == {0, 1, 2}


def test_coverage_goes_where_no_label_is() -> None:
    """Two of three clusters are labelled: the next item is of the third."""
    labelled = np.flatnonzero(Y != 2)[:30]
    pool = np.setdiff1d(np.arange(120), labelled)
    for seed in range(5):
        found = cover(situation(labelled), pool, 2, torch.Generator().manual_seed(seed))
        assert len(set(found)) == 2
        assert Y[found[0]] == 2


def test_a_large_pool_is_looked_at_in_part() -> None:
    now = situation([0, 1, 2], candidates=30)
    found = [{pick.item for pick in choose(now, 5, MARGIN, learner)} for _ in range(2)]
    assert found[0] == found[1]
    other = situation([0, 1, 2], candidates=30, round=1)
    assert found[0] != {pick.item for pick in choose(other, 5, MARGIN, learner)}
    assert len(choose(now, 100, MARGIN, learner)) == 100  # as many as are wanted all the same


def test_of_near_duplicates_one_is_asked_for() -> None:
    groups = np.full(120, -1, dtype=np.int32)
    groups[[10, 11, 12]] = 0
    groups[[0, 20, 21]] = 1  # item 0 has a label
    now = situation([0, 1, 2], groups=groups)
    single = 120 - 3 - 2 - 2
    picks = {pick.item for pick in choose(now, single, MARGIN, learner)}
    assert len(picks) == single
    assert picks & {10, 11, 12} == {10}
    assert not picks & {20, 21}
    assert len(choose(now, 117, MARGIN, learner)) == 117  # before none is asked for at all


@pytest.mark.parametrize("name", ["badge", "k-center", "entropy", "random"])
def test_other_strategies(name: str) -> None:
    picks = choose(situation([0, 1, 2]), 6, make_strategy(name), learner)
    assert len({pick.item for pick in picks} - {0, 1, 2}) == 6
