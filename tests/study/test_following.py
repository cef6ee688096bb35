"""What is seen of a learner while labels arrive, against plain computations."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import entropy
from sklearn.metrics import cohen_kappa_score
from torch import Tensor

from pauca.analysis import hoyer, jaccard, match_units, matched_jaccard, overlap, selective
from pauca.learners import AbstractLearner, make_learner
from pauca.rng import Streams, generator_from
from pauca.study import settings_from
from pauca.study.following import Watch
from pauca.study.openset import World, opened
from pauca.testing import tiny_image_dataset
from tests.study.plugin import study
from tests.study.test_cells import done, replayed, timeless

DATA = tiny_image_dataset(240)
NET: dict[str, Any] = {"net": "mlp", "net_params": {"widths": [24, 12]}, "steps": 40}


def trained(seed: int, n: int = 60, **settings: Any) -> AbstractLearner:
    assert DATA.train.y is not None
    learner = make_learner("backprop", task=DATA.task, **{**NET, **settings})
    learner.fit(DATA.train.x[:n], DATA.train.y[:n], generator=generator_from(seed))
    return learner


@pytest.fixture(scope="module")
def world() -> World:
    return opened(DATA, {}, Streams(4))


def test_the_stop_set_is_a_fixed_part_of_the_pool(world: World) -> None:
    first, again, other = (Watch(world, 50, False, Streams(4, r)) for r in (0, 0, 1))
    assert len(first.stop_ids) == 50
    assert first.stop_ids.tolist() == sorted(set(first.stop_ids.tolist()))
    assert torch.equal(first.stop_ids, again.stop_ids)
    assert not torch.equal(first.stop_ids, other.stop_ids)
    assert len(Watch(world, 1000, False, Streams(4)).stop_ids) == 240
    assert not Watch(world, 0, False, Streams(4)).looks


def test_what_rules_read_is_what_scipy_and_scikit_learn_say(world: World) -> None:
    watch = Watch(world, 80, False, Streams(4))
    old, new = trained(0, 12), trained(1, 40)
    before, now = watch.look(old, 0), watch.look(new, 1)
    answered = watch.stop_ids[:30]
    found = watch.record(now, before, answered, same_units=False)["stopping"]
    x = world.pool.x[watch.stop_ids]
    probs = new.outputs(x, torch.arange(80)).mean_probs.double().numpy()
    left = probs[30:]
    assert found["items"] == 50
    assert found["confidence"] == pytest.approx(probs.max(1).mean())  # whatever was answered
    spread = entropy(left, axis=1) / math.log(3)
    assert found["uncertainty"] == pytest.approx(spread.mean())
    assert found["max_uncertainty"] == pytest.approx(spread.max())
    named, earlier = probs.argmax(1), old.predict(x).numpy()
    assert found["changed"] == pytest.approx(np.mean(named[30:] != earlier[30:]))
    assert found["kappa"] == pytest.approx(cohen_kappa_score(named, earlier))
    assert "stability" not in found
    first = watch.record(before, None, answered, same_units=False)["stopping"]
    assert first["changed"] is first["kappa"] is None
    nothing = watch.record(now, before, watch.stop_ids, same_units=False)["stopping"]
    assert nothing["items"] == 0
    assert nothing["uncertainty"] is nothing["max_uncertainty"] is nothing["changed"] is None
    for of_all in ("confidence", "kappa"):
        assert nothing[of_all] == found[of_all]


def test_a_model_compared_with_itself_changes_nothing(world: World) -> None:
    watch = Watch(world, 100, True, Streams(4))
    look = watch.look(trained(0), 0)
    none = torch.empty(0, dtype=torch.int64)
    found = watch.record(look, look, none, same_units=True)
    assert (found["stopping"]["changed"], found["stopping"]["kappa"]) == (0, 1)
    assert found["stopping"]["stability"] == 1
    for layer in found["follow"].values():
        assert layer["selective"]["stability"] == layer["selective"]["matched"] == 1


def permuted(learner: AbstractLearner, seed: int) -> AbstractLearner:
    """The same net, the units of its first layer in another order."""
    state = learner.state()
    names = list(state["net"])
    weight, bias, after = names[0], names[1], names[2]
    order = torch.randperm(len(state["net"][bias]), generator=generator_from(seed))
    state["net"][weight] = state["net"][weight][order]
    state["net"][bias] = state["net"][bias][order]
    state["net"][after] = state["net"][after][:, order]
    other = make_learner("backprop", task=DATA.task, **NET)
    other.load_state(state)
    return other


def test_units_in_another_order_are_found_again(world: World) -> None:
    watch = Watch(world, 100, True, Streams(4))
    learner = trained(0)
    other = permuted(learner, 3)
    x = DATA.train.x[:9]
    torch.testing.assert_close(
        other.outputs(x, torch.arange(9)).probs, learner.outputs(x, torch.arange(9)).probs
    )
    now, before = watch.look(other, 1), watch.look(learner, 0)
    none = torch.empty(0, dtype=torch.int64)
    found = watch.record(now, before, none, same_units=False)
    first = found["follow"]["layer1"]["selective"]
    assert first["matched"] == pytest.approx(1)
    assert first["stability"] < 0.7
    assert found["stopping"]["stability"] == pytest.approx(1)
    as_they_stand = watch.record(now, before, none, same_units=True)
    assert as_they_stand["stopping"]["stability"] < 0.9


def test_ensembles_are_those_of_the_analysis(world: World) -> None:
    watch = Watch(world, 0, True, Streams(4))
    old, new = trained(0), trained(1)
    now, before = watch.look(new, 1), watch.look(old, 0)
    none = torch.empty(0, dtype=torch.int64)
    found = watch.record(now, before, none, same_units=False)
    assert "stopping" not in found
    x, y = _followed(watch)
    assert len(x) == 120  # every test item: fewer than 1,000
    for layer, h in new.activations(x).items():
        kept = found["follow"][layer]
        members = selective(h, y).members
        assert kept["hoyer"] == pytest.approx(float(hoyer(h).nanmean()))
        assert found["ensembles"][layer]["selective"] == members.sum(1).tolist()
        assert kept["selective"]["size"] == pytest.approx(float(members.sum(1).double().mean()))
        live = (h != 0).any(0) | members.any(0)
        ratio = overlap(members, among=live).ratio
        assert kept["selective"]["sharing"] == pytest.approx(float(ratio[~ratio.isnan()].mean()))
        theirs = old.activations(x)[layer]
        even = torch.arange(len(x)) % 2 == 0
        a, b = (selective(each[~even], y[~even]).members for each in (h, theirs))
        match = match_units(h[even], theirs[even])
        both = matched_jaccard(match, a, b)
        assert kept["selective"]["matched"] == pytest.approx(float(both.nanmean()))
        assert kept["selective"]["stability"] == pytest.approx(float(jaccard(a, b).nanmean()))


def _followed(watch: Watch) -> tuple[Tensor, Tensor]:
    split = watch._followed
    assert split.y is not None
    return split.x, split.y


@pytest.mark.parametrize("warm", [False, True])
def test_a_watched_cell_that_was_cut_off_keeps_the_same(warm: bool) -> None:
    learner = {"name": "backprop", **NET, "steps": 5, "warm": warm}
    store = done(
        study(
            active__learner=learner,
            active__repetitions=1,
            active__strategies=["margin"],
            active__stop_set=30,
            active__follow=True,
        )
    )
    (run,) = store.runs()
    assert run.rounds[0]["stopping"]["kappa"] is None
    assert [record["stopping"]["kappa"] is None for record in run.rounds] == [True, *[False] * 3]
    blobs = {name: store.blob(run.spec.id, name) for name in store.blobs(run.spec.id)}
    for rounds in (1, 3):
        assert timeless(replayed(run, blobs, rounds)) == timeless(run)


@pytest.mark.parametrize(
    ("strategy", "warm", "same"),
    [("margin", False, False), ("margin", True, True), ("ceal", False, False)],
)
def test_a_cell_says_whether_units_stay_the_same(
    strategy: str, warm: bool, same: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pseudo-labels go on from the last model, but the net that learns from them is a new one."""
    said: list[bool] = []
    record = Watch.record

    def heard(self: Watch, *args: Any, same_units: bool) -> dict[str, Any]:
        said.append(same_units)
        return record(self, *args, same_units=same_units)

    monkeypatch.setattr(Watch, "record", heard)
    learner = {"name": "backprop", **NET, "steps": 5, "warm": warm}
    active = {"learner": learner, "repetitions": 1, "strategies": [strategy], "stop_set": 30}
    done(study(**{f"active__{key}": value for key, value in active.items()}, active__follow=True))
    assert said == [same] * 4


def test_being_watched_changes_nothing_else() -> None:
    plain = done(study(active__repetitions=1))
    watched = done(study(active__repetitions=1, active__stop_set=30, active__follow=True))
    for one, other in zip(plain.runs(), watched.runs(), strict=True):
        for a, b in zip(timeless(one), timeless(other), strict=True):
            more = {"stopping", "follow", "ensembles"}
            assert {key: value for key, value in b.items() if key not in more} == a
            assert set(b) - set(a) == more


def test_a_stop_set_has_at_most_a_thousand_items() -> None:
    assert settings_from(study(active__stop_set=1000)).active is not None
    for wrong in (1001, -1, 2.5):
        with pytest.raises(Exception, match="stop_set"):
            settings_from(study(active__stop_set=wrong))
