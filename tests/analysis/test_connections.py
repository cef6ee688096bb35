import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch import Tensor

from pauca.analysis import inside_against_between, weight_blocks
from pauca.errors import InputError
from pauca.metrics import cliffs_delta
from pauca.rng import generator_from


def some(
    seed: int = 0, c: int = 3, u: int = 14, d: int = 16, part: float = 0.4
) -> tuple[Tensor, Tensor, Tensor]:
    g = generator_from(seed)
    w = torch.randn(u, d, generator=g, dtype=torch.float64) + 3
    return w, torch.rand(c, d, generator=g) < part, torch.rand(c, u, generator=g) < part


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 1000))
def test_blocks_have_the_moments_of_their_weights(seed: int) -> None:
    w, below, above = some(seed)
    w -= 3.5
    found = weight_blocks(w, below, above)
    for j in range(3):
        for k in range(3):
            block = w[above[j]][:, below[k]].numpy().ravel()
            assert int(found.count[j, k]) == len(block)
            if len(block) < 2:
                continue
            assert float(found.mean[j, k]) == pytest.approx(block.mean())
            assert float(found.sd[j, k]) == pytest.approx(block.std())
            assert float(found.negative[j, k]) == pytest.approx((block < 0).mean())
            assert float(found.skewness[j, k]) == pytest.approx(stats.skew(block), abs=1e-8)


def test_blocks_without_weights_or_without_spread_are_undefined() -> None:
    w, below, above = some()
    above[1] = False
    w[above[0]] = 0.1
    found = weight_blocks(w.numpy(), below.numpy(), above.numpy())
    assert isinstance(found.mean, np.ndarray)
    for name in ("mean", "sd", "negative", "skewness"):
        assert np.isnan(getattr(found, name)[1]).all()
    assert (found.count[1] == 0).all()
    np.testing.assert_allclose(found.mean[0], 0.1)
    assert (found.sd[0] == 0).all()
    assert np.isnan(found.skewness[0]).all()
    for wrong in ((w[0], below, above), (w, above, below), (w, below, above[:2])):
        with pytest.raises(InputError):
            weight_blocks(*wrong)


def test_every_weight_counts_once_inside_or_between() -> None:
    w, below, above = some(3)
    inside: list[float] = []
    between: list[float] = []
    for i in range(14):
        for j in range(16):
            if not (above[:, i].any() and below[:, j].any()):
                continue
            together = bool((above[:, i] & below[:, j]).any())
            (inside if together else between).append(float(w[i, j]))
    found = inside_against_between(w, below, above, generator=generator_from(0), draws=20)
    assert (found.inside_count, found.between_count) == (len(inside), len(between))
    assert found.inside == pytest.approx(np.mean(inside))
    assert found.between == pytest.approx(np.mean(between))
    assert found.inside_negative == pytest.approx(np.mean(np.array(inside) < 0))
    assert found.delta == pytest.approx(cliffs_delta(inside, between))
    n = len(inside) + len(between) - 2
    pooled = math.sqrt((np.var(inside) * len(inside) + np.var(between) * len(between)) / n)
    assert found.d == pytest.approx((np.mean(inside) - np.mean(between)) / pooled)
    assert found.draws == 20


def planted(seed: int, effect: float) -> dict[str, Any]:
    """Blocks of disjoint ensembles; inside ones are ``effect`` higher."""
    g = generator_from(seed)
    above, below = (
        torch.eye(3).repeat_interleave(6, 1) > 0,
        torch.eye(3).repeat_interleave(7, 1) > 0,
    )
    w = torch.randn(18, 21, generator=g, dtype=torch.float64)
    # weights into one unit have something in common
    w += torch.randn(18, 1, generator=g, dtype=torch.float64)
    w += effect * (above.T.double() @ below.double())
    return {"weights": w, "below": below, "above": above}


def test_what_is_planted_is_found_and_chance_is_not() -> None:
    strong = inside_against_between(**planted(0, 1.5), generator=generator_from(0), draws=199)
    assert strong.p == pytest.approx(2 / 200)
    assert strong.d > 0.5
    assert strong.delta > 0.3
    assert strong.inside > strong.between
    opposite = inside_against_between(**planted(0, -1.5), generator=generator_from(0), draws=199)
    assert opposite.p == pytest.approx(2 / 200)
    assert opposite.delta < -0.3
    chance = [
        inside_against_between(**planted(seed, 0.0), generator=generator_from(seed), draws=99).p
        for seed in range(60)
    ]
    assert sum(p <= 0.1 for p in chance) <= 13  # 6 expected; 13 and more once in 200


def test_units_may_stand_in_any_order() -> None:
    given_ = planted(2, 0.5)
    order, other = (
        torch.randperm(18, generator=generator_from(1)),
        torch.randperm(21, generator=generator_from(2)),
    )
    first = inside_against_between(**given_, generator=generator_from(0), draws=9)
    again = inside_against_between(
        given_["weights"][order][:, other].numpy(),
        given_["below"][:, other].numpy(),
        given_["above"][:, order].numpy(),
        generator=generator_from(0),
        draws=9,
    )
    for name in ("inside", "between", "d", "delta"):
        assert getattr(again, name) == pytest.approx(getattr(first, name))


def test_without_a_pair_of_either_kind_nothing_is_said() -> None:
    w = torch.randn(4, 4, generator=generator_from(0), dtype=torch.float64)
    one = torch.ones(1, 4, dtype=torch.bool)
    found = inside_against_between(w, one, one, generator=generator_from(0), draws=5)
    assert found.inside == pytest.approx(float(w.mean()))
    assert found.between_count == 0
    assert all(math.isnan(value) for value in (found.between, found.d, found.delta, found.p))
    none = inside_against_between(w, ~one, one, generator=generator_from(0), draws=5)
    assert none.inside_count == 0
    assert math.isnan(none.inside)
