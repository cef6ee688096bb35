import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pauca.analysis import group_contrast
from pauca.analysis import groups as module
from pauca.errors import InputError
from pauca.metrics import mean_interval
from pauca.rng import generator_from

# Fashion-MNIST: garments (T-shirt, Pullover, Coat, Shirt), footwear (Sandal, Sneaker, Ankle boot)
FASHION = [0, 1, 0, 2, 0, 3, 0, 3, 4, 3]


def ratios(c: int, seed: int, r: int | None = None) -> Tensor:
    shape = (c, c) if r is None else (r, c, c)
    x = torch.rand(shape, generator=generator_from(seed), dtype=torch.float64)
    x = x + x.transpose(-1, -2)
    x.diagonal(dim1=-2, dim2=-1).fill_(torch.nan)
    return x


def plain_contrast(x: Tensor, groups: list[int]) -> float:
    within: list[float] = []
    between: list[float] = []
    for i, j in itertools.combinations(range(len(groups)), 2):
        (within if groups[i] == groups[j] else between).append(float(x[i, j]))
    return sum(within) / len(within) - sum(between) / len(between)


def every_contrast(x: Tensor, groups: list[int]) -> list[float]:
    """All c! relabellings, most of them alike."""
    return [plain_contrast(x, list(way)) for way in itertools.permutations(groups)]


@pytest.mark.parametrize(
    ("groups", "ways"),
    [([0, 0, 1, 2, 3], 10), ([0, 1, 0, 1, 2], 30), ([5, 5, 5, 2, 2, 9], 60), ([0, 0, 0, 1], 4)],
)
@pytest.mark.parametrize("seed", range(3))
def test_few_classes_are_tested_by_every_relabelling(
    groups: list[int], ways: int, seed: int
) -> None:
    x = ratios(len(groups), seed)
    found = group_contrast(x, groups, generator=generator_from(0))
    observed, values = plain_contrast(x, groups), every_contrast(x, groups)
    above = np.mean([v >= observed - 1e-9 for v in values])
    below = np.mean([v <= observed + 1e-9 for v in values])
    assert found.difference.mean == pytest.approx(observed)
    assert found.p_above == pytest.approx(above)
    assert found.p_below == pytest.approx(below)
    assert found.p == pytest.approx(min(1, 2 * min(above, below)))
    assert (found.exact, found.relabellings) == (True, ways)


def test_fashion_has_4200_relabellings() -> None:
    found = group_contrast(ratios(10, 0, 3), FASHION, generator=generator_from(0))
    assert (found.exact, found.relabellings) == (True, 4200)
    drawn = group_contrast(ratios(10, 0, 3), FASHION, draws=999, generator=generator_from(0))
    assert (drawn.exact, drawn.relabellings) == (False, 999)
    assert drawn.p_above == pytest.approx(found.p_above, abs=0.07)
    assert drawn.p_above * 1000 == pytest.approx(round(drawn.p_above * 1000))
    assert drawn.difference == found.difference


def test_planted_groups_are_found() -> None:
    x = ratios(10, 0, 5)
    same = torch.tensor(FASHION)[:, None] == torch.tensor(FASHION)
    found = group_contrast(x + 2 * same, FASHION, generator=generator_from(0))
    assert found.p_above == 1 / 4200
    assert found.difference.low > 1.5
    assert found.within.low > 1 > 0
    assert set(found.by_group) == {0, 3}
    opposite = group_contrast(x - 2 * same, FASHION, generator=generator_from(0))
    assert opposite.p_below == 1 / 4200


def test_intervals_are_those_of_repetitions() -> None:
    x = ratios(10, 1, 6)
    found = group_contrast(x, FASHION, generator=generator_from(0), level=0.9)
    i, j = np.triu_indices(10, 1)
    own = np.array(FASHION)
    values = x.numpy()[:, i, j]
    same = own[i] == own[j]
    assert found.within == mean_interval(values[:, same].mean(1), 0.9)
    assert found.between.low == pytest.approx(mean_interval(values[:, ~same].mean(1), 0.9).low)
    difference = values[:, same].mean(1) - values[:, ~same].mean(1)
    assert found.difference.high == pytest.approx(mean_interval(difference, 0.9).high)
    feet = same & (own[i] == 3)
    assert feet.sum() == 3
    assert found.by_group[3].mean == pytest.approx(values[:, feet].mean())
    one = group_contrast(x[0], FASHION, generator=generator_from(0))
    assert math.isnan(one.difference.low)
    assert one.difference.n == 1


def test_undefined_pairs_are_left_out() -> None:
    x = ratios(5, 0, 3)
    x[1, 2] = x[1, :, 2] = torch.nan  # class 2 has no ensemble in one net
    groups = [0, 0, 1, 1, 2]
    found = group_contrast(x, groups, generator=generator_from(0))
    i, j = np.triu_indices(5, 1)
    same = np.array(groups)[i] == np.array(groups)[j]
    values = x.numpy()[:, i, j]
    assert found.within.mean == pytest.approx(np.nanmean(values[:, same], 1).mean())
    assert found.within.n == 3
    assert found.by_group[1].n == 2
    x[:, 2] = x[:, :, 2] = torch.nan
    gone = group_contrast(x, groups, generator=generator_from(0))
    assert math.isnan(gone.by_group[1].mean)
    assert gone.by_group[1].n == 0
    assert not math.isnan(gone.p)
    nothing = group_contrast(x * torch.nan, groups, generator=generator_from(0))
    assert math.isnan(nothing.p)
    assert math.isnan(nothing.p_above)


@given(st.integers(0, 50), st.permutations(range(6)))
@settings(max_examples=15, deadline=None)
def test_the_order_of_classes_changes_nothing(seed: int, order: list[int]) -> None:
    x, groups = ratios(6, seed, 2), np.array([0, 0, 1, 1, 2, 3])
    one = group_contrast(x, groups, generator=generator_from(0))
    other = group_contrast(x[:, order][:, :, order], groups[order], generator=generator_from(0))
    assert other.difference.mean == pytest.approx(one.difference.mean)
    assert other.p == pytest.approx(one.p)
    renamed = group_contrast(x, 7 - groups, generator=generator_from(0))
    assert renamed.p == pytest.approx(one.p)


def test_p_values_of_meaningless_groups_are_not_too_small() -> None:
    found = np.array(
        [
            group_contrast(ratios(7, s, 2), [0, 0, 0, 1, 1, 2, 3], generator=generator_from(0)).p
            for s in range(150)
        ]
    )
    for level in (0.05, 0.2, 0.5):
        assert np.mean(found <= level) <= level + 4 * math.sqrt(level * (1 - level) / 150)


def test_blocks_change_nothing_and_arrays_are_tensors(monkeypatch: pytest.MonkeyPatch) -> None:
    x = ratios(6, 0, 2)
    groups = torch.tensor([0, 0, 1, 1, 2, 3])
    one = group_contrast(x, groups, generator=generator_from(0))
    monkeypatch.setattr(module, "_BLOCK", 7)
    assert group_contrast(x.numpy(), groups.numpy(), generator=generator_from(0)) == one


@pytest.mark.parametrize("groups", [[0, 1, 2, 3], [0, 0, 0, 0], [0, 0, 1], [0.5, 0.5, 1.0, 2.0]])
def test_what_are_no_groups_is_refused(groups: list[int]) -> None:
    with pytest.raises(InputError, match="groups of classes"):
        group_contrast(ratios(4, 0), groups, generator=generator_from(0))


def test_what_are_no_ratios_is_refused() -> None:
    with pytest.raises(InputError, match="not symmetric"):
        group_contrast(ratios(3, 0) + torch.arange(3), [0, 0, 1], generator=generator_from(0))
    with pytest.raises(InputError, match="draws"):
        group_contrast(ratios(3, 0), [0, 0, 1], draws=0, generator=generator_from(0))
