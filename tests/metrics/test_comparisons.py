import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from pauca.errors import InputError, UnknownNameError
from pauca.metrics import compare_all, holm, paired_difference, wilcoxon
from pauca.metrics.arrays import Floats, as_floats

NAMES = ["random", "entropy", "badge", "coreset"]
tables = hnp.arrays(
    float, st.tuples(st.integers(1, 8), st.just(4)), elements=st.integers(0, 6).map(float)
)


@settings(deadline=None, max_examples=50)
@given(tables)
def test_each_comparison_is_that_of_its_two_columns(values: Floats) -> None:
    found = compare_all(torch.from_numpy(values), NAMES, against="badge")
    assert [(c.first, c.second) for c in found.against] == [
        (name, "badge") for name in NAMES if name != "badge"
    ]
    assert [(c.first, c.second) for c in found.pairs] == list(itertools.combinations(NAMES, 2))
    for family in (found.against, found.pairs):
        assert [c.adjusted for c in family] == holm([c.test.p for c in family]).tolist()
        for c in family:
            a, b = (values[:, NAMES.index(name)] for name in (c.first, c.second))
            assert c.test == wilcoxon(a, b)
            expected = paired_difference(a, b)
            assert c.difference.mean == pytest.approx(expected.mean)
            assert c.difference.low == pytest.approx(expected.low, nan_ok=True)
            assert (c.wins, c.ties, c.losses) == ((a > b).sum(), (a == b).sum(), (a < b).sum())


@settings(deadline=None, max_examples=40)
@given(tables, st.integers(0, 2**16))
def test_order_of_repetitions_and_of_methods_does_not_count(values: Floats, seed: int) -> None:
    rng = np.random.default_rng(seed)
    found = compare_all(values, NAMES, against="random")
    shuffled = compare_all(values[rng.permutation(len(values))], NAMES, against="random")
    for one, other in zip(found.pairs, shuffled.pairs, strict=True):
        assert one.adjusted == other.adjusted
        assert one.difference.mean == pytest.approx(other.difference.mean)
    order = rng.permutation(4)
    moved = compare_all(values[:, order], [NAMES[i] for i in order], against="random")
    by_name = {frozenset((c.first, c.second)): c for c in moved.pairs}
    for one in found.pairs:
        other = by_name[frozenset((one.first, one.second))]
        side = 1 if one.first == other.first else -1
        assert other.adjusted == pytest.approx(one.adjusted)
        assert side * other.difference.mean == pytest.approx(one.difference.mean)
        assert (other.wins - other.losses) * side == one.wins - one.losses
        assert other.ties == one.ties
    assert {c.first: c for c in moved.against} == {c.first: c for c in found.against}


def test_by_hand() -> None:
    values = np.array([[0.5, 0.7, 0.5], [0.5, 0.8, 0.5], [0.5, 0.9, 0.4]])
    found = compare_all(values, ["random", "good", "like"], against="random")
    good, like = found.against
    assert good.difference.mean == pytest.approx(0.3)
    assert (good.wins, good.ties, good.losses) == (3, 0, 0)
    assert good.test.p == 0.25
    assert good.adjusted == 0.5
    assert (like.wins, like.ties, like.losses) == (0, 2, 1)
    assert like.adjusted == 1
    assert found.n == 3
    assert found.least_against == 0.5
    assert found.least_pairs == 0.75


def test_with_five_repetitions_nothing_can_be_significant() -> None:
    best = np.arange(5.0)[:, None] + [0, 100]
    found = compare_all(best, ["random", "best"], against="random")
    assert found.against[0].adjusted == found.least_against == 0.0625
    six = np.arange(6.0)[:, None] + [0, 100]
    assert compare_all(six, ["random", "best"], against="random").least_against == 0.03125


def test_one_repetition_and_no_baseline() -> None:
    found = compare_all([[1.0, 2.0]], ["a", "b"])
    assert found.against == ()
    assert found.least_against == found.least_pairs == 1
    assert math.isnan(found.pairs[0].difference.low)
    assert found.pairs[0].test.p == 1


def test_all_alike() -> None:
    found = compare_all([[0.1, 0.1, 0.1]] * 7, ["a", "b", "c"], against="a")
    for c in (*found.against, *found.pairs):
        assert (c.adjusted, c.ties) == (1, 7)
        assert c.difference.low == c.difference.mean == c.difference.high == 0


def families(draw: Any, studies: int) -> tuple[float, float]:
    """Share of studies in which any comparison of each family is significant at .05."""
    against = pairs = 0
    for _ in range(studies):
        found = compare_all(draw(), NAMES, against="random")
        against += any(c.adjusted <= 0.05 for c in found.against)
        pairs += any(c.adjusted <= 0.05 for c in found.pairs)
    return against / studies, pairs / studies


def test_where_all_are_alike_false_claims_are_no_more_than_said() -> None:
    rng = np.random.default_rng(0)
    studies = 300

    def alike() -> Floats:
        # repetitions differ much, methods not; skewed, as accuracies are
        return as_floats(rng.normal(0, 3, (12, 1)) - rng.exponential(1, (12, 4)))

    most = 0.05 + 3 * math.sqrt(0.05 * 0.95 / studies)
    against, pairs = families(alike, studies)
    assert 0 < against < most
    assert 0 < pairs < most
    # without Holm the same studies would claim far more
    p = [[c.test.p for c in compare_all(alike(), NAMES).pairs] for _ in range(100)]
    assert (np.min(p, axis=1) <= 0.05).mean() > 2 * 0.05


def test_a_true_difference_is_found() -> None:
    rng = np.random.default_rng(1)

    def better() -> Floats:
        luck = rng.normal(0, 3, (12, 1)) + rng.normal(0, 1, (12, 4))
        return as_floats(luck + np.array([0, 2, 0, 0]))

    against, pairs = families(better, 60)
    assert against > 0.9
    assert pairs > 0.9


def test_the_t_interval_is_scipys() -> None:
    rng = np.random.default_rng(2)
    values = rng.normal(size=(9, 2))
    found = compare_all(values, ["a", "b"], level=0.9).pairs[0].difference
    expected = stats.ttest_rel(values[:, 0], values[:, 1]).confidence_interval(0.9)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize(
    ("values", "names", "wrong"),
    [
        ([[1.0]], ["a"], "values has the wrong form"),
        ([[1.0, math.nan]], ["a", "b"], "NaN"),
        ([[1.0, 2.0]], ["a"], "names"),
        ([[1.0, 2.0]], ["a", "a"], "twice"),
        ([1.0, 2.0], ["a", "b"], "values has the wrong form"),
        ([[1.0, 2.0], [1.0]], ["a", "b"], "values is no array"),
    ],
)
def test_bad_tables_are_refused(values: Any, names: list[str], wrong: str) -> None:
    with pytest.raises(InputError, match=wrong):
        compare_all(values, names)


def test_an_unknown_baseline_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="random"):
        compare_all([[1.0, 2.0]], ["random", "badge"], against="randm")
    with pytest.raises(InputError, match="level"):
        compare_all([[1.0, 2.0]], ["random", "badge"], level=95)
