"""Goodness becomes as sure as it is right, on labelled items that were not learned."""

import io
from typing import Any

import pytest
import torch
from torch import Tensor

from pauca import metrics
from pauca.errors import CapabilityError, InputError, UsageError
from pauca.forward import calibrate
from pauca.learners import make_learner
from pauca.learners.calibrations import CrossFit, HeldOut, calibrations
from pauca.learners.companions import attach
from pauca.learners.forward_forward import AbstractForward
from pauca.rng import Streams, generator_from, split
from pauca.session import Session
from pauca.strategies import AbstractStrategy, make_strategy, strategies
from pauca.testing.fakes import tiny_image_dataset
from pauca.testing.learners import LEARNER_CHECKS, maker
from tests.learners.test_forward_forward import NAMES, a_learner, a_task, ids_of, same, some
from tests.learners.test_long import Cut, Kept
from tests.own import own_names

both = pytest.mark.parametrize("name", NAMES)
WAYS: dict[str, Any] = {
    "cross-fit": {"name": "cross-fit", "folds": 3},
    "held-out": {"name": "held-out", "share": 0.3},
}
DATA = tiny_image_dataset(40)
NEEDS = frozenset({"probs", "members", "goodness", "theta"})


def noisy(n: int, seed: int, task: Any = None) -> tuple[Tensor, Tensor]:
    """Items of which a third have another label than their bar says."""
    x, y = some(n, task, seed)
    g = generator_from(seed + 50)
    wrong = torch.rand(n, generator=g) < 0.33
    return x, torch.where(wrong, torch.randint(4, (n,), generator=g), y)


def trained(name: str, calibration: Any, n: int = 60, **settings: Any) -> AbstractForward:
    chosen = {"steps": 150, "negatives": "all", **settings}
    learner = a_learner(name, calibration=calibration, **chosen)
    learner.fit(*noisy(n, 0), generator=generator_from(1))
    return learner


@both
@pytest.mark.parametrize("scale", [0.05, 30.0])
def test_cross_fitting_changes_neither_net_nor_answer_but_how_sure_it_is(
    name: str, scale: float
) -> None:
    """From far too little to far too much."""
    readout = {"name": "sum", "scale": scale}
    plain, calibrated = (trained(name, way, readout=readout) for way in (None, "cross-fit"))
    assert plain.calibration is None
    assert same(plain.state(), calibrated.state())
    x, y = noisy(400, 7)
    before, after = (a.outputs(x, ids_of(x)).probs[0] for a in (plain, calibrated))
    assert torch.equal(before.argmax(1), after.argmax(1))
    assert metrics.nll(y, after) < metrics.nll(y, before) - 0.1
    assert metrics.ece(y, after) < metrics.ece(y, before) - 0.1
    assert metrics.ece(y, after) < 0.15


@both
@pytest.mark.parametrize("readout", ["softmax-sum", {"name": "sum", "skip": 1}])
def test_temperatures_are_those_of_what_each_fold_left_out(name: str, readout: Any) -> None:
    learner = trained(name, WAYS["cross-fit"], readout=readout)
    x, y = noisy(60, 0)
    other = split(generator_from(1), "calibration")[0]
    apart = CrossFit(3).apart(y, other)
    goodness, labels = [], []
    for learned, left in apart.folds:
        fold = a_learner(name, steps=150, negatives="all", readout=readout)
        fold.fit(x[learned], y[learned], generator=other)
        told = fold.outputs(x[left], left, needs=frozenset({"goodness"})).goodness
        assert told is not None
        goodness.append(told)
        labels.append(y[left])
    rule: Any = learner.recipe.readout
    expected = calibrate(rule, torch.cat(goodness), torch.cat(labels))
    assert learner.calibration == expected
    assert expected.items == 60


@both
def test_what_is_held_out_is_not_learned(name: str) -> None:
    learner = trained(name, WAYS["held-out"])
    x, y = noisy(60, 0)
    apart = HeldOut(0.3).apart(y, split(generator_from(1), "calibration")[0])
    assert sorted(torch.cat([apart.own, apart.held]).tolist()) == list(range(60))
    alone = a_learner(name, steps=150, negatives="all")
    alone.fit(x[apart.own], y[apart.own], generator=generator_from(1))
    assert same(alone.state(), learner.state())
    goodness = alone.outputs(x[apart.held], apart.held, needs=NEEDS).goodness
    assert goodness is not None
    rule: Any = learner.recipe.readout
    assert learner.calibration == calibrate(rule, goodness, y[apart.held])


@pytest.mark.parametrize("n", [2, 3, 7, 40])
@pytest.mark.parametrize("folds", [2, 3, 5])
def test_every_item_is_left_out_once_and_parts_are_stratified(n: int, folds: int) -> None:
    y = torch.arange(n) ** 2 % 4
    apart = CrossFit(folds).apart(y, generator_from(0))
    assert apart.own.tolist() == list(range(n))
    assert len(apart.folds) == min(folds, n)
    left = [left for _, left in apart.folds]
    assert sorted(torch.cat(left).tolist()) == list(range(n))
    for learned, out in apart.folds:
        assert sorted([*learned.tolist(), *out.tolist()]) == list(range(n))
        assert abs(len(out) - n / len(apart.folds)) < 1
    for k in torch.unique(y).tolist():
        counts = [int((y[out] == k).sum()) for out in left]
        assert max(counts) - min(counts) <= 1


@both
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("n", [1, 2, 5])
def test_few_labels_are_enough_to_train(name: str, way: str, n: int) -> None:
    learner = a_learner(name, calibration=WAYS[way])
    learner.fit(*some(n), generator=generator_from(0))
    found = learner.calibration
    expected = {"cross-fit": {1: 0, 2: 2, 5: 5}, "held-out": {1: 0, 2: 0, 5: 1}}
    assert (0 if found is None else found.items) == expected[way][n]
    out = learner.outputs(*(some(9)[0], torch.arange(9)), needs=learner.gives)
    assert out.has == learner.gives
    theta = 3.0 * (2 if name == "forward-forward" else 1) if found is None else found.theta
    assert out.extras["theta"].tolist() == pytest.approx([theta] * 9)


def test_where_no_threshold_is_known_no_label_passes() -> None:
    settings: dict[str, Any] = {"loss": "cross-entropy", "negatives": "all"}
    assert "theta" not in a_learner("bp-ff", **settings).gives
    learner = a_learner("bp-ff", calibration="cross-fit", **settings)
    assert "theta" in learner.gives
    learner.fit(*some(1), generator=generator_from(0))
    told = learner.outputs(some(3)[0], torch.arange(3), needs=learner.gives)
    assert told.extras["theta"].tolist() == [float("inf")] * 3


@both
def test_members_are_the_heard_layers(name: str) -> None:
    x, _ = some(20, seed=3)
    for calibration in (None, "cross-fit"):
        learner = trained(name, calibration)
        told = learner.outputs(x, ids_of(x), needs=NEEDS)
        assert told.goodness is not None
        assert told.probs.shape == (2, 20, 4)
        cal = learner.calibration
        for layer in range(2):
            heat = 1.0 if cal is None else cal.layers[layer]
            torch.testing.assert_close(
                told.probs[layer], (told.goodness[..., layer] / heat).softmax(1)
            )
        if cal is None:  # the published rule is the mean of its members
            alone = learner.outputs(x, ids_of(x)).probs[0]
            torch.testing.assert_close(told.mean_probs, alone)
    assert "members" not in a_learner(name, readout={"name": "sum", "skip": 1}).gives
    one = a_learner(name, widths=[8])
    assert not {"members", "layers"} & one.gives
    mixed = a_learner(name, negatives="hybrid-mask", readout="probe")
    assert mixed.gives == {"probs", "features"}


@both
@pytest.mark.parametrize("way", WAYS)
def test_the_calibration_travels_with_the_state(name: str, way: str) -> None:
    learner = trained(name, WAYS[way])
    file = io.BytesIO()
    torch.save(learner.state(), file)
    file.seek(0)
    state = torch.load(file, weights_only=True)
    other = a_learner(name, negatives="all", calibration=WAYS[way])
    other.load_state(state)
    assert other.calibration == learner.calibration
    x, _ = some(9, seed=4)
    one, two = (a.outputs(x, ids_of(x), needs=NEEDS) for a in (learner, other))
    assert torch.equal(one.probs, two.probs)
    with pytest.raises(InputError, match="calibration"):
        a_learner(name, negatives="all").load_state(state)


@both
def test_a_training_cut_off_is_calibrated_as_one_left_alone(name: str) -> None:
    settings: dict[str, Any] = {"calibration": "cross-fit", "negatives": "all", "steps": 60}
    alone = a_learner(name, **settings)
    told: list[float] = []
    report = alone.fit(*some(40), generator=generator_from(1), progress=told.append)
    assert report.steps == 60
    assert report.companion_steps == 3 * 60
    assert told == sorted(told)
    assert told[-1] == 1
    kept = Kept(20, 33)
    with pytest.raises(Cut):
        a_learner(name, **settings).fit_long(
            *some(40), generator=generator_from(1), checkpoint=kept
        )
    kept.asked, kept.fail_at = 0, 0
    after = a_learner(name, **settings)
    after.fit_long(*some(40), generator=generator_from(1), checkpoint=kept)
    assert same(after.state(), alone.state())
    assert after.calibration == alone.calibration


@both
def test_pseudo_labels_are_learned_and_never_calibrated_on(name: str) -> None:
    x, y = noisy(30, 0)
    more = noisy(20, 9)
    for way in WAYS:
        learner = a_learner(name, calibration=WAYS[way], negatives="all")
        learner.fit_more(x, y, more, generator=generator_from(1))
        assert learner.calibration is not None
        apart = learner.calibrating.apart(y, generator_from(0)) if learner.calibrating else None
        assert apart is not None
        assert learner.calibration.items == max(30 * (way == "cross-fit"), len(apart.held))
    plain = a_learner(name, negatives="all")
    plain.fit_more(x, y, more, generator=generator_from(1))
    joined = a_learner(name, negatives="all")
    joined.fit(torch.cat([x, more[0]]), torch.cat([y, more[1]]), generator=generator_from(1))
    assert same(plain.state(), joined.state())


@both
def test_what_makes_no_sense_is_refused_by_name(name: str) -> None:
    assert calibrations.names() == ("cross-fit", "held-out")
    wrong: list[Any] = ["croos-fit", {"name": "held-out", "part": 1}, {"folds": 3}]
    for calibration in wrong:
        with pytest.raises(UsageError):
            make_learner(name, task=a_task(), calibration=calibration)
    for calibration in (
        {"name": "held-out", "share": 0.0},
        {"name": "held-out", "share": 1.0},
        {"name": "cross-fit", "folds": 1},
    ):
        with pytest.raises(InputError, match="calibration"):
            make_learner(name, task=a_task(), calibration=calibration)
    with pytest.raises(UsageError, match="nothing to calibrate"):
        make_learner(name, task=a_task(), calibration="held-out", readout="probe")


@both
@pytest.mark.parametrize("way", WAYS)
def test_contract(name: str, way: str) -> None:
    settings: dict[str, Any] = {"widths": [12, 8], "steps": 12, "batch": 16}
    for check in LEARNER_CHECKS:
        check(maker(name, calibration=WAYS[way], **settings), tiny_image_dataset(30))


GRADIENTS = {"adversarial-bim", "adversarial-deepfool", "loss-prediction", "waal"}
"""What needs gradients of a cross-entropy: refused by name, before any training."""


def begun(strategy: AbstractStrategy, inner: AbstractForward) -> Session:
    learner = attach(strategy.companion, inner, strategy.companion_settings)
    return Session(DATA.train.x, learner, strategy, streams=Streams(0), block=10)


@both
@pytest.mark.parametrize("asks", own_names(strategies))
def test_any_strategy_asks_a_forward_learner_through_the_seam(name: str, asks: str) -> None:
    strategy = make_strategy(asks)
    settings: dict[str, Any] = {"widths": [12, 8], "steps": 12, "batch": 16}
    inner = a_learner(name, DATA.task, calibration="cross-fit", **settings)
    if asks in GRADIENTS:
        with pytest.raises(CapabilityError):
            begun(strategy, inner)
        return
    session = begun(strategy, inner)
    y = DATA.train.y
    assert y is not None
    for _ in range(3):
        ids = session.ask(6)
        assert len(torch.unique(ids)) == 6
        session.tell(ids, y[ids])
