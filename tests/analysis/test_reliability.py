import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from pauca.analysis import (
    bootstrap_membership,
    chance_jaccard,
    class_means,
    match_units,
    random_sets,
    seed_stability,
    split_half,
)
from pauca.errors import InputError
from pauca.rng import generator_from
from tests.analysis.sets import plain_jaccard


def strong(x: Tensor, y: Tensor) -> Tensor:
    """Members answer to their class with twice their mean over classes."""
    means = torch.stack([x[y == k].mean(0) for k in range(int(y.max()) + 1)])
    return means > 2 * means.mean(0)


def noisy(seed: int, n: int = 90, u: int = 24, c: int = 3, effect: float = 3.0) -> tuple[Any, Any]:
    """Units 0-3 answer to class 0, 4-7 to class 1, ...; the rest to nothing. Noise is heavy."""
    generator = generator_from(seed)
    y = torch.arange(n) % c
    x = torch.rand(n, u, generator=generator) ** 4
    for k in range(c):
        x[y == k, 4 * k : 4 * k + 4] += effect * torch.rand(n // c, 4, generator=generator)
    return x, y


def test_a_detector_that_always_says_the_same_is_reliable() -> None:
    x, y = noisy(0)
    sets = random_sets(torch.tensor([4, 9, 1]), 24, generator_from(0))
    found = split_half(lambda *_: sets, x, y, halves=5, generator=generator_from(1))
    assert found.jaccard.tolist() == [1, 1, 1]
    sizes = sets.sum(1)
    assert found.chance.tolist() == pytest.approx(chance_jaccard(sizes, sizes, 24).tolist())
    live = sets.any(0)
    among = split_half(lambda *_: sets, x, y, halves=5, generator=generator_from(1), among=live)
    expected = chance_jaccard(sizes, sizes, int(live.sum()))
    assert among.chance.tolist() == pytest.approx(expected.tolist())


def test_a_detector_that_guesses_is_as_reliable_as_chance() -> None:
    x, y = noisy(0)
    generator = generator_from(2)
    sizes = torch.tensor([4, 9, 2])
    found = split_half(
        lambda *_: random_sets(sizes, 24, generator), x, y, halves=800, generator=generator_from(3)
    )
    error = found.values.std(0) / math.sqrt(800)
    assert bool(((found.jaccard - found.chance).abs() < 4 * error).all())


def test_halves_share_no_sample_and_have_the_same_classes() -> None:
    n = 41
    x = torch.eye(n) + 0.0
    y = torch.tensor([0] * 11 + [1] * 20 + [2] * 10)
    seen: list[tuple[list[int], list[int]]] = []

    def remember(part: Tensor, labels: Tensor) -> Tensor:
        seen.append((part.argmax(1).tolist(), labels.tolist()))
        return torch.zeros(3, n, dtype=torch.bool)

    split_half(remember, x, y, halves=12, generator=generator_from(0))
    sizes = set()
    for (first, first_y), (second, second_y) in zip(seen[::2], seen[1::2], strict=True):
        assert sorted(first + second) == list(range(n))
        assert y[first].tolist() == first_y
        assert y[second].tolist() == second_y
        assert (first_y.count(1), first_y.count(2)) == (10, 5)
        sizes.add(first_y.count(0))
    assert sizes == {5, 6}
    assert len({tuple(first) for first, _ in seen}) == 24


def test_split_half_is_the_mean_of_plain_jaccards() -> None:
    x, y = noisy(1, effect=1.5)
    sets: list[Tensor] = []

    def keep(part: Tensor, labels: Tensor) -> Tensor:
        sets.append(strong(part, labels))
        return sets[-1]

    found = split_half(keep, x, y, halves=30, generator=generator_from(0))
    plain = np.array(
        [
            [plain_jaccard(a, b) for a, b in zip(sets[2 * i], sets[2 * i + 1], strict=True)]
            for i in range(30)
        ]
    )
    assert np.array_equal(found.values.numpy(), plain, equal_nan=True)
    assert found.jaccard.tolist() == pytest.approx(np.nanmean(plain, 0).tolist())
    assert found.defined.tolist() == (~np.isnan(plain)).sum(0).tolist()
    assert found.low.tolist() == pytest.approx(np.nanquantile(plain, 0.025, 0).tolist())


def test_planted_ensembles_come_out_again_and_noise_does_not() -> None:
    x, y = noisy(0, n=240, effect=6.0)
    planted = split_half(strong, x, y, halves=30, generator=generator_from(0))
    assert bool((planted.jaccard > planted.chance + 0.3).all())
    x = torch.rand(240, 24, generator=generator_from(5)) ** 9
    none = split_half(strong, x, y, halves=60, generator=generator_from(0))
    assert not bool((none.jaccard > none.chance + 0.3).any())


def test_no_ensemble_is_undefined_and_one_alone_is_zero() -> None:
    x, y = noisy(0)
    calls = itertools.count()

    def sometimes(*_: Tensor) -> Tensor:
        sets = torch.zeros(3, 24, dtype=torch.bool)
        sets[0, 0] = next(calls) % 2 == 0
        return sets

    found = split_half(sometimes, x, y, halves=3, generator=generator_from(0))
    assert float(found.jaccard[0]) == 0
    assert bool(found.jaccard[1:].isnan().all())
    assert bool(found.chance[1:].isnan().all())
    assert found.defined.tolist() == [3, 0, 0]


@given(st.permutations(range(24)), st.integers(0, 20))
@settings(max_examples=10, deadline=None)
def test_the_order_of_units_changes_nothing(order: list[int], seed: int) -> None:
    x, y = noisy(seed, effect=1.5)
    split = [
        split_half(strong, part, y, halves=4, generator=generator_from(seed)).values
        for part in (x, x[:, order])
    ]
    assert torch.equal(split[0].nan_to_num(-1), split[1].nan_to_num(-1))
    drawn = [
        bootstrap_membership(strong, part, y, draws=4, generator=generator_from(seed)).frequency
        for part in (x, x[:, order])
    ]
    assert torch.equal(drawn[0][:, order], drawn[1])


@given(st.permutations(range(3)), st.integers(0, 20))
@settings(max_examples=10, deadline=None)
def test_relabelled_classes_are_the_same_classes(order: list[int], seed: int) -> None:
    """The same halves need the same draws: equal sizes, and a detector that ignores which half."""
    x, y = noisy(seed)
    sets = random_sets(torch.tensor([3, 5, 8]), 24, generator_from(seed))
    place = torch.tensor(order)
    found = split_half(lambda *_: sets, x, y, halves=2, generator=generator_from(0))
    moved = split_half(lambda *_: sets[place], x, y, halves=2, generator=generator_from(0))
    assert torch.equal(found.chance[place], moved.chance)


def test_bootstrap_counts_memberships() -> None:
    x, y = noisy(1, effect=1.5)
    sets: list[Tensor] = []

    def keep(part: Tensor, labels: Tensor) -> Tensor:
        sets.append(strong(part, labels))
        return sets[-1]

    found = bootstrap_membership(keep, x, y, draws=20, generator=generator_from(0))
    assert len(sets) == 20
    assert torch.allclose(found.frequency, torch.stack(sets).double().mean(0))
    assert torch.equal(found.sizes, torch.stack(sets).sum(2))
    assert bool((found.frequency[0, :4] > found.frequency[0, 12:].max()).all())


def test_resamples_keep_classes_and_draw_with_replacement() -> None:
    n = 40
    x, y = torch.eye(n), torch.tensor([0] * 5 + [1] * 35)
    times = torch.zeros(n)

    def count(part: Tensor, labels: Tensor) -> Tensor:
        nonlocal times
        chosen = part.argmax(1)
        assert torch.equal(y[chosen], labels)
        assert labels.bincount().tolist() == [5, 35]
        assert len(set(chosen.tolist())) < n
        times += chosen.bincount(minlength=n)
        return torch.zeros(2, n, dtype=torch.bool)

    bootstrap_membership(count, x, y, draws=400, generator=generator_from(0))
    assert float((times - 400).abs().max()) < 5 * 20  # standard deviation about 20


def net(seed: int, effect: float = 1.0, u: int = 30) -> tuple[Tensor, Tensor]:
    """A net: class means [4, u] and ensembles; every seed has its units in another order."""
    generator = generator_from(seed)
    means = 0.3 * torch.rand(4, u, generator=generator)
    for k in range(4):
        means[k, 5 * k : 5 * k + 5] += effect
    means = means[:, torch.randperm(u, generator=generator)]
    return means, means > 0.6


def test_nets_that_differ_in_the_order_of_units_are_the_same() -> None:
    profile, members = net(0)
    orders = [torch.randperm(30, generator=generator_from(s)) for s in range(3)]
    found = seed_stability(
        [profile[:, o] for o in orders],
        [members[:, o] for o in orders],
        generator=generator_from(0),
    )
    assert found.jaccard.observed.tolist() == [1, 1, 1, 1]
    assert bool((found.jaccard.p_above == 1 / 20).all())
    assert found.correlation.tolist() == pytest.approx([1, 1, 1])
    assert all(i.low == pytest.approx(1) and i.n == 3 for i in found.intervals)
    sizes = members.sum(1)
    assert found.chance.tolist() == pytest.approx(chance_jaccard(sizes, sizes, 30).tolist())


def test_ensembles_that_have_nothing_to_do_with_profiles_are_at_chance() -> None:
    nets = [net(seed) for seed in range(4)]
    sizes = torch.tensor([8, 8, 8, 8])
    loose = [random_sets(sizes, 30, generator_from(seed)) for seed in range(4)]
    found = seed_stability([p for p, _ in nets], loose, generator=generator_from(0))
    assert bool((found.jaccard.p > 0.05).all())
    planted = seed_stability(
        [p for p, _ in nets], [m for _, m in nets], generator=generator_from(0)
    )
    assert bool((planted.jaccard.p_above <= 0.05).all())
    # shuffled profiles put selective units with selective ones: more than a random match
    assert float(planted.jaccard.mean.mean()) > float(planted.chance.mean())


def test_stability_is_the_mean_over_pairs_and_its_interval_the_jackknife() -> None:
    nets = [net(seed, effect=0.5) for seed in range(4)]
    found = seed_stability(
        [p for p, _ in nets], [m for _, m in nets], draws=1, generator=generator_from(0)
    )
    both = list(itertools.combinations(range(4), 2))
    plain = np.zeros((6, 4))
    for row, (i, j) in enumerate(both):
        partner = match_units(nets[i][0], nets[j][0]).partner
        for k in range(4):
            plain[row, k] = plain_jaccard(nets[i][1][k], nets[j][1][k][partner])
    assert found.pairs.numpy() == pytest.approx(plain)
    assert found.jaccard.observed.numpy() == pytest.approx(plain.mean(0))
    for k, interval in enumerate(found.intervals):
        without = [
            np.mean([plain[row, k] for row, pair in enumerate(both) if seed not in pair])
            for seed in range(4)
        ]
        error = math.sqrt(3 / 4 * np.sum((np.array(without) - np.mean(without)) ** 2))
        assert interval.mean == pytest.approx(plain[:, k].mean())
        assert interval.high - interval.mean == pytest.approx(3.182446 * error, rel=1e-5)


def test_two_nets_have_no_interval() -> None:
    nets = [net(0), net(1)]
    found = seed_stability(
        [p for p, _ in nets], [m for _, m in nets], draws=1, generator=generator_from(0)
    )
    assert all(math.isnan(i.low) and not math.isnan(i.mean) for i in found.intervals)


def test_nets_of_other_widths_are_compared() -> None:
    (a, members_a), (b, members_b) = net(0, u=30), net(1, u=40)
    found = seed_stability([a, b], [members_a, members_b], draws=1, generator=generator_from(0))
    expected = chance_jaccard(members_a.sum(1), members_b.sum(1), 40)
    assert found.chance.tolist() == pytest.approx(expected.tolist())


def test_same_seed_same_answer_and_arrays_give_arrays() -> None:
    x, y = noisy(1, effect=1.5)

    def plain(part: NDArray[Any], labels: NDArray[Any]) -> NDArray[Any]:
        assert isinstance(part, np.ndarray)
        assert isinstance(labels, np.ndarray)
        return strong(torch.from_numpy(part), torch.from_numpy(labels)).numpy()

    one = split_half(strong, x, y, halves=5, generator=generator_from(3))
    two = split_half(plain, x.numpy(), y.numpy(), halves=5, generator=generator_from(3))
    assert isinstance(two.jaccard, np.ndarray)
    assert np.array_equal(one.values.numpy(), two.values, equal_nan=True)
    first = bootstrap_membership(strong, x, y, draws=5, generator=generator_from(3))
    second = bootstrap_membership(plain, x.numpy(), y.numpy(), draws=5, generator=generator_from(3))
    assert isinstance(second.frequency, np.ndarray)
    assert first.frequency.tolist() == second.frequency.tolist()
    profiles = [class_means(x, y), class_means(x + 1, y)]
    sets = [strong(x, y), strong(x, y)]
    stable = seed_stability(
        [p.numpy() for p in profiles],
        [s.numpy() for s in sets],
        draws=2,
        generator=generator_from(0),
    )
    assert isinstance(stable.pairs, np.ndarray)
    assert isinstance(stable.jaccard.p, np.ndarray)


def test_what_cannot_be_halved_or_compared_is_refused() -> None:
    x, y = noisy(0, n=9)
    generator = generator_from(0)
    with pytest.raises(InputError, match="one of class 2"):
        split_half(strong, x[:8], torch.tensor([0, 0, 0, 0, 1, 1, 1, 2]), generator=generator)
    with pytest.raises(InputError, match="wrong shape"):
        split_half(lambda *_: torch.zeros(2, 24, dtype=torch.bool), x, y, generator=generator)
    with pytest.raises(InputError, match="the detector's sets"):
        bootstrap_membership(lambda *_: torch.zeros(3, 24), x, y, generator=generator)
    with pytest.raises(InputError, match="draws"):
        bootstrap_membership(strong, x, y, draws=0, generator=generator)
    profile, members = net(0)
    with pytest.raises(InputError, match="at least 2"):
        seed_stability([profile], [members], generator=generator)
