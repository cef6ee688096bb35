"""Agreement of two divisions, against scikit-learn and by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score, cohen_kappa_score

from pauca.errors import InputError
from pauca.metrics import adjusted_rand, cohen_kappa

pairs = st.integers(1, 30).flatmap(
    lambda n: st.tuples(*(st.lists(st.integers(0, 4), min_size=n, max_size=n) for _ in range(2)))
)


@settings(deadline=None, max_examples=80)
@given(both=pairs)
def test_adjusted_rand_is_that_of_scikit_learn(both: tuple[list[int], list[int]]) -> None:
    a, b = both
    assert adjusted_rand(a, b) == pytest.approx(adjusted_rand_score(a, b), abs=1e-12)
    assert adjusted_rand(b, a) == pytest.approx(adjusted_rand(a, b))
    assert adjusted_rand(a, a) == 1
    # what the groups are called does not count
    assert adjusted_rand([7_000_000 - 3 * x for x in a], b) == pytest.approx(adjusted_rand(a, b))


@settings(deadline=None, max_examples=80)
@given(both=pairs)
def test_kappa_is_that_of_scikit_learn(both: tuple[list[int], list[int]]) -> None:
    a, b = both
    if len(set(a + b)) == 1:
        assert cohen_kappa(a, b, undefined=1.0) == 1  # 0 / 0 by the formula
        return
    assert cohen_kappa(a, b) == pytest.approx(cohen_kappa_score(a, b), abs=1e-12)
    assert cohen_kappa(torch.tensor(b), np.array(a)) == pytest.approx(cohen_kappa(a, b))


def test_chance_is_zero_on_average() -> None:
    rng = np.random.default_rng(0)
    draws = [rng.integers(0, 4, (2, 60)) for _ in range(300)]
    assert np.mean([adjusted_rand(*each) for each in draws]) == pytest.approx(0, abs=0.01)
    assert np.mean([cohen_kappa(*each) for each in draws]) == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize("measure", [adjusted_rand, cohen_kappa])
def test_what_does_not_fit_is_refused(measure: object) -> None:
    assert callable(measure)
    for a, b in (([0, 1], [0]), ([], []), ([0.5], [1]), ([-1], [0])):
        with pytest.raises(InputError):
            measure(a, b)
