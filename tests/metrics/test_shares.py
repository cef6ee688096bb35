import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pauca.errors import InputError
from pauca.metrics import ShareReached, labels_for_share, labels_to_reach
from pauca.metrics.shares import _place

LABELS = [10, 20, 40, 80]


def reaching(budgets: list[int | None]) -> list[list[float]]:
    """A curve for each that is at 1 from its budget on, and at .5 before."""
    return [[0.5 if at is None or spent < at else 1.0 for spent in LABELS] for at in budgets]


def test_by_hand() -> None:
    curves = [[0.5, 0.8, 0.9, 0.95], [0.6, 0.9, 0.85, 1.0], [0.4, 0.5, 0.6, 0.7]]
    found = labels_for_share(LABELS, curves, 1.0)
    assert found[0] == ShareReached(0.9, (40, 20, None), 2, 3, 40, None, None)
    assert found[1] == ShareReached(0.95, (80, 80, None), 2, 3, 80, None, None)
    assert found[2] == ShareReached(0.99, (None, 80, None), 1, 3, None, None, None)


def test_each_repetition_has_its_own_full_value() -> None:
    curves = [[0.5, 0.8, 0.9, 0.95]] * 2
    found = labels_for_share(LABELS, torch.tensor(curves), torch.tensor([0.8, 1.0]), [1.0])
    assert found[0].labels == (20, None)


def test_the_median_is_that_of_kaplan_and_meier() -> None:
    rng = np.random.default_rng(0)
    for _ in range(40):
        n = int(rng.integers(1, 12))
        budgets = [LABELS[k] if k < 4 else None for k in rng.integers(0, 6, n)]
        found = labels_for_share(LABELS, reaching(budgets), 1.0, [1.0])[0]
        data = stats.CensoredData(
            uncensored=[b for b in budgets if b is not None],
            right=[LABELS[-1] for b in budgets if b is None],
        )
        survival = stats.ecdf(data).sf
        below = survival.quantiles[survival.probabilities <= 0.5 + 1e-12]
        assert found.median == (below[0] if len(below) else None)
        assert found.reached == sum(b is not None for b in budgets)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.99])
def test_the_interval_is_that_of_the_sign_test(level: float) -> None:
    for n in range(1, 40):
        place = _place(n, level)
        rest = (1 - level) / 2
        assert place == 0 or stats.binom.cdf(place - 1, n, 0.5) <= rest
        assert stats.binom.cdf(place, n, 0.5) > rest


def test_the_interval_by_hand() -> None:
    # six repetitions: from the first to the last, with 1 - 2 / 2 ** 6 = .969
    six = labels_for_share(LABELS, reaching([80, 20, 40, 20, 40, 80]), 1.0, [1.0])[0]
    assert (six.low, six.median, six.high) == (20, 40, 80)
    censored = labels_for_share(LABELS, reaching([80, 20, 40, 20, 40, None]), 1.0, [1.0])[0]
    assert (censored.low, censored.median, censored.high) == (20, 40, None)
    five = labels_for_share(LABELS, reaching([80, 20, 40, 20, 40]), 1.0, [1.0])[0]
    assert (five.low, five.median, five.high) == (None, 40, None)
    at_90 = labels_for_share(LABELS, reaching([80, 20, 40, 20, 40]), 1.0, [1.0], level=0.9)[0]
    assert (at_90.low, at_90.median, at_90.high) == (20, 40, 80)
    alike = labels_for_share(LABELS, reaching([20] * 8), 1.0, [1.0])[0]
    assert (alike.low, alike.median, alike.high) == (20, 20, 20)
    never = labels_for_share(LABELS, reaching([None] * 8), 1.0, [1.0])[0]
    assert (never.reached, never.low, never.median, never.high) == (0, None, None, None)


def test_the_interval_holds_the_median_at_least_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(1, 41)
    held, studies = 0, 400
    for _ in range(studies):
        # reached after a geometric number of labels: the median is 7 for p = .1
        at = rng.geometric(0.1, 9)
        found = labels_for_share(labels, (labels >= at[:, None]) * 1.0, 1.0, [1.0])[0]
        low, high = found.low or 0, found.high or math.inf
        held += low <= 7 <= high
    assert held / studies > 0.95 - 3 * math.sqrt(0.05 * 0.95 / studies)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**16), st.integers(1, 9))
def test_order_of_repetitions_and_scale_do_not_count(seed: int, r: int) -> None:
    rng = np.random.default_rng(seed)
    curves = rng.random((r, 4))
    found = labels_for_share(LABELS, curves, 0.9)
    order = rng.permutation(r)
    for one, other in zip(found, labels_for_share(LABELS, curves[order], 0.9), strict=True):
        assert other.labels == tuple(one.labels[k] for k in order)
        assert (other.median, other.low, other.high) == (one.median, one.low, one.high)
    assert [f.labels for f in labels_for_share(LABELS, 4 * curves, 3.6)] == [
        f.labels for f in found
    ]
    for one in found:
        assert one.labels == tuple(labels_to_reach(LABELS, c, one.share * 0.9) for c in curves)
    # a larger share is reached no earlier
    counts = [f.reached for f in found]
    assert counts == sorted(counts, reverse=True)


@pytest.mark.parametrize(
    ("labels", "curves", "full", "shares", "wrong"),
    [
        ([10, 20], [0.1, 0.2], 1.0, [0.9], "curves has the wrong form"),
        ([10, 20], [[0.1, math.nan]], 1.0, [0.9], "NaN"),
        ([20, 10], [[0.1, 0.2]], 1.0, [0.9], "do not increase"),
        ([10, 20, 30], [[0.1, 0.2]], 1.0, [0.9], "differ in size"),
        ([10, 20], [[0.1, 0.2]], 0.0, [0.9], "full"),
        ([10, 20], [[0.1, 0.2]], -1.0, [0.9], "full"),
        ([10, 20], [[0.1, 0.2]], [1.0, 1.0], [0.9], "full"),
        ([10, 20], [[0.1, 0.2]], math.nan, [0.9], "full"),
        ([10, 20], [[0.1, 0.2]], 1.0, [90], "share"),
        ([10, 20], [[0.1, 0.2]], 1.0, [0.0], "share"),
    ],
)
def test_bad_input_is_refused(
    labels: Any, curves: Any, full: Any, shares: list[float], wrong: str
) -> None:
    with pytest.raises(InputError, match=wrong):
        labels_for_share(labels, curves, full, shares)
