import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch import Tensor

from pauca.analysis import (
    Overlap,
    combine_overlaps,
    jaccard_distances,
    overlap,
    random_sets,
    total_shared,
)
from pauca.errors import InputError
from pauca.rng import generator_from
from tests.analysis.sets import as_rows, plain_jaccard, shared_counts, some_sets

FASHION = torch.tensor([53, 22, 43, 57, 65, 91, 39, 84, 87, 84])  # published, of 1000 units
SHARED = {(0, 6): 3, (2, 4): 3, (2, 6): 5, (4, 6): 5}  # published, every other pair 0
FIELDS = ("observed", "expected", "ratio", "z", "p_below", "p_above", "p", "q")


def published() -> Tensor:
    """Sets of the published sizes that share what the published ones share."""
    rows: list[list[int]] = [[] for _ in FASHION]
    fresh = itertools.count()
    for pair, units in SHARED.items():
        for _ in range(units):
            unit = next(fresh)
            for k in pair:
                rows[k].append(unit)
    for row, size in zip(rows, FASHION.tolist(), strict=True):
        row += [next(fresh) for _ in range(size - len(row))]
    return as_rows(rows, 1000)


def pairs(x: Tensor) -> Tensor:
    i, j = torch.triu_indices(len(x), len(x), 1)
    return x[i, j]


def test_the_published_sizes_would_share_173_unit_pairs() -> None:
    found = overlap(published())
    assert found.sizes.tolist() == FASHION.tolist()
    total, square = sum(FASHION.tolist()), sum(n * n for n in FASHION.tolist())
    expected = float(pairs(found.expected).sum())
    assert expected == pytest.approx((total**2 - square) / 2 / 1000)
    assert round(expected) == 173
    assert int(pairs(found.observed).sum()) == 16
    assert int(found.observed[2, 6]) == 5


def test_the_published_ensembles_avoid_each_other() -> None:
    found = overlap(published())
    null = total_shared(published(), draws=199, generator=generator_from(0))
    assert null.observed == 16
    assert null.mean == pytest.approx(173.263, abs=4 * float(null.values.std()) / math.sqrt(199))
    assert null.p_below == 1 / 200
    assert bool((pairs(found.q) < 0.05).any())
    # pullover and shirt: 5 shared where 1.7 are expected, but not beyond chance over 45 pairs
    assert float(found.ratio[2, 6]) == pytest.approx(5 / (43 * 39 / 1000))
    assert float(found.p_above[2, 6]) == pytest.approx(stats.hypergeom(1000, 43, 39).sf(4))
    assert float(found.ratio[5, 7]) == 0
    assert float(found.p_below[5, 7]) == pytest.approx(stats.hypergeom(1000, 91, 84).cdf(0))


def test_pairs_are_those_of_loops_and_scipy() -> None:
    sets = some_sets(5, 40, 0)
    found = overlap(sets)
    p = []
    for i, j in itertools.combinations(range(5), 2):
        a, b = int(sets[i].sum()), int(sets[j].sum())
        shared = sum(bool(x) and bool(y) for x, y in zip(sets[i], sets[j], strict=True))
        reference = stats.hypergeom(40, a, b)
        both = stats.fisher_exact([[shared, a - shared], [b - shared, 40 - a - b + shared]])[1]
        p.append(both)
        expected = {
            "observed": shared,
            "expected": a * b / 40,
            "ratio": shared / (a * b / 40),
            "z": (shared - reference.mean()) / reference.std(),
            "p_below": reference.cdf(shared),
            "p_above": reference.sf(shared - 1),
            "p": both,
        }
        for name, value in expected.items():
            table = getattr(found, name)
            assert float(table[i, j]) == float(table[j, i]) == pytest.approx(value), name
    assert pairs(found.q).tolist() == pytest.approx(stats.false_discovery_control(p).tolist())
    assert bool(torch.stack([getattr(found, f).diagonal() for f in FIELDS[2:]]).isnan().all())
    assert found.units == 40


@pytest.mark.parametrize(("a", "b", "u"), [(2, 3, 6), (4, 4, 5), (1, 6, 6)])
def test_p_values_are_those_of_every_set(a: int, b: int, u: int) -> None:
    chances = shared_counts(a, b, u)
    for shared in range(max(0, a + b - u), min(a, b) + 1):
        found = overlap(as_rows([range(a), range(a - shared, a - shared + b)], u))
        assert int(found.observed[0, 1]) == shared
        assert float(found.p_below[0, 1]) == pytest.approx(sum(chances[: shared + 1]))
        assert float(found.p_above[0, 1]) == pytest.approx(sum(chances[shared:]))


def test_empty_ensembles_have_no_overlap_rather_than_none() -> None:
    sets = some_sets(4, 30, 0)
    sets[1] = False
    found = overlap(sets)
    for name in FIELDS[2:]:
        assert bool(getattr(found, name)[1].isnan().all()), name
    rest = overlap(sets[[0, 2, 3]])
    assert pairs(found.q).nansum() == pytest.approx(float(pairs(rest.q).sum()))
    assert found.observed[1].tolist() == [0] * 4
    nothing = overlap(torch.zeros(3, 5, dtype=torch.bool))
    assert bool(nothing.q.isnan().all())
    one = overlap(sets[:1])
    assert one.ratio.shape == (1, 1)


def test_sets_of_all_units_share_by_necessity() -> None:
    sets = torch.ones(2, 6, dtype=torch.bool)
    sets[1, 2:] = False
    found = overlap(sets)
    assert float(found.ratio[0, 1]) == 1
    assert float(found.p[0, 1]) == pytest.approx(1)
    assert math.isnan(float(found.z[0, 1]))


def test_units_that_no_ensemble_could_have_are_not_counted() -> None:
    live = torch.arange(100) < 30
    sets = random_sets(torch.full((6,), 10), 30, generator_from(0))
    wide = torch.cat([sets, torch.zeros(6, 70, dtype=torch.bool)], 1)
    found, narrow = overlap(wide, among=live), overlap(sets)
    for name in FIELDS:
        assert torch.equal(
            getattr(found, name).nan_to_num(-1), getattr(narrow, name).nan_to_num(-1)
        ), name
    assert (found.units, narrow.units) == (30, 30)
    # with dead units counted, random sets look as if they shared on purpose
    assert float(pairs(overlap(wide).ratio).mean()) > 2
    null = total_shared(wide, draws=99, generator=generator_from(0), among=live)
    assert null.p > 0.05
    assert total_shared(wide, draws=99, generator=generator_from(0)).p_above == 0.01
    with pytest.raises(InputError, match="not among"):
        overlap(wide, among=~live)


def test_sharing_of_the_busiest_units_is_told_from_sharing() -> None:
    activity = torch.cat([torch.full((60,), 1.0), torch.full((20,), 5.0)])
    sets = torch.zeros(5, 80, dtype=torch.bool)
    sets[:, 60:] = random_sets(torch.full((5,), 8), 20, generator_from(1))
    plain = total_shared(sets, draws=99, generator=generator_from(0))
    matched = total_shared(sets, draws=99, generator=generator_from(0), activity=activity, bins=2)
    assert plain.p_above == 0.01
    assert matched.p > 0.05


@given(st.permutations(range(20)), st.integers(0, 50))
@settings(max_examples=20, deadline=None)
def test_the_order_of_units_changes_nothing(order: list[int], seed: int) -> None:
    sets = some_sets(4, 20, seed)
    found, moved = overlap(sets), overlap(sets[:, order])
    for name in FIELDS:
        one, other = getattr(found, name), getattr(moved, name)
        assert torch.equal(one.nan_to_num(-1), other.nan_to_num(-1)), name
    one, other = (jaccard_distances(s) for s in (sets, sets[:, order]))
    assert torch.equal(one.nan_to_num(-1), other.nan_to_num(-1))


@given(st.permutations(range(5)), st.integers(0, 50))
@settings(max_examples=20, deadline=None)
def test_relabelled_classes_permute_rows_and_columns(order: list[int], seed: int) -> None:
    sets = some_sets(5, 20, seed)
    found, moved = overlap(sets), overlap(sets[order])
    for name in FIELDS:
        one, other = getattr(found, name)[order][:, order], getattr(moved, name)
        assert torch.allclose(one.double(), other.double(), rtol=1e-9, equal_nan=True), name
    one, other = jaccard_distances(sets)[order][:, order], jaccard_distances(sets[order])
    assert torch.equal(one.nan_to_num(-1), other.nan_to_num(-1))


@given(st.integers(0, 200), st.floats(0, 1))
@settings(max_examples=30, deadline=None)
def test_jaccard_distances_are_those_of_sets_and_obey_the_triangle(seed: int, share: float) -> None:
    sets = some_sets(4, 12, seed, share)
    found = jaccard_distances(sets)
    for i, j in itertools.product(range(4), repeat=2):
        empty = not bool(sets[i].any()) or not bool(sets[j].any())
        expected = math.nan if empty else 1 - plain_jaccard(sets[i], sets[j])
        assert float(found[i, j]) == pytest.approx(expected, nan_ok=True)
    defined = found[~found.isnan()]
    assert bool(((defined >= 0) & (defined <= 1)).all())
    some = sets.any(1)
    sides = found[some][:, some]
    assert bool((sides[:, None, :] <= sides[:, :, None] + sides[None] + 1e-9).all())


def null_overlaps(nets: int, seed: int) -> list[Overlap[Tensor]]:
    sizes = torch.tensor([30, 30, 20, 25])
    return [overlap(random_sets(sizes, 100, generator_from(seed + r))) for r in range(nets)]


def test_p_values_of_random_sets_are_not_too_small() -> None:
    """Shares of some hundred tests, those of one net depending on each other: a wide margin."""
    nets = null_overlaps(150, 0)
    single = torch.cat([pairs(one.p) for one in nets])
    above = torch.cat([pairs(one.p_above) for one in nets])
    combined = [combine_overlaps(nets[i : i + 5]) for i in range(0, 150, 5)]
    tested = torch.cat([pairs(one.p) for one in combined])
    pooled = torch.cat([pairs(one.p_pooled) for one in combined])
    for level in (0.05, 0.2, 0.5):
        assert float((single <= level).double().mean()) <= level + 0.05
        assert float((above <= level).double().mean()) <= level + 0.05
        assert float((pooled <= level).double().mean()) <= level + 0.1
        assert float((tested <= level).double().mean()) == pytest.approx(level, abs=0.1)
    assert float((single <= 0.5).double().mean()) > 0.25


def test_combined_ratios_are_means_with_their_t_interval() -> None:
    nets = [overlap(some_sets(3, 50, seed)) for seed in range(6)]
    found = combine_overlaps(nets, level=0.9)
    for i, j in itertools.combinations(range(3), 2):
        ratio = np.array([float(one.ratio[i, j]) for one in nets])
        z = np.array([float(one.z[i, j]) for one in nets])
        test = stats.ttest_1samp(ratio, 1.0)
        interval = test.confidence_interval(0.9)
        assert float(found.ratio[i, j]) == pytest.approx(ratio.mean())
        assert float(found.low[i, j]) == pytest.approx(interval.low)
        assert float(found.high[j, i]) == pytest.approx(interval.high)
        assert float(found.z[i, j]) == pytest.approx(z.mean())
        assert float(found.p[i, j]) == pytest.approx(stats.ttest_1samp(z, 0.0).pvalue)
        observed = sum(int(one.observed[i, j]) for one in nets)
        expected = sum(float(one.expected[i, j]) for one in nets)
        assert float(found.pooled_ratio[i, j]) == pytest.approx(observed / expected)
    for p, q in ((found.p, found.q), (found.p_pooled, found.q_pooled)):
        adjusted = stats.false_discovery_control(pairs(p).numpy())
        assert pairs(q).tolist() == pytest.approx(adjusted.tolist())
    assert found.repetitions == 6
    assert bool((found.defined == 6).all())


def test_one_net_pooled_is_its_exact_test() -> None:
    one = overlap(some_sets(4, 30, 3))
    found = combine_overlaps([one])
    assert torch.allclose(found.p_pooled, one.p, equal_nan=True)
    assert torch.allclose(found.ratio, one.ratio, equal_nan=True)
    assert bool(found.low.isnan().all())
    assert bool(found.p.isnan().all())


def test_planted_sharing_and_avoidance_are_found() -> None:
    """Classes 0 and 1 share 8 of 15 units, 2 and 3 none; 4 is drawn at random."""

    def net(seed: int) -> Overlap[Tensor]:
        order = torch.randperm(100, generator=generator_from(seed))
        sets = as_rows([range(15), range(7, 22), range(30, 60), range(60, 90), []], 100)
        sets[4] = random_sets(torch.tensor([20]), 100, generator_from(seed + 99))[0]
        return overlap(sets[:, order])

    found = combine_overlaps([net(seed) for seed in range(5)])
    assert float(found.ratio[0, 1]) == pytest.approx(8 / 2.25)
    assert float(found.q_pooled[0, 1]) < 1e-6
    assert float(found.ratio[2, 3]) == 0
    assert float(found.q_pooled[2, 3]) < 1e-6
    assert bool((found.q_pooled[4, :4] > 0.01).all())
    # the same in every net: no spread, so no t test, and an interval of no width
    assert math.isnan(float(found.p[0, 1]))
    assert float(found.low[0, 1]) == pytest.approx(float(found.high[0, 1]))


def test_nets_without_an_ensemble_are_left_out_and_counted() -> None:
    full = [some_sets(3, 40, seed) for seed in range(4)]
    full[2][1] = False
    nets = [overlap(sets) for sets in full]
    found = combine_overlaps(nets)
    without = combine_overlaps([nets[k] for k in (0, 1, 3)])
    assert found.defined.tolist() == [[4, 3, 4], [3, 3, 3], [4, 3, 4]]
    for name in ("ratio", "low", "p", "p_pooled", "pooled_ratio", "z"):
        one, other = getattr(found, name)[0, 1], getattr(without, name)[0, 1]
        assert float(one) == pytest.approx(float(other)), name
    never = combine_overlaps([nets[2]])
    assert math.isnan(float(never.ratio[0, 1]))
    assert math.isnan(float(never.p_pooled[0, 1]))


def test_arrays_give_arrays() -> None:
    sets = some_sets(3, 20, 0)
    found = overlap(sets.numpy(), among=np.ones(20, dtype=bool))
    assert isinstance(found.q, np.ndarray)
    assert found.observed.tolist() == overlap(sets).observed.tolist()
    combined = combine_overlaps([found, found])
    assert isinstance(combined.ratio, np.ndarray)
    assert isinstance(jaccard_distances(sets.numpy()), np.ndarray)
    assert isinstance(total_shared(sets.numpy(), draws=3, generator=generator_from(0)).p, float)


def test_what_is_no_set_is_refused() -> None:
    sets = some_sets(3, 20, 0)
    with pytest.raises(InputError, match="bool"):
        overlap(sets.double())
    with pytest.raises(InputError, match="at least 2 units"):
        jaccard_distances(sets[:, :1])
    with pytest.raises(InputError, match="among"):
        overlap(sets, among=torch.ones(20))
    with pytest.raises(InputError, match="among"):
        overlap(sets, among=torch.ones(19, dtype=torch.bool))
    with pytest.raises(InputError, match="activity"):
        total_shared(sets, activity=torch.ones(3), generator=generator_from(0))
    with pytest.raises(InputError, match="no repetition"):
        combine_overlaps([])
    with pytest.raises(InputError, match="sizes of an overlap"):
        combine_overlaps([overlap(sets), overlap(sets[:2])])
    with pytest.raises(InputError, match="level"):
        combine_overlaps([overlap(sets)], level=1.0)
