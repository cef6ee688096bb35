"""Groups of rejected items: silhouettes and trees against scikit-learn, proposals by hand."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import AgglomerativeClustering, KMeans
from sklearn.metrics import adjusted_rand_score, silhouette_samples, silhouette_score
from torch import Tensor

from pauca.analysis import discover, divide, silhouette
from pauca.analysis.discovery import Method
from pauca.errors import InputError
from pauca.metrics import adjusted_rand
from pauca.rng import generator_from

METHODS: list[Method] = ["agglomerative", "k-means"]


def ensembles(sizes: list[int], seed: int = 0, noise: float = 0.3) -> tuple[Tensor, Tensor]:
    """Items of categories that each activate ten units of their own, as strong as it happens."""
    g = generator_from(seed)
    labels = torch.cat([torch.full((size,), k) for k, size in enumerate(sizes)])
    labels = labels[torch.randperm(len(labels), generator=g)]
    units = torch.arange(10 * len(sizes) + 20)
    x = (units // 10 == labels[:, None]).double()
    x = (x + noise * torch.randn(x.shape, generator=g, dtype=torch.float64)).clamp(min=0)
    return x * (0.5 + 3 * torch.rand(len(x), 1, generator=g)), labels


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 1000), n=st.integers(4, 25), g=st.integers(2, 3))
def test_silhouettes_are_those_of_scikit_learn(seed: int, n: int, g: int) -> None:
    draw = generator_from(seed)
    x = torch.rand(n, 6, generator=draw, dtype=torch.float64)
    groups = torch.cat([torch.arange(g), torch.randint(g, (n - g,), generator=draw)])
    found = silhouette(x, groups)
    expected = silhouette_samples(x.numpy(), groups.numpy(), metric="cosine")
    np.testing.assert_allclose(found, expected, atol=1e-9)
    # what the groups are called and how strong an item is does not count
    scale = 0.1 + torch.rand(n, 1, generator=draw, dtype=torch.float64)
    torch.testing.assert_close(silhouette(x * scale, 7 * groups + 2), found)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 1000), groups=st.integers(1, 6))
def test_linkage_is_that_of_scikit_learn(seed: int, groups: int) -> None:
    x = torch.rand(20, 8, generator=generator_from(seed), dtype=torch.float64)
    other = AgglomerativeClustering(groups, metric="cosine", linkage="average").fit_predict(x)
    assert adjusted_rand_score(divide(x, groups), other) == 1


def test_k_means_is_as_tight_as_that_of_scikit_learn() -> None:
    x, _ = ensembles([20, 15, 10, 5], noise=0.6)
    rows = (x / x.norm(dim=1, keepdim=True)).numpy()
    found = divide(x, 4, method="k-means").numpy()

    def spread(groups: Any) -> float:
        return sum(
            float(((rows[groups == k] - rows[groups == k].mean(0)) ** 2).sum()) for k in range(4)
        )

    other = KMeans(4, n_init=10, random_state=0).fit_predict(rows)
    assert spread(found) == pytest.approx(spread(other), rel=0.01)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("sizes", [[12, 9], [20, 11, 6], [10, 10, 10, 10, 10]])
def test_planted_categories_are_found_and_their_number_too(
    method: Method, sizes: list[int]
) -> None:
    x, labels = ensembles(sizes)
    found = discover(x, method=method)
    assert found.number == len(sizes)
    assert adjusted_rand(found.groups, labels) == 1
    assert [one.size for one in found.proposals] == sorted(sizes, reverse=True)
    means = {
        g: silhouette_score(x.numpy(), divide(x, g, method=method).numpy(), metric="cosine")
        for g in range(2, 9)
    }
    assert dict(found.silhouettes) == pytest.approx(means)
    assert max(means, key=lambda g: means[g]) == found.number


def test_a_proposal_by_hand() -> None:
    x = torch.tensor([[2.0, 0, 0], [1, 0.1, 0], [4, 0.4, 0], [0, 0, 3], [0, 0.2, 1], [1, 0.3, 0]])
    found = discover(x, most=2, size=3, exemplars=2)
    assert found.groups.tolist() == [0, 0, 0, 1, 1, 0]
    (one,) = found.proposals  # two items are too few
    assert (one.group, one.size, one.items.tolist()) == (0, 4, [0, 1, 2, 5])
    rows = (x / x.norm(dim=1, keepdim=True))[[0, 1, 2, 5]]
    middle = rows.mean(0) / rows.mean(0).norm()
    cosines = [float(row @ middle) for row in rows]
    assert one.cohesion == pytest.approx(sum(cosines) / 4)
    assert one.exemplars.tolist() == [1, 2]  # equally near: the first comes first
    widths = silhouette(x, found.groups)
    assert one.separation == pytest.approx(float(widths[one.items].mean()))


@pytest.mark.parametrize("method", METHODS)
def test_what_does_not_fall_apart_is_one_group(method: Method) -> None:
    x = 5 + torch.rand(30, 12, generator=generator_from(0))
    found = discover(x, method=method, least=0.3)
    assert found.number == 1
    assert math.isnan(found.proposals[0].separation)
    for few in (x[:1], x[:2]):
        assert discover(few, method=method, size=1).groups.tolist() == [0] * len(few)
    assert discover(x[:2]).proposals == ()
    # copies and silent items do no harm
    same = discover(torch.cat([x[:1]] * 5 + [0 * x[:3]]), method=method, most=4)
    assert same.groups.tolist() == [0] * 5 + [1] * 3


@pytest.mark.parametrize("method", METHODS)
def test_neither_the_order_of_units_nor_the_process_counts(method: Method) -> None:
    x, _ = ensembles([14, 8, 8], seed=4)
    order = torch.randperm(x.shape[1], generator=generator_from(9))
    found = discover(x, method=method)
    assert adjusted_rand(discover(x[:, order], method=method).groups, found.groups) == 1
    again = discover(x.numpy(), method=method)
    assert isinstance(again.groups, np.ndarray)
    assert again.groups.tolist() == found.groups.tolist()
    assert [one.exemplars.tolist() for one in again.proposals] == [
        one.exemplars.tolist() for one in found.proposals
    ]


def test_what_cannot_be_grouped_is_refused() -> None:
    x = torch.arange(20.0).view(5, 4)
    for wrong in (
        lambda: discover(x[:0]),
        lambda: discover(x * math.nan),
        lambda: discover(x, method="magic"),  # type: ignore[arg-type]
        lambda: discover(x, most=0),
        lambda: discover(x, size=0),
        lambda: discover(x, exemplars=0),
        lambda: divide(x, 6),
        lambda: silhouette(x, torch.zeros(5, dtype=torch.int64)),
        lambda: silhouette(x, torch.tensor([0, 1])),
    ):
        with pytest.raises(InputError):
            wrong()
