import math
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import hypergeom
from torch import Tensor
from torch.nn.functional import pad

from pauca.analysis import chance_jaccard, formation, formations, shared_units
from pauca.errors import InputError
from pauca.rng import generator_from

C, EACH, U = 4, 6, 60


def detector(activations: Any, labels: Any) -> Tensor:
    """Units whose mean on a class is twice the highest mean elsewhere; as arrays or tensors."""
    x, y = torch.as_tensor(activations), torch.as_tensor(labels)
    c = int(y.max()) + 1
    means = torch.stack([x[y == k].mean(0) for k in range(c)])
    best, other = means.topk(2, dim=0).values
    rows: Tensor = (means == best) & (best > 2 * other) & (best > 0.2)
    return rows


def items(k: int | None, n: int, seed: int, mix: float = 0.0) -> Tensor:
    """Units 6 k to 6 k + 5 are active; without a class all units are, weakly."""
    g = generator_from(seed)
    x = 0.2 * torch.rand(n, U, generator=g)
    if k is not None:
        x[:, EACH * k : EACH * (k + 1)] += 1 + torch.rand(n, EACH, generator=g)
    return x


def seen(n: int = 20) -> tuple[Tensor, Tensor]:
    x = torch.cat([items(k, n, k) for k in range(C)])
    return x, torch.arange(C).repeat_interleave(n)


def test_a_category_with_units_of_its_own_forms_an_ensemble_and_noise_does_not() -> None:
    x, y = seen()
    groups = {"left out": items(C, 16, 9), "noise": items(None, 16, 10)}
    found = formations(detector, x, y, groups, generator=generator_from(0), splits=6, nulls=19)
    six = torch.tensor([EACH])
    left, noise = found["left out"], found["noise"]
    assert left.size == EACH
    assert left.members.nonzero().flatten().tolist() == list(range(24, 30))
    assert left.seen.sum(1).tolist() == [EACH] * C
    assert left.jaccards.tolist() == [1.0] * 6
    assert (left.jaccard, left.formed) == (1.0, 1.0)
    assert left.chance == pytest.approx(float(chance_jaccard(six, six, U)))
    assert left.p_size == left.p_jaccard == 1 / 20
    assert left.null_sizes.shape == (19,)
    assert (noise.size, noise.formed) == (0, 0.0)
    assert math.isnan(noise.jaccard)
    assert noise.p_size == 1
    assert math.isnan(noise.p_jaccard)
    alone = formations(
        detector, x, y, {"noise": groups["noise"]}, generator=generator_from(0), splits=2
    )
    assert math.isnan(alone["noise"].p_size)
    assert alone["noise"].null_sizes.shape == (0,)


def test_an_ensemble_that_comes_and_goes_is_less_reliable() -> None:
    x, y = seen()
    # half of the items activate the units: whether a half passes the bar depends on the draw
    group = torch.cat([items(C, 8, 1), items(None, 8, 2)])
    asked: list[int] = []

    def strict(activations: Any, labels: Any) -> Tensor:
        asked.append(len(activations))
        members = detector(activations, labels)
        here = activations[labels == C][:, 24:30].mean() if bool((labels == C).any()) else 0
        members[C] &= bool(here > 0.75)
        return members

    found = formation(strict, x, y, group, generator=generator_from(0), splits=30)
    assert 0 < found.formed < 1
    as_zero = [value for value in found.jaccards.tolist() if not math.isnan(value)]
    assert found.jaccard == pytest.approx(np.mean(as_zero))
    assert 0.0 in as_zero
    assert asked[0] == 96
    assert len(asked) == 1 + 2 * 30
    assert {a + b for a, b in zip(asked[1::2], asked[2::2], strict=True)} == {96}


def test_every_class_is_split_in_two_halves_and_random_groups_are_of_all_classes() -> None:
    x, y = seen(n=21)
    told: list[Tensor] = []

    def spy(activations: Any, labels: Any) -> Tensor:
        told.append(torch.bincount(labels, minlength=C + 1))
        return torch.zeros(C + 1, U, dtype=torch.bool)

    formation(spy, x, y, items(C, 9, 5), generator=generator_from(0), splits=1, nulls=1)
    whole, first, second, null, one, other = told
    assert whole.tolist() == [21] * C + [9]
    assert (first + second).tolist() == whole.tolist()
    assert int((first - second).abs().max()) == 1
    assert null.sum() == 84
    assert int(null[C]) == 9
    assert int(null[:C].max() - null[:C].min()) <= 1
    assert (one + other).tolist() == null.tolist()


def test_chance_has_ensembles_of_its_own_and_p_says_so() -> None:
    """A detector that takes any twelve units finds them in every random group as well."""
    (x, y), g = seen(), generator_from(3)

    def any_units(activations: Any, labels: Any) -> Tensor:
        members = torch.zeros(C + 1, U, dtype=torch.bool)
        members[C, torch.randperm(U, generator=g)[:12]] = True
        return members

    found = formation(
        any_units, x, y, items(C, 16, 9), generator=generator_from(0), splits=40, nulls=19
    )
    assert found.p_size == 1
    assert found.p_jaccard > 0.1
    assert found.jaccard == pytest.approx(found.chance, abs=0.04)


def test_arrays_give_arrays_and_order_of_units_does_not_matter() -> None:
    x, y = seen()
    group = items(C, 16, 9)
    ask = partial(formation, detector, splits=2, nulls=3)
    found = ask(x.numpy(), y.numpy(), group.numpy(), generator=generator_from(0))
    for name in ("members", "seen", "jaccards", "null_sizes", "null_jaccards"):
        assert isinstance(getattr(found, name), np.ndarray)
    order = torch.randperm(U, generator=generator_from(1))
    again = ask(x[:, order], y, group[:, order], generator=generator_from(0))
    assert again.jaccards.tolist() == found.jaccards.tolist()
    assert torch.equal(again.members, torch.from_numpy(found.members)[order])


def test_what_does_not_fit_is_refused() -> None:
    x, y = seen()
    group = items(C, 16, 9)
    g = generator_from(0)
    for wrong in ((x, y[:-1], group), (x, y, group[:3]), (x, y, group[:, :9])):
        with pytest.raises(InputError):
            formation(detector, *wrong, generator=g)
    with pytest.raises(InputError, match="random groups"):
        formation(detector, x, y, x[:70], generator=g, nulls=1)
    with pytest.raises(InputError, match="members"):
        formation(lambda a, b: detector(a, b)[:C], x, y, group, generator=g)


def test_shared_units_beside_chance() -> None:
    members = torch.zeros(4, 100, dtype=torch.bool)
    members[0, :10] = True
    members[1, 50:60] = True
    members[2, 5:60] = True
    group = torch.arange(100) < 8
    found = shared_units(group, members)
    assert found.observed.tolist() == [8, 0, 3, 0]
    torch.testing.assert_close(
        found.expected, torch.tensor([0.8, 0.8, 4.4, math.nan], dtype=torch.float64), equal_nan=True
    )
    assert float(found.ratio[0]) == pytest.approx(10)
    for j, size in enumerate((10, 10, 55)):
        law = hypergeom(100, size, 8)
        k = int(found.observed[j])
        assert float(found.p_more[j]) == pytest.approx(law.sf(k - 1))
        assert float(found.p_fewer[j]) == pytest.approx(law.cdf(k))
    for name in ("expected", "ratio", "p_more", "p_fewer"):
        assert bool(getattr(found, name)[3].isnan())
        assert bool(getattr(shared_units(group & False, members), name).isnan().all())
    as_arrays = shared_units(group.numpy(), members.numpy())
    assert isinstance(as_arrays.ratio, np.ndarray)
    with pytest.raises(InputError, match="members"):
        shared_units(group[:9], members)


def test_dead_units_are_no_units_to_be_drawn() -> None:
    """Among live units alone, what looked like sharing is chance."""
    live = torch.arange(60) < 20
    group, members = torch.zeros(60, dtype=torch.bool), torch.zeros(1, 60, dtype=torch.bool)
    group[:10], members[0, 5:15] = True, True
    counted, fair = shared_units(group, members), shared_units(group, members, among=live)
    assert counted.ratio.tolist() == [5 / (10 * 10 / 60)]
    assert fair.ratio.tolist() == [1.0]
    expected = hypergeom(20, 10, 10).sf(4)
    assert fair.p_more.tolist() == pytest.approx([expected])
    with pytest.raises(InputError, match="not among"):
        shared_units(group, members, among=live & (torch.arange(60) > 2))


def test_chance_of_a_formation_is_that_of_live_units() -> None:
    x, y = seen()
    group = items(C, 16, 9)
    dead = torch.zeros(len(x), 3 * U), torch.zeros(len(group), 3 * U)
    wide, new = torch.cat([x, dead[0]], 1), torch.cat([group, dead[1]], 1)
    ask = partial(formation, detector, splits=5)
    alone = ask(x, y, group, generator=generator_from(0))
    # the same sets, in a layer four times as wide
    padded = partial(formation, lambda h, y: pad(detector(h[:, :U], y), (0, 3 * U)), splits=5)
    live = torch.arange(4 * U) < U
    fair = padded(wide, y, new, generator=generator_from(0), among=live)
    assert fair.chance == pytest.approx(alone.chance)
    assert padded(wide, y, new, generator=generator_from(0)).chance < alone.chance
