import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score
from torch import Tensor

from pauca.analysis import _ranks, one_vs_rest
from pauca.analysis._ranks import mid_ranks
from pauca.errors import InputError
from pauca.rng import generator_from


def some(n: int = 60, u: int = 5, seed: int = 0, silent: float = 0.7) -> tuple[Tensor, Tensor]:
    """Mostly silent activity in steps of .1, and three classes of which 0 raises unit 0."""
    draw = generator_from(seed)
    y = torch.randperm(n, generator=draw) % 3
    x = torch.randn(n, u, generator=draw, dtype=torch.float64)
    x[:, 0] += (y == 0).double()
    shift = torch.special.ndtri(torch.tensor(silent, dtype=torch.float64))
    return (x - shift).relu().mul(10).round() / 10, y


@pytest.mark.parametrize("levels", [1, 2, 5, 1000])
def test_ranks_equal_scipy(levels: int) -> None:
    x = torch.randint(levels, (4, 30), generator=generator_from(0)).float()
    ranks, ties = mid_ranks(x)
    np.testing.assert_array_equal(ranks.numpy(), stats.rankdata(x.numpy(), axis=1))
    for row, found in zip(x.numpy(), ties.tolist(), strict=True):
        _, counts = np.unique(row, return_counts=True)
        assert found == (counts**3 - counts).sum()


@pytest.mark.parametrize("silent", [0.01, 0.5, 0.95])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_auc_and_p_equal_scipy(silent: float, dtype: torch.dtype) -> None:
    x, y = some(silent=silent)
    x = x.to(dtype)
    found = one_vs_rest(x, y)
    assert found.auc.shape == found.p.shape == (3, 5)
    sides = {"greater": found.greater, "less": found.less, "two-sided": found.p}
    for k, unit in itertools.product(range(3), range(5)):
        own, rest = x[y == k, unit].double().numpy(), x[y != k, unit].double().numpy()
        for side, p in sides.items():
            expected = stats.mannwhitneyu(own, rest, alternative=side, method="asymptotic")
            assert float(p[k, unit]) == pytest.approx(expected.pvalue, rel=1e-10), side
        assert float(found.auc[k, unit]) == pytest.approx(roc_auc_score(y == k, x[:, unit]))


def test_p_far_out_is_not_zero() -> None:
    y = torch.arange(1200) % 2
    x = torch.stack([y * 1e6 + torch.arange(1200), y.double()], 1).double()
    found = one_vs_rest(x, y)
    for unit in range(2):
        values = x[:, unit].numpy()
        expected = stats.mannwhitneyu(values[1::2], values[::2], method="asymptotic").pvalue
        assert 0 < expected < 1e-100
        # a rounding of z counts for more, so far out
        assert float(found.p[1, unit]) == pytest.approx(expected, rel=1e-9)


def test_blocks_of_units_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = some(u=7)
    whole = one_vs_rest(x, y)
    shuffled = one_vs_rest(x, y, permutations=20, generator=generator_from(0))
    monkeypatch.setattr(_ranks, "BLOCK", 2 * len(x))
    assert torch.equal(one_vs_rest(x, y).p, whole.p)
    again = one_vs_rest(x, y, permutations=20, generator=generator_from(0))
    assert torch.equal(again.p, shuffled.p)
    assert [block.start for block, _ in _ranks.blocks_of_units(x)] == [0, 2, 4, 6]


def test_shuffles_approach_the_p_of_all_shuffles() -> None:
    x, y = some(n=9, u=3, silent=0.4)
    number = 2000
    found = one_vs_rest(x, y, permutations=number, generator=generator_from(1))
    for k, unit in itertools.product(range(3), range(3)):
        ranks = stats.rankdata(x[:, unit].numpy())
        own = ranks[y.numpy() == k].sum()
        sums = np.array([sum(c) for c in itertools.combinations(ranks, int((y == k).sum()))])
        away, all_away = own - sums.mean(), sums - sums.mean()
        for p, exact in (
            (found.greater, (sums >= own - 1e-9).mean()),
            (found.less, (sums <= own + 1e-9).mean()),
            (found.p, (abs(all_away) >= abs(away) - 1e-9).mean()),
        ):
            error = 5 * math.sqrt(exact * (1 - exact) / number) + 1 / number
            assert abs(float(p[k, unit]) - exact) <= error


def test_shuffles_agree_with_the_limit_and_are_never_zero() -> None:
    x, y = some(n=120, silent=0.3)
    x[:, 1] = y == 1
    limit = one_vs_rest(x, y)
    found = one_vs_rest(x, y, permutations=299, generator=generator_from(0))
    assert float(found.p.min()) == float(found.p[1, 1]) == 1 / 300
    rest = limit.p > 0.05
    torch.testing.assert_close(found.p[rest], limit.p[rest], atol=0.12, rtol=0)
    assert torch.equal(found.auc, limit.auc)


def test_p_is_uniform_where_labels_mean_nothing() -> None:
    draw = generator_from(5)
    x = (torch.randn(300, 400, generator=draw) - 0.5).relu()
    y = torch.randint(3, (300,), generator=draw)
    p = one_vs_rest(x, y).p[0].numpy()
    assert stats.kstest(p, "uniform").pvalue > 0.01


def test_a_unit_that_never_varies_is_not_tested() -> None:
    x, y = some()
    x[:, 2] = 0
    x[:, 3] = 1.5
    for found in (
        one_vs_rest(x, y),
        one_vs_rest(x, y, permutations=5, generator=generator_from(0)),
    ):
        for p in (found.greater, found.less, found.p):
            assert p.isnan().any(0).tolist() == [False, False, True, True, False]
        assert (found.auc[:, 2:4] == 0.5).all()


def test_a_class_without_samples_is_undefined() -> None:
    x, y = some()
    found = one_vs_rest(x, torch.where(y == 1, 3, y))
    assert found.auc.shape == (4, 5)
    assert found.auc.isnan().all(1).tolist() == [False, True, False, False]
    assert found.p.isnan().all(1).tolist() == [False, True, False, False]


RISING: dict[str, Callable[[Tensor], Tensor]] = {
    "scale": lambda x: 1e6 * x,
    "shift": lambda x: x - 3,
    "square": torch.square,
    "exponential": torch.exp,
}


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 1000), rising=st.sampled_from(list(RISING)))
def test_order_of_units_names_of_classes_and_any_rising_function_change_nothing(
    seed: int, rising: str
) -> None:
    x, y = some(n=30, seed=seed)
    units = torch.randperm(5, generator=generator_from(seed))
    names = torch.randperm(3, generator=generator_from(seed + 1))
    turned = one_vs_rest(RISING[rising](x[:, units]), names[y])
    found = one_vs_rest(x, y)
    for a, b in ((turned.auc, found.auc), (turned.p, found.p), (turned.greater, found.greater)):
        torch.testing.assert_close(a[names], b[:, units], equal_nan=True, rtol=0, atol=0)


def test_arrays_give_arrays() -> None:
    x, y = some()
    found = one_vs_rest(x.numpy(), y.numpy())
    for part in (found.auc, found.greater, found.less, found.p):
        assert isinstance(part, np.ndarray)
    np.testing.assert_array_equal(found.p, one_vs_rest(x, y).p.numpy())


def test_what_makes_no_sense_is_refused() -> None:
    x, y = some()
    with pytest.raises(InputError, match="too few classes"):
        one_vs_rest(x, torch.zeros_like(y))
    with pytest.raises(InputError, match="need a generator"):
        one_vs_rest(x, y, permutations=10)
    with pytest.raises(InputError, match="permutations"):
        one_vs_rest(x, y, permutations=0, generator=generator_from(0))
