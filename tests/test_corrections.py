import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from pauca.errors import InputError
from pauca.metrics import benjamini_hochberg, holm
from pauca.metrics.arrays import Floats

NAN = math.nan
each = pytest.mark.parametrize("correct", [holm, benjamini_hochberg])
some_p = hnp.arrays(float, st.integers(0, 12), elements=st.floats(0, 1))


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])


def test_benjamini_and_hochberg_by_hand() -> None:
    # 4 p / rank: .04, .08, .052, .8; from the largest down: .04, .052, .052, .8
    assert benjamini_hochberg([0.01, 0.8, 0.039, 0.04]) == pytest.approx(
        [0.04, 0.8, 0.16 / 3, 0.16 / 3]
    )
    assert benjamini_hochberg([0.9, 0.8]) == pytest.approx([0.9, 0.9])


@given(some_p.filter(len))
def test_benjamini_and_hochberg_equal_scipy(p: Floats) -> None:
    expected = stats.false_discovery_control(p, method="bh")
    np.testing.assert_allclose(benjamini_hochberg(p), expected, rtol=1e-12)


@each
@given(some_p)
def test_no_p_is_lowered_and_their_order_is_kept(
    correct: Callable[[Floats], Floats], p: Floats
) -> None:
    adjusted = correct(p)
    assert (adjusted >= p * (1 - 1e-12)).all()
    assert (adjusted <= 1).all()
    assert (np.diff(adjusted[np.argsort(p)]) >= 0).all()


@given(some_p)
def test_holm_is_never_below_benjamini_and_hochberg(p: Floats) -> None:
    assert (holm(p) >= benjamini_hochberg(p) * (1 - 1e-12)).all()


@each
def test_nan_stays_and_does_not_count(correct: Callable[[Floats], Floats]) -> None:
    p = np.array([[0.01, NAN, 0.2], [NAN, 0.03, 0.5]])
    adjusted = correct(p)
    assert np.isnan(adjusted).tolist() == np.isnan(p).tolist()
    np.testing.assert_array_equal(adjusted[~np.isnan(p)], correct(p[~np.isnan(p)]))
    assert np.isnan(correct(np.array([NAN, NAN]))).all()


@each
def test_tensors_and_sequences_of_any_shape(correct: Callable[[object], Floats]) -> None:
    p = np.linspace(0, 1, 24).reshape(2, 3, 4)
    np.testing.assert_array_equal(correct(torch.from_numpy(p)), correct(p))
    np.testing.assert_array_equal(correct(p.tolist()), correct(p))
    assert correct([]).shape == (0,)


@each
@pytest.mark.parametrize("wrong", [-0.1, 1.5, math.inf])
def test_what_is_no_p_is_refused(correct: Callable[[object], Floats], wrong: float) -> None:
    with pytest.raises(InputError, match="p is out of range"):
        correct([0.5, wrong])
