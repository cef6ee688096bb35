import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import trapezoid
from sklearn import metrics as sk

from pauca import metrics
from pauca.errors import InputError

Array = npt.NDArray[Any]


def random_case(seed: int, n: int = 200, c: int = 5) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    probs = rng.dirichlet(np.full(c, 0.5), n)
    labels = np.array([rng.choice(c, p=0.5 * p + 0.5 / c) for p in probs])
    return labels, probs


@pytest.fixture(params=[0, 1, 2], name="case")
def _case(request: pytest.FixtureRequest) -> tuple[Array, Array]:
    return random_case(request.param)


def test_accuracies_agree_with_scikit_learn(case: tuple[Array, Array]) -> None:
    labels, probs = case
    predicted = probs.argmax(1)
    assert metrics.accuracy(labels, predicted) == pytest.approx(
        sk.accuracy_score(labels, predicted)
    )
    assert metrics.balanced_accuracy(labels, predicted) == pytest.approx(
        sk.balanced_accuracy_score(labels, predicted)
    )
    assert metrics.macro_f1(labels, predicted) == pytest.approx(
        sk.f1_score(labels, predicted, average="macro")
    )


def test_likelihoods_agree_with_scikit_learn(case: tuple[Array, Array]) -> None:
    labels, probs = case
    assert metrics.nll(labels, probs) == pytest.approx(sk.log_loss(labels, probs), rel=1e-9)
    assert metrics.brier(labels, probs) == pytest.approx(
        sk.brier_score_loss(labels, probs, labels=range(5), scale_by_half=False)
    )


def test_f1_where_a_class_is_only_predicted() -> None:
    labels, predicted = [0, 0, 2, 2], [0, 1, 2, 0]
    expected = sk.f1_score(labels, predicted, average="macro", zero_division=0)
    assert metrics.macro_f1(labels, predicted) == pytest.approx(expected)
    # class 1 has no true item: it has no recall to average
    assert metrics.balanced_accuracy(labels, predicted) == pytest.approx(0.5)


def slow_ece(labels: Array, probs: Array, bins: int) -> float:
    total = 0.0
    for b in range(bins):
        inside = [i for i in range(len(labels)) if b / bins < probs[i].max() <= (b + 1) / bins]
        if inside:
            right = np.mean([probs[i].argmax() == labels[i] for i in inside])
            sure = np.mean([probs[i].max() for i in inside])
            total += len(inside) / len(labels) * abs(right - sure)
    return total


@pytest.mark.parametrize("bins", [1, 4, 15])
def test_ece_agrees_with_a_loop(case: tuple[Array, Array], bins: int) -> None:
    labels, probs = case
    assert metrics.ece(labels, probs, bins=bins) == pytest.approx(slow_ece(labels, probs, bins))


def test_ece_by_hand() -> None:
    # one right at .9 and one wrong at .9 share a bin: |.5 - .9|; one right at .6: |1 - .6|
    probs = [[0.9, 0.1], [0.9, 0.1], [0.4, 0.6]]
    assert metrics.ece([0, 1, 1], probs, bins=10) == pytest.approx((2 * 0.4 + 0.4) / 3)


def test_worst_group_by_hand() -> None:
    labels, predicted = [0, 0, 1, 1, 1], [0, 1, 1, 1, 0]
    assert metrics.worst_group_accuracy(labels, predicted, [7, 7, 2, 2, 2]) == 0.5
    assert metrics.worst_group_accuracy(labels, predicted, [3, 4, 4, 3, 3]) == 0.5
    assert metrics.worst_group_accuracy(labels, predicted, [0, 1, 0, 0, 1]) == 0.0


def test_nll_of_an_underflown_probability_is_finite_and_capped() -> None:
    worst = metrics.nll([1], [[1.0, 0.0]])
    assert worst == pytest.approx(-math.log(np.finfo(np.float32).tiny))
    assert metrics.nll([1], [[1.0, 0.0]], floor=1e-3) == pytest.approx(-math.log(1e-3))
    assert metrics.nll([0], [[1.0, 0.0]]) == 0


def test_evaluate_names_every_measure(case: tuple[Array, Array]) -> None:
    labels, probs = case
    groups = labels % 2
    found = metrics.evaluate(labels, probs, groups)
    assert found["worst_group"] == metrics.worst_group_accuracy(labels, probs.argmax(1), groups)
    assert found["ece"] == metrics.ece(labels, probs)
    assert found["nll"] == metrics.nll(labels, probs)
    assert found["brier"] == metrics.brier(labels, probs)
    plain = metrics.evaluate(labels, probs)
    assert set(found) - set(plain) == {"worst_group"}
    assert all(type(value) is float for value in found.values())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_tensors_arrays_and_lists_are_the_same(
    case: tuple[Array, Array], dtype: torch.dtype
) -> None:
    labels, probs = case
    tensor = torch.from_numpy(probs).to(dtype)
    before = tensor.clone()
    for measure in (metrics.nll, metrics.brier, metrics.ece):
        of_tensor = measure(torch.from_numpy(labels), tensor)
        assert of_tensor == pytest.approx(measure(labels.tolist(), probs.tolist()), rel=1e-5)
    assert torch.equal(tensor, before)


@pytest.mark.parametrize(
    ("labels", "probs"),
    [
        ([0, 1], [[0.5, 0.5]]),
        ([0], [[0.5, 0.6]]),
        ([2], [[0.5, 0.5]]),
        ([0], [[float("nan"), 0.5]]),
        ([0], [0.5]),
        ([0], [[1, 0]]),
        ([-1], [[0.5, 0.5]]),
        ([], np.zeros((0, 2))),
        ([0.5], [[0.5, 0.5]]),
    ],
)
@pytest.mark.parametrize("measure", [metrics.nll, metrics.brier, metrics.ece, metrics.evaluate])
def test_bad_predictions_are_refused(
    measure: Callable[[Any, Any], Any], labels: Any, probs: Any
) -> None:
    with pytest.raises(InputError):
        measure(labels, probs)


def test_sizes_that_differ_are_refused() -> None:
    with pytest.raises(InputError, match="labels and predicted"):
        metrics.accuracy([0, 1], [0])
    with pytest.raises(InputError, match="labels and groups"):
        metrics.worst_group_accuracy([0, 1], [0, 1], [0])


def test_area_of_a_line_by_hand() -> None:
    assert metrics.area_under_budget_curve([0, 10], [0.0, 1.0]) == pytest.approx(0.5)
    # uneven budgets: (10 * .25 + 30 * .75) / 40
    assert metrics.area_under_budget_curve([10, 20, 50], [0.0, 0.5, 1.0]) == pytest.approx(0.625)


@given(
    st.lists(st.integers(1, 10_000), min_size=1, max_size=20, unique=True).map(sorted),
    st.floats(-1e3, 1e3),
)
def test_area_of_a_constant_curve_is_the_constant(labels: list[int], height: float) -> None:
    assert metrics.area_under_budget_curve(labels, [height] * len(labels)) == height


@given(st.integers(2, 15), st.integers(0, 2**16))
def test_area_agrees_with_numpy_and_stays_within_the_curve(t: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.choice(1000, t, replace=False)
    labels.sort()
    values = rng.random(t)
    area = metrics.area_under_budget_curve(labels, values)
    assert area == pytest.approx(trapezoid(values, labels) / (labels[-1] - labels[0]))
    assert values.min() - 1e-12 <= area <= values.max() + 1e-12


@pytest.mark.parametrize(
    ("labels", "values"),
    [
        ([20, 10], [0.1, 0.2]),
        ([10, 10], [0.1, 0.2]),
        ([10, 20], [0.1]),
        ([], []),
        ([10, 20], [0.1, float("nan")]),
        ([[10, 20]], [[0.1, 0.2]]),
    ],
)
def test_bad_curves_are_refused(labels: Any, values: Any) -> None:
    with pytest.raises(InputError):
        metrics.area_under_budget_curve(labels, values)
    with pytest.raises(InputError):
        metrics.labels_to_reach(labels, values, 0.5)


def test_labels_to_reach_is_a_measured_budget_or_censored() -> None:
    labels, values = [10, 20, 30], [0.5, 0.8, 0.7]
    assert metrics.labels_to_reach(labels, values, 0.5) == 10
    assert metrics.labels_to_reach(labels, values, 0.51) == 20
    assert metrics.labels_to_reach(labels, values, 0.8) == 20
    assert metrics.labels_to_reach(labels, values, 0.81) is None
    with pytest.raises(InputError):
        metrics.labels_to_reach(labels, values, float("nan"))


def test_class_entropy_by_hand_and_by_scipy() -> None:
    assert metrics.class_entropy([2, 2, 2], 4) == 0
    assert metrics.class_entropy([0, 1, 2, 3], 4) == pytest.approx(math.log(4))
    labels = np.random.default_rng(0).integers(0, 6, 50)
    assert metrics.class_entropy(labels, 7) == pytest.approx(stats.entropy(np.bincount(labels)))
    with pytest.raises(InputError):
        metrics.class_entropy([0, 4], 4)


def test_duplicate_rate_by_hand() -> None:
    x = torch.tensor([[0.0, 0.0], [0.0, 0.0], [3.0, 4.0], [0.0, 0.0], [3.0, 4.5]])
    assert metrics.duplicate_rate(x) == pytest.approx(2 / 5)
    assert metrics.duplicate_rate(x, tolerance=0.5) == pytest.approx(3 / 5)
    assert metrics.duplicate_rate(x, tolerance=10) == pytest.approx(4 / 5)
    assert metrics.duplicate_rate(x[:1]) == 0
    with pytest.raises(InputError):
        metrics.duplicate_rate(x, tolerance=-1)
    with pytest.raises(InputError):
        metrics.duplicate_rate(x[:0])


def test_duplicate_rate_over_several_blocks_agrees_with_unique_rows() -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (400, 2, 3, 3)).astype(np.uint8)[rng.integers(0, 400, 700)]
    distinct = len(np.unique(x.reshape(700, -1), axis=0))
    assert metrics.duplicate_rate(x) == pytest.approx(1 - distinct / 700)


@given(st.sets(st.integers(0, 30)), st.sets(st.integers(0, 30)))
def test_jaccard_agrees_with_sets(a: set[int], b: set[int]) -> None:
    found = metrics.jaccard(sorted(a), torch.tensor(sorted(b), dtype=torch.int64))
    assert found == metrics.jaccard(sorted(b), sorted(a))
    if a | b:
        assert found == pytest.approx(len(a & b) / len(a | b))
    else:
        assert found == 1


@pytest.mark.parametrize("level", [0.5, 0.95, 0.99])
def test_interval_agrees_with_scipy(level: float) -> None:
    values = np.random.default_rng(1).normal(0.9, 0.02, 7)
    found = metrics.mean_interval(torch.from_numpy(values), level)
    low, high = stats.t.interval(
        level, df=6, loc=values.mean(), scale=values.std(ddof=1) / math.sqrt(7)
    )
    assert (found.mean, found.low, found.high) == pytest.approx((values.mean(), low, high))
    assert (found.n, found.level, found.method) == (7, level, "Student t")


def test_interval_of_one_value_has_no_bounds() -> None:
    found = metrics.mean_interval([0.3])
    assert found.mean == 0.3
    assert found.n == 1
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.mean = 0.5  # type: ignore[misc]


def test_interval_of_equal_values_is_a_point() -> None:
    found = metrics.mean_interval([0.1] * 9)
    assert found.low == found.mean == found.high == 0.1


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0, float("nan")])
def test_a_level_outside_its_range_is_refused(level: float) -> None:
    with pytest.raises(InputError, match="level"):
        metrics.mean_interval([0.1, 0.2], level)


def test_paired_difference_agrees_with_a_paired_t_test() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.normal(0.9, 0.02, 6), rng.normal(0.88, 0.02, 6)
    found = metrics.paired_difference(a, b)
    expected = stats.ttest_rel(a, b).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.mean == pytest.approx((a - b).mean())
    with pytest.raises(InputError):
        metrics.paired_difference(a, b[:-1])
