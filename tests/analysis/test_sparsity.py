import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from pauca.analysis import (
    dead_units,
    fraction_active,
    gini,
    hoyer,
    mean_defined,
    participation_ratio,
    silent_samples,
    treves_rolls_lifetime,
    treves_rolls_population,
)
from pauca.errors import InputError
from pauca.rng import generator_from

Measure = Callable[[Tensor], Tensor]


def plain_hoyer(x: Sequence[float]) -> float:
    l1, l2 = 0.0, 0.0
    for value in x:
        l1 += abs(value)
        l2 += value * value
    root = math.sqrt(len(x))
    return (root - l1 / math.sqrt(l2)) / (root - 1)


def plain_gini(x: Sequence[float]) -> float:
    """Mean absolute difference over twice the mean, pair by pair."""
    magnitudes = [abs(value) for value in x]
    differences = 0.0
    for a in magnitudes:
        for b in magnitudes:
            differences += abs(a - b)
    return differences / (2 * len(x) * sum(magnitudes))


def plain_treves_rolls(x: Sequence[float]) -> float:
    mean = sum(abs(value) for value in x) / len(x)
    mean_square = sum(value * value for value in x) / len(x)
    return (1 - mean * mean / mean_square) / (1 - 1 / len(x))


BY_SAMPLE = {
    "hoyer": (hoyer, plain_hoyer),
    "gini": (gini, plain_gini),
    "treves_rolls": (treves_rolls_population, plain_treves_rolls),
}
each = pytest.mark.parametrize("name", BY_SAMPLE)


def some(n: int = 7, u: int = 9, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    """Rectified activity without silent samples or dead units."""
    x = torch.randn(n, u, generator=generator_from(seed), dtype=torch.float64).relu()
    x[:, 0] += 0.1
    x[0] += 0.1
    return x.to(dtype)


@each
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_equals_the_double_loop(name: str, dtype: torch.dtype) -> None:
    measure, plain = BY_SAMPLE[name]
    x = some(dtype=dtype)
    found = measure(x)
    assert found.shape == (7,)
    for row, value in zip(x, found, strict=True):
        tolerance = 1e-12 if dtype == torch.float64 else 1e-5
        assert float(value) == pytest.approx(plain(row.double().tolist()), abs=tolerance)


@each
def test_reads_the_magnitude_of_signed_activity(name: str) -> None:
    measure, _ = BY_SAMPLE[name]
    x = torch.randn(5, 6, generator=generator_from(0))
    torch.testing.assert_close(measure(x), measure(x.abs()))


@each
@pytest.mark.parametrize("u", [2, 5, 1000])
def test_one_active_unit_and_all_units_alike(name: str, u: int) -> None:
    measure, _ = BY_SAMPLE[name]
    one = torch.zeros(1, u, dtype=torch.float64)
    one[0, u // 2] = 3.0
    most = 1 - 1 / u if name == "gini" else 1.0
    assert float(measure(one)) == pytest.approx(most)
    assert float(measure(torch.full((1, u), 0.7, dtype=torch.float64))) == pytest.approx(
        0.0, abs=1e-12
    )


@pytest.mark.parametrize("active", [1, 2, 7, 10])
def test_closed_forms_with_some_units_alike_and_the_rest_silent(active: int) -> None:
    u = 10
    x = torch.zeros(1, u, dtype=torch.float64)
    x[0, :active] = 2.0
    root = math.sqrt(u)
    assert float(hoyer(x)) == pytest.approx((root - math.sqrt(active)) / (root - 1))
    assert float(gini(x)) == pytest.approx(1 - active / u)
    assert float(treves_rolls_population(x)) == pytest.approx((1 - active / u) / (1 - 1 / u))
    assert float(fraction_active(x)) == pytest.approx(active / u)


@each
@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 1000), scale=st.floats(1e-12, 1e12))
def test_neither_scale_nor_order_of_units_matters_and_the_range_holds(
    name: str, seed: int, scale: float
) -> None:
    measure, _ = BY_SAMPLE[name]
    x = some(seed=seed)
    order = torch.randperm(9, generator=generator_from(seed))
    found = measure(x)
    torch.testing.assert_close(measure(x[:, order] * scale), found)
    assert float(found.min()) >= -1e-9
    assert float(found.max()) <= 1 + 1e-9


@each
def test_extreme_activity_in_single_precision_neither_over_nor_underflows(name: str) -> None:
    measure, _ = BY_SAMPLE[name]
    x = some(dtype=torch.float32)
    for scale in (1e-30, 1e30):
        torch.testing.assert_close(measure(x * scale), measure(x))


@each
def test_a_silent_sample_is_undefined_and_the_others_are_not_touched(name: str) -> None:
    measure, _ = BY_SAMPLE[name]
    x = some()
    x[3] = 0
    found = measure(x)
    assert found.isnan().tolist() == [False] * 3 + [True] + [False] * 3
    mean = mean_defined(found)
    assert mean.undefined == 1 == int(silent_samples(x).sum())
    assert mean.defined == 6
    assert mean.mean == pytest.approx(float(found[~found.isnan()].mean()))


def test_lifetime_equals_the_loop_and_a_dead_unit_is_undefined() -> None:
    x = some()
    x[:, 4] = 0
    found = treves_rolls_lifetime(x)
    assert found.shape == (9,)
    for unit in range(9):
        if unit == 4:
            assert math.isnan(found[unit])
        else:
            assert float(found[unit]) == pytest.approx(plain_treves_rolls(x[:, unit].tolist()))


def test_lifetime_of_a_unit_that_answers_to_one_sample_is_one() -> None:
    assert treves_rolls_lifetime(torch.eye(5)).tolist() == pytest.approx([1.0] * 5)


def test_dead_units_and_silent_samples_are_counted() -> None:
    x = torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 0.0], [0.0, -2.0, 3.0]])
    assert dead_units(x).tolist() == [True, False, False]
    assert silent_samples(x).tolist() == [False, True, False]


def test_fraction_active_equals_the_loop() -> None:
    x = some()
    for row, value in zip(x.tolist(), fraction_active(x, threshold=0.5), strict=True):
        assert float(value) == pytest.approx(sum(a > 0.5 for a in row) / 9)


@pytest.mark.parametrize(("n", "u"), [(30, 6), (5, 12)])
def test_participation_ratio_equals_the_eigenvalues(n: int, u: int) -> None:
    x = some(n, u).numpy()
    values = np.linalg.eigvalsh(np.cov(x, rowvar=False))
    expected = values.sum() ** 2 / (values**2).sum()
    assert participation_ratio(x) == pytest.approx(float(expected))


def test_participation_ratio_of_known_dimensions() -> None:
    line = torch.outer(torch.arange(10.0), torch.ones(4))
    assert participation_ratio(line) == pytest.approx(1.0)
    both = torch.cat([torch.eye(6), -torch.eye(6)])
    assert participation_ratio(both) == pytest.approx(6.0)
    assert math.isnan(participation_ratio(torch.ones(5, 3)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_arrays_give_arrays_with_the_same_values(dtype: type) -> None:
    x: NDArray[Any] = (some().numpy() * 10).astype(dtype)
    functions: list[Callable[[Any], Any]] = [
        hoyer,
        gini,
        treves_rolls_population,
        treves_rolls_lifetime,
        fraction_active,
        dead_units,
        silent_samples,
    ]
    for function in functions:
        found = function(x)
        assert isinstance(found, np.ndarray)
        np.testing.assert_array_equal(found, function(torch.from_numpy(x)).numpy())


def test_arrays_that_are_views_or_read_only_are_taken() -> None:
    x = some().numpy()
    x.flags.writeable = False
    np.testing.assert_allclose(hoyer(x[::-1, ::2]), hoyer(x[:, ::2].copy())[::-1])


def test_activations_with_a_graph_are_taken_without_it() -> None:
    x = some().requires_grad_()
    assert not hoyer(x).requires_grad


@pytest.mark.parametrize("function", [hoyer, gini, treves_rolls_population, dead_units])
def test_refuses_what_is_not_activity(function: Measure) -> None:
    for wrong in (torch.ones(3), torch.ones(3, 1), torch.ones(2, 3, 4)):
        with pytest.raises(InputError, match="activations"):
            function(wrong)
    with pytest.raises(InputError, match="NaN"):
        function(torch.tensor([[1.0, math.nan]]))


def test_one_sample_has_neither_lifetime_nor_dimension() -> None:
    with pytest.raises(InputError, match="one sample"):
        treves_rolls_lifetime(torch.ones(1, 3))
    with pytest.raises(InputError, match="one sample"):
        participation_ratio(torch.ones(1, 3))


def test_mean_of_nothing_defined_is_undefined() -> None:
    mean = mean_defined(torch.full((4,), math.nan))
    assert math.isnan(mean.mean)
    assert (mean.defined, mean.undefined) == (0, 4)
