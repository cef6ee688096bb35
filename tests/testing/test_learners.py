"""Each check of the contract must catch the defect that it is for."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Generator, Tensor

from pauca.data.dataset import Dataset, Task
from pauca.errors import InputError
from pauca.learners import AbstractLearner, FitReport, LabelInput
from pauca.learners.base import Progress
from pauca.outputs import Outputs
from pauca.testing import check_learner
from pauca.testing import learners as checks
from pauca.testing.fakes import FakeLearner, tiny_image_dataset, tiny_table_dataset
from pauca.testing.process import OtherProcess

_IMAGES, _TABLE = tiny_image_dataset(24), tiny_table_dataset(24)
_PROBS = frozenset({"probs"})


class Sound(FakeLearner):
    """A learner without fault."""

    def load_state(self, state: Mapping[str, Any]) -> None:
        super().load_state({key: value.clone() for key, value in state.items()})

    def outputs(
        self,
        x: Tensor,
        ids: Tensor,
        *,
        needs: frozenset[str] = _PROBS,
        generator: Generator | None = None,
    ) -> Outputs:
        told = super().outputs(x, ids, needs=needs, generator=generator)
        if len(ids) != len(x):
            raise InputError("fewer ids than items")
        return told


def _sound(task: Task) -> AbstractLearner:
    return Sound(task=task)


class Fit(Sound):
    """A place to spoil training."""

    def fit(
        self,
        x: Tensor,
        y: Tensor,
        *,
        generator: Generator,
        progress: Progress | None = None,
        unlabelled: Tensor | None = None,
    ) -> FitReport:
        x, y = self.before(x, y, unlabelled)
        report = super().fit(x, y, generator=generator, progress=progress)
        return self.after(report, progress)

    def before(self, x: Tensor, y: Tensor, unlabelled: Tensor | None) -> tuple[Tensor, Tensor]:
        return x, y

    def after(self, report: FitReport, progress: Progress | None) -> FitReport:
        return report

    def nudge(self, by: float) -> None:
        self._weights["means"] = self._weights["means"] + by


class Say(Sound):
    """A place to spoil answers."""

    def outputs(
        self,
        x: Tensor,
        ids: Tensor,
        *,
        needs: frozenset[str] = _PROBS,
        generator: Generator | None = None,
    ) -> Outputs:
        told = super().outputs(x, ids, needs=needs, generator=generator)
        return self.spoil(told, x)

    def spoil(self, told: Outputs, x: Tensor) -> Outputs:
        return told


class Nameless(Sound):
    summary = " "


class Capitals(Sound):
    name = "Fake"


class Silent(Sound):
    @property
    def gives(self) -> frozenset[str]:
        return frozenset({"features"})


class Boaster(Sound):
    @property
    def gives(self) -> frozenset[str]:
        return super().gives | {"critic"}


class Prophet(Sound):
    """Answers before it was trained."""

    @property
    def fitted(self) -> bool:
        return True


class Renames(Say):
    def spoil(self, told: Outputs, x: Tensor) -> Outputs:
        return replace(told, ids=torch.arange(told.n))


class Counts(Say):
    """Answers for the classes that occur in what it says."""

    def spoil(self, told: Outputs, x: Tensor) -> Outputs:
        probs = told.probs[..., :2]
        goodness = None if told.goodness is None else told.goodness[:, :2]
        return replace(told, probs=probs / probs.sum(-1, keepdim=True), goodness=goodness)


class Knows(Say):
    def spoil(self, told: Outputs, x: Tensor) -> Outputs:
        return replace(told, labels=told.probs[0].argmax(-1))


class Generous(Sound):
    """Gives what it says it does not."""

    def __init__(self, *, task: Task) -> None:
        super().__init__(task=task, members=1)

    def outputs(
        self,
        x: Tensor,
        ids: Tensor,
        *,
        needs: frozenset[str] = _PROBS,
        generator: Generator | None = None,
    ) -> Outputs:
        return super().outputs(x, ids, needs=needs & self.gives, generator=generator)


class Flat(Sound):
    def activations(self, x: Tensor, *, label: LabelInput = "neutral") -> dict[str, Tensor]:
        return {"layer1": super().activations(x, label=label)["layer1"].flatten()}


class Burst(Sound):
    def activations(self, x: Tensor, *, label: LabelInput = "neutral") -> dict[str, Tensor]:
        return {"layer1": super().activations(x, label=label)["layer1"] / 0}


class Learns(Say):
    """Every question changes it."""

    def spoil(self, told: Outputs, x: Tensor) -> Outputs:
        self._weights["means"] = self._weights["means"] + 1e-3
        return told


class Scribbles(Say):
    """Works in place on what it is asked about."""

    def spoil(self, told: Outputs, x: Tensor) -> Outputs:
        x.clamp_(max=1)
        return told


class Global(Fit):
    def after(self, report: FitReport, progress: Progress | None) -> FitReport:
        self.nudge(float(torch.rand(())))
        return report


class ReadsGlobal(Fit):
    """Neither draws from nor changes torch's global generator, and yet depends on it."""

    def after(self, report: FitReport, progress: Progress | None) -> FitReport:
        self.nudge(torch.initial_seed() % 1000)
        return report


class Batchwise(Say):
    """Subtracts the mean of whatever block it is given."""

    def spoil(self, told: Outputs, x: Tensor) -> Outputs:
        if told.features is None:
            return told
        return replace(told, features=told.features - told.features.mean(0))


class Observed(Fit):
    """Takes the number of classes from the labels."""

    def before(self, x: Tensor, y: Tensor, unlabelled: Tensor | None) -> tuple[Tensor, Tensor]:
        self.check_fit(x, y)
        seen = len(torch.unique(y))
        self.task = replace(self.task, classes=self.task.classes[:seen])
        return x, y.clamp(max=seen - 1)


class Greedy(Fit):
    def before(self, x: Tensor, y: Tensor, unlabelled: Tensor | None) -> tuple[Tensor, Tensor]:
        if len(x) == 1:
            raise ValueError("expected more than one item")
        return x, y


class Forgiving(Fit):
    """Repairs labels in silence."""

    def before(self, x: Tensor, y: Tensor, unlabelled: Tensor | None) -> tuple[Tensor, Tensor]:
        return x, y.clamp(min=0)


class Hasty(Fit):
    """Changes before it checks."""

    def before(self, x: Tensor, y: Tensor, unlabelled: Tensor | None) -> tuple[Tensor, Tensor]:
        if self.fitted:
            self.nudge(1)
        return x, y


class Idle(Fit):
    def after(self, report: FitReport, progress: Progress | None) -> FitReport:
        return replace(report, steps=0)


class Backwards(Fit):
    def after(self, report: FitReport, progress: Progress | None) -> FitReport:
        if progress is not None:
            progress(0.5)
        return report


class Forgets(Sound):
    """Its state lacks what it needs to answer as before."""

    def load_state(self, state: Mapping[str, Any]) -> None:
        super().load_state(state)
        self._weights["means"] = self._weights["means"].round()


class Shares(Fit):
    """Its weights are those of whoever gave it its state, and training works in place."""

    shared: Mapping[str, Any] | None = None

    def state(self) -> dict[str, Any]:
        Shares.shared = self._weights
        return super().state()

    def load_state(self, state: Mapping[str, Any]) -> None:
        self._weights = dict(Shares.shared or {})

    def before(self, x: Tensor, y: Tensor, unlabelled: Tensor | None) -> tuple[Tensor, Tensor]:
        if self.fitted:
            self._weights["means"].add_(1)
        return x, y


class Spies(Fit):
    """Reads the pool without saying so."""

    def before(self, x: Tensor, y: Tensor, unlabelled: Tensor | None) -> tuple[Tensor, Tensor]:
        return (x, y) if unlabelled is None else (x.flip(-1), y)


_DEFECTS: list[tuple[type[AbstractLearner], Callable[[checks.Make, Dataset], None], str]] = [
    (Nameless, checks.check_description, "no summary"),
    (Capitals, checks.check_description, "capitals"),
    (Silent, checks.check_description, "does not give probs"),
    (Prophet, checks.check_untrained, "before any training"),
    (Boaster, checks.check_outputs, "critic"),
    (Renames, checks.check_outputs, "ids"),
    (Counts, checks.check_outputs, "number of classes"),
    (Knows, checks.check_outputs, "labels"),
    (Generous, checks.check_needs, "takes a need"),
    (Flat, checks.check_activations, "shape"),
    (Burst, checks.check_activations, "not finite"),
    (Learns, checks.check_untouched, "changed by a question"),
    (Scribbles, checks.check_untouched, "changes the items"),
    (Global, checks.check_repeatable, "global"),
    (ReadsGlobal, checks.check_repeatable, "reads a global"),
    (Batchwise, checks.check_blocks, "blocks"),
    (Observed, checks.check_classes, "counts classes"),
    (Forgiving, checks.check_refusals, "a negative label"),
    (Hasty, checks.check_refusals, "is changed by a training"),
    (Idle, checks.check_report, "0 steps"),
    (Backwards, checks.check_report, "falls"),
    (Forgets, checks.check_state, "another state"),
    (Shares, checks.check_state, "shares its weights"),
    (Spies, checks.check_unlabelled, "pool without saying so"),
]


@pytest.mark.parametrize("data", [_IMAGES, _TABLE], ids=["images", "table"])
@pytest.mark.parametrize("check", checks.LEARNER_CHECKS, ids=lambda check: check.__name__)
def test_a_sound_learner_passes(
    check: Callable[[checks.Make, Dataset], None], data: Dataset
) -> None:
    check(_sound, data)


@pytest.mark.parametrize(
    ("defect", "check", "words"), _DEFECTS, ids=[defect.__name__ for defect, *_ in _DEFECTS]
)
def test_a_defect_is_caught(
    defect: type[AbstractLearner],
    check: Callable[[checks.Make, Dataset], None],
    words: str,
) -> None:
    state = torch.random.get_rng_state()
    try:
        with pytest.raises(AssertionError, match=words):
            check(lambda task: defect(task=task), _IMAGES)
    finally:
        torch.random.set_rng_state(state)


def test_a_learner_that_cannot_take_one_item_is_caught() -> None:
    with pytest.raises(ValueError, match="more than one item"):
        checks.check_few(lambda task: Greedy(task=task), _IMAGES)


def test_every_check_has_a_defect_that_it_catches() -> None:
    tried = {check for _, check, _ in _DEFECTS} | {checks.check_few}
    assert tried == set(checks.LEARNER_CHECKS)


def test_the_whole_contract_by_function_and_by_name(other_process: OtherProcess) -> None:
    check_learner(_sound, _IMAGES, process=other_process)
    settings = {"net": "mlp", "net_params": {"widths": [4]}, "steps": 5, "attack_steps": 2}
    check_learner("backprop", _TABLE, process=other_process, **settings)
    with pytest.raises(AssertionError, match="capitals"):
        check_learner(lambda task: Capitals(task=task), _IMAGES)
