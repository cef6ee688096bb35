import itertools
import math
from typing import Any

import numpy as np
import pytest
import scikit_posthocs
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from pauca.errors import InputError
from pauca.metrics import cliques, friedman, nemenyi
from pauca.metrics.arrays import Floats

tables = hnp.arrays(
    float,
    st.tuples(st.integers(2, 8), st.integers(3, 6)),
    elements=st.integers(0, 5).map(float),
)


@settings(deadline=None, max_examples=80)
@given(tables)
def test_friedman_is_scipys_with_ties_too(values: Floats) -> None:
    found = friedman(values)
    ranks = np.stack([stats.rankdata(-row) for row in values])
    assert found.mean_ranks == pytest.approx(ranks.mean(0))
    if (values == values[:, :1]).all():
        assert (found.statistic, found.p, found.f, found.f_p) == (0, 1, 0, 1)
        return
    expected = stats.friedmanchisquare(*values.T)
    assert (found.statistic, found.p) == pytest.approx(tuple(expected), abs=1e-12)
    b, m = values.shape
    rest = b * (m - 1) - expected.statistic
    if rest > 1e-9:
        f = (b - 1) * expected.statistic / rest
        assert found.f == pytest.approx(f, abs=1e-9)
        assert found.f_p == pytest.approx(stats.f.sf(f, m - 1, (m - 1) * (b - 1)))
    assert found.agreement == pytest.approx(expected.statistic / (b * (m - 1)))


def test_demsars_example() -> None:
    # Demsar 2006, table 6: average ranks 3.143, 2.000, 2.893, 1.964 of 4 methods on 14 sets
    values = np.array(
        [
            [0.763, 0.768, 0.771, 0.798],
            [0.599, 0.591, 0.590, 0.569],
            [0.954, 0.971, 0.968, 0.967],
            [0.628, 0.661, 0.654, 0.657],
            [0.882, 0.888, 0.886, 0.898],
            [0.936, 0.931, 0.916, 0.931],
            [0.661, 0.668, 0.609, 0.685],
            [0.583, 0.583, 0.563, 0.625],
            [0.775, 0.838, 0.866, 0.875],
            [1.000, 1.000, 1.000, 1.000],
            [0.940, 0.962, 0.965, 0.962],
            [0.619, 0.666, 0.614, 0.669],
            [0.972, 0.981, 0.9752, 0.975],  # the paper ranks them by a digit not shown
            [0.957, 0.978, 0.946, 0.970],
        ]
    )
    ranks = friedman(values)
    assert ranks.mean_ranks == pytest.approx((3.143, 2.000, 2.893, 1.964), abs=5e-4)
    # the paper does not correct for ties: 12 b / (m (m + 1)) (sum R ** 2 - m (m + 1) ** 2 / 4)
    plain = 12 * 14 / 20 * (sum(r**2 for r in ranks.mean_ranks) - 25)
    assert plain == pytest.approx(9.28, abs=5e-3)
    # ties: mushroom 4 ** 3 - 4, iris, lung cancer and primary tumor 2 ** 3 - 2 each
    assert ranks.statistic == pytest.approx(plain / (1 - (60 + 3 * 6) / (14 * (64 - 4))))
    # critical value 2.569 of 4 methods: CD = 2.569 sqrt(4 * 5 / (6 * 14))
    found = nemenyi(values)
    assert found.critical_difference == pytest.approx(2.569 * math.sqrt(20 / 84), abs=5e-4)


def test_full_agreement_is_seen_as_such() -> None:
    values = np.arange(7.0) + 10 * np.arange(5.0)[:, None]
    found = friedman(values)
    assert found.agreement == 1
    assert found.statistic == 5 * 6
    assert (found.f, found.f_p) == (math.inf, 0.0)
    assert found.mean_ranks == (7, 6, 5, 4, 3, 2, 1)


def test_two_methods() -> None:
    # ranks of a sign test: 4 wins of 5, (4 - 1) ** 2 / 5
    values = [[1, 0], [1, 0], [1, 0], [1, 0], [0, 1]]
    found = friedman(values)
    assert found.statistic == pytest.approx(9 / 5)
    assert found.p == pytest.approx(stats.chi2.sf(9 / 5, 1))
    assert nemenyi(values).p[0][1] == pytest.approx(found.p, rel=1e-6)


@pytest.mark.parametrize("shape", [(5, 3), (12, 6), (30, 10)])
def test_nemenyi_is_that_of_scikit_posthocs(shape: tuple[int, int]) -> None:
    values = np.random.default_rng(1).normal(size=shape) + 0.2 * np.arange(shape[1])
    values = values.round(1)
    expected = scikit_posthocs.posthoc_nemenyi_friedman(-values).to_numpy()
    found = nemenyi(torch.from_numpy(values))
    np.testing.assert_allclose(found.p, expected, atol=1e-6)
    # p is below .05 just where mean ranks are a critical difference apart
    apart = np.abs(np.subtract.outer(found.mean_ranks, found.mean_ranks))
    np.testing.assert_array_equal(np.array(found.p) <= 0.05, apart >= found.critical_difference)
    assert nemenyi(values, 0.99).critical_difference > found.critical_difference


@settings(deadline=None, max_examples=40)
@given(tables, st.integers(0, 2**16))
def test_only_the_order_within_a_block_counts(values: Floats, seed: int) -> None:
    rng = np.random.default_rng(seed)
    blocks, methods = rng.permutation(len(values)), rng.permutation(values.shape[1])
    found = friedman(values)
    moved = friedman(np.exp(values[blocks]) * rng.uniform(1, 9, (len(values), 1)))
    assert moved.statistic == pytest.approx(found.statistic)
    assert moved.mean_ranks == pytest.approx(found.mean_ranks)
    turned = friedman(values[:, methods])
    assert turned.p == pytest.approx(found.p)
    assert turned.mean_ranks == tuple(found.mean_ranks[m] for m in methods)
    p = np.array(nemenyi(values).p)
    np.testing.assert_allclose(nemenyi(values[:, methods]).p, p[np.ix_(methods, methods)])
    assert (p == p.T).all()
    assert (np.diag(p) == 1).all()


def slow_cliques(ranks: list[float], cd: float) -> set[frozenset[int]]:
    """Every set whose members are pairwise not told apart and which no other such set contains."""
    alike = [
        frozenset(group)
        for size in range(2, len(ranks) + 1)
        for group in itertools.combinations(range(len(ranks)), size)
        if all(
            abs(ranks[i] - ranks[j]) < cd or ranks[i] == ranks[j]
            for i, j in itertools.combinations(group, 2)
        )
    ]
    return {group for group in alike if not any(group < other for other in alike)}


@settings(deadline=None)
@given(st.lists(st.integers(2, 14).map(lambda x: x / 2), min_size=1, max_size=7), st.integers(0, 8))
def test_cliques_are_the_maximal_sets(ranks: list[float], cd: int) -> None:
    found = cliques(ranks, cd / 2)
    assert {frozenset(group) for group in found} == slow_cliques(ranks, cd / 2)
    assert len(set(found)) == len(found)
    for group in found:
        assert [ranks[m] for m in group] == sorted(ranks[m] for m in group)
    starts = [ranks[group[0]] for group in found]
    assert starts == sorted(starts)


def test_cliques_by_hand() -> None:
    # order 1.0, 2.0, 3.0, 3.5: [1, 2]; [2, 3], as 3.5 - 2 is not below 1.5; [3, 3.5]
    assert cliques([1.0, 3.5, 2.0, 3.0], 1.5) == ((0, 2), (2, 3), (3, 1))
    assert cliques([1.0, 3.5, 2.0, 3.0], 1.6) == ((0, 2), (2, 3, 1))
    assert cliques([1.0, 2.0], 0.5) == ()
    assert cliques([1.5, 1.5], 0.0) == ((0, 1),)
    assert cliques([1.0], 3.0) == ()


@pytest.mark.parametrize(
    "values",
    [[[1.0, 2.0]], [[1.0], [2.0]], [1.0, 2.0], [[1.0, math.nan], [1, 2]], [[1, 2], [1]], []],
)
def test_bad_tables_are_refused(values: Any) -> None:
    with pytest.raises(InputError):
        friedman(values)
    with pytest.raises(InputError):
        nemenyi(values)


def test_other_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match="level"):
        nemenyi([[1, 2], [1, 2]], 1.0)
    with pytest.raises(InputError, match="cd"):
        cliques([1.0, 2.0], -1)
    with pytest.raises(InputError, match="cd"):
        cliques([1.0, 2.0], math.nan)
    with pytest.raises(InputError, match="mean_ranks"):
        cliques([], 1)
