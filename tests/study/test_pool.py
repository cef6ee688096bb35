"""What is done to a pool, against counts made by hand."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pauca.data import Split
from pauca.errors import DataError
from pauca.rng import Streams, generator_from
from pauca.study.pool import long_tail, made_pool, redundant, with_wrong_answers
from pauca.study.settings import Pool

C = 5


def train(n: int = 300) -> Split:
    y = torch.randint(C, (n,), generator=generator_from(1))
    return Split(torch.arange(n, dtype=torch.float32)[:, None], y)


def made(repetition: int = 0, **pool: Any) -> Split:
    return made_pool(train(), C, Pool(**pool), Streams(3, repetition))


def test_a_pool_that_nothing_is_done_to_is_the_training_split() -> None:
    split = train()
    assert made_pool(split, C, Pool(), Streams(3)) is split


def test_a_smaller_pool_keeps_items_with_their_labels_in_order() -> None:
    small, whole = made(size=40), train()
    rows = small.x[:, 0].long()
    assert len(small) == 40
    assert rows.tolist() == sorted(set(rows.tolist()))
    assert small.y is not None
    assert whole.y is not None
    assert torch.equal(small.y, whole.y[rows])


@given(
    counts=st.lists(st.integers(5, 60), min_size=2, max_size=6),
    ratio=st.floats(1, 50),
    seed=st.integers(0, 99),
)
def test_classes_are_thinned_out_exponentially(counts: list[int], ratio: float, seed: int) -> None:
    c = len(counts)
    y = torch.cat([torch.full((n,), k) for k, n in enumerate(counts)])
    kept = long_tail(y, c, ratio, generator_from(seed))
    assert kept.tolist() == sorted(set(kept.tolist()))
    found = sorted(torch.bincount(y[kept], minlength=c).tolist(), reverse=True)
    n = min(counts)
    assert found == [max(1, round(n * ratio ** (-r / (c - 1)))) for r in range(c)]


def test_which_class_is_rare_changes_with_the_repetition() -> None:
    rare = set()
    for repetition in range(12):
        y = made(repetition, imbalance=10.0).y
        assert y is not None
        rare.add(int(torch.bincount(y, minlength=C).argmin()))
    assert len(rare) > 2


@given(n=st.integers(1, 80), share=st.floats(0, 0.99), seed=st.integers(0, 99))
def test_copies_take_the_place_of_others(n: int, share: float, seed: int) -> None:
    rows = redundant(n, share, generator_from(seed)).tolist()
    gone = int(n * share)
    assert len(rows) == n
    assert len(set(rows)) == n - gone if gone < n else len(set(rows)) == 1
    copied = [i for i, row in enumerate(rows) if row != i]
    assert len(copied) == gone
    assert not set(copied) & set(rows)  # a row that gave way is copied nowhere


def test_wrong_answers_are_as_many_as_said_and_spread_over_the_other_classes() -> None:
    y = torch.arange(C).repeat(8000)
    told = with_wrong_answers(y, C, 0.3, generator_from(0))
    wrong = told != y
    assert float(wrong.float().mean()) == pytest.approx(0.3, abs=0.01)
    ahead = torch.bincount((told[wrong] - y[wrong]) % C, minlength=C) / int(wrong.sum())
    assert ahead[0] == 0
    assert ahead[1:].tolist() == pytest.approx([0.25] * 4, abs=0.02)


def test_what_is_done_depends_on_the_repetition_alone() -> None:
    every = {"size": 200, "imbalance": 4.0, "redundancy": 0.2, "noise": 0.1}
    first, again, other = made(0, **every), made(0, **every), made(1, **every)
    assert torch.equal(first.x, again.x)
    assert first.y is not None
    assert again.y is not None
    assert torch.equal(first.y, again.y)
    assert first.x.shape != other.x.shape or not torch.equal(first.x, other.x)
    # noise has a stream of its own: the items are the same without it
    assert torch.equal(first.x, made(0, **{**every, "noise": 0.0}).x)


def test_a_pool_without_labels_is_refused() -> None:
    with pytest.raises(DataError, match="no labels"):
        made_pool(Split(train().x, None), C, Pool(noise=0.1), Streams(0))
