import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from pauca.errors import InputError
from pauca.metrics import auroc, average_precision, cliffs_delta, false_acceptance

values = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=20)


@settings(deadline=None, max_examples=60)
@given(a=values, b=values)
def test_area_and_delta_count_pairs(a: list[float], b: list[float]) -> None:
    above = sum((x > y) + 0.5 * (x == y) for x in a for y in b) / (len(a) * len(b))
    found = auroc(a, b)
    assert found.mean == pytest.approx(above)
    assert cliffs_delta(a, b) == pytest.approx(2 * above - 1)
    assert auroc(b, a).mean == pytest.approx(1 - above)
    truth = [1] * len(a) + [0] * len(b)
    assert found.mean == pytest.approx(roc_auc_score(truth, a + b))
    assert found.n == len(a) + len(b)
    # no more than the order counts
    assert auroc(np.exp(a), np.exp(b)).mean == pytest.approx(above)


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 500), m=st.integers(2, 15), n=st.integers(2, 15))
def test_the_interval_is_delongs_by_its_double_sums(seed: int, m: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(0.5, 1, m).round(1), rng.normal(0, 1, n).round(1)
    psi = (a[:, None] > b) + 0.5 * (a[:, None] == b)
    ten, one = psi.mean(1), psi.mean(0)
    s10 = sum((v - psi.mean()) ** 2 for v in ten) / (m - 1)
    s01 = sum((v - psi.mean()) ** 2 for v in one) / (n - 1)
    half = 1.959963984540054 * math.sqrt(s10 / m + s01 / n)
    found = auroc(torch.from_numpy(a), b)
    assert found.low == pytest.approx(max(0, psi.mean() - half))
    assert found.high == pytest.approx(min(1, psi.mean() + half))


def test_the_interval_holds_the_area_of_the_population_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    right = 0.5 * (1 + math.erf(0.5))  # P(a > b) for means 1 apart and both deviations 1
    held = 0
    for _ in range(400):
        found = auroc(rng.normal(1, 1, 40), rng.normal(0, 1, 60), level=0.9)
        held += found.low <= right <= found.high
    assert 0.85 < held / 400 < 0.95


def test_ends_and_what_is_undefined() -> None:
    apart = auroc([3.0, 4.0], [1.0, 2.0])
    assert (apart.mean, apart.low, apart.high, apart.method) == (1.0, 1.0, 1.0, "DeLong")
    one = auroc([1.0], [0.0, 2.0])
    assert one.mean == 0.5
    assert math.isnan(one.low)
    assert math.isnan(one.high)
    for wrong in (([], [1.0]), ([1.0], [math.nan])):
        with pytest.raises(InputError):
            auroc(*wrong)
        with pytest.raises(InputError):
            cliffs_delta(*wrong)
    with pytest.raises(InputError, match="level"):
        auroc([1.0, 2], [0.0], level=1.0)


@settings(deadline=None, max_examples=60)
@given(a=values, b=values)
def test_average_precision_is_that_of_scikit_learn(a: list[float], b: list[float]) -> None:
    truth = [1] * len(a) + [0] * len(b)
    expected = average_precision_score(truth, a + b)
    assert average_precision(a, b) == pytest.approx(expected)
    # no more than the order counts
    assert average_precision(np.exp(a), torch.from_numpy(np.exp(b))) == pytest.approx(expected)


@settings(deadline=None, max_examples=60)
@given(a=values, b=values, keep=st.sampled_from([0.05, 0.5, 0.8, 0.95, 1.0]))
def test_false_acceptance_by_trying_every_threshold(
    a: list[float], b: list[float], keep: float
) -> None:
    passing = [t for t in sorted(b) if sum(y <= t for y in b) >= keep * len(b) - 1e-9]
    expected = sum(x <= passing[0] for x in a) / len(a)
    assert false_acceptance(a, b, keep=keep) == pytest.approx(expected)


def test_what_novelty_measures_refuse() -> None:
    assert average_precision([2.0, 3.0], [1.0]) == 1
    assert false_acceptance([2.0, 3.0], [1.0]) == 0
    for measure in (average_precision, false_acceptance):
        for a, b in (([], [1.0]), ([1.0], [])):
            with pytest.raises(InputError):
                measure(a, b)
    for keep in (0.0, 1.5):
        with pytest.raises(InputError, match="keep"):
            false_acceptance([1.0], [1.0], keep=keep)
