"""k-center, k-means and badge as strategies: the papers' definitions in plain loops."""

import math

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Generator, Tensor

from pauca.errors import CapabilityError
from pauca.outputs import Outputs
from pauca.rng import generator_from
from pauca.strategies import make_strategy

Floats = npt.NDArray[np.float64]


def made(n: int, d: int, c: int, seed: int, first: int = 0) -> Outputs:
    g = generator_from(seed)
    probs = (torch.randn(1, n, c, generator=g, dtype=torch.float64) * 2).softmax(-1)
    features = torch.randn(n, d, generator=g, dtype=torch.float64)
    return Outputs(ids=torch.arange(first, first + n), probs=probs, features=features)


def ask(name: str, pool: Outputs, labelled: Outputs | None, k: int, seed: int = 0) -> list[int]:
    found: list[int] = make_strategy(name).select(pool, labelled, k, generator_from(seed)).tolist()
    return found


def array(x: Tensor | None) -> Floats:
    assert x is not None
    return np.asarray(x.double().numpy())


def slow_k_center(x: Floats, known: Floats, k: int) -> list[int]:
    """Sener and Savarese 2018, algorithm 1: argmax over the pool of the least distance."""
    centres, picks = list(known), list[int]()
    for _ in range(k):
        least = [min(math.dist(row, centre) for centre in centres) for row in x]
        pick = max((i for i in range(len(x)) if i not in picks), key=lambda i: least[i])
        picks.append(pick)
        centres.append(x[pick])
    return picks


def slow_badge(p: Floats, h: Floats, k: int, generator: Generator) -> list[int]:
    """Ash et al. 2020, algorithm 1, on gradient embeddings written out in full."""
    hot = np.eye(p.shape[1])[p.argmax(1)]
    g = np.einsum("nc,nd->ncd", p - hot, h).reshape(len(p), -1)
    picks = [int((g**2).sum(1).argmax())]
    for u in torch.rand(k - 1, generator=generator, dtype=torch.float64).tolist():
        weights = np.array([min(((row - g[j]) ** 2).sum() for j in picks) for row in g])
        weights[picks] = 0
        picks.append(int(np.searchsorted(weights.cumsum(), u * weights.sum(), side="right")))
    return picks


@pytest.mark.parametrize("seed", range(3))
def test_k_center_is_the_slow_form(seed: int) -> None:
    pool, labelled = made(60, 5, 3, seed), made(7, 5, 3, seed + 100, first=60)
    wanted = slow_k_center(array(pool.features), array(labelled.features), 12)
    assert ask("k-center", pool, labelled, 12) == wanted


@pytest.mark.parametrize("seed", range(3))
def test_k_center_pca_is_k_center_on_the_components(seed: int) -> None:
    pool, labelled = made(60, 9, 3, seed), made(7, 9, 3, seed + 100, first=60)
    both = np.concatenate([array(pool.features), array(labelled.features)])
    centred = both - both.mean(0)
    low = centred @ np.linalg.svd(centred, full_matrices=False)[2][:4].T
    found = make_strategy("k-center-pca", components=4).select(pool, labelled, 10, Generator())
    assert found.tolist() == slow_k_center(low[:60], low[60:], 10)


def test_k_center_pca_keeps_near_duplicates_apart_from_nan() -> None:
    """Float16 distances: the survey's toolkit has NaN for 18 % of near-duplicates."""
    pool = made(40, 6, 3, 1)
    assert pool.features is not None
    near = pool.features.repeat(2, 1).float() + 1000
    near[40:] += 1e-4
    both = Outputs(ids=torch.arange(80), probs=pool.probs.repeat(1, 2, 1), features=near)
    picks = ask("k-center-pca", both, None, 40)
    assert len({i % 40 for i in picks}) == 40


@pytest.mark.parametrize("seed", range(3))
def test_badge_is_the_slow_form(seed: int) -> None:
    pool = made(50, 4, 3, seed)
    wanted = slow_badge(array(pool.probs[0]), array(pool.features), 12, generator_from(seed))
    assert ask("badge", pool, None, 12, seed) == wanted


def test_badge_survives_duplicates_and_fewer_distinct_items_than_picks() -> None:
    """The survey's toolkit stops in a debugger or loops for ever."""
    one = made(3, 4, 3, 0)
    assert one.features is not None
    many = Outputs(
        ids=torch.arange(30), probs=one.probs.repeat(1, 10, 1), features=one.features.repeat(10, 1)
    )
    picks = ask("badge", many, None, 20)
    assert len(set(picks)) == 20
    assert {i % 3 for i in picks[:3]} == {0, 1, 2}


@pytest.mark.parametrize("name", ["k-means", "k-means-faiss"])
def test_k_means_returns_the_items_nearest_its_centres_whatever_the_pools_order(name: str) -> None:
    """The survey's GPU version returns the first k of the pool."""
    g = generator_from(3)
    middles = torch.tensor([[0.0, 0.0], [50.0, 0.0], [0.0, 50.0], [50.0, 50.0]])
    features = (middles.repeat_interleave(25, 0) + torch.randn(100, 2, generator=g)).float()
    probs = torch.full((1, 100, 2), 0.5)
    nearest = list[int]()
    for group in features.view(4, 25, 2):
        away = (group - group.mean(0)).norm(dim=1)
        nearest.append(int(away.argmin()) + 25 * len(nearest))
    for seed in range(3):
        order = torch.randperm(100, generator=g)
        pool = Outputs(ids=order, probs=probs, features=features[order])
        assert sorted(ask(name, pool, None, 4, seed)) == nearest


@pytest.mark.parametrize("name", ["k-center", "k-center-pca", "k-means", "badge"])
def test_without_features_they_are_refused(name: str) -> None:
    pool = Outputs(ids=torch.arange(4), probs=torch.full((1, 4, 2), 0.5))
    with pytest.raises(CapabilityError, match="features"):
        ask(name, pool, None, 2)
