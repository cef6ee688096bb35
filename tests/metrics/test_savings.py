import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pauca.errors import InputError
from pauca.metrics import LabelSaving, label_saving
from pauca.metrics.arrays import Floats
from pauca.rng import generator_from


def saving(labels: Any, curve: Any, baseline: Any, draws: int = 50, seed: int = 0) -> LabelSaving:
    return label_saving(labels, curve, baseline, generator=generator_from(seed), draws=draws)


def first_with(labels: list[float], heights: list[float], value: float) -> float:
    """Where straight lines through the best so far first have a value, walking along them."""
    best = heights[0]
    if value <= best:
        return labels[0]
    for at in range(1, len(labels)):
        if heights[at] > best:
            if value <= heights[at]:
                part = (value - best) / (heights[at] - best)
                return labels[at - 1] + part * (labels[at] - labels[at - 1])
            best = heights[at]
    return labels[-1]


def slow_ratios(labels: list[float], ours: Floats, theirs: Floats) -> list[tuple[float, float]]:
    """Least and greatest ratio at each budget and at the common value, by loops."""
    a, b = (x.mean(0).tolist() for x in (ours, theirs))
    found = []
    for at in range(len(labels) + 1):
        value = max(a[: at + 1]) if at < len(labels) else min(max(a), max(b))
        ratio = first_with(labels, b, value) / first_with(labels, a, value)
        found.append(
            (
                0.0 if value < b[0] else ratio,
                math.inf if value > max(b) or value < a[0] else ratio,
            )
        )
    return found


def test_by_hand() -> None:
    found = saving([10, 20, 30], [[0.5, 0.7, 0.9]], [[0.5, 0.6, 0.7]])
    first, second, third = found.points
    assert (first.ratio, first.bound) == (1.0, "exact")
    assert (second.value, second.labels, second.baseline_labels) == (0.7, 20, 30)
    assert (second.ratio, second.bound) == (1.5, "exact")
    assert second.saved == pytest.approx(1 / 3)
    assert (third.ratio, third.bound) == (1.0, "at least")
    assert found.common.value == 0.7
    assert (found.common.ratio, found.common.bound) == (1.5, "exact")
    # one repetition says nothing about its spread
    assert math.isnan(second.low)
    assert math.isnan(second.high)
    assert (found.n, found.level, found.draws) == (1, 0.95, 50)


def test_between_budgets_lines_are_straight() -> None:
    found = saving([10, 20, 40], [[0.5, 0.65, 0.7]], [[0.5, 0.6, 0.7]])
    # .65 lies half way from 20 to 40 labels
    assert found.points[1].baseline_labels == pytest.approx(30)
    assert found.points[1].ratio == pytest.approx(1.5)


def test_a_baseline_that_begins_above_gives_an_upper_bound() -> None:
    found = saving([10, 20], [[0.3, 0.4]], [[0.5, 0.6]])
    assert [(p.ratio, p.bound) for p in found.points] == [(1.0, "at most"), (0.5, "at most")]
    assert (found.common.ratio, found.common.bound) == (0.5, "at most")
    turned = saving([10, 20], [[0.5, 0.6]], [[0.3, 0.4]])
    assert (turned.common.ratio, turned.common.bound) == (2.0, "at least")
    assert [p.bound for p in turned.points] == ["at least", "at least"]


def test_a_curve_that_falls_keeps_what_it_had() -> None:
    found = saving([10, 20, 30, 40], [[0.5, 0.8, 0.6, 0.7]], [[0.5, 0.6, 0.7, 0.8]])
    assert [(p.value, p.labels) for p in found.points] == [
        (0.5, 10),
        (0.8, 20),
        (0.8, 20),
        (0.8, 20),
    ]
    assert [p.ratio for p in found.points] == [1, 2, 2, 2]


curves = st.tuples(st.integers(1, 5), st.integers(2, 6), st.integers(0, 2**16))


def drawn(r: int, t: int, seed: int) -> tuple[list[float], Floats, Floats]:
    """Budgets, and two curves that begin alike, rise, fall and stay."""
    rng = np.random.default_rng(seed)
    labels = np.sort(rng.choice(500, t, replace=False) + 1.0)
    a, b = (np.cumsum(rng.integers(-1, 4, (r, t)), axis=1) / 8 for _ in range(2))
    if seed % 2:
        b[:, 0] = a[:, 0]
    return labels.tolist(), a, b


@settings(deadline=None, max_examples=80)
@given(curves)
def test_ratios_and_intervals_are_those_of_loops(case: tuple[int, int, int]) -> None:
    labels, a, b = drawn(*case)
    r, draws = len(a), 40
    found = saving(labels, torch.from_numpy(a), b.tolist(), draws)
    points = [*found.points, found.common]
    for point, (least, most) in zip(points, slow_ratios(labels, a, b), strict=True):
        assert point.ratio == pytest.approx(least if least > 0 else most)
        bound = "at least" if math.isinf(most) else "at most" if least == 0 else "exact"
        assert point.bound == bound
        assert point.saved == pytest.approx(1 - 1 / point.ratio)
    if r == 1:
        return
    rows = torch.randint(r, (draws, r), generator=generator_from(0)).numpy()
    each = np.array([slow_ratios(labels, a[row], b[row]) for row in rows])
    low = np.sort(each[:, :, 0], axis=0)[0]  # place .025 * 39 = .975: from below the first
    high = np.sort(each[:, :, 1], axis=0)[39]
    assert [p.low for p in points] == pytest.approx(low.tolist())
    assert [p.high for p in points] == pytest.approx(high.tolist())


@settings(deadline=None, max_examples=40)
@given(curves)
def test_curves_that_are_alike_save_nothing(case: tuple[int, int, int]) -> None:
    labels, a, _ = drawn(*case)
    found = saving(labels, a, a)
    for point in (*found.points, found.common):
        assert (point.ratio, point.bound, point.saved) == (1, "exact", 0)
        if len(a) > 1:
            assert (point.low, point.high) == (1, 1)


@settings(deadline=None, max_examples=40)
@given(curves)
def test_exchanging_both_turns_the_common_ratio(case: tuple[int, int, int]) -> None:
    labels, a, b = drawn(*case)
    found, turned = saving(labels, a, b).common, saving(labels, b, a).common
    assert found.ratio * turned.ratio == pytest.approx(1)
    sides = {"exact": "exact", "at least": "at most", "at most": "at least"}
    assert turned.bound == sides[found.bound]
    if len(a) > 1:
        assert turned.low == pytest.approx(1 / found.high if math.isfinite(found.high) else 0)
        assert turned.high == pytest.approx(1 / found.low if found.low else math.inf)


@settings(deadline=None, max_examples=30)
@given(curves)
def test_scale_of_values_and_unit_of_labels_do_not_count(case: tuple[int, int, int]) -> None:
    labels, a, b = drawn(*case)
    found = saving(labels, a, b)
    # powers of two, which round nothing
    other = saving([4 * x for x in labels], 2 * a + 1, 2 * b + 1)
    for one, two in zip((*found.points, found.common), (*other.points, other.common), strict=True):
        assert two.ratio == pytest.approx(one.ratio)
        assert two.bound == one.bound
        assert (two.low, two.high) == pytest.approx((one.low, one.high), nan_ok=True)
    again = saving(labels, a, b)
    assert repr(again) == repr(found)


def test_twice_as_fast_saves_half_with_an_interval_that_holds_it() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(10, 210, 10)
    held, studies = 0, 60
    generator = generator_from(0)
    for _ in range(studies):
        luck = rng.normal(0, 0.02, (20, 1))  # shared by both in a repetition
        ours = 1 - np.exp(-labels / 60) + luck + rng.normal(0, 0.01, (20, 20))
        theirs = 1 - np.exp(-labels / 120) + luck + rng.normal(0, 0.01, (20, 20))
        point = label_saving(labels, ours, theirs, generator=generator, draws=200).points[5]
        assert point.bound == "exact"
        held += point.low <= 2 <= point.high
    assert held / studies > 0.85


def test_where_the_baseline_never_gets_there_the_interval_is_open() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.001, (6, 3))
    ours, theirs = (noise + np.array(x) for x in ([0.5, 0.8, 0.9], [0.5, 0.55, 0.6]))
    found = saving([10, 20, 40], ours, theirs, 200)
    last = found.points[-1]
    assert (last.bound, last.ratio) == ("at least", 1.0)
    assert last.low == 1
    assert math.isinf(last.high)
    assert found.common.bound == "exact"
    assert 2 < found.common.low <= found.common.ratio <= found.common.high < math.inf


@pytest.mark.parametrize(
    ("labels", "curve", "baseline", "wrong"),
    [
        ([10], [[0.1]], [[0.1]], "curve has the wrong form"),
        ([10, 20], [0.1, 0.2], [0.1, 0.2], "curve has the wrong form"),
        ([10, 20], [[0.1, 0.2]], [[0.1, 0.2]] * 2, "differ in shape"),
        ([10, 20], [[0.1, math.nan]], [[0.1, 0.2]], "curve holds NaN"),
        ([10, 20], [[0.1, 0.2]], [[0.1, math.inf]], "baseline_curve holds NaN"),
        ([20, 10], [[0.1, 0.2]], [[0.1, 0.2]], "do not increase"),
        ([0, 10], [[0.1, 0.2]], [[0.1, 0.2]], "labels are out of range"),
        ([10, 20, 30], [[0.1, 0.2]], [[0.1, 0.2]], "differ in size"),
    ],
)
def test_bad_curves_are_refused(labels: Any, curve: Any, baseline: Any, wrong: str) -> None:
    with pytest.raises(InputError, match=wrong):
        saving(labels, curve, baseline)


def test_other_bad_input_is_refused() -> None:
    good = ([10, 20], [[0.1, 0.2]], [[0.1, 0.2]])
    with pytest.raises(InputError, match="draws"):
        saving(*good, draws=0)
    with pytest.raises(InputError, match="level"):
        label_saving(*good, generator=generator_from(0), level=95)
