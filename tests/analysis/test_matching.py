import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pauca.analysis import class_means, match_units, matched_jaccard
from pauca.analysis import matching as module
from pauca.errors import InputError
from pauca.rng import generator_from
from tests.analysis.sets import some_sets


def activity(k: int, u: int, seed: int) -> Tensor:
    return torch.randn(k, u, generator=generator_from(seed), dtype=torch.float64).relu() + 0.01 * (
        torch.rand(k, u, generator=generator_from(seed + 999), dtype=torch.float64)
    )


def order(u: int, seed: int) -> Tensor:
    return torch.randperm(u, generator=generator_from(seed))


def best_by_trying(a: Tensor, b: Tensor) -> float:
    """The highest sum of correlations over every way to pair the units."""
    u_a, u_b = a.shape[1], b.shape[1]
    r = np.corrcoef(a.T.numpy(), b.T.numpy())[:u_a, u_a:]
    if u_a > u_b:
        r = r.T
    return max(
        sum(float(r[i, j]) for i, j in enumerate(way))
        for way in itertools.permutations(range(r.shape[1]), r.shape[0])
    )


@pytest.mark.parametrize(("u_a", "u_b"), [(5, 5), (3, 6), (6, 4)])
def test_no_pairing_does_better(u_a: int, u_b: int) -> None:
    a, b = activity(12, u_a, 0), activity(12, u_b, 1)
    match = match_units(a, b)
    best = best_by_trying(a, b)
    assert float(match.correlation.nansum()) == pytest.approx(best)
    assert match.mean == pytest.approx(best / min(u_a, u_b))
    partners = match.partner[match.partner >= 0]
    assert len(torch.unique(partners)) == len(partners) == min(u_a, u_b)
    assert torch.equal(match.correlation.isnan(), match.partner < 0)


@given(st.integers(2, 25), st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_units_of_the_same_net_in_another_order_are_found_again(u: int, seed: int) -> None:
    x, moved = activity(20, u, seed), order(u, seed)
    match = match_units(x, 3 * x[:, moved] + 7)
    assert torch.equal(moved[match.partner], torch.arange(u))
    assert match.mean == pytest.approx(1)


@given(st.integers(0, 99))
@settings(max_examples=15, deadline=None)
def test_the_order_of_units_changes_nothing(seed: int) -> None:
    a, b, p, q = activity(9, 8, seed), activity(9, 8, seed + 1), order(8, seed), order(8, seed + 1)
    match, moved = match_units(a, b), match_units(a[:, p], b[:, q])
    assert torch.equal(q[moved.partner], match.partner[p])
    assert moved.mean == pytest.approx(match.mean)


def test_dead_units_have_no_correlation_and_are_paired_last() -> None:
    x = activity(10, 6, 0)
    x[:, [1, 4]] = 0.25
    moved = order(6, 3)
    match = match_units(x, x[:, moved])
    assert match.correlation.isnan().tolist() == [False, True, False, False, True, False]
    assert set(moved[match.partner[[1, 4]]].tolist()) == {1, 4}
    assert match.mean == pytest.approx(1)
    assert math.isnan(match_units(torch.ones(3, 4), torch.ones(3, 4)).mean)


def test_blocks_of_rows_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = activity(50, 7, 0) + 1000, activity(50, 7, 1)
    match = match_units(a, b)
    monkeypatch.setattr(module, "_BLOCK", 8)
    other = match_units(a, b)
    assert torch.equal(match.partner, other.partner)
    assert match.correlation.tolist() == pytest.approx(other.correlation.tolist())


def test_means_of_classes_with_a_class_missing_are_no_profiles() -> None:
    x, labels = activity(30, 4, 0), torch.arange(30) % 2 * 3
    with pytest.raises(InputError, match="NaN"):
        match_units(class_means(x, labels), x[:4])


@pytest.mark.parametrize(("u_a", "u_b"), [(9, 9), (7, 10), (10, 7)])
def test_matched_jaccard_counts_members_one_by_one(u_a: int, u_b: int) -> None:
    a, b = some_sets(3, u_a, 0, 0.5), some_sets(3, u_b, 1, 0.5)
    match = match_units(activity(12, u_a, 0), activity(12, u_b, 1))
    found = matched_jaccard(match, a, b)
    for k in range(3):
        theirs = set(b[k].nonzero()[:, 0].tolist())
        mine = {
            int(match.partner[i]) if match.partner[i] >= 0 else f"alone {i}"
            for i in a[k].nonzero()[:, 0].tolist()
        }
        assert float(found[k]) == pytest.approx(len(mine & theirs) / len(mine | theirs))


def test_empty_ensembles_have_no_jaccard() -> None:
    match = match_units(activity(12, 5, 0), activity(12, 5, 1))
    a = torch.tensor([[False] * 5, [True] * 5])
    found = matched_jaccard(match, a, torch.zeros_like(a))
    assert math.isnan(float(found[0]))
    assert float(found[1]) == 0


def test_arrays_give_arrays() -> None:
    a, b = activity(12, 5, 0), activity(12, 6, 1)
    match, same = match_units(a.numpy(), b.numpy()), match_units(a, b)
    assert isinstance(match.partner, np.ndarray)
    assert match.partner.tolist() == same.partner.tolist()
    sets = some_sets(2, 5, 0).numpy(), some_sets(2, 6, 0).numpy()
    assert isinstance(matched_jaccard(match, *sets), np.ndarray)


def test_what_does_not_fit_is_refused() -> None:
    a, b = activity(12, 5, 0), activity(12, 6, 1)
    match = match_units(a, b)
    with pytest.raises(InputError, match="wrong size"):
        match_units(a, b[:5])
    with pytest.raises(InputError, match="one row"):
        match_units(a[:1], b[:1])
    with pytest.raises(InputError, match="NaN"):
        match_units(a * torch.nan, b)
    with pytest.raises(InputError, match="wrong size"):
        matched_jaccard(match, some_sets(2, 6, 0), some_sets(2, 6, 0))
    with pytest.raises(InputError, match="fewer units"):
        matched_jaccard(match, some_sets(2, 5, 0), some_sets(2, 2, 0))
    with pytest.raises(InputError, match="bool"):
        matched_jaccard(match, torch.ones(2, 5), some_sets(2, 6, 0))
