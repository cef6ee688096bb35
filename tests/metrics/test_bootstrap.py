import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pauca.errors import InputError
from pauca.metrics import bootstrap_interval
from pauca.metrics.arrays import Floats
from pauca.metrics.bootstrap import BootstrapMethod
from pauca.rng import generator_from


def mean(x: Floats, *, axis: int = -1) -> Any:
    return x.mean(axis)


def ratio(x: Floats, y: Floats, *, axis: int = -1) -> Any:
    return x.mean(axis) / y.mean(axis)


def scipys(
    data: tuple[Floats, ...], statistic: Any, drawn: Floats, paired: bool, method: str
) -> tuple[float, float]:
    """SciPy's interval from the very draws that were made here."""
    kept = SimpleNamespace(bootstrap_distribution=drawn)
    found = stats.bootstrap(
        data, statistic, paired=paired, method=method, n_resamples=0, bootstrap_result=kept
    )
    return found.confidence_interval.low, found.confidence_interval.high


@pytest.mark.parametrize("method", ["percentile", "bca"])
@pytest.mark.parametrize("case", ["one", "paired", "apart"])
def test_it_is_scipys_interval_of_the_same_draws(method: BootstrapMethod, case: str) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.exponential(1, 12), rng.exponential(2, 12 if case == "paired" else 9) + 1
    data = (x,) if case == "one" else (x, y)
    statistic, paired = (mean if case == "one" else ratio), case != "apart"
    drawn: list[float] = []

    def watched(*rows: Floats) -> float:
        drawn.append(float(statistic(*rows)))
        return drawn[-1]

    found = bootstrap_interval(
        watched, *data, generator=generator_from(1), draws=400, paired=paired, method=method
    )
    draws = np.array(drawn[1:401])
    expected = scipys(data, statistic, draws, paired, method)
    assert (found.low, found.high) == pytest.approx(expected, rel=1e-9)
    assert found.mean == drawn[0] == statistic(*data)
    assert found.n == min(map(len, data))
    assert found.method == f"bootstrap {method}, 400 draws"


def test_paired_draws_keep_rows_together() -> None:
    x = np.arange(10.0)
    kept = bootstrap_interval(
        lambda a, b: float(np.abs(a - b).max()), x, x, generator=generator_from(0), draws=50
    )
    assert (kept.low, kept.high) == (0, 0)
    apart = bootstrap_interval(
        lambda a, b: float(np.abs(a - b).max()),
        x,
        x,
        generator=generator_from(0),
        draws=50,
        paired=False,
    )
    assert apart.low > 0


def test_rows_may_be_curves() -> None:
    curves = torch.arange(12.0).reshape(4, 3)
    found = bootstrap_interval(
        lambda c: float(c.mean(0)[-1]), curves, generator=generator_from(0), draws=300
    )
    assert found.mean == 6.5
    assert 2 <= found.low < found.mean < found.high <= 11


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**16), st.sampled_from(["percentile", "bca"]))
def test_same_seed_same_interval_and_scale_does_not_count(
    seed: int, method: BootstrapMethod
) -> None:
    x = np.random.default_rng(seed).normal(size=8)

    def interval(values: Floats) -> Any:
        return bootstrap_interval(
            np.mean, values, generator=generator_from(seed), draws=200, method=method
        )

    found = interval(x)
    assert interval(x) == found
    scaled = interval(4 * x + 8)
    assert scaled.low == pytest.approx(4 * found.low + 8)
    assert scaled.high == pytest.approx(4 * found.high + 8)
    assert found.low <= found.mean <= found.high


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_it_holds_the_truth_about_as_often_as_it_says(method: BootstrapMethod) -> None:
    rng = np.random.default_rng(0)
    generator, held, studies = generator_from(0), 0, 150
    for _ in range(studies):
        found = bootstrap_interval(
            np.mean,
            rng.normal(3, 1, 30),
            generator=generator,
            draws=200,
            level=0.9,
            method=method,
        )
        held += found.low <= 3 <= found.high
    assert 0.82 < held / studies < 0.96


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_ends(method: BootstrapMethod) -> None:
    one = bootstrap_interval(np.mean, [0.3], generator=generator_from(0), method=method)
    assert (one.mean, one.n) == (0.3, 1)
    assert math.isnan(one.low)
    assert math.isnan(one.high)
    same = bootstrap_interval(
        np.max, [0.25] * 6, generator=generator_from(0), draws=20, method=method
    )
    assert (same.low, same.mean, same.high) == (0.25, 0.25, 0.25)


def test_a_statistic_beyond_all_draws_has_no_bca_interval() -> None:
    def spread(x: Floats) -> float:
        return float(len(np.unique(x)))  # 30 only if no row is drawn twice

    found = bootstrap_interval(
        spread, np.arange(30.0), generator=generator_from(0), draws=50, method="bca"
    )
    assert found.mean == 30
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def test_bad_input_is_refused() -> None:
    generator = generator_from(0)
    wrong: list[tuple[tuple[Any, ...], dict[str, Any], str]] = [
        ((), {}, "nothing to draw from"),
        (([],), {}, "array 0 has the wrong form"),
        ((3.0,), {}, "array 0 has the wrong form"),
        (([1.0], [math.nan]), {}, "array 1 holds NaN"),
        (([1.0, 2.0], [1.0]), {}, "differ in their number of rows"),
        (([1.0, 2.0],), {"draws": 0}, "draws"),
        (([1.0, 2.0],), {"level": 1}, "level"),
        (([1.0, 2.0],), {"method": "basic"}, "method is of the wrong kind"),
    ]
    for arrays, settings_, message in wrong:
        with pytest.raises(InputError, match=message):
            bootstrap_interval(
                lambda *x: float(sum(map(np.sum, x))), *arrays, generator=generator, **settings_
            )
    with pytest.raises(InputError, match="the statistic is NaN"):
        bootstrap_interval(lambda x: math.nan, [1.0, 2.0], generator=generator)
