import itertools
import math
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch import Generator, Tensor

from pauca.analysis import (
    activity_matched_sets,
    chance_jaccard,
    null_distribution,
    p_interval,
    random_sets,
    shuffle_labels,
    shuffle_units,
)
from pauca.analysis import nulls as module
from pauca.errors import InputError
from pauca.rng import generator_from
from tests.analysis.sets import every_set, some_sets


def activity(n: int = 40, u: int = 9, seed: int = 0) -> Tensor:
    return torch.randn(n, u, generator=generator_from(seed)).relu()


def test_shuffled_labels_are_the_same_labels() -> None:
    labels = torch.arange(60) % 7
    shuffled = shuffle_labels(labels, generator_from(1))
    assert torch.equal(shuffled.bincount(), labels.bincount())
    assert not torch.equal(shuffled, labels)


def test_every_order_of_labels_is_as_likely() -> None:
    generator = generator_from(0)
    labels = torch.arange(3)
    seen = Counter(tuple(shuffle_labels(labels, generator).tolist()) for _ in range(1200))
    assert len(seen) == 6
    assert stats.chisquare(list(seen.values())).pvalue > 0.001


def test_shuffled_units_keep_their_values_and_lose_their_company() -> None:
    x = activity(400, 1) + torch.arange(6) * 0.1  # [400, 6], all units alike but for their level
    shuffled = shuffle_units(x, generator_from(0))
    assert torch.equal(shuffled.sort(0).values, x.sort(0).values)
    assert float(x.T.corrcoef().min()) > 0.99
    off = shuffled.T.corrcoef()[~torch.eye(6, dtype=torch.bool)]
    assert float(off.abs().max()) < 0.2


def test_shuffling_by_blocks_still_shuffles_every_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BLOCK", 50)
    x = torch.arange(25.0)[:, None].repeat(1, 7)
    shuffled = shuffle_units(x, generator_from(0))
    assert torch.equal(shuffled.sort(0).values, x)
    assert len({tuple(column.tolist()) for column in shuffled.T}) == 7


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_shuffled_units_keep_their_type(dtype: torch.dtype) -> None:
    assert shuffle_units(activity().to(dtype), generator_from(0)).dtype == dtype


@given(st.lists(st.integers(0, 12), min_size=1, max_size=6), st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_random_sets_have_the_sizes_asked_for(sizes: list[int], seed: int) -> None:
    sets = random_sets(torch.tensor(sizes), 12, generator_from(seed))
    assert sets.shape == (len(sizes), 12)
    assert sets.sum(1).tolist() == sizes


def test_every_set_is_as_likely() -> None:
    sets = random_sets(torch.full((4000,), 2), 5, generator_from(0))
    seen = Counter(frozenset(row.nonzero()[:, 0].tolist()) for row in sets)
    assert set(seen) == set(every_set(5, 2))
    assert stats.chisquare(list(seen.values())).pvalue > 0.001


def test_random_sets_share_what_the_hypergeometric_says() -> None:
    a = random_sets(torch.full((3000,), 8), 20, generator_from(0))
    b = random_sets(torch.full((3000,), 5), 20, generator_from(1))
    seen = (a & b).sum(1).bincount(minlength=6).numpy()
    expected = stats.hypergeom(20, 8, 5).pmf(range(6)) * 3000
    assert stats.chisquare(seen, expected).pvalue > 0.001


def test_matched_sets_take_as_many_from_each_bin() -> None:
    members, mean = some_sets(5, 60, 0), activity(30, 60).mean(0)
    drawn = activity_matched_sets(members, mean, generator_from(1), bins=4)
    edges = np.quantile(mean.double().numpy(), [0.25, 0.5, 0.75])
    bins = np.searchsorted(edges, mean.double().numpy())
    assert len(set(bins)) == 4
    for row, other in zip(members.numpy(), drawn.numpy(), strict=True):
        assert np.bincount(bins[row], minlength=4).tolist() == (
            np.bincount(bins[other], minlength=4).tolist()
        )
    assert not torch.equal(members, drawn)


def test_matched_sets_are_uniform_within_their_bins() -> None:
    members = torch.zeros(3000, 6, dtype=torch.bool)
    members[:, [0, 1, 5]] = True
    mean = torch.tensor([1.0, 2.0, 3.0, 10.0, 11.0, 12.0])
    drawn = activity_matched_sets(members, mean, generator_from(0), bins=2)
    low = Counter(tuple(row[:3].tolist()) for row in drawn)
    high = Counter(tuple(row[3:].tolist()) for row in drawn)
    assert (len(low), len(high)) == (3, 3)
    assert stats.chisquare(list(low.values())).pvalue > 0.001
    assert stats.chisquare(list(high.values())).pvalue > 0.001


def test_matched_sets_put_no_dead_unit_in_an_active_ones_place() -> None:
    mean = torch.cat([torch.zeros(30), torch.linspace(1, 2, 20)])
    members = torch.zeros(4, 50, dtype=torch.bool)
    members[:, 35:45] = True
    for seed in range(20):
        drawn = activity_matched_sets(members, mean, generator_from(seed))
        assert not bool(drawn[:, :30].any())


def test_one_bin_is_no_matching() -> None:
    members, mean = some_sets(3, 20, 0), activity(9, 20).mean(0)
    drawn = activity_matched_sets(members, mean, generator_from(3), bins=1)
    assert torch.equal(drawn, random_sets(members.sum(1), 20, generator_from(3)))


def test_chance_jaccard_is_the_mean_of_random_sets() -> None:
    sizes, others = torch.tensor([8, 0, 0, 20]), torch.tensor([5, 3, 0, 20])
    found = chance_jaccard(sizes, others, 20)
    a = random_sets(torch.full((4000,), 8), 20, generator_from(0))
    b = random_sets(torch.full((4000,), 5), 20, generator_from(1))
    drawn = ((a & b).sum(1) / (a | b).sum(1)).double()
    assert float(found[0]) == pytest.approx(float(drawn.mean()), abs=4 * float(drawn.std()) / 63)
    assert float(found[1]) == 0
    assert math.isnan(float(found[2]))
    assert float(found[3]) == 1


def normal(generator: Generator) -> float:
    return float(torch.randn((), generator=generator))


def test_p_values_are_counts_with_the_observed_one_among_them() -> None:
    observed = 0.7
    null = null_distribution(normal, observed, draws=99, generator=generator_from(0))
    generator = generator_from(0)
    values = [normal(generator) for _ in range(99)]
    assert null.values.tolist() == values
    assert null.p_above == (1 + sum(v >= observed for v in values)) / 100
    assert null.p_below == (1 + sum(v <= observed for v in values)) / 100
    assert null.p == pytest.approx(2 * null.p_above)
    assert null.mean == pytest.approx(np.mean(values))
    assert (null.low, null.high) == pytest.approx(tuple(np.quantile(values, [0.025, 0.975])))
    assert (null.draws, null.undefined) == (99, 0)
    assert isinstance(null.p, float)


def test_a_draw_equal_up_to_rounding_is_as_extreme() -> None:
    value = 0.1 + 0.2
    null = null_distribution(lambda _: 0.3, value, draws=9, generator=generator_from(0))
    assert (null.p_above, null.p_below, null.p) == (1, 1, 1)


def test_tables_of_statistics_have_tables_of_p_values() -> None:
    observed = torch.tensor([[0.0, 3.0], [-3.0, torch.nan]])

    def draw(generator: Generator) -> Tensor:
        return torch.randn(2, 2, generator=generator)

    null = null_distribution(draw, observed, draws=199, generator=generator_from(0))
    assert null.values.shape == (199, 2, 2)
    assert float(null.p_above[0, 1]) < 0.02
    assert float(null.p_below[1, 0]) < 0.02
    assert float(null.p[0, 0]) > 0.5
    assert bool(null.p[1, 1].isnan())
    alone = null_distribution(
        lambda g: float(draw(g)[0, 1]), 3.0, draws=199, generator=generator_from(0)
    )
    assert alone.p_above == float(null.p_above[0, 1])


def test_draws_that_are_undefined_count_against_the_claim() -> None:
    values = iter([0.0, math.nan, 0.0, math.nan])
    null = null_distribution(lambda _: next(values), 1.0, draws=4, generator=generator_from(0))
    assert (null.p_above, null.p_below, null.undefined) == (3 / 5, 1.0, 2)
    assert null.mean == 0


def test_p_values_of_the_null_are_not_too_small() -> None:
    generator = generator_from(0)
    found = np.array(
        [
            null_distribution(normal, normal(generator), draws=19, generator=generator).p_above
            for _ in range(600)
        ]
    )
    # exactly uniform on 1/20 .. 20/20: four standard errors of a share of 600
    for level in (0.05, 0.1, 0.3, 0.5):
        assert np.mean(found <= level + 1e-9) <= level + 4 * math.sqrt(level * (1 - level) / 600)
    assert np.mean(found <= 0.05 + 1e-9) > 0.01


def test_same_seed_same_draws() -> None:
    members, mean = some_sets(3, 20, 0), activity(9, 20).mean(0)
    for seed, other in itertools.product((1, 2), repeat=2):
        first, second = generator_from(seed), generator_from(other)
        same = [
            torch.equal(shuffle_units(activity(), first), shuffle_units(activity(), second)),
            torch.equal(
                activity_matched_sets(members, mean, first),
                activity_matched_sets(members, mean, second),
            ),
        ]
        assert same == [seed == other] * 2


def test_arrays_give_arrays() -> None:
    x = activity().numpy()
    sizes = np.array([2, 3])
    found = (
        shuffle_units(x, generator_from(0)),
        shuffle_labels(sizes, generator_from(0)),
        random_sets(sizes, 5, generator_from(0)),
        chance_jaccard(sizes, sizes, 5),
        activity_matched_sets(some_sets(2, 9, 0).numpy(), x.mean(0), generator_from(0)),
    )
    assert all(isinstance(result, np.ndarray) for result in found)
    null = null_distribution(
        lambda _: np.zeros(2), np.array([0.0, 1.0]), draws=3, generator=generator_from(0)
    )
    assert all(isinstance(x, np.ndarray) for x in (null.p, null.low, null.values))
    assert null.p_above.tolist() == [1.0, 0.25]


def test_the_interval_of_p_holds_the_p_of_endless_draws() -> None:
    reference = stats.binomtest(4, 99).proportion_ci(0.9, method="exact")
    assert p_interval(0.05, 99, 0.9) == pytest.approx((reference.low, reference.high))
    assert p_interval(0.01, 99)[0] == 0
    assert p_interval(1.0, 99)[1] == 1
    assert p_interval(0.01, 99)[1] == pytest.approx(1 - 0.025 ** (1 / 99))


def test_what_is_no_set_is_refused() -> None:
    generator = generator_from(0)
    with pytest.raises(InputError, match="whole numbers from 0 to 5"):
        random_sets(torch.tensor([6]), 5, generator)
    with pytest.raises(InputError, match="whole numbers"):
        random_sets(torch.tensor([1.5]), 5, generator)
    with pytest.raises(InputError, match="bool"):
        activity_matched_sets(torch.ones(2, 5), torch.ones(5), generator)
    with pytest.raises(InputError, match="activity"):
        activity_matched_sets(some_sets(2, 5, 0), torch.ones(4), generator)
    with pytest.raises(InputError, match="NaN"):
        activity_matched_sets(some_sets(2, 5, 0), torch.full((5,), torch.nan), generator)
    with pytest.raises(InputError, match=r"\[n, u\]"):
        shuffle_units(torch.ones(5), generator)
    with pytest.raises(InputError, match="draws"):
        null_distribution(normal, 0.0, draws=0, generator=generator)
    with pytest.raises(InputError, match="another shape"):
        null_distribution(lambda _: torch.ones(2), torch.ones(3), draws=2, generator=generator)
