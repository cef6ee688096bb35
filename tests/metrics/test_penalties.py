import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pauca.errors import InputError
from pauca.metrics import penalty_matrix
from pauca.metrics.arrays import Floats


def slow_matrix(settings: list[Floats], alpha: float) -> Floats:
    """Every pair at every budget by SciPy's paired t test."""
    m = len(settings[0])
    matrix = np.zeros((m, m))
    for table in settings:
        budgets = table.shape[2]
        for i in range(m):
            for j in range(m):
                for budget in range(budgets):
                    a, b = table[i, :, budget], table[j, :, budget]
                    if i != j and stats.ttest_rel(a, b).pvalue < alpha and a.mean() > b.mean():
                        matrix[i, j] += 1 / budgets
    return matrix


def study(seed: int, m: int = 4) -> list[Floats]:
    rng = np.random.default_rng(seed)
    sizes = [(5, 6), (3, 1), (8, 4)]
    return [
        rng.normal(size=(1, r, t)) + rng.normal(size=(m, r, t)) + rng.normal(size=(m, 1, 1))
        for r, t in sizes
    ]


@settings(deadline=None, max_examples=8)
@given(st.integers(0, 2**16), st.sampled_from([0.95, 0.8]))
def test_it_is_that_of_two_loops(seed: int, level: float) -> None:
    given_ = study(seed)
    found = penalty_matrix([torch.from_numpy(table) for table in given_], level)
    expected = slow_matrix(given_, 1 - level)
    np.testing.assert_allclose(found.matrix, expected, rtol=1e-12)
    np.testing.assert_allclose(found.beaten, expected.mean(0), rtol=1e-12)
    assert (found.settings, found.level) == (3, level)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**16))
def test_orders_do_not_count_and_both_never_win(seed: int) -> None:
    rng = np.random.default_rng(seed)
    given_ = study(seed)
    matrix = np.array(penalty_matrix(given_).matrix)
    methods = rng.permutation(4)
    moved = [
        table[methods][:, rng.permutation(table.shape[1])][:, :, rng.permutation(table.shape[2])]
        for table in given_[::-1]
    ]
    found = np.array(penalty_matrix(moved).matrix)
    np.testing.assert_allclose(found, matrix[np.ix_(methods, methods)])
    assert (matrix + matrix.T <= len(given_) + 1e-12).all()
    assert (np.diag(matrix) == 0).all()
    # lower is better instead: every win turns
    np.testing.assert_allclose(penalty_matrix([-table for table in given_]).matrix, matrix.T)


def test_the_threshold_of_five_repetitions_is_that_of_the_paper() -> None:
    # t = sqrt(5) mean / sd against 2.776
    noise = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    edge = 2.7764451 * noise.std(ddof=1) / math.sqrt(5)
    for shift, wins in ((edge * 1.0001, 1.0), (edge * 0.9999, 0.0)):
        table = np.stack([noise + shift, np.zeros(5)])[:, :, None]
        assert penalty_matrix([table]).matrix[0][1] == wins


def test_by_hand() -> None:
    # the first wins at one of two budgets and in the second setting at its only one
    level = np.array([[0.0, 0.1, 0.2], [0.0, 0.1, 0.2]])
    one = np.stack([level, level], axis=2)  # alike at both budgets
    one[0, :, 1] += 1
    found = penalty_matrix([one, one[:, :, 1:]])
    assert found.matrix == ((0.0, 1.5), (0.0, 0.0))
    assert found.beaten == (0.0, 0.75)


def test_equal_differences_win_and_rounding_does_not() -> None:
    level = np.array([0.3, 0.5, 0.7])
    equal = np.stack([level + 0.1, level])[:, :, None]
    assert penalty_matrix([equal]).matrix == ((0.0, 1.0), (0.0, 0.0))
    dust = np.stack([np.full(3, 0.1 + 0.2), np.full(3, 0.3)])[:, :, None]
    assert dust[0, 0, 0] > dust[1, 0, 0]
    assert penalty_matrix([dust]).matrix == ((0.0, 0.0), (0.0, 0.0))


def test_one_method_beats_nobody() -> None:
    found = penalty_matrix([np.zeros((1, 3, 2))])
    assert (found.matrix, found.beaten) == (((0.0,),), (0.0,))


def test_of_methods_that_are_alike_the_stated_share_wins() -> None:
    rng = np.random.default_rng(0)
    found = penalty_matrix([rng.normal(size=(6, 5, 40)) for _ in range(10)])
    off = np.array(found.matrix).sum() / (6 * 5 * 10)
    assert 0.015 < off < 0.035  # .025 on each side


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        ([], "no setting"),
        ([np.zeros((2, 1, 3))], "setting 0 has the wrong form"),
        ([np.zeros((2, 3))], "setting 0"),
        ([np.zeros((2, 3, 0))], "setting 0"),
        ([np.zeros((2, 3, 1)), np.zeros((3, 3, 1))], "number of methods"),
        ([np.full((2, 3, 1), math.nan)], "NaN"),
    ],
)
def test_bad_settings_are_refused(settings: Any, wrong: str) -> None:
    with pytest.raises(InputError, match=wrong):
        penalty_matrix(settings)
    with pytest.raises(InputError, match="level"):
        penalty_matrix([np.zeros((2, 3, 1))], 0)
