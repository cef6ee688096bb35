from typing import Any

import pytest
import torch
from torch import Tensor

from pauca.analysis import AbstractSubject, hold, silence
from pauca.errors import CapabilityError, InputError
from pauca.learners.base import AbstractLearner, make_learner
from pauca.learners.companions.base import attach
from pauca.learners.subject import subject
from pauca.rng import generator_from
from pauca.testing.fakes import FakeLearner
from tests.learners.test_forward_forward import a_task, some

LEARNERS: dict[str, dict[str, Any]] = {
    "forward-forward": {"widths": [24, 16], "steps": 60, "batch": 32, "rate": 0.02},
    "bp-ff": {"widths": [24, 16], "steps": 60, "batch": 32, "rate": 0.02},
    "backprop": {"net": "mlp", "net_params": {"widths": [24, 16]}, "steps": 60, "batch": 32},
}
each = pytest.mark.parametrize("name", LEARNERS)


def trained(name: str, **settings: Any) -> AbstractLearner:
    learner = make_learner(name, task=a_task(), **{**LEARNERS[name], **settings})
    learner.fit(*some(), generator=generator_from(1))
    return learner


def half(subject: AbstractSubject, x: Tensor) -> Tensor:
    u = subject.activations(x[:1])["layer1"].shape[1]
    return torch.rand(u, generator=generator_from(4)) < 0.5


@each
def test_a_learner_as_a_subject_answers_and_shows_what_the_learner_does(name: str) -> None:
    learner, (x, y) = trained(name), some(30, seed=5)
    whole = subject(learner)
    assert torch.equal(whole.predict(x), learner.predict(x))
    for label in ("neutral", "absent", y):
        mine, own = whole.activations(x, label), learner.activations(x, label=label)
        assert list(mine) == list(own) == list(whole.layers) == ["layer1", "layer2"]
        assert all(torch.equal(mine[layer], own[layer]) for layer in own)


@each
def test_a_lesion_is_the_net_without_the_units_weights(name: str) -> None:
    """A rectified unit whose weights and bias are 0 is silent."""
    learner, (x, _) = trained(name), some(60, seed=5)
    whole = subject(learner)
    units = half(whole, x)
    lesioned = whole.lesioned("layer1", units)
    prefix = "layers.0." if name != "backprop" else "layer1.0."
    weight, bias = (whole.module.get_parameter(prefix + kind) for kind in ("weight", "bias"))
    without = whole.reweighted(
        {prefix + "weight": weight * ~units[:, None], prefix + "bias": bias * ~units}
    )
    for layer, shown in lesioned.activations(x).items():
        torch.testing.assert_close(shown, without.activations(x)[layer])
    assert torch.equal(lesioned.predict(x), without.predict(x))
    assert torch.equal(whole.predict(x), learner.predict(x))


@each
def test_no_lesion_changes_nothing_and_a_whole_layer_leaves_one_answer(name: str) -> None:
    learner, (x, _) = trained(name), some(60, seed=5)
    whole = subject(learner)
    none, every = torch.zeros(16, dtype=torch.bool), torch.ones(16, dtype=torch.bool)
    assert torch.equal(whole.lesioned("layer2", none).predict(x), whole.predict(x))
    if name == "backprop":
        assert len(torch.unique(whole.lesioned("layer2", every).predict(x))) == 1
        return
    # the first layer still has goodness of its own, so both have to be silent
    silent = whole.lesioned("layer2", every).lesioned("layer1", torch.ones(24, dtype=torch.bool))
    assert len(torch.unique(silent.predict(x))) == 1


@each
def test_driven_units_are_at_their_level_and_reach_what_follows(name: str) -> None:
    learner, (x, _) = trained(name), some(20, seed=5)
    whole = subject(learner)
    units = half(whole, x)
    driven = whole.driven("layer1", units, 3.0)
    shown, before = driven.activations(x), whole.activations(x)
    assert bool((shown["layer1"][:, units] == 3).all())
    assert torch.equal(shown["layer1"][:, ~units], before["layer1"][:, ~units])
    assert not torch.equal(shown["layer2"], before["layer2"])


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("forward-forward", {}),
        ("bp-ff", {"readout": "sum"}),
        ("forward-forward", {"shortlist": 2}),
        ("forward-forward", {"readout": "probe"}),
        ("forward-forward", {"recipe": "quick", "widths": [24, 16]}),
        ("backprop", {}),
    ],
    ids=["softmax-sum", "sum", "shortlist", "probe", "quick", "backprop"],
)
@pytest.mark.parametrize("layer", ["layer1", "layer2"])
def test_answers_under_each_edit_are_those_of_each_edited_subject(
    name: str, settings: dict[str, Any], layer: str
) -> None:
    learner = trained(name, **settings)
    whole = subject(learner)
    # noise, on which layers disagree
    x = torch.randint(256, (80, 1, 6, 6), generator=generator_from(6)).to(torch.uint8)
    u = whole.activations(x[:1])[layer].shape[1]
    masks = [torch.rand(u, generator=generator_from(s)) < s / 5 for s in range(6)]
    edits = [silence(mask) for mask in masks] + [hold(mask, 2.0) for mask in masks]
    found = whole.predict_each(x, layer, edits)
    one_by_one = torch.stack([whole.edited({layer: edit}).predict(x) for edit in edits])
    assert torch.equal(found, one_by_one)
    assert torch.equal(found[0], learner.predict(x))
    assert len(torch.unique(found, dim=0)) > 1


def test_a_convolutional_net_is_lesioned_number_by_number() -> None:
    learner = trained("backprop", net="convnet", net_params={"widths": [4, 4], "hidden": 8})
    (x, _), whole = some(20, seed=5), subject(learner)
    u = whole.activations(x[:1])["conv1"].shape[1]
    units = torch.arange(u) < u // 2
    assert float(whole.lesioned("conv1", units).activations(x)["conv1"][:, units].max()) == 0
    every = torch.ones(8, dtype=torch.bool)
    assert len(torch.unique(whole.lesioned("dense", every).predict(x))) == 1


def test_a_companion_is_its_learner_and_other_learners_are_refused() -> None:
    (x, y), task = some(), a_task()
    alone = make_learner("backprop", task=task, **LEARNERS["backprop"])
    learner = attach("pseudo-labels", alone)
    learner.fit(x, y, generator=generator_from(1), unlabelled=x[:0])
    assert torch.equal(subject(learner).predict(x), alone.predict(x))
    with pytest.raises(CapabilityError, match="subject"):
        subject(FakeLearner(task=task))
    with pytest.raises(InputError, match="trained"):
        subject(make_learner("bp-ff", task=task, **LEARNERS["bp-ff"]))


@each
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_activity_that_is_not_finite_gives_no_answer(name: str, bad: float) -> None:
    whole, (x, _) = subject(trained(name)), some(30, seed=5)
    for layer in whole.layers:
        with pytest.raises(InputError, match="NaN or infinite"):
            whole.edited({layer: lambda h: h * 0 + bad}).predict(x)
        with pytest.raises(InputError, match="NaN or infinite"):
            whole.predict_each(x, layer, [lambda h: h * 0 + bad])


@each
def test_a_mask_is_a_lesion_of_any_learner(name: str) -> None:
    whole, (x, _) = subject(trained(name)), some(30, seed=5)
    units = half(whole, x)
    right = whole.lesioned("layer1", units).predict(x)
    assert torch.equal(whole.edited({"layer1": units.numpy()}).predict(x), right)
    assert torch.equal(whole.predict_each(x, "layer1", [units])[0], right)
