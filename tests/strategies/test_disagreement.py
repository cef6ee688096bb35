"""Each disagreement score against its paper's equation, and each known defect by name."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from pauca.errors import CapabilityError
from pauca.outputs import Outputs
from pauca.strategies import AbstractScore, make_strategy


def members(s: int, n: int, c: int, seed: int) -> Tensor:
    logits = torch.randn(s, n, c, generator=torch.Generator().manual_seed(seed)) * 2
    return logits.softmax(-1)


def pool(probs: Tensor) -> Outputs:
    return Outputs(ids=torch.arange(probs.shape[1]), probs=probs)


def score(name: str, probs: Tensor) -> list[float]:
    strategy = make_strategy(name)
    assert isinstance(strategy, AbstractScore)
    found: list[float] = strategy.score(pool(probs)).tolist()
    return found


def mean_over_members(p: list[list[list[float]]], i: int) -> list[float]:
    return [sum(member[i][y] for member in p) / len(p) for y in range(len(p[0][i]))]


def entropy(row: list[float]) -> float:
    return -sum(v * math.log(v) for v in row if v > 0)


def slow(name: str, probs: Tensor) -> list[float]:
    """The papers' equations in plain loops."""
    p: list[list[list[float]]] = probs.double().tolist()
    s, n, c = len(p), len(p[0]), len(p[0][0])
    scores = []
    for i in range(n):
        mean = mean_over_members(p, i)
        if name == "least-confidence-dropout":
            value = 1 - max(mean)
        elif name == "margin-dropout":
            first, second = sorted(mean, reverse=True)[:2]
            value = -(first - second)
        elif name == "entropy-dropout":
            value = entropy(mean)
        elif name == "mean-std":
            variances = [sum((m[i][y] - mean[y]) ** 2 for m in p) / s for y in range(c)]
            value = sum(math.sqrt(v) for v in variances) / c
        elif name == "var-ratio":
            votes = [max(range(c), key=lambda y: (m[i][y], -y)) for m in p]
            value = 1 - max(votes.count(y) for y in range(c)) / s
        else:
            value = entropy(mean) - sum(entropy(m[i]) for m in p) / s
        scores.append(value)
    return scores


NAMES = [
    "least-confidence-dropout",
    "margin-dropout",
    "entropy-dropout",
    "mean-std",
    "var-ratio",
    "bald",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_score_is_the_papers_equation(name: str, dtype: torch.dtype) -> None:
    probs = members(7, 40, 5, seed=3).to(dtype)
    probs = probs / probs.sum(-1, keepdim=True)
    assert score(name, probs) == pytest.approx(slow(name, probs), abs=1e-6)


@given(st.integers(2, 9), st.integers(2, 6), st.integers(0, 10**6))
def test_bald_is_zero_for_equal_members_and_positive_otherwise(s: int, c: int, seed: int) -> None:
    one = members(1, 3, c, seed).double()
    one = one / one.sum(-1, keepdim=True)
    assert score("bald", one.expand(s, 3, c).contiguous()) == [0.0, 0.0, 0.0]
    assert all(v > 0 for v in score("bald", members(s, 3, c, seed)))


def test_bald_asks_for_the_highest_first() -> None:
    agree = torch.tensor([[0.5, 0.5]]).expand(4, 1, 2)
    disagree = torch.tensor([[[0.9, 0.1]], [[0.1, 0.9]], [[0.9, 0.1]], [[0.1, 0.9]]])
    both = pool(torch.cat([agree, disagree], dim=1))
    assert make_strategy("bald").select(both, None, 1, torch.Generator()).tolist() == [1]


def test_bald_survives_zero_probabilities() -> None:
    probs = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]])
    assert score("bald", probs) == pytest.approx([math.log(2)])


def test_var_ratio_counts_votes() -> None:
    """The survey's toolkit computes least confidence under this name."""
    probs = torch.tensor([[[0.51, 0.49]], [[0.51, 0.49]], [[0.02, 0.98]]])
    assert score("var-ratio", probs) == pytest.approx([1 / 3])
    sure = torch.tensor([[[0.51, 0.49]], [[0.51, 0.49]], [[0.51, 0.49]]])
    assert score("var-ratio", sure) == [0.0]


@pytest.mark.parametrize("name", NAMES)
def test_dropout_strategies_refuse_a_net_without_stochastic_layers(name: str) -> None:
    single = pool(members(1, 5, 3, seed=0))
    with pytest.raises(CapabilityError, match="dropout"):
        make_strategy(name).select(single, None, 2, torch.Generator())


def test_margin_dropout_runs() -> None:
    """The survey's toolkit crashes at once here."""
    chosen = make_strategy("margin-dropout").select(
        pool(members(5, 9, 4, seed=1)), None, 3, torch.Generator()
    )
    assert len(set(chosen.tolist())) == 3
