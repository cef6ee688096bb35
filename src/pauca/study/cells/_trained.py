"""Training of one learner within a cell, which a kill may cut off."""

from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter

from torch import Generator, Tensor

from pauca.data import Split, Task
from pauca.errors import DataError
from pauca.learners import AbstractLearner, FitReport
from pauca.learners.untrained import untrained
from pauca.study.cells.base import Desk
from pauca.study.plan import learner_of
from pauca.study.settings import UNTRAINED

__all__ = ["Trained", "labels_of", "tested", "trained"]


@dataclass(frozen=True, eq=False)
class Trained:
    """A learner that has learned.

    Args:
        learner: Fitted.
        report: What its training did; no step for one that is left as it starts.
        seconds: Of the training, those before a kill included.
    """

    learner: AbstractLearner
    report: FitReport
    seconds: float


def trained(
    desk: Desk, task: Task, train: Split, generator: Generator, share: float = 0.95
) -> Trained:
    """The learner of the cell's settings, trained, or gone on with where it was cut off.

    Args:
        desk: Of the cell.
        task: What is learned.
        train: Labelled items.
        generator: Of the training.
        share: Part of the cell's time that it takes, for those who watch.
    """
    settings = desk.settings
    choice = settings["learner"]
    learner = learner_of(choice, task, settings["device"])
    y = labels_of(train, task.name)
    began = perf_counter()
    if choice.get(UNTRAINED, False):
        untrained(learner, train.x, y, generator=generator)
        return Trained(learner, FitReport(0, 0), perf_counter() - began)
    course = _Course(desk, share)
    report = learner.fit_long(
        train.x,
        y,
        generator=generator,
        checkpoint=desk.checkpoint,
        told=course.told,
        progress=course.progress,
        unlabelled=train.x[:0],
    )
    return Trained(learner, report, desk.checkpoint.before + perf_counter() - began)


def labels_of(split: Split, name: str) -> Tensor:
    """The labels.

    Raises:
        DataError: there are none.
    """
    if split.y is None:
        raise DataError("there are no labels to learn from", where=f"data set {name!r}")
    return split.y


def tested(split: Split | None, name: str) -> Split:
    """The test split.

    Raises:
        DataError: there is none.
    """
    if split is None:
        raise DataError("the data set has no test split", where=f"data set {name!r}")
    return split


class _Course:
    """How a training goes, for those who watch."""

    def __init__(self, desk: Desk, share: float) -> None:
        self._desk, self._share, self._how = desk, share, ""

    def told(self, record: Mapping[str, float]) -> None:
        """The newest record of the history, in a few words."""
        words = [f"layer {record['layer']:.0f}"] if "layer" in record else []
        words += [
            f"{name} {100 * record[name]:.1f} %"
            for name in ("accuracy", "separation")
            if name in record
        ]
        self._how = ", ".join(words)

    def progress(self, part: float) -> None:
        """Which part of the training is done."""
        self._desk.report(self._share * part, self._how)
