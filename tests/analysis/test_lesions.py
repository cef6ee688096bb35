import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pauca.analysis import ModuleSubject, dominance, lesion_matrix
from pauca.errors import InputError, UnknownNameError
from pauca.rng import generator_from
from tests.analysis.planted_net import EACH, C, U, planted, planted_items, planted_members


def subject(batch: int = 256) -> ModuleSubject:
    return ModuleSubject(planted(), ["act"], batch=batch)


def lesioned(draws: int = 20, **other: Any) -> Any:
    x, y = planted_items()
    given: dict[str, Any] = {
        "members": planted_members(),
        "generator": generator_from(0),
        "layer": "act",
    } | other
    return lesion_matrix(subject(), x, y, given.pop("members"), draws=draws, **given)


def test_the_matrix_of_the_planted_net_is_diagonal() -> None:
    """Class 3 is what is said when nothing speaks, so silence costs it nothing."""
    found = lesioned()
    assert found.base.tolist() == [1.0] * C
    assert torch.equal(found.drop, torch.diag(torch.tensor([1.0, 1, 1, 0], dtype=torch.float64)))
    assert found.size.tolist() == [EACH] * C
    for control in (found.by_size, found.by_activity):
        diagonal = control.p.diagonal()
        assert float(diagonal[:3].max()) == 1 / 21
        off = ~torch.eye(C, dtype=torch.bool)
        assert float(control.p[off].min()) > 0.1
        assert float(control.excess.diagonal()[:3].min()) > 0.5
        torch.testing.assert_close(control.excess, found.drop - control.mean)
    # idle units are as active as those that carry a class, all in all
    torch.testing.assert_close(found.by_activity.activity, found.activity, atol=0.1, rtol=0)


def test_each_drop_is_that_of_a_pass_by_hand() -> None:
    x, y = planted_items()
    model, members = planted(), planted_members()
    members[1, 7:] = False  # two of class 1's own units are left
    members[2] = False
    members[2, :3] = True  # units of class 0
    found = lesioned(members=members)
    with torch.no_grad():
        h = model.act(model.hidden(x))
        for j in range(C):
            right = (model.head(h * ~members[j]).argmax(1) == y).double()
            for k in range(C):
                assert float(found.drop[j, k]) == pytest.approx(1 - float(right[y == k].mean()))
        torch.testing.assert_close(
            found.activity, torch.stack([h.double().mean(0)[row].mean() for row in members])
        )


def test_empty_and_too_large_ensembles_and_absent_classes_are_undefined() -> None:
    members = planted_members()
    members[1] = False
    members[2] = True
    members[2, :3] = False
    x, y = planted_items()
    kept = y != 3
    found = lesion_matrix(
        subject(), x[kept], y[kept], members, layer="act", generator=generator_from(0), draws=3
    )
    assert found.base[:3].tolist() == [1.0] * 3
    assert bool(found.base[3].isnan())
    assert bool(found.drop[1].isnan().all())
    assert bool(found.drop[:, 3].isnan().all())
    assert float(found.drop[2, 2]) == 1
    assert bool(found.by_size.p[2].isnan().all())
    assert bool(found.by_size.mean[1:3].isnan().all())
    assert not bool(found.by_size.p[0, :3].isnan().any())
    assert bool(found.activity[1].isnan())
    single = lesioned(draws=1)
    assert bool(single.by_size.sd.isnan().all())
    assert float(single.by_size.p[0, 0]) == 0.5


def test_arrays_give_arrays_and_seeds_decide() -> None:
    found, again = lesioned(draws=4), lesioned(draws=4, members=planted_members().numpy())
    for name in ("base", "drop", "size", "activity"):
        assert isinstance(getattr(again, name), np.ndarray)
        np.testing.assert_array_equal(getattr(again, name), getattr(found, name).numpy())
    np.testing.assert_array_equal(again.by_activity.mean, found.by_activity.mean.numpy())
    alone = planted_members()
    alone[1:] = False  # the sets of one ensemble do not depend on the others
    assert torch.equal(lesioned(draws=4, members=alone).by_size.mean[0], found.by_size.mean[0])


def test_activity_can_be_matched_on_the_class_itself() -> None:
    x, y = planted_items()
    means = torch.stack([x[y == k].double().mean(0) for k in range(C)])
    found = lesioned(activity=means)
    torch.testing.assert_close(
        found.activity, torch.stack([means[k, 5 * k : 5 * k + 5].mean() for k in range(C)])
    )
    # no other unit is as active on the class itself, and that shows
    assert bool((found.by_activity.activity < 0.6 * found.activity).all())
    with pytest.raises(InputError, match="activity to match"):
        lesioned(activity=means[:2])


@settings(deadline=None, max_examples=5)
@given(seed=st.integers(0, 1000))
def test_items_and_units_may_stand_in_any_order(seed: int) -> None:
    x, y = planted_items()
    members, model, g = planted_members(), planted(), generator_from(seed)
    members[1, 7:] = False
    found = lesioned(draws=1, members=members)
    items, units = (torch.randperm(size, generator=g) for size in (len(x), U))
    with torch.no_grad():
        model.hidden.weight.copy_(model.hidden.weight[units])
        model.head.weight.copy_(model.head.weight[:, units])
    again = lesion_matrix(
        ModuleSubject(model, ["act"], batch=7), x[items], y[items], members[:, units], layer="act",
        generator=generator_from(0), draws=1,
    )  # fmt: skip
    torch.testing.assert_close(again.drop, found.drop)
    torch.testing.assert_close(again.activity, found.activity)


def test_wrong_arguments_are_refused() -> None:
    x, y = planted_items()
    members = planted_members()
    for wrong in (members[:3], members[:, :9], members.double(), members[0]):
        with pytest.raises(InputError, match="members"):
            lesioned(members=wrong)
    with pytest.raises(InputError, match="draws"):
        lesioned(draws=0)
    with pytest.raises(UnknownNameError, match="act"):
        lesioned(layer="atc")
    with pytest.raises(InputError, match="labels"):
        lesion_matrix(
            subject(), x, y[:-1], members, layer="act", generator=generator_from(0), draws=1
        )


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 1000), c=st.integers(2, 6))
def test_dominance_is_the_diagonal_against_the_rest_of_its_row(seed: int, c: int) -> None:
    table = torch.randn(c, c, generator=generator_from(seed), dtype=torch.float64)
    found = dominance(table, generator=generator_from(0), draws=50)
    others = [np.delete(table[j].numpy(), j).mean() for j in range(c)]
    own = table.diagonal().numpy()
    assert found.own.mean == pytest.approx(own.mean())
    assert found.others.mean == pytest.approx(np.mean(others))
    assert found.difference.mean == pytest.approx(np.mean(own - others))
    assert found.ensembles == found.own.n == c
    order = torch.randperm(c, generator=generator_from(seed))
    again = dominance(table[order][:, order], generator=generator_from(0), draws=50)
    assert again.difference.mean == pytest.approx(found.difference.mean)
    assert 1 / 51 <= found.p <= 1


def test_dominance_leaves_out_what_is_undefined_and_knows_chance() -> None:
    table = torch.eye(6, dtype=torch.float64)
    table[1] = math.nan  # no ensemble
    table[:, 4] = math.nan  # no items, and so no dominance of the ensemble of class 4
    found = dominance(table, generator=generator_from(0), draws=199)
    assert found.ensembles == 4
    assert found.own.mean == 1
    assert found.others.mean == 0
    assert found.p < 0.1
    nothing = dominance(table * math.nan, generator=generator_from(0))
    assert nothing.ensembles == 0
    assert math.isnan(nothing.own.mean)
    assert math.isnan(nothing.p)
    g = generator_from(3)
    chance = [
        dominance(torch.randn(5, 5, generator=g), generator=g, draws=59).p for _ in range(100)
    ]
    assert sum(p <= 0.1 for p in chance) <= 20  # 10 expected
    with pytest.raises(InputError, match="matrix"):
        dominance(table[:3], generator=g)
