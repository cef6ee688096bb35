from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from pauca.analysis import ModuleSubject, drive_matrix
from pauca.errors import InputError, UnknownNameError
from pauca.rng import generator_from
from tests.analysis.planted_net import EACH, C, linked, planted_items, planted_members

FOLLOWERS = torch.eye(C, dtype=torch.bool).repeat_interleave(2, 1)
OFF = ~torch.eye(C, dtype=torch.bool)


def driven(draws: int = 5, **other: Any) -> Any:
    x, y = planted_items()
    given: dict[str, Any] = {"x": x, "labels": y, "members": planted_members()}
    given |= {"followers": FOLLOWERS, "layer": "act", "read": "act2"}
    given |= {"generator": generator_from(0), "draws": draws}
    return drive_matrix(ModuleSubject(linked(), ["act", "act2"]), **given | other)


def test_the_linked_ensemble_follows_and_no_other_does() -> None:
    found = driven()
    assert found.driven.tolist() == [EACH // 2] * C
    x, y = planted_items()
    for k in range(C):
        # 2 of 5 units at about 1.5, read by their mean
        level = float(x[y == k][:, 5 * k : 5 * k + 5].mean())
        assert float(found.units.change[k, k]) == pytest.approx(2 * level / 5, rel=0.05)
    assert float(found.units.change[OFF].abs().max()) < 1e-6
    for control in (found.units.by_size, found.units.by_activity):
        assert float(control.p.diagonal().max()) == pytest.approx(1 / 6)
        assert float(control.mean.diagonal().abs().max()) < 0.3
    torch.testing.assert_close(
        found.units.by_size.excess, found.units.change - found.units.by_size.mean
    )
    # two units of about 1.5 do not outvote five of the item's own class
    assert float(found.answers.change.abs().max()) == 0


def test_enough_drive_is_answered_by_the_class() -> None:
    found = driven(level=torch.full((C, 50), 9.0, dtype=torch.float64))
    right = torch.eye(C, dtype=torch.float64) - (1 - torch.eye(C, dtype=torch.float64)) / (C - 1)
    torch.testing.assert_close(found.answers.change, right)


def test_changes_are_those_of_a_pass_by_hand() -> None:
    """An ensemble of ten, five of which carry another class: halves of five units are driven."""
    x, y = planted_items()
    members = planted_members()
    members[0, 5:10] = True
    given: list[tuple[Tensor, Tensor]] = []

    class Spy(ModuleSubject):
        def _edit(self, layer: str, edit: Any) -> Any:
            given.append((edit.units, edit.amount))
            return super()._edit(layer, edit)

    model = linked()
    found = drive_matrix(
        Spy(model, ["act", "act2"]), x, y, members, FOLLOWERS, layer="act", read="act2",
        generator=generator_from(0), draws=2,
    )  # fmt: skip
    halves = given[:2]  # the first sets that are driven are halves of the first ensemble
    others = y != 0
    changes, shares = [], []
    with torch.no_grad():
        h = model.act(model.hidden(x[others]))
        plain = model.act2(model.link(h))
        for mask, level in halves:
            assert int(mask.sum()) == 5
            assert bool((members[0] | ~mask).all())
            held = torch.where(mask, level.float(), h)
            after = model.act2(model.link(held))
            changes.append(torch.stack([(after - plain)[:, row].mean() for row in FOLLOWERS]))
            said = model.head(after).argmax(1)
            said_before = model.head(plain).argmax(1)
            counts = [float((said == k).sum() - (said_before == k).sum()) for k in range(C)]
            shares.append(torch.tensor(counts) / int(others.sum()))
    torch.testing.assert_close(found.units.change[0].float(), torch.stack(changes).mean(0))
    torch.testing.assert_close(found.answers.change[0].float(), torch.stack(shares).mean(0))
    # random sets are held at the levels of the halves, the more active units at the higher ones
    active = x.clamp(min=0).double().mean(0)
    for at in (2, 3, 4, 5):
        mask, level = given[at]
        assert not bool((mask & members[0]).any())
        half_mask, half_level = halves[at % 2]
        order = active[mask].argsort()
        torch.testing.assert_close(level[mask][order], half_level[half_mask].sort().values)


def test_nothing_follows_inside_a_layer_without_connections() -> None:
    found = driven(followers=planted_members(), read="act")
    assert float(found.units.change.abs().max()) < 1e-12


def test_undefined_rows_are_not_numbers() -> None:
    members = planted_members()
    members[1] = False
    members[2] = torch.arange(50) == 3
    x, y = planted_items()
    found = driven(members=members, x=x[y != 3], labels=y[y != 3])
    assert found.driven.tolist() == [2, 0, 0, 0]
    for of in (found.units, found.answers):
        assert bool(of.change[1:].isnan().all())
        assert bool(of.by_activity.p[1:].isnan().all())
        assert not bool(of.change[0].isnan().any())
    followers = FOLLOWERS.clone()
    followers[2] = False
    assert bool(driven(followers=followers).units.change[:, 2].isnan().all())


def test_arrays_seeds_and_refusals() -> None:
    found, again = driven(draws=2), driven(draws=2, members=planted_members().numpy())
    assert isinstance(again.units.change, np.ndarray)
    np.testing.assert_array_equal(again.units.by_size.mean, found.units.by_size.mean.numpy())
    with pytest.raises(UnknownNameError):
        driven(read="act3")
    for wrong in (
        {"followers": FOLLOWERS[:, :3]},
        {"followers": torch.cat([FOLLOWERS, FOLLOWERS])},
        {"level": torch.ones(50)},
        {"draws": 0},
    ):
        with pytest.raises(InputError):
            driven(**wrong)
