"""Members decided by bounds are those that the exact mean p gives."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pauca.analysis import _ks_bounds, ks_mean, ks_mean_members
from pauca.analysis._ks import ks_p_values, largest_gaps
from pauca.analysis._ks_bounds import mean_p_below
from pauca.analysis.ensembles import Pairs
from pauca.errors import InputError
from pauca.rng import generator_from
from tests.analysis.ks_cases import KINDS, activity, plain_mean_p


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pairs", ["later", "all"])
def test_members_are_those_of_the_published_loop(kind: str, pairs: Pairs) -> None:
    x = activity(kind, 90, 12, seed=3).numpy()
    labels = np.arange(90) % 3
    x[labels == 1, :3] += 2.0
    expected = plain_mean_p(x, labels, pairs) < 0.05
    np.testing.assert_array_equal(ks_mean_members(x, labels, pairs=pairs), expected)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pairs", ["later", "all"])
@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.3, 1.0])
def test_members_are_those_of_the_exact_means(kind: str, pairs: Pairs, alpha: float) -> None:
    x = activity(kind, 700, 60, seed=5)
    labels = torch.arange(700) % 2
    expected = ks_mean(x, labels, alpha=alpha, pairs=pairs).members
    assert torch.equal(ks_mean_members(x, labels, alpha=alpha, pairs=pairs), expected)


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(1, 60),
    u=st.integers(2, 9),
    levels=st.integers(1, 40),
    alpha=st.sampled_from([0.02, 0.05, 0.5, 1.0]),
    pairs=st.sampled_from(["later", "all"]),
)
def test_whatever_the_ties_and_however_few_thresholds(
    seed: int, n: int, u: int, levels: int, alpha: float, pairs: Pairs
) -> None:
    draw = np.random.default_rng(seed)
    x = draw.integers(-1, levels + 1, (n, u)).astype(float) * draw.integers(0, 3, u)
    labels = draw.permutation(np.arange(n) % 2)
    expected = ks_mean(x, labels, alpha=alpha, pairs=pairs).members
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_ks_bounds, "LEVELS", (1, 3))
        np.testing.assert_array_equal(
            ks_mean_members(x, labels, alpha=alpha, pairs=pairs), expected
        )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [1, 7, 64])
def test_gaps_lie_between_their_bounds(kind: str, count: int) -> None:
    x = activity(kind, 150, 20, seed=1)
    ascending = x.T.sort(dim=1).values.contiguous()
    gaps = largest_gaps(x, len(x) + 1).counts
    rows = torch.tensor([0, 3, 19])
    least, most = _ks_bounds._bounds(ascending, rows, count)
    assert bool((least <= gaps[rows]).all())
    assert bool((gaps[rows] <= most).all())
    for row in rows:
        assert torch.equal(_ks_bounds._row(ascending, row[None]), gaps[row])


def test_more_thresholds_bound_closer() -> None:
    x = activity("continuous", 400, 30)
    ascending = x.T.sort(dim=1).values.contiguous()
    rows = torch.arange(30)
    widths = []
    for count in (8, 64, 512):
        least, most = _ks_bounds._bounds(ascending, rows, count)
        widths.append(float((most - least).double().mean()))
    assert widths[0] > 4 * widths[1] > 16 * widths[2]


def test_few_rows_are_looked_at_step_by_step() -> None:
    x = activity("graded", 1000, 400)
    known = torch.from_numpy(ks_p_values(1000, 5e-18))
    found = mean_p_below(x, known, 0.05)
    assert found.open_rows[1] <= found.open_rows[0] < 100
    assert found.open_rows[1] < 40


def test_rounding_of_the_last_digit_does_not_decide() -> None:
    # all p of identical units are 1, so the mean is alpha itself: not below
    x = torch.ones(30, 5)
    labels = torch.zeros(30, dtype=torch.int64)
    for find in (lambda **k: ks_mean(x, labels, **k).members, _members(x, labels)):
        assert not find(alpha=1.0).any()


def _members(x: Tensor, labels: Tensor) -> Any:
    return lambda **k: ks_mean_members(x, labels, **k)


def test_a_class_without_samples_and_the_last_unit_have_no_membership() -> None:
    x = activity("graded", 40, 6)
    found = ks_mean_members(x, torch.arange(40) % 2 * 2)
    assert found.shape == (3, 6)
    assert not found[1].any()
    assert not found[:, -1].any()


def test_units_in_float32_and_arrays() -> None:
    x = torch.randn(300, 40, generator=generator_from(2)).relu()
    labels = torch.arange(300) % 3
    assert torch.equal(ks_mean_members(x, labels), ks_mean(x, labels).members)
    assert isinstance(ks_mean_members(x.numpy(), labels.numpy()), np.ndarray)


def test_what_makes_no_sense_is_refused() -> None:
    x, labels = activity("sparse", 20, 4), torch.arange(20) % 2
    with pytest.raises(InputError, match="alpha"):
        ks_mean_members(x, labels, alpha=0)
    with pytest.raises(InputError, match="unknown choice of pairs"):
        ks_mean_members(x, labels, pairs="some")  # type: ignore[arg-type]
