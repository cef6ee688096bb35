import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from sklearn.metrics import mutual_info_score
from torch import Tensor

from pauca.analysis import (
    class_means,
    class_selectivity,
    d_prime,
    mutual_information,
    selectivity_index,
)
from pauca.errors import InputError
from pauca.rng import generator_from


def some(n: int = 80, u: int = 6, c: int = 4, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Rectified activity; unit k answers more to class k."""
    draw = generator_from(seed)
    y = torch.randperm(n, generator=draw) % c
    x = torch.randn(n, u, generator=draw, dtype=torch.float64)
    x[torch.arange(n), y] += 1.5
    return (x - 0.3).relu(), y


def test_means_equal_the_loop() -> None:
    x, y = some()
    found = class_means(x, y)
    for k in range(4):
        torch.testing.assert_close(found[k], x[y == k].mean(0))


def test_index_equals_the_loop() -> None:
    x, y = some()
    found = selectivity_index(x, y)
    for k in range(4):
        own = x[y == k].mean(0)
        others = torch.stack([x[y == other].mean(0) for other in range(4) if other != k]).mean(0)
        torch.testing.assert_close(found[k], (own - others) / (own + others))
    torch.testing.assert_close(class_selectivity(x, y), found.amax(0))


def test_index_of_known_units() -> None:
    y = torch.tensor([0, 0, 0, 0, 1, 2])
    x = torch.tensor([[1.0, 2, 0, 0]] * 4 + [[1.0, 0, 0, 3], [1.0, 0, 0, 3]])
    assert selectivity_index(x, y)[0].tolist() == pytest.approx([0, 1, math.nan, -1], nan_ok=True)
    most = class_selectivity(x, y).tolist()
    assert most == pytest.approx([0, 1, math.nan, 1 / 3], nan_ok=True)


def test_a_class_without_samples_is_undefined_and_changes_nothing_else() -> None:
    x, y = some(c=2)
    gap = y * 2
    present = [0, 2]
    for measure in (class_means, selectivity_index, d_prime):
        found = measure(x, gap)
        assert found[1].isnan().all()
        torch.testing.assert_close(found[present], measure(x, y))
    torch.testing.assert_close(class_selectivity(x, gap), class_selectivity(x, y))
    torch.testing.assert_close(mutual_information(x, gap), mutual_information(x, y))


def test_d_prime_equals_the_loop() -> None:
    x, y = some()
    x += 1e4  # far from zero, where differences of squares would lose all
    found = d_prime(x, y)
    for k in range(4):
        own, rest = x[y == k].numpy(), x[y != k].numpy()
        spread = np.sqrt((own.var(0, ddof=1) + rest.var(0, ddof=1)) / 2)
        expected = (own.mean(0) - rest.mean(0)) / spread
        np.testing.assert_allclose(found[k].numpy(), expected, rtol=1e-8)


def test_d_prime_without_spread() -> None:
    y = torch.arange(30) % 3
    x = torch.stack([torch.full((30,), 0.1), (y == 0) * 0.1, torch.zeros(30)], 1)
    found = d_prime(x, y)
    assert found[:, [0, 2]].isnan().all()
    assert float(found[0, 1]) == math.inf
    assert torch.isfinite(found[1:, 1]).all()


def test_d_prime_of_normal_activity_is_the_distance_of_its_means() -> None:
    draw = generator_from(0)
    y = torch.arange(40_000) % 4
    x = torch.randn(40_000, 2, generator=draw) * 3
    x[y == 0] += 6
    assert d_prime(x, y)[0].tolist() == pytest.approx([2.0, 2.0], abs=0.05)


def plain_bins(values: NDArray[Any], bins: int) -> NDArray[Any]:
    found = np.zeros(len(values), dtype=int)
    active = values != 0
    ranks = stats.rankdata(values[active])
    found[active] = 1 + (ranks - 0.5) / max(active.sum(), 1) * (bins - 1)
    return found


@pytest.mark.parametrize("bins", [2, 3, 5])
def test_plain_information_equals_scikit_learn(bins: int) -> None:
    x, y = some()
    x[:, 3] = 0
    x[:, 4] = x[:, 4].round()
    x[:, 5] -= 0.2  # never silent, partly negative
    found = mutual_information(x, y, bins=bins, corrected=False)
    for unit in range(6):
        expected = mutual_info_score(y, plain_bins(x[:, unit].numpy(), bins)) / math.log(2)
        assert float(found[unit]) == pytest.approx(expected, abs=1e-12)


def test_what_is_taken_off_is_the_bias_of_occupied_bins() -> None:
    x, y = some()
    plain = mutual_information(x, y, corrected=False)
    found = mutual_information(x, y)
    for unit in range(6):
        bins = plain_bins(x[:, unit].numpy(), 5)
        by_class = sum(len(np.unique(bins[y.numpy() == k])) - 1 for k in range(4))
        bias = (by_class - (len(np.unique(bins)) - 1)) / (2 * 80 * math.log(2))
        assert float(plain[unit] - found[unit]) == pytest.approx(bias)


def test_information_of_known_units() -> None:
    y = torch.arange(4000) % 4
    x = torch.stack([y + 1.0, (y == 0) * 1.0, torch.zeros(4000), torch.ones(4000)], 1)
    one_of_four = -(0.25 * math.log2(0.25) + 0.75 * math.log2(0.75))
    plain = mutual_information(x, y, corrected=False)
    assert plain.tolist() == pytest.approx([2, one_of_four, 0, 0], abs=1e-12)
    binary = mutual_information(x, y, bins=2, corrected=False)
    assert binary.tolist() == pytest.approx([0, one_of_four, 0, 0], abs=1e-12)
    # a dead unit has no bias either
    assert mutual_information(x, y)[2:].tolist() == [0, 0]


def test_correction_takes_the_bias_off_where_labels_mean_nothing() -> None:
    draw = generator_from(0)
    x = (torch.randn(400, 500, generator=draw) - 0.3).relu()
    y = torch.randint(5, (400,), generator=draw)
    plain = float(mutual_information(x, y, corrected=False).mean())
    assert plain > 0.02
    assert abs(float(mutual_information(x, y).mean())) < plain / 20


PER_CLASS: list[Callable[[Any, Any], Any]] = [class_means, selectivity_index, d_prime]
PER_UNIT: list[Callable[[Any, Any], Any]] = [class_selectivity, mutual_information]


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 1000), scale=st.floats(1e-3, 1e3))
def test_order_of_units_and_samples_names_of_classes_and_scale(seed: int, scale: float) -> None:
    x, y = some(seed=seed)
    units, names, rows = (
        torch.randperm(size, generator=generator_from(seed + size)) for size in (6, 4, 80)
    )
    turned, renamed = x[rows][:, units] * scale, names[y[rows]]
    for measure in PER_CLASS:
        expected = measure(x, y)[:, units] * (scale if measure is class_means else 1)
        torch.testing.assert_close(measure(turned, renamed)[names], expected)
    for measure in PER_UNIT:
        torch.testing.assert_close(measure(turned, renamed), measure(x, y)[units])
    assert float(selectivity_index(x, y).abs().max()) <= 1
    assert float(mutual_information(x, y, corrected=False).max()) <= math.log2(4) + 1e-12


@pytest.mark.parametrize("measure", PER_CLASS + PER_UNIT)
def test_arrays_give_arrays_of_the_same_values(measure: Callable[[Any, Any], Any]) -> None:
    x, y = some()
    found = measure(x.numpy(), y.numpy())
    assert isinstance(found, np.ndarray)
    np.testing.assert_array_equal(found, measure(x, y).numpy())


def test_what_makes_no_sense_is_refused() -> None:
    x, y = some()
    with pytest.raises(InputError, match="negative activity"):
        selectivity_index(x - 1, y)
    with pytest.raises(InputError, match="bins"):
        mutual_information(x, y, bins=1)
    for measure in (selectivity_index, d_prime, mutual_information):
        with pytest.raises(InputError, match="too few classes"):
            measure(x, torch.zeros_like(y))
        with pytest.raises(InputError, match="labels"):
            measure(x, y[:-1])
