"""A training that is cut off goes on; a state knows by which choices it was learned."""

from collections.abc import Mapping
from typing import Any

import pytest
import torch

from pauca.errors import InputError
from pauca.learners import AbstractLearner, make_learner
from pauca.rng import generator_from
from tests.learners.test_forward_forward import a_learner, a_task, some

KINDS: dict[str, dict[str, Any]] = {
    "forward-forward": {"average": 0.9, "dropout": 0.2, "shift": 1, "normalisation": "batch"},
    "bp-ff": {"average": 0.9, "item_dropout": 0.1, "negatives": "hard"},
}


class Cut(Exception):
    """A power failure."""


class Kept:
    """In memory: saves after some steps, fails after others."""

    def __init__(self, save_at: int, fail_at: int) -> None:
        self.state: Mapping[str, Any] | None = None
        self.save_at, self.fail_at, self.asked = save_at, fail_at, 0

    def load(self) -> Mapping[str, Any] | None:
        return self.state

    def due(self) -> bool:
        self.asked += 1
        if self.asked == self.fail_at:
            raise Cut
        return self.asked == self.save_at

    def save(self, state: Mapping[str, Any]) -> None:
        self.state = state


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("at", [(10, 17), (30, 31), (41, 59)])
def test_a_training_cut_off_goes_on_to_the_same_model(name: str, at: tuple[int, int]) -> None:
    x, y = some()
    alone = a_learner(name, **KINDS[name])
    told: list[Mapping[str, float]] = []
    report = alone.fit_long(x, y, generator=generator_from(1), told=told.append)
    assert told == list(report.history)
    kept = Kept(*at)
    cut = a_learner(name, **KINDS[name])
    with pytest.raises(Cut):
        cut.fit_long(x, y, generator=generator_from(1), checkpoint=kept)
    assert not cut.fitted
    kept.asked, kept.fail_at = 0, 0
    after = a_learner(name, **KINDS[name])
    seen: list[Mapping[str, float]] = []
    again = after.fit_long(x, y, generator=generator_from(1), checkpoint=kept, told=seen.append)
    assert kept.asked == 60 - at[0]
    assert again.history == report.history
    assert (again.steps, again.examples) == (report.steps, report.examples)
    assert seen == list(report.history)[len(report.history) - len(seen) :]
    for key, value in alone.state()["net"].items():
        assert torch.equal(value, after.state()["net"][key]), key


def test_a_checkpoint_of_other_settings_or_items_is_refused() -> None:
    x, y = some()
    kept = Kept(10, 11)
    with pytest.raises(Cut):
        a_learner("forward-forward").fit_long(x, y, generator=generator_from(1), checkpoint=kept)
    for learner in (a_learner("forward-forward", rate=0.03), a_learner("bp-ff")):
        with pytest.raises(InputError, match="belongs to another training"):
            learner.fit_long(x, y, generator=generator_from(1), checkpoint=kept)
    with pytest.raises(InputError, match="belongs to another training"):
        a_learner("forward-forward").fit_long(
            x[:99], y[:99], generator=generator_from(1), checkpoint=kept
        )


def test_a_learner_that_cannot_go_on_begins_anew() -> None:
    learner: AbstractLearner = make_learner(
        "backprop", task=a_task(), net="mlp", net_params={"widths": [8]}, steps=3, batch=8
    )
    kept = Kept(1, 1)
    learner.fit_long(*some(), generator=generator_from(0), checkpoint=kept)
    assert learner.fitted
    assert kept.asked == 0


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("goodness", "sum-of-squares"),
        ("loss", {"name": "threshold", "theta": 2.0}),
        ("negatives", "all"),
        ("normalisation", "rms"),
        ("readout", "sum"),
        ("pixels", "unit"),
        ("schedule", "simultaneous"),
        ("label", "spatial"),
    ],
)
def test_a_state_of_other_choices_is_refused_by_name(key: str, value: Any) -> None:
    """All of them give weights of the same form, but for the last: nothing else would notice."""
    task = a_task((1, 8, 8))
    learner = a_learner("forward-forward", task)
    learner.fit(*some(task=task), generator=generator_from(0))
    with pytest.raises(InputError, match=rf"another net.*{key}"):
        a_learner("forward-forward", task, **{key: value}).load_state(learner.state())


def test_how_long_and_how_fast_it_learned_may_differ() -> None:
    learner = a_learner("forward-forward")
    learner.fit(*some(), generator=generator_from(0))
    other = a_learner("forward-forward", rate=0.5, steps=7, batch=9, average=0.3)
    other.load_state(learner.state())
    x, _ = some(seed=3)
    assert torch.equal(other.predict(x), learner.predict(x))
