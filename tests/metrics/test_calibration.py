import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from statsmodels.stats.proportion import proportion_confint

from pauca import metrics
from pauca.errors import InputError
from tests.test_metrics import Array, random_case, slow_ece


def slow_mass(confidence: list[float], bins: int) -> list[int]:
    """The bin of the last of those that are equally sure, by ranks cut into equal parts."""
    n = len(confidence)
    found = []
    for one in confidence:
        rank = sum(other <= one for other in confidence)
        found.append(next(b for b in range(bins) if rank <= (b + 1) * n / bins + 1e-9))
    return found


def slow_gap(labels: Array, probs: Array, at: list[int]) -> float:
    total = 0.0
    for b in set(at):
        inside = [i for i in range(len(labels)) if at[i] == b]
        right = sum(probs[i].argmax() == labels[i] for i in inside) / len(inside)
        sure = sum(probs[i].max() for i in inside) / len(inside)
        total += len(inside) / len(labels) * abs(right - sure)
    return total


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("bins", [1, 4, 15])
@pytest.mark.parametrize("coarse", [False, True])
def test_errors_of_calibration_agree_with_loops(seed: int, bins: int, coarse: bool) -> None:
    labels, probs = random_case(seed, n=97)
    if coarse:  # many items equally sure
        probs = np.random.default_rng(seed).multinomial(4, probs) / 4
    by_mass = slow_gap(labels, probs, slow_mass(list(probs.max(1)), bins))
    assert metrics.ece(labels, probs, bins=bins, by="mass") == pytest.approx(by_mass)
    by_width = slow_ece(labels, probs, bins)
    assert metrics.ece(labels, probs, bins=bins, by="width") == pytest.approx(by_width)
    for by, expected in (("mass", by_mass), ("width", by_width)):
        curve = metrics.reliability_curve(labels, probs, bins=bins, by=by)  # type: ignore[arg-type]
        assert curve.ece == pytest.approx(expected)
        assert sum(b.accuracy.n for b in curve.bins) == curve.n == 97


@pytest.mark.parametrize("by", ["width", "mass"])
def test_the_curve_is_scikit_learns(by: Any) -> None:
    labels, probs = random_case(5, n=400)
    curve = metrics.reliability_curve(labels, probs, bins=8, by=by)
    strategy = {"width": "uniform", "mass": "quantile"}[by]
    right = probs.argmax(1) == labels
    share, sure = calibration_curve(right, probs.max(1), n_bins=8, strategy=strategy)
    assert [b.accuracy.mean for b in curve.bins] == pytest.approx(list(share))
    assert [b.confidence for b in curve.bins] == pytest.approx(list(sure))
    for b in curve.bins:
        assert b.low <= b.confidence <= b.high
        assert by == "mass" or b.place / 8 < b.confidence <= (b.place + 1) / 8
    assert [b.place for b in curve.bins] == sorted({b.place for b in curve.bins})


def test_equal_mass_holds_equally_many_unless_they_are_equally_sure() -> None:
    labels, probs = random_case(1, n=100)
    curve = metrics.reliability_curve(labels, probs, bins=5, by="mass")
    assert [b.accuracy.n for b in curve.bins] == [20] * 5
    sure = np.eye(2)[[0] * 6 + [1] * 4]
    whole = metrics.reliability_curve([0] * 10, sure, bins=5, by="mass")
    assert [b.accuracy.n for b in whole.bins] == [10]
    assert whole.ece == pytest.approx(0.4)


@pytest.mark.parametrize("level", [0.8, 0.95])
@pytest.mark.parametrize(("right", "n"), [(0, 1), (1, 1), (0, 20), (7, 20), (20, 20), (499, 500)])
def test_the_interval_is_wilsons(right: int, n: int, level: float) -> None:
    found = metrics.wilson_interval(right, n, level)
    low, high = proportion_confint(right, n, alpha=1 - level, method="wilson")
    assert (found.mean, found.n, found.method) == (right / n, n, "Wilson")
    assert found.low == pytest.approx(low, abs=1e-12)
    assert found.high == pytest.approx(high, abs=1e-12)
    assert found.low <= found.mean <= found.high
    assert found.high > found.low


def test_ends_of_wilsons_interval_solve_its_equation() -> None:
    z = 1.959963984540054
    found = metrics.wilson_interval(3, 11)
    for end in (found.low, found.high):
        assert abs(3 / 11 - end) == pytest.approx(z * math.sqrt(end * (1 - end) / 11))


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 1000), bins=st.integers(1, 20))
def test_no_order_of_items_matters(seed: int, bins: int) -> None:
    labels, probs = random_case(seed, n=30)
    probs = np.random.default_rng(seed).multinomial(6, probs) / 6
    order = np.random.default_rng(seed).permutation(30)
    for by in ("width", "mass"):
        one = metrics.ece(labels, probs, bins=bins, by=by)
        two = metrics.ece(labels[order], torch.from_numpy(probs[order]), bins=bins, by=by)
        assert one == pytest.approx(two)
        assert 0 <= one <= 1


def test_what_is_wrong_is_refused() -> None:
    labels, probs = random_case(0, n=5)
    wrong: list[Any] = ["quantile", None]
    for by in wrong:
        with pytest.raises(InputError, match="by is of the wrong kind"):
            metrics.ece(labels, probs, by=by)
        with pytest.raises(InputError, match="by is of the wrong kind"):
            metrics.reliability_curve(labels, probs, by=by)
    for bins in (0, 2.5, True):
        with pytest.raises(InputError, match="bins"):
            metrics.reliability_curve(labels, probs, bins=bins)  # type: ignore[arg-type]
    for right, n in ((1, 0), (3, 2), (-1, 2)):
        with pytest.raises(InputError):
            metrics.wilson_interval(right, n)
    with pytest.raises(InputError, match="level"):
        metrics.reliability_curve(labels, probs, level=1.0)
