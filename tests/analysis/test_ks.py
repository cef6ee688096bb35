from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from pauca.analysis import _ks, ks_mean
from pauca.analysis._ks import ks_p_values, largest_gaps
from pauca.analysis.ensembles import Pairs
from pauca.errors import InputError
from tests.analysis.ks_cases import KINDS, activity, plain_mean_p


def plain_gaps(x: NDArray[Any]) -> NDArray[Any]:
    at = np.unique(x)
    counts = (x[:, :, None] <= at).sum(0)
    gaps: NDArray[Any] = np.abs(counts[:, None] - counts[None]).max(2)
    return gaps


@pytest.mark.filterwarnings("ignore:ks_2samp. Exact calculation unsuccessful")
@pytest.mark.parametrize("n", [1, 2, 3, 7, 50, 333, 1000])
def test_p_equals_scipy_for_every_gap(n: int) -> None:
    found = ks_p_values(n, 0.0)
    assert len(found) == n + 1
    for h in range(0, n + 1, max(1, n // 60)):
        shifted = np.arange(n) + h - 0.5 * (h > 0)
        expected = stats.ks_2samp(np.arange(float(n)), shifted)
        # where SciPy's own p rounds to more than 1 it falls back to the limit
        tolerance = 1e-12 if expected.pvalue < 0.99 else 2e-2
        assert found[h] == pytest.approx(expected.pvalue, rel=tolerance, abs=1e-290), h


def test_p_beyond_ten_thousand_samples_is_the_limit() -> None:
    n = 10_001
    found = ks_p_values(n, 0.9)
    a = np.arange(float(n))
    for h in (1, 50, len(found) - 1):
        assert found[h] == pytest.approx(stats.ks_2samp(a, a + h - 0.5).pvalue, rel=1e-9)


def test_p_ends_where_it_is_negligible() -> None:
    found = ks_p_values(500, 1e-10)
    whole = ks_p_values(500, 0.0)
    np.testing.assert_array_equal(found, whole[: len(found)])
    assert whole[len(found)] < 1e-10 <= found[-1]
    assert (np.diff(whole) <= 1e-12).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("n", [1, 30])
def test_gaps_equal_those_of_all_counts_at_all_values(
    kind: str, dtype: torch.dtype, n: int
) -> None:
    x = activity(kind, n, 40).to(dtype)
    found = largest_gaps(x, enough=n + 1)
    np.testing.assert_array_equal(found.counts.numpy(), plain_gaps(x.numpy()))


@pytest.mark.parametrize("kind", KINDS)
def test_pairs_far_apart_are_known_to_be_far_apart(kind: str) -> None:
    x = activity(kind, 50, 20)
    exact = plain_gaps(x.numpy())
    found = largest_gaps(x, enough=15).counts.numpy()
    close = exact < 15
    np.testing.assert_array_equal(found[close], exact[close])
    assert (found[~close] >= 15).all()
    assert (found <= exact).all()


def test_the_counts_of_a_unit_are_the_same_on_any_device() -> None:
    ascending = activity("tied", 30, 5).T.sort(dim=1).values.contiguous()
    steps, size, values = _ks._steps(ascending)
    for unit, codes, heights in _ks._one_by_one(steps):
        expected = (ascending[unit] <= values[:, None]).sum(1)
        assert torch.equal(_ks._table(codes, heights, size).long(), expected)
        assert torch.equal(_ks._table_by_sums(codes, heights, size).long(), expected)


def test_work_is_bounded_by_distinct_values_and_by_far_pairs() -> None:
    n, u = 200, 64
    dense = largest_gaps(activity("continuous", n, u), n + 1).lookups
    assert dense == u * u * n
    sparse = activity("sparse", n, u)
    most = int((sparse > 0).sum(0).max()) + 1
    assert largest_gaps(sparse, n + 1).lookups <= u * u * most
    silent = largest_gaps(torch.zeros(n, u), n + 1).lookups
    assert silent == u * u
    # levels further apart than the spread of a unit: few pairs are worth a look
    levels = activity("continuous", n, u) + 3 * torch.arange(u)
    assert largest_gaps(levels, len(ks_p_values(n, 5e-18))).lookups < 0.2 * dense


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pairs", ["later", "all"])
def test_members_and_evidence_are_those_of_the_published_loop(kind: str, pairs: Pairs) -> None:
    x = activity(kind, 90, 12, seed=3).numpy()
    labels = np.arange(90) % 3
    x[labels == 1, :3] += 2.0
    expected = plain_mean_p(x, labels, pairs)
    found = ks_mean(x, labels, pairs=pairs)
    np.testing.assert_array_equal(found.members, expected < 0.05)
    np.testing.assert_allclose(found.evidence, expected, rtol=1e-3, atol=1e-12)
    assert not found.members.all()
    assert found.members.any() or kind in ("tied", "sparse")


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 10_000), n=st.integers(4, 25), levels=st.integers(1, 6))
def test_members_are_those_of_the_published_loop_whatever_the_ties(
    seed: int, n: int, levels: int
) -> None:
    draw = np.random.default_rng(seed)
    x = draw.integers(0, levels + 1, (n, 6)).astype(float) * draw.integers(0, 2, 6)
    labels = draw.permutation(np.arange(n) % 2)
    expected = plain_mean_p(x, labels)
    found = ks_mean(x, labels)
    np.testing.assert_array_equal(found.members, expected < 0.05)


def test_the_last_unit_has_nobody_to_differ_from() -> None:
    x = activity("graded", 60, 5).numpy()
    found = ks_mean(x, np.zeros(60, dtype=int))
    assert np.isnan(found.evidence[0, -1])
    assert not found.members[0, -1]
    assert not np.isnan(ks_mean(x, np.zeros(60, dtype=int), pairs="all").evidence).any()


def test_the_published_rule_depends_on_the_order_of_units_and_the_other_does_not() -> None:
    x = activity("graded", 200, 6)
    x[:, 3:] = x[:, [3]] + 0.01 * activity("continuous", 200, 3, seed=1)
    labels = torch.zeros(200, dtype=torch.int64)
    back = torch.arange(5, -1, -1)
    published, turned = ks_mean(x, labels), ks_mean(x[:, back], labels)
    assert not torch.equal(turned.members[:, back], published.members)
    free, turned = ks_mean(x, labels, pairs="all"), ks_mean(x[:, back], labels, pairs="all")
    assert torch.equal(turned.members[:, back], free.members)


def test_a_class_without_samples_has_no_members() -> None:
    x = activity("graded", 40, 6)
    labels = torch.arange(40) % 2 * 2
    found = ks_mean(x, labels)
    assert found.members.shape == (3, 6)
    assert found.evidence[1].isnan().all()
    assert not found.members[1].any()


def test_arrays_give_arrays_and_what_makes_no_sense_is_refused() -> None:
    x, labels = activity("sparse", 20, 4).numpy(), np.arange(20) % 2
    assert isinstance(ks_mean(x, labels).members, np.ndarray)
    with pytest.raises(InputError, match="alpha"):
        ks_mean(x, labels, alpha=0)
    with pytest.raises(InputError, match="unknown choice of pairs"):
        ks_mean(x, labels, pairs="some")  # type: ignore[arg-type]
