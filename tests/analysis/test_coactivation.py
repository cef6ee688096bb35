from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.decomposition import FastICA
from torch import Tensor

from pauca.analysis import (
    Coactivation,
    Planted,
    _rotation,
    coactivation,
    marchenko_pastur_edge,
    planted,
)
from pauca.analysis._rotation import most_skewed
from pauca.analysis.coactivation import _otsu
from pauca.errors import InputError
from pauca.rng import generator_from


def some(seed: int = 0, n: int = 800, **settings: Any) -> Planted:
    """Four ensembles among 80 units; half of the samples bring up none."""
    return planted(n, 80, [10, 8, 9, 10, 0, 0, 0, 0], generator=generator_from(seed), **settings)


def found_in(p: Planted, seed: int = 1, **settings: Any) -> Coactivation[Tensor]:
    return coactivation(p.activations, generator=generator_from(seed), **settings)


def same_rows(a: Tensor, b: Tensor) -> bool:
    return sorted(map(tuple, a.int().tolist())) == sorted(map(tuple, b.int().tolist()))


@pytest.mark.parametrize("settings", [{}, {"overlap": 3}, {"spread": 1.0, "dead": 7}])
def test_planted_assemblies_are_recovered(settings: dict[str, Any]) -> None:
    p = some(effect=2.0, **settings)
    found = found_in(p)
    assert found.converged
    assert same_rows(found.members, p.members[:4])
    assert torch.equal(found.dead, p.dead)
    torch.testing.assert_close(found.weights.norm(dim=1), torch.ones(4, dtype=torch.float64))
    assert (found.weights[:, p.dead] == 0).all()
    assert int((found.eigenvalues > found.threshold).sum()) == 4


def test_all_ten_classes_of_a_task_but_one_are_recovered() -> None:
    p = planted(1500, 150, [12] * 10, generator=generator_from(0), effect=2.0)
    members = found_in(p).members
    overlap = members.double() @ p.members.double().T / 12
    assert len(members) == 9
    assert ((overlap == 1) | (overlap == 0)).all()


@pytest.mark.parametrize(("active", "shuffles"), [(0.5, 19), (0.02, 19)])
def test_nothing_is_found_where_nothing_is_planted(active: float, shuffles: int) -> None:
    draws = 40
    invented = 0
    for seed in range(draws):
        p = some(seed, n=300, effect=0.0, active=active)
        found = found_in(p, shuffles=shuffles)
        assert found.members.shape == (len(found.members), 80)
        invented += bool(len(found.members))
    assert invented <= stats.binom.ppf(0.999, draws, 1 / (shuffles + 1))


def test_the_edge_alone_invents_ensembles_of_units_that_seldom_answer() -> None:
    invented = [
        len(found_in(some(seed, n=300, effect=0.0, active=0.02), shuffles=0).members)
        for seed in range(10)
    ]
    assert np.count_nonzero(invented) > 3


def test_the_edge_is_that_of_unrelated_units() -> None:
    n, u = 4000, 400
    z = torch.randn(n, u, generator=generator_from(0), dtype=torch.float64)
    largest = float(torch.linalg.eigvalsh(z.T @ z / n)[-1])
    assert largest == pytest.approx(marchenko_pastur_edge(n, u), rel=0.02)


@pytest.mark.parametrize("n", [40, 300])
def test_eigenvalues_are_those_of_the_correlations(n: int) -> None:
    p = some(n=n, active=0.5)
    found = found_in(p, shuffles=0)
    expected = np.linalg.eigvalsh(np.corrcoef(p.activations.double().numpy(), rowvar=False))
    np.testing.assert_allclose(found.eigenvalues.numpy(), expected[::-1][: min(n, 80)], atol=1e-6)
    # components live in the space of the eigenvectors that count
    a = len(found.members)
    z = stats.zscore(p.activations.double().numpy())
    carried = found.weights.numpy() @ (z.T @ z / n) @ found.weights.numpy().T
    assert np.trace(carried) == pytest.approx(expected[::-1][:a].sum())


def test_rotation_equals_scikit_learns_fixed_point() -> None:
    draw = np.random.default_rng(0)
    x = draw.exponential(size=(3000, 4)) @ draw.normal(size=(4, 4))
    x = x - x.mean(0)
    values, vectors = np.linalg.eigh(x.T @ x / len(x))
    white = x @ vectors / np.sqrt(values)
    turn, settled = most_skewed(torch.from_numpy(white), torch.eye(4, dtype=torch.float64))
    ica = FastICA(
        whiten=False,
        fun=lambda y: (y**2, 2 * y.mean(-1)),
        w_init=np.eye(4),
        max_iter=2000,
        tol=1e-12,
    ).fit(white)
    assert settled
    # the same components, up to order and sign
    match = np.abs(turn.numpy() @ ica.components_.T)
    np.testing.assert_allclose(np.sort(match, axis=1), [[0, 0, 0, 1]] * 4, atol=1e-4)


def exclusive(c: int, seed: int) -> Tensor:
    """Scores of c classes that exclude each other: a direction more than there is room for."""
    y = torch.arange(300) % c
    noise = torch.randn(300, c, generator=generator_from(seed), dtype=torch.float64)
    x = torch.nn.functional.one_hot(y, c) + 0.3 * noise
    x = x - x.mean(0)
    values, vectors = torch.linalg.eigh(x.T @ x / len(x))
    scores: Tensor = x @ vectors / values.sqrt()
    return scores[:, 1:]


def test_ascent_never_falls_where_plain_fixed_points_do_and_comes_to_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scores, start = exclusive(5, seed=0), torch.eye(4, dtype=torch.float64)
    assert most_skewed(scores, start)[1]
    reached, plain, turn = [], [], start
    for steps in range(40):
        monkeypatch.setattr(_rotation, "STEPS", steps)
        found, settled = most_skewed(scores, start)
        torch.testing.assert_close(found @ found.T, start)
        reached.append(float((scores @ found.T).pow(3).sum()))
        assert not settled or steps > 5
        plain.append(float((scores @ turn.T).pow(3).sum()))
        turn = _rotation.polar((scores @ turn.T).square().T @ scores)
    assert (np.diff(reached) > -1e-9).all()
    assert (np.diff(plain) < -1e-3).any()


def test_otsu_parts_where_no_other_line_parts_better() -> None:
    values = torch.rand(5, 9, generator=generator_from(0), dtype=torch.float64)
    for row, line in zip(values, _otsu(values), strict=True):
        least = min(
            float(((low - low.mean()) ** 2).sum() + ((high - high.mean()) ** 2).sum())
            for t in row
            if len(high := row[row > t])
            for low in [row[row <= t]]
        )
        low, high = row[row <= line], row[row > line]
        assert float(low.var(correction=0) * len(low) + high.var(correction=0) * len(high)) == (
            pytest.approx(least)
        )


def test_an_equal_share_lets_in_more_than_otsu() -> None:
    p = some(effect=0.8)
    otsu, share = found_in(p).members, found_in(p, rule="share").members
    assert otsu.shape == share.shape
    assert (share | ~otsu).all()
    assert int((share & p.null).sum()) > int((otsu & p.null).sum())


@settings(deadline=None, max_examples=8)
@given(seed=st.integers(0, 500))
def test_order_of_units_and_their_scale_change_nothing(seed: int) -> None:
    p = some(seed, n=400, effect=1.5, dead=3)
    units = torch.randperm(80, generator=generator_from(seed))
    x = p.activations * torch.logspace(-1, 1, 80)
    found = found_in(p, shuffles=0)
    turned = coactivation(x[:, units], generator=generator_from(1), shuffles=0)
    torch.testing.assert_close(turned.weights, found.weights[:, units], atol=1e-3, rtol=0)
    assert (turned.members == found.members[:, units]).double().mean() > 0.99


def test_the_same_generator_finds_the_same() -> None:
    p = some()
    a, b = found_in(p), found_in(p)
    assert torch.equal(a.weights, b.weights)
    assert a.threshold == b.threshold


def test_arrays_give_arrays() -> None:
    p = some(effect=2.0)
    given = coactivation(p.activations.numpy(), generator=generator_from(1))
    expected = found_in(p)
    for name, value in vars(given).items():
        if name not in ("threshold", "converged"):
            assert isinstance(value, np.ndarray)
            np.testing.assert_array_equal(value, getattr(expected, name).numpy())
    assert given.threshold == expected.threshold


def test_what_makes_no_sense_is_refused() -> None:
    p = some()
    for wrong in (torch.zeros(10, 5), torch.ones(1, 5)):
        with pytest.raises(InputError, match="nothing can be active together"):
            coactivation(wrong, generator=generator_from(0))
    with pytest.raises(InputError, match="unknown rule"):
        found_in(p, rule="all")
    with pytest.raises(InputError, match="shuffles"):
        found_in(p, shuffles=-1)
