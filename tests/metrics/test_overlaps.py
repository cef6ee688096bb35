import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pauca.errors import InputError
from pauca.metrics import mean_interval, overlap_matrix

some_ids = st.sets(st.integers(0, 12), max_size=8).map(sorted)


def some_picks(r: int) -> st.SearchStrategy[list[list[list[int]]]]:
    return st.lists(st.lists(some_ids, min_size=r, max_size=r), min_size=1, max_size=4)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 4).flatmap(some_picks))
def test_it_is_the_mean_overlap_of_sets(picks: list[list[list[int]]]) -> None:
    found = overlap_matrix(picks)
    for i, first in enumerate(picks):
        for j, second in enumerate(picks):
            each = [
                len(set(a) & set(b)) / len(set(a) | set(b)) if a or b else 1.0
                for a, b in zip(first, second, strict=True)
            ]
            cell, expected = found[i][j], mean_interval(each)
            assert cell.mean == pytest.approx(expected.mean)
            assert cell == found[j][i]
            assert cell.n == len(first)
            if cell.n == 1:
                assert math.isnan(cell.low)
                assert math.isnan(cell.high)
            else:
                assert cell.low == pytest.approx(max(0, expected.low))
                assert cell.high == pytest.approx(min(1, expected.high))
        assert found[i][i].mean == 1


def test_tensors_and_order_of_repetitions() -> None:
    a = [torch.tensor([1, 2, 3]), torch.tensor([4, 5])]
    b = [torch.tensor([3, 2, 9]), torch.tensor([6, 7])]
    found = overlap_matrix([a, b])[0][1]
    assert found.mean == pytest.approx((2 / 4 + 0) / 2)
    assert (found.low, found.high) == (0, 1)
    turned = overlap_matrix([a[::-1], b[::-1]])[0][1]
    assert turned.mean == pytest.approx(found.mean)


def test_random_choices_overlap_as_said() -> None:
    rng = np.random.default_rng(0)
    picks = [[rng.choice(100, 30, replace=False) for _ in range(60)] for _ in range(2)]
    assert overlap_matrix(picks)[0][1].mean == pytest.approx(30 / (200 - 30), abs=0.015)


@pytest.mark.parametrize(
    ("picks", "wrong"),
    [
        ([], "no strategy"),
        ([[]], "repetitions"),
        ([[[1]], [[1], [2]]], "strategy 1"),
        ([[[-1]]], "negative"),
        ([[[0.5]]], "wrong form"),
    ],
)
def test_bad_picks_are_refused(picks: Any, wrong: str) -> None:
    with pytest.raises(InputError, match=wrong):
        overlap_matrix(picks)
    with pytest.raises(InputError, match="level"):
        overlap_matrix([[[1]]], 0)
