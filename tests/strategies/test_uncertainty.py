import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pauca.outputs import Outputs
from pauca.rng import generator_from
from pauca.strategies import AbstractScore, make_strategy
from pauca.testing.fakes import fake_outputs


def slow_least_confidence(p: list[float]) -> float:
    return 1 - max(p)


def slow_margin(p: list[float]) -> float:
    if len(p) == 1:
        return 0
    first, second = sorted(p, reverse=True)[:2]
    return -(first - second)


def slow_entropy(p: list[float]) -> float:
    return -sum(q * math.log(q) for q in p if q > 0)


SLOW: dict[str, Callable[[list[float]], float]] = {
    "least-confidence": slow_least_confidence,
    "margin": slow_margin,
    "entropy": slow_entropy,
}


def score_of(name: str, probs: Any, dtype: torch.dtype = torch.float64) -> list[float]:
    strategy = make_strategy(name)
    assert isinstance(strategy, AbstractScore)
    scores = strategy.score(Outputs.from_arrays(torch.tensor(probs, dtype=dtype)))
    return [float(score) for score in scores]


@pytest.mark.parametrize("name", SLOW)
@pytest.mark.parametrize("c", [1, 2, 3, 10])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-12)])
def test_scores_agree_with_the_slow_form(
    name: str, c: int, dtype: torch.dtype, tolerance: float
) -> None:
    probs = np.random.default_rng(c).dirichlet(np.full(c, 0.4), 50)
    expected = [SLOW[name](list(p)) for p in probs]
    assert score_of(name, probs, dtype) == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize("name", SLOW)
def test_scores_of_members_are_those_of_their_mean(name: str) -> None:
    outputs = fake_outputs(20, 5, s=4, dtype=torch.float64)
    strategy = make_strategy(name)
    assert isinstance(strategy, AbstractScore)
    expected = [SLOW[name](p.tolist()) for p in outputs.probs.numpy().mean(0)]
    assert strategy.score(outputs).tolist() == pytest.approx(expected, abs=1e-12)


def test_entropy_with_exact_zeros_is_a_number() -> None:
    probs = [[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [1 / 3, 1 / 3, 1 / 3]]
    for dtype in (torch.float32, torch.float64):
        expected = [0.0, math.log(2), math.log(3)]
        assert score_of("entropy", probs, dtype) == pytest.approx(expected, rel=1e-6)


def test_entropy_where_probabilities_underflow() -> None:
    probs = torch.tensor([[0.0, 200.0, 50.0], [0.0, 90.0, 0.0]], dtype=torch.float32).softmax(-1)
    assert float(probs.min()) == 0
    scores = score_of("entropy", probs.tolist(), torch.float32)
    assert scores == pytest.approx([0, 0], abs=1e-30)


def test_entropy_agrees_with_scipy() -> None:
    probs = np.random.default_rng(0).dirichlet(np.ones(7), 30)
    assert score_of("entropy", probs) == pytest.approx(stats.entropy(probs, axis=1))


def test_a_single_class_makes_every_item_equal() -> None:
    for name in SLOW:
        assert score_of(name, [[1.0], [1.0]]) == [0, 0]


@given(st.integers(2, 8), st.integers(0, 10_000))
def test_scores_stay_in_their_range_and_ignore_the_order_of_classes(c: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    probs = rng.dirichlet(np.full(c, 0.3), 6)
    ranges = {
        "least-confidence": (0, 1 - 1 / c),
        "margin": (-1, 0),
        "entropy": (0, math.log(c)),
    }
    for name, (low, high) in ranges.items():
        scores = score_of(name, probs)
        assert min(scores) >= low - 1e-12
        assert max(scores) <= high + 1e-12
        mixed = probs[:, rng.permutation(c)]
        assert score_of(name, mixed) == pytest.approx(scores, abs=1e-12)


def test_all_agree_on_the_order_of_two_classes() -> None:
    p = np.random.default_rng(1).random(40)
    probs = np.stack([p, 1 - p], 1)
    orders = [np.argsort(score_of(name, probs)).tolist() for name in SLOW]
    assert all(one == other for one, other in pairwise(orders))


@pytest.mark.parametrize("name", SLOW)
def test_what_is_chosen_is_the_slow_order(name: str) -> None:
    pool = fake_outputs(40, 4, dtype=torch.float64)
    slow = {int(i): SLOW[name](p.tolist()) for i, p in zip(pool.ids, pool.probs[0], strict=True)}
    expected = sorted(slow, key=lambda i: -slow[i])[:12]
    chosen = make_strategy(name).select(pool, None, 12, generator_from(0))
    assert chosen.tolist() == expected
