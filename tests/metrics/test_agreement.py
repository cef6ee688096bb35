"""Kappas and Wilson's interval against scikit-learn, statsmodels and published tables."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import fleiss_kappa as reference_fleiss
from statsmodels.stats.proportion import proportion_confint

from pauca.errors import InputError
from pauca.metrics import answer_entropy, cohen_kappa, fleiss_kappa, wilson_interval

# 10 items, 5 classes, 14 answers each: the worked example that many texts share, kappa .210
WORKED = [
    [0, 0, 0, 0, 14],
    [0, 2, 6, 4, 2],
    [0, 0, 3, 5, 6],
    [0, 3, 9, 2, 0],
    [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0],
    [3, 2, 6, 3, 0],
    [2, 5, 3, 2, 2],
    [6, 5, 2, 1, 0],
    [0, 2, 2, 3, 7],
]


@pytest.mark.parametrize("seed", range(5))
def test_two_people_as_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a = rng.integers(0, 4, 60)
    b = np.where(rng.random(60) < 0.6, a, rng.integers(0, 4, 60))
    assert cohen_kappa(a, b) == pytest.approx(cohen_kappa_score(a, b), abs=1e-12)


def test_two_people_at_the_ends() -> None:
    assert cohen_kappa([0, 1, 2], [0, 1, 2]) == 1
    assert cohen_kappa([0, 0, 1, 1], [0, 1, 0, 1]) == 0
    assert math.isnan(cohen_kappa([1, 1], [1, 1]))
    with pytest.raises(InputError):
        cohen_kappa([0, 1], [0])


def test_the_worked_table() -> None:
    assert fleiss_kappa(WORKED) == pytest.approx(0.2099, abs=5e-5)
    assert fleiss_kappa(WORKED) == pytest.approx(reference_fleiss(np.array(WORKED)), abs=1e-12)


@given(st.integers(0, 10_000))
def test_many_people_as_statsmodels(seed: int) -> None:
    table = np.random.default_rng(seed).multinomial(5, [0.5, 0.3, 0.2], size=12)
    assert fleiss_kappa(table) == pytest.approx(reference_fleiss(table), abs=1e-9)


def test_items_with_other_numbers_of_answers() -> None:
    """By hand: P = 1, 1/3, the third says nothing; shares 3/5 and 2/5."""
    table = [[2, 0], [1, 2], [0, 1]]
    chance = (3 / 5) ** 2 + (2 / 5) ** 2
    assert fleiss_kappa(table) == pytest.approx(((1 + 1 / 3) / 2 - chance) / (1 - chance))
    with pytest.raises(InputError, match="no item has two answers"):
        fleiss_kappa([[1, 0], [0, 1]])
    with pytest.raises(InputError, match="out of range"):
        fleiss_kappa([[2, -1]])


def test_entropy_of_answers() -> None:
    assert answer_entropy([3], 4) == 0
    assert answer_entropy([1, 1], 2) == pytest.approx(1)
    assert answer_entropy([2, 2], 4) == pytest.approx(0.5)
    assert answer_entropy([1], 1) == 0


@pytest.mark.parametrize(("right", "n"), [(0, 7), (7, 7), (3, 10), (430, 500), (1, 1)])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_wilson_as_statsmodels(right: int, n: int, level: float) -> None:
    found = wilson_interval(right, n, level)
    low, high = proportion_confint(right, n, 1 - level, method="wilson")
    assert (found.mean, found.n) == (right / n, n)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-12)
