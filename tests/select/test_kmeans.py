"""k-means: Lloyd's iterations, and the nearest distinct items whatever the pool's order."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor

from pauca.errors import InputError
from pauca.select.kmeans import k_means, k_means_centres, nearest_distinct
from pauca.select.kmeanspp import kmeans_plusplus
from tests.select.data import integers, normal
from tests.select.reference import Array
from tests.select.watch import largest_tensor


def seeded(seed: int = 3) -> Generator:
    return Generator().manual_seed(seed)


def lloyd(x: Tensor, k: int, seed: int = 3) -> Array:
    """Lloyd 1982 from the same seeds: assign each item, move each centre to its items' mean."""
    rows = x.double().numpy()
    centres: Array = rows[kmeans_plusplus(x, k, seeded(seed)).numpy()]
    for _ in range(100):
        away = ((rows[:, None] - centres) ** 2).sum(2)
        owner = away.argmin(1)
        moved = np.stack([rows[owner == j].mean(0) for j in range(k)])
        if np.allclose(moved, centres, atol=0, rtol=0):
            break
        centres = moved
    return centres


def greedy_nearest(x: Array, centres: Array) -> list[int]:
    picks: list[int] = []
    for centre in centres:
        away = ((x - centre) ** 2).sum(1)
        free = [i for i in range(len(x)) if i not in picks]
        picks.append(min(free, key=lambda i: (away[i], i)))
    return picks


def clusters(n: int, d: int, k: int) -> Tensor:
    return 8 * normal(k, d, seed=7)[torch.arange(n) % k] + normal(n, d)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_centres_are_those_of_lloyd(dtype: torch.dtype, offset: float) -> None:
    x = (clusters(300, 3, 6) + offset).to(dtype)
    found = k_means_centres(x, 6, seeded()).double().numpy()
    assert np.allclose(found, lloyd(x, 6), atol=1e-4)


def test_items_are_the_nearest_to_their_centres() -> None:
    x = clusters(300, 3, 6).double()
    centres = lloyd(x, 6)
    assert k_means(x, 6, seeded()).tolist() == greedy_nearest(x.numpy(), centres)


def test_not_the_first_k_of_the_pool() -> None:
    x = torch.cat([torch.zeros(50, 2), clusters(200, 2, 4) + 30])
    picks = k_means(x, 5, seeded())
    assert picks.tolist() != list(range(5))
    assert int((picks >= 50).sum()) == 4


def test_the_nearest_items_are_the_same_whatever_the_order() -> None:
    x = clusters(400, 4, 8)
    centres = k_means_centres(x, 8, seeded())
    picks = nearest_distinct(x, centres)
    for seed in range(3):
        order = torch.randperm(400, generator=seeded(seed))
        assert torch.equal(order[nearest_distinct(x[order], centres)], picks)


@pytest.mark.parametrize("make", [lambda: torch.ones(9, 2), lambda: integers(40, 2, 2)])
def test_duplicates_and_empty_clusters(make: object) -> None:
    x = make()  # type: ignore[operator]
    for k in (1, 5, len(x)):
        picks = k_means(x, k, seeded()).tolist()
        assert len(set(picks)) == k


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_distinct_nearest_items(data: st.DataObject) -> None:
    n, d = data.draw(st.integers(1, 12)), data.draw(st.integers(1, 3))
    k = data.draw(st.integers(0, n))
    values = st.integers(-3, 3)
    rows = data.draw(st.lists(st.lists(values, min_size=d, max_size=d), min_size=n, max_size=n))
    x = torch.tensor(rows, dtype=torch.float64)
    centres = x[:k] + 1
    assert nearest_distinct(x, centres).tolist() == greedy_nearest(x.numpy(), centres.numpy())
    assert sorted(k_means(x, n, seeded()).tolist()) == list(range(n))


@pytest.mark.parametrize("scale", [1e-20, 1e18])
def test_scale_changes_nothing(scale: float) -> None:
    x = clusters(200, 3, 5)
    scaled = (x.double() * scale).float()
    assert k_means(scaled, 5, seeded()).tolist() == k_means(x, 5, seeded()).tolist()


def test_arguments_are_checked() -> None:
    with pytest.raises(InputError, match="k is out of range"):
        k_means(normal(4, 2), 5, seeded())
    with pytest.raises(InputError, match="k is out of range"):
        k_means_centres(normal(4, 2), 0, seeded())
    assert k_means(normal(4, 2), 0, seeded()).tolist() == []


def test_faiss_comes_to_the_same_items() -> None:
    pytest.importorskip("faiss")
    x = clusters(400, 4, 4)
    for seed in range(3):
        picks = k_means(x, 4, seeded(seed), engine="faiss")
        assert torch.equal(picks, k_means(x, 4, seeded(seed)))


def test_memory_is_a_block() -> None:
    x = normal(20000, 32)
    assert largest_tensor(lambda: k_means(x, 50, seeded(), rounds=3)) <= 2**20 * 8
