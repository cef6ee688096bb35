from typing import Any

import pytest
import torch

from pauca.errors import CapabilityError
from pauca.learners.base import make_learner
from pauca.learners.untrained import untrained
from pauca.rng import generator_from
from pauca.testing.fakes import FakeLearner
from tests.learners.test_forward_forward import a_task, some
from tests.learners.test_subject import LEARNERS


@pytest.mark.parametrize(
    ("name", "more"),
    [*((name, {}) for name in LEARNERS), ("forward-forward", {"pixels": "centred"})],
)
def test_it_is_the_net_that_training_begins_with(name: str, more: dict[str, Any]) -> None:
    """A rate too small to move a weight shows where training began."""
    settings = {**LEARNERS[name], **more, "rate": 1e-30, "steps": 4}
    x, y = some()
    begun, still = (make_learner(name, task=a_task(), **settings) for _ in range(2))
    begun.fit(x, y, generator=generator_from(3))
    untrained(still, x, y, generator=generator_from(3))
    assert still.fitted
    for key, weight in begun.state()["net"].items():
        assert torch.equal(weight, still.state()["net"][key]), key
    assert torch.equal(begun.predict(x), still.predict(x))
    for layer, shown in begun.activations(x, label=y).items():
        assert torch.equal(shown, still.activations(x, label=y)[layer])


def test_what_cannot_be_untrained_is_refused() -> None:
    x, y = some()
    probe = make_learner("forward-forward", task=a_task(), widths=(8,), steps=1, readout="probe")
    with pytest.raises(CapabilityError, match="by what it learned"):
        untrained(probe, x, y, generator=generator_from(0))
    with pytest.raises(CapabilityError, match="cannot be had untrained"):
        untrained(FakeLearner(task=a_task()), x, y, generator=generator_from(0))
