import math

import numpy as np
import pytest
from scipy import stats

from pauca.report.estimates import COUNT, SHARE, estimate, paired, paired_p

NAN = math.nan


def test_mean_and_interval_are_those_of_scipy() -> None:
    x = [0.91, 0.93, 0.92, 0.95]
    found = estimate(x)
    low, high = stats.t.interval(0.95, 3, loc=np.mean(x), scale=stats.sem(x))
    assert (found.mean, found.low, found.high) == pytest.approx((np.mean(x), low, high))
    assert (found.n, found.missing, found.known) == (4, 0, True)


def test_one_value_has_no_interval_and_no_sign() -> None:
    found = estimate([0.5])
    assert (found.mean, found.n, found.known, found.sign) == (0.5, 1, False, 0)
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def test_no_value_is_nan_not_an_error() -> None:
    assert estimate([]).n == 0
    found = estimate([NAN, NAN])
    assert (found.n, found.missing, math.isnan(found.mean)) == (0, 2, True)


def test_missing_values_are_left_out_and_counted() -> None:
    low, high = stats.t.interval(0.95, 1, loc=1.5, scale=0.5)
    found = estimate([1.0, NAN, 2.0, math.inf])
    assert (found.mean, found.low, found.high) == pytest.approx((1.5, low, high))
    assert (found.n, found.missing) == (2, 2)


def test_an_interval_ends_where_the_measure_does() -> None:
    found = estimate([0.9, 0.99], SHARE)
    assert found.high == 1.0
    assert found.mean == pytest.approx(0.945)
    assert 0 < found.low < 0.9
    assert estimate([0.0, 5.0], COUNT).low == 0.0


def test_sign_is_that_of_the_whole_interval() -> None:
    assert estimate([1.0, 1.1, 0.9]).sign == 1
    assert estimate([-1.0, -1.1, -0.9]).sign == -1
    assert estimate([-1.0, 1.0, 0.1]).sign == 0


def test_pairs_are_of_repetitions_that_both_have() -> None:
    assert paired({0: 2.0, 2: 5.0, 3: 1.0}, {3: 0.5, 0: 1.0, 1: 9.0}) == ((0, 1.0), (3, 0.5))


def test_p_is_that_of_scipys_paired_test() -> None:
    a, b = [0.90, 0.92, 0.95, 0.91], [0.89, 0.93, 0.90, 0.88]
    differences = [x - y for x, y in zip(a, b, strict=True)]
    assert paired_p(differences) == pytest.approx(stats.ttest_rel(a, b).pvalue)


def test_p_without_spread_or_values() -> None:
    assert paired_p([0.0, 0.0, 0.0]) == 1.0
    assert paired_p([0.5, 0.5]) == 0.0
    assert math.isnan(paired_p([0.5]))
    assert math.isnan(paired_p([NAN, 0.5]))
