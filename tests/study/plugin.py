"""A data set, a learner and faults for tests; imported by name in every worker."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Generator, Tensor

from pauca.data import Dataset, Task, datasets
from pauca.learners import FitReport, learners
from pauca.learners.base import Progress
from pauca.outputs import Outputs
from pauca.strategies import AbstractScore, strategies
from pauca.testing import FakeLearner, tiny_image_dataset

NAME = "tests.study.plugin"


@datasets.register("tiny")
def tiny(n: int = 60, seed: int = 0, progress: Callable[[float], None] | None = None) -> Dataset:
    return tiny_image_dataset(n, seed=seed)


@learners.register("fake")
class Fake(FakeLearner):
    """Nearest class means, slowly, and with a fault at a given number of labels.

    Args:
        task: What is learned.
        device: Where to compute.
        pause: Seconds of a training.
        warm: Add the means of the last training, so that what came before matters.
        fault: ``raise`` or ``kill``.
        at: Labels at which the fault happens.
        mark: A file; where there is one named, the fault happens only while it is not there.
    """

    name = "fake"

    def __init__(
        self,
        *,
        task: Task,
        device: str = "cpu",
        pause: float = 0.0,
        warm: bool = False,
        fault: str = "",
        at: int = 0,
        mark: str = "",
    ) -> None:
        super().__init__(task=task, device=device)
        self.pause, self.warm, self.fault, self.at, self.mark = pause, warm, fault, at, mark

    @property
    def carries_state(self) -> bool:
        return self.warm

    def fit(
        self,
        x: Tensor,
        y: Tensor,
        *,
        generator: Generator,
        progress: Progress | None = None,
        unlabelled: Tensor | None = None,
    ) -> FitReport:
        if self.fault and len(x) == self.at:
            self._fail()
        for part in range(3):
            time.sleep(self.pause / 3)
            if progress is not None:
                progress(part / 3)
        before = self.state()
        report = super().fit(x, y, generator=generator, progress=progress)
        if self.warm and before:
            self._weights["means"] = 0.7 * self._weights["means"] + 0.3 * before["means"]
        return report

    def _fail(self) -> None:
        if self.mark:
            if Path(self.mark).exists():
                return
            Path(self.mark).touch()
        if self.fault == "raise":
            raise ValueError("a fault on purpose")
        os.kill(os.getpid(), signal.SIGKILL)


@strategies.register("greedy")
class Greedy(AbstractScore):
    """Needs what no learner here gives."""

    name = "greedy"
    family = "tests"
    needs = frozenset({"probs", "crystal-ball"})
    cost = "O(n)"
    reference = "none"
    when = "never"

    def score(self, pool: Outputs) -> Tensor:
        return pool.extras["crystal-ball"]


def study(**changes: Any) -> dict[str, Any]:
    """A study of 2 strategies, 2 repetitions and 4 rounds; dotted names reach into sections."""
    plain: dict[str, Any] = {
        "name": "tiny",
        "seed": 3,
        "data": {"name": "tiny"},
        "active": {
            "repetitions": 2,
            "strategies": ["random", "margin"],
            "initial": 6,
            "query": 5,
            "budget": 20,
            "learner": {"name": "fake"},
        },
    }
    for path, value in changes.items():
        *sections, key = path.split("__")
        place = plain
        for section in sections:
            place = place[section]
        place[key] = value
    return plain
