from typing import Any

import pytest
import torch

from pauca.errors import CapabilityError
from pauca.learners.base import make_learner
from pauca.learners.subject import subject
from pauca.learners.wiring import wiring
from pauca.rng import generator_from
from pauca.testing.fakes import FakeLearner
from tests.learners.test_forward_forward import a_task, some
from tests.learners.test_subject import LEARNERS, trained

FORWARD = ("forward-forward", "bp-ff")


@pytest.mark.parametrize(
    ("name", "more"),
    [
        *((name, {}) for name in LEARNERS),
        *((name, {"normalisation": "layer", "pixels": "centred"}) for name in FORWARD),
        ("forward-forward", {"normalisation": "batch", "label": "append"}),
    ],
)
def test_weights_times_what_is_read_is_the_activity(name: str, more: dict[str, Any]) -> None:
    learner, (x, y) = trained(name, **more), some(20, seed=5)
    net = subject(learner).module
    for label in ("neutral", "absent", y):
        shown = learner.activations(x, label=label)
        wires = wiring(learner, x, label)
        assert list(wires) == list(shown)
        for layer, wire in wires.items():
            weight, bias = net.get_parameter(wire.weight), net.get_parameter(wire.bias)
            activity = (wire.inputs @ weight.T + bias).relu()
            torch.testing.assert_close(activity, shown[layer], rtol=1e-4, atol=1e-5)


def test_layers_of_another_kind_are_left_out() -> None:
    x, y = some()
    layers = ({"name": "conv2d", "channels": 4}, 12)
    mixed = make_learner("forward-forward", task=a_task(), widths=layers, steps=2, batch=8)
    mixed.fit(x, y, generator=generator_from(0))
    assert list(wiring(mixed, x)) == ["layer2"]
    deep = make_learner("backprop", task=a_task(), net_params={"widths": [4, 4]}, steps=2)
    deep.fit(x, y, generator=generator_from(0))
    assert list(deep.activations(x)) == ["conv1", "conv2", "dense"]
    assert list(wiring(deep, x)) == ["dense"]


def test_a_learner_whose_weights_are_not_known_is_refused() -> None:
    with pytest.raises(CapabilityError, match="weights of this learner"):
        wiring(FakeLearner(task=a_task()), some()[0])
