import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pauca.errors import InputError
from pauca.metrics import SignedRanks, least_p, wilcoxon

whole = st.lists(st.integers(-4, 4).map(float), min_size=1, max_size=9)


def every_pattern(d: list[float]) -> tuple[float, float]:
    """Smaller rank sum and two-sided p, by writing out all patterns of signs."""
    used = [x for x in d if x != 0]
    ranks = stats.rankdata(np.abs(used))
    sums = [
        sum(r for r, sign in zip(ranks, signs, strict=True) if sign)
        for signs in itertools.product([0, 1], repeat=len(used))
    ]
    above = sum(r for r, x in zip(ranks, used, strict=True) if x > 0)
    least = min(above, sum(ranks) - above)
    return least, min(1.0, 2 * sum(s <= least for s in sums) / len(sums))


@settings(deadline=None, max_examples=60)
@given(whole)
def test_p_is_that_of_all_patterns_of_signs_ties_and_zeros_too(d: list[float]) -> None:
    found = wilcoxon(d, [0.0] * len(d))
    used = [x for x in d if x]
    assert (found.n, found.used) == (len(d), len(used))
    if used:
        assert (found.statistic, found.p) == pytest.approx(every_pattern(d))
        tied = len({abs(x) for x in used}) < len(used)
        assert found.method == ("exact given ties" if tied else "exact")


@pytest.mark.parametrize("n", [1, 2, 5, 12, 50])
def test_without_ties_it_is_scipys_exact_test(n: int) -> None:
    rng = np.random.default_rng(n)
    a, b = rng.normal(0.4, 1, n), rng.normal(0, 1, n)
    expected = stats.wilcoxon(a, b, method="exact")
    found = wilcoxon(torch.from_numpy(a), b.tolist())
    assert (found.statistic, found.p) == pytest.approx((expected.statistic, expected.pvalue))
    assert found.method == "exact"


@pytest.mark.parametrize("digits", [1, 15])
def test_large_samples_are_scipys_normal_approximation(digits: int) -> None:
    rng = np.random.default_rng(7)
    a = rng.normal(0.2, 1, 90).round(digits)
    expected = stats.wilcoxon(a, method="asymptotic")
    found = wilcoxon(a, np.zeros(90))
    assert found.method == "normal"
    assert (found.statistic, found.p) == pytest.approx((expected.statistic, expected.pvalue))


def test_effect_by_hand() -> None:
    # differences 1, -2, 3: ranks 1, 2, 3, so W+ = 4 and W- = 2
    found = wilcoxon([1.0, 0.0, 3.0], [0.0, 2.0, 0.0])
    assert (found.statistic, found.effect) == pytest.approx((2, 2 / 6))
    assert wilcoxon([1, 2, 3], [0, 0, 0]).effect == 1
    assert wilcoxon([0, 0, 0], [1, 2, 3]).effect == -1


@given(whole, st.integers(0, 2**16))
def test_exchanging_both_turns_the_effect_and_order_does_not_count(
    d: list[float], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    b = rng.integers(-5, 5, len(d)).astype(float)
    a = b + d
    found, turned = wilcoxon(a, b), wilcoxon(b, a)
    assert turned.effect == pytest.approx(-found.effect)
    assert (turned.p, turned.statistic) == (found.p, found.statistic)
    order = rng.permutation(len(d))
    assert wilcoxon(a[order], b[order]) == found


def test_nothing_differs() -> None:
    assert wilcoxon([0.5] * 4, [0.5] * 4) == SignedRanks(0.0, 1.0, 4, 0, "no difference", 0.0)
    assert wilcoxon([0.3], [0.1 + 0.2]).method == "no difference"


def test_rounding_makes_no_order() -> None:
    # three differences of .1, which floats tell apart
    a, b = [0.91, 0.81, 0.71, 0.5], [0.81, 0.71, 0.61, 0.8]
    assert len({x - y for x, y in zip(a, b, strict=True)}) > 2
    found = wilcoxon(a, b)
    assert found.method == "exact given ties"
    assert found.statistic == 4
    assert found.p == every_pattern([1, 1, 1, -3])[1]


@pytest.mark.parametrize("n", range(1, 9))
def test_the_least_p_is_what_full_agreement_gives(n: int) -> None:
    assert wilcoxon(np.arange(1, n + 1), np.zeros(n)).p == pytest.approx(least_p(n))


def test_five_repetitions_show_nothing() -> None:
    assert least_p(5) == 0.0625
    assert least_p(6) == 0.03125
    assert least_p(1) == 1
    assert least_p(6, comparisons=2) == 0.0625
    assert least_p(3, comparisons=20) == 1
    assert least_p(60) == 2.0**-59


def test_under_the_null_p_is_no_more_often_small_than_it_says() -> None:
    rng = np.random.default_rng(0)
    p = np.array([wilcoxon(rng.normal(size=8), rng.normal(size=8)).p for _ in range(1500)])
    for alpha in (0.01, 0.05, 0.2):
        right = alpha + 3 * math.sqrt(alpha / 1500)
        assert 0.2 * alpha < (p <= alpha).mean() < right


@pytest.mark.parametrize(
    ("a", "b"), [([], []), ([1.0], [1.0, 2.0]), ([math.nan], [1.0]), ([[1.0]], [[1.0]])]
)
def test_bad_pairs_are_refused(a: list[float], b: list[float]) -> None:
    with pytest.raises(InputError):
        wilcoxon(a, b)


def test_bad_counts_are_refused() -> None:
    with pytest.raises(InputError, match="n is out of range"):
        least_p(0)
    with pytest.raises(InputError, match="comparisons"):
        least_p(5, 0)
