import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch import Tensor

from pauca.analysis import _hypergeometric as hyper
from pauca.analysis._hypergeometric import mean_jaccard, moments, pmf, tails
from tests.analysis.sets import every_set, shared_counts

SIZES = [(a, b, u) for u in (2, 5, 7) for a, b in itertools.product(range(u + 1), repeat=2)]


def whole(*values: int) -> list[Tensor]:
    return [torch.tensor(value) for value in values]


@pytest.mark.parametrize(("a", "b", "u"), SIZES)
def test_probabilities_are_those_of_every_set(a: int, b: int, u: int) -> None:
    assert pmf(*whole(a, b, u)).tolist() == pytest.approx(shared_counts(a, b, u), abs=1e-12)


@pytest.mark.parametrize(("a", "b", "u"), SIZES)
def test_mean_jaccard_is_that_of_every_set(a: int, b: int, u: int) -> None:
    first = frozenset(range(a))
    found = float(mean_jaccard(*whole(a, b, u)))
    if a + b == 0:
        assert np.isnan(found)
        return
    values = [len(first & other) / len(first | other) for other in every_set(u, b)]
    assert found == pytest.approx(sum(values) / len(values), abs=1e-12)


@given(st.integers(2, 4000), st.data())
@settings(max_examples=40, deadline=None)
def test_equals_scipy_for_wide_layers(u: int, data: st.DataObject) -> None:
    a, b = data.draw(st.integers(0, u)), data.draw(st.integers(0, u))
    k = data.draw(st.integers(max(0, a + b - u), min(a, b)))
    reference = stats.hypergeom(u, a, b)
    below, above, _ = tails(*(x.reshape(1, 1) for x in whole(k, a, b, u)))
    assert float(below) == pytest.approx(reference.cdf(k), rel=1e-7, abs=1e-300)
    assert float(above) == pytest.approx(reference.sf(k - 1), rel=1e-7, abs=1e-300)


@pytest.mark.parametrize(("a", "b", "u"), SIZES)
def test_moments_are_those_of_every_set(a: int, b: int, u: int) -> None:
    chances = shared_counts(a, b, u)
    mean = sum(k * p for k, p in enumerate(chances))
    square = sum(k * k * p for k, p in enumerate(chances))
    found = [float(x) for x in moments(*whole(a, b, u))]
    assert found == pytest.approx([mean, max(0, square - mean**2) ** 0.5], abs=1e-6)


@pytest.mark.parametrize(("k", "a", "b", "u"), [(0, 53, 22, 1000), (5, 43, 39, 1000), (5, 6, 7, 9)])
def test_two_sided_is_fishers_test(k: int, a: int, b: int, u: int) -> None:
    cells = [[k, a - k], [b - k, u - a - b + k]]
    both = tails(*(x.reshape(1, 1) for x in whole(k, a, b, u)))[2]
    assert float(both) == pytest.approx(stats.fisher_exact(cells)[1], rel=1e-9)


def test_sums_over_repetitions_are_those_of_every_outcome() -> None:
    sizes = [(2, 3, 7), (4, 1, 7), (3, 3, 6)]
    chances: dict[int, float] = {}
    for shared in itertools.product(*(range(min(a, b) + 1) for a, b, _ in sizes)):
        p = np.prod([shared_counts(*size)[k] for size, k in zip(sizes, shared, strict=True)])
        chances[sum(shared)] = chances.get(sum(shared), 0.0) + float(p)
    for seen in [(0, 0, 0), (1, 0, 2), (2, 1, 3)]:
        a, b, u = (torch.tensor([[size[i]] for size in sizes]) for i in range(3))
        below, above, both = tails(torch.tensor(seen)[:, None], a, b, u)
        total = sum(seen)
        assert float(below) == pytest.approx(sum(p for k, p in chances.items() if k <= total))
        assert float(above) == pytest.approx(sum(p for k, p in chances.items() if k >= total))
        level = chances[total] * (1 + 1e-7)
        assert float(both) == pytest.approx(sum(p for p in chances.values() if p <= level))


def test_blocks_of_pairs_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = torch.arange(12).repeat(2, 1) % 6, torch.arange(12).repeat(2, 1) % 5
    shared, u = torch.minimum(a, b) // 2, torch.full_like(a, 30)
    whole_table = tails(shared, a, b, u)
    monkeypatch.setattr(hyper, "_CELLS", 20)
    for one, other in zip(whole_table, tails(shared, a, b, u), strict=True):
        assert one.tolist() == pytest.approx(other.tolist(), rel=1e-12)


def test_no_pair_has_no_tail() -> None:
    none = torch.zeros(1, 0, dtype=torch.int64)
    assert [len(x) for x in tails(none, none, none, none)] == [0, 0, 0]
