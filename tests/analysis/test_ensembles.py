import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from pauca.analysis import Planted, ks_mean, mean_ratio, planted, selective
from pauca.errors import InputError
from pauca.rng import generator_from


def some(seed: int = 0, n: int = 300, **settings: Any) -> Planted:
    """Three ensembles among 40 units."""
    return planted(n, 40, [6, 5, 7], generator=generator_from(seed), **settings)


def plain_ratio(x: NDArray[Any], labels: NDArray[Any]) -> NDArray[Any]:
    found = np.empty((labels.max() + 1, x.shape[1]))
    for k in range(len(found)):
        m = x[labels == k].mean(0)
        for i in range(len(m)):
            others = np.delete(m, i).mean()
            found[k, i] = (m[i] - others) / others
    return found


@pytest.mark.parametrize("c", [0.0, 1.0, 2.0])
def test_ratio_equals_the_loop(c: float) -> None:
    p = some()
    x, y = p.activations.double().numpy(), p.labels.numpy()
    expected = plain_ratio(x, y)
    found = mean_ratio(x, y, c=c)
    np.testing.assert_allclose(found.evidence, expected, rtol=1e-10)
    np.testing.assert_array_equal(found.members, expected > c)
    assert found.members.any()


def test_ratio_where_others_or_all_are_silent() -> None:
    x = torch.tensor([[1e-9, 0.0, 0.0], [0.0, 0.0, 0.0], [3.0, 1.0, 1.0]])
    found = mean_ratio(x, torch.arange(3))
    assert found.evidence[0].tolist() == [math.inf, -1, -1]
    assert found.evidence[1].isnan().all()
    assert found.members.tolist() == [[True, False, False], [False] * 3, [True, False, False]]


def test_ratio_of_negative_activity_is_refused() -> None:
    p = some()
    with pytest.raises(InputError, match="negative activity"):
        mean_ratio(p.activations - 1, p.labels)
    with pytest.raises(InputError, match="c is out of range"):
        mean_ratio(p.activations, p.labels, c=-1)


def test_selective_is_mannwhitney_then_benjamini_hochberg_then_effect() -> None:
    p = some(effect=0.9, dead=2)
    x, y = p.activations.double().numpy(), p.labels.numpy()
    auc, value = np.full((2, 3, 40), math.nan)
    for k in range(3):
        for i in range(40):
            own, rest = x[y == k, i], x[y != k, i]
            test = stats.mannwhitneyu(own, rest, method="asymptotic")
            auc[k, i] = test.statistic / (len(own) * len(rest))
            value[k, i] = test.pvalue if x[:, i].any() else math.nan
    adjusted = np.full_like(value, math.nan)
    tested = ~np.isnan(value)
    adjusted[tested] = stats.false_discovery_control(value[tested])
    found = selective(x, y, effect=0.1)
    np.testing.assert_allclose(found.evidence, auc, rtol=1e-12)
    np.testing.assert_allclose(found.adjusted, adjusted, rtol=1e-9)
    np.testing.assert_array_equal(found.members, (adjusted <= 0.05) & (auc >= 0.6))
    np.testing.assert_array_equal(found.off, (adjusted <= 0.05) & (auc <= 0.4))
    assert found.members.any()


def test_units_that_fall_silent_are_found_as_off() -> None:
    p = some(effect=-1.5, active=0.6, n=900)
    found = selective(p.activations, p.labels)
    assert torch.equal(found.off, p.members)
    # each is more active for the other two classes than for the rest, its own among it
    assert not (found.members & p.members).any()


def test_a_small_difference_is_significant_but_no_ensemble() -> None:
    p = some(n=30_000, effect=0.3, active=0.5)
    sure = selective(p.activations, p.labels, effect=0)
    assert sure.members[p.members].float().mean() > 0.9
    assert not selective(p.activations, p.labels).members.any()


@pytest.mark.parametrize("permutations", [None, 2000])
def test_planted_ensembles_are_found_and_little_else(permutations: int | None) -> None:
    p = some(n=600, effect=2.0, overlap=2, correlation=0.1, spread=1.0, dead=4)
    found = selective(
        p.activations, p.labels, permutations=permutations, generator=generator_from(1)
    )
    assert torch.equal(found.members, p.members)


def test_false_discoveries_are_held_where_labels_mean_nothing() -> None:
    """With effects shuffled away, any member at all is false: in at most alpha of all draws."""
    draws, alpha = 60, 0.2
    invented = 0
    for seed in range(draws):
        p = some(seed, effect=2.0, correlation=0.1)
        y = p.labels[torch.randperm(len(p.labels), generator=generator_from(seed + 1000))]
        found = selective(p.activations, y, alpha=alpha, effect=0)
        invented += bool((found.members | found.off).any())
    # that many or more has a chance below 1 in 1000 where the rate is alpha
    assert invented <= stats.binom.ppf(0.999, draws, alpha)


def test_the_share_of_false_members_is_held_beside_true_ones() -> None:
    shares = []
    for seed in range(30):
        p = some(seed, effect=1.2, active=0.3, spread=0.5)
        found = selective(p.activations, p.labels, alpha=0.1, effect=0).members
        shares.append(float((found & ~p.members).sum() / found.sum().clamp(min=1)))
        assert float((found & p.members).sum() / p.members.sum()) > 0.8
    assert np.mean(shares) <= 0.1


FREE = {
    "ks-mean": lambda x, y: ks_mean(x, y, pairs="all"),
    "mean-ratio": mean_ratio,
    "selective": selective,
}


@pytest.mark.parametrize("rule", FREE)
@settings(deadline=None, max_examples=8)
@given(seed=st.integers(0, 1000), scale=st.sampled_from([2.0**-20, 8.0]))
def test_order_of_units_and_samples_names_of_classes_and_scale_change_nothing(
    rule: str, seed: int, scale: float
) -> None:
    p = some(seed, n=60, spread=0.5, dead=3)
    detect: Any = FREE[rule]
    units, names, rows = (
        torch.randperm(size, generator=generator_from(seed + size)) for size in (40, 3, 60)
    )
    found = detect(p.activations, p.labels)
    turned = detect(scale * p.activations[rows][:, units], names[p.labels[rows]])
    assert torch.equal(turned.members[names], found.members[:, units])
    torch.testing.assert_close(
        turned.evidence[names], found.evidence[:, units], equal_nan=True, rtol=1e-9, atol=1e-12
    )


def test_a_gain_for_each_unit_changes_nothing_for_the_statistical_rule_alone() -> None:
    p = some()
    gains = torch.logspace(-2, 2, 40)
    x = p.activations * gains
    assert torch.equal(selective(x, p.labels).members, selective(p.activations, p.labels).members)
    assert not torch.equal(
        mean_ratio(x, p.labels).members, mean_ratio(p.activations, p.labels).members
    )


@pytest.mark.parametrize("rule", FREE)
def test_arrays_give_arrays(rule: str) -> None:
    p = some(n=60)
    detect: Any = FREE[rule]
    given, expected = (
        detect(p.activations.numpy(), p.labels.numpy()),
        detect(p.activations, p.labels),
    )
    for name, value in vars(given).items():
        assert isinstance(value, np.ndarray)
        np.testing.assert_array_equal(value, getattr(expected, name).numpy())
    assert given.members.dtype == bool
    assert given.members.shape == given.evidence.shape == (3, 40)


@pytest.mark.parametrize("rule", FREE)
def test_labels_of_the_wrong_form_are_refused(rule: str) -> None:
    p = some(n=60)
    detect: Any = FREE[rule]
    for wrong in (p.labels[:-1], p.labels.double(), p.labels - 1):
        with pytest.raises(InputError, match="labels"):
            detect(p.activations, wrong)


@pytest.mark.parametrize("setting", [{"alpha": 0.0}, {"effect": 0.6}, {"effect": -0.1}])
def test_settings_out_of_range_are_refused(setting: dict[str, float]) -> None:
    p = some(n=60)
    with pytest.raises(InputError, match="out of range"):
        selective(p.activations, p.labels, **setting)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="need a generator"):
        selective(p.activations, p.labels, permutations=9)
