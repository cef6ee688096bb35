import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import nctdtr, stdtrit
from statsmodels.stats.power import TTestPower

from pauca.errors import InputError
from pauca.metrics import paired_power, repetitions_needed, smallest_effect

THEIRS = TTestPower()


@pytest.mark.parametrize(
    ("d", "power", "n"),
    # two-sided, alpha .05: tables of G*Power (Faul et al. 2007)
    [(0.2, 0.8, 199), (0.5, 0.8, 34), (0.8, 0.8, 15), (0.5, 0.95, 54), (1.0, 0.8, 10)],
)
def test_known_tables(d: float, power: float, n: int) -> None:
    assert repetitions_needed(1.0, d, power=power) == n
    assert repetitions_needed(0.02, -0.02 * d, power=power) == n


@settings(deadline=None, max_examples=60)
@given(
    st.integers(2, 300),
    st.floats(0.01, 3),
    st.sampled_from([0.2, 0.05, 0.01]),
)
def test_power_is_that_of_statsmodels_and_of_scipys_noncentral_t(
    n: int, d: float, alpha: float
) -> None:
    found = paired_power(n, 2.0, 2.0 * d, alpha)
    df, shift, t = n - 1, d * math.sqrt(n), -stdtrit(n - 1, alpha / 2)
    theirs = 1 - nctdtr(df, shift, t) + nctdtr(df, shift, -t)
    if not math.isnan(theirs):
        assert found == pytest.approx(theirs, abs=1e-9)
    assert paired_power(n, 2.0, -2.0 * d, alpha) == found
    expected = THEIRS.power(d, n, alpha)
    if not math.isnan(expected):
        assert found == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("d", "alpha", "power"), [(0.3, 0.05, 0.9), (1.7, 0.01, 0.8)])
def test_repetitions_are_those_of_statsmodels(d: float, alpha: float, power: float) -> None:
    expected = math.ceil(THEIRS.solve_power(effect_size=d, alpha=alpha, power=power))
    assert repetitions_needed(1.0, d, alpha, power) == expected


@settings(deadline=None, max_examples=40)
@given(st.floats(0.05, 5), st.sampled_from([0.05, 0.001]), st.sampled_from([0.5, 0.8, 0.99]))
def test_they_are_the_fewest(d: float, alpha: float, power: float) -> None:
    n = repetitions_needed(1.0, d, alpha, power)
    assert paired_power(n, 1.0, d, alpha) >= power
    if n > 2:
        assert paired_power(n - 1, 1.0, d, alpha) < power


@settings(deadline=None, max_examples=15)
@given(st.integers(2, 200), st.floats(1e-3, 1e3), st.sampled_from([0.3, 0.8, 0.99]))
def test_the_smallest_effect_has_just_that_power(n: int, sd: float, power: float) -> None:
    effect = smallest_effect(sd, n, power=power)
    assert paired_power(n, sd, effect) == pytest.approx(power, abs=1e-9)
    assert repetitions_needed(sd, effect * (1 + 1e-9), power=power) == n
    assert smallest_effect(3 * sd, n, power=power) == pytest.approx(3 * effect)
    assert smallest_effect(sd, n + 1, power=power) < effect


def test_simulated_studies_find_it_as_often() -> None:
    rng = np.random.default_rng(0)
    n, d, studies = 6, 1.3, 40_000
    x = rng.normal(d, 1, (studies, n))
    t = np.sqrt(n) * x.mean(1) / x.std(1, ddof=1)
    found = (np.abs(t) > stdtrit(n - 1, 0.975)).mean()
    assert paired_power(n, 1.0, d) == pytest.approx(found, abs=4 * math.sqrt(0.25 / studies))


def test_without_effect_it_is_alpha() -> None:
    assert paired_power(5, 1.0, 0.0, 0.03) == 0.03
    assert paired_power(5, 1.0, 1e-9, 0.03) == pytest.approx(0.03)
    assert smallest_effect(1.0, 5, alpha=0.05, power=0.05) == 0


def test_ends() -> None:
    assert repetitions_needed(0.0, 0.1) == 2
    assert repetitions_needed(1e-300, 1e300) == 2
    assert paired_power(2, 0.0, 0.1) == 1
    assert smallest_effect(0.0, 2) == 0
    # z (.975) + z (.8) squared, over d squared
    many = repetitions_needed(1.0, 1e-5)
    assert many == pytest.approx((1.959963984540054 + 0.8416212335729143) ** 2 * 1e10, rel=1e-5)
    # where SciPy's noncentral t gives NaN
    assert math.isnan(nctdtr(2, 45.0, -31.6))
    assert paired_power(3, 1.0, 45 / math.sqrt(3), 0.001) == pytest.approx(0.8680045, abs=1e-6)
    assert paired_power(2, 1.0, 1e20) == 1
    # a spread so large is that improbable: t z / sqrt(2), z = 8.3
    assert smallest_effect(1.0, 2, power=1 - 1e-16) == pytest.approx(12.7062 * 8.3 / 2**0.5, 0.01)


def test_normal_takes_over_without_a_step() -> None:
    below, above = (paired_power(n, 1.0, 2.8 / math.sqrt(1e7)) for n in (10_000_001, 10_000_002))
    assert below == pytest.approx(above, abs=1e-6)


@pytest.mark.parametrize(
    ("sd", "effect", "alpha", "power"),
    [
        (-1, 1, 0.05, 0.8),
        (math.nan, 1, 0.05, 0.8),
        (math.inf, 1, 0.05, 0.8),
        (1, 0, 0.05, 0.8),
        (1, math.nan, 0.05, 0.8),
        (1, 1e-300, 0.05, 0.8),
        (1, 1, 0, 0.8),
        (1, 1, 0.05, 1),
        (1, 1, math.nan, 0.8),
    ],
)
def test_bad_plans_are_refused(sd: float, effect: float, alpha: float, power: float) -> None:
    with pytest.raises(InputError):
        repetitions_needed(sd, effect, alpha, power)


def test_other_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match="n is out of range"):
        paired_power(1, 1.0, 1.0)
    with pytest.raises(InputError, match="n is out of range"):
        smallest_effect(1.0, 1)
    with pytest.raises(InputError, match="sd_of_differences"):
        smallest_effect(math.nan, 5)
