"""Cells that train one learner, once, and look at it: what they have in common."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any, ClassVar

from torch import Tensor

from pauca.data import Dataset, Split, Task
from pauca.errors import DataError
from pauca.learners import AbstractLearner, FitReport
from pauca.learners.untrained import untrained
from pauca.rng import Streams
from pauca.study.cells.base import AbstractCell, Desk
from pauca.study.evaluate import measure, predictions, reliability
from pauca.study.plan import learner_of
from pauca.study.settings import UNTRAINED

__all__ = ["AbstractTrained", "Looked", "Trained", "labels_of", "tested"]


@dataclass(frozen=True, eq=False)
class Trained:
    """A learner that has learned, and what it is looked at with.

    Args:
        learner: Fitted.
        dataset: That it comes from.
        train: Items that it learned from.
        test: Items that it is measured on, labelled.
        probs: What it says of these, float [n, c].
        streams: Of its repetition.
    """

    learner: AbstractLearner
    dataset: Dataset
    train: Split
    test: Split
    probs: Tensor
    streams: Streams


@dataclass(frozen=True, eq=False)
class Looked:
    """What was seen.

    Args:
        record: Kept beside the measures of the predictions.
        blobs: Arrays kept beside the record.
        seconds: That parts of it took.
    """

    record: Mapping[str, Any]
    blobs: Mapping[str, bytes]
    seconds: Mapping[str, float]


class AbstractTrained(AbstractCell):
    """Trains once, or goes on with a training that was cut off; then measures, looks and keeps.

    Class attributes:
        share: Part of the time that training takes, roughly, for those who watch.
    """

    share: ClassVar[float] = 0.95

    def rounds(self, settings: Mapping[str, Any]) -> int:
        """One."""
        return 1

    def label(self, settings: Mapping[str, Any]) -> str:
        """The learner's name, and whether it is left untrained."""
        learner = settings["learner"]
        return f"{learner['name']}{', untrained' if learner.get(UNTRAINED) else ''}"

    def task(self, dataset: Dataset, settings: Mapping[str, Any]) -> Task:
        """What is learned: the task of the data set."""
        return dataset.task

    def pool(self, dataset: Dataset, settings: Mapping[str, Any], streams: Streams) -> Split:
        """What there is to learn from: the training split."""
        return dataset.train

    def part(self, split: Split, settings: Mapping[str, Any], streams: Streams | None) -> Split:
        """The items used of a split, all of them; streams are given for the training split."""
        return split

    def tested(self, dataset: Dataset, settings: Mapping[str, Any]) -> Split:
        """What it is measured on, before ``part``: the test split."""
        return tested(dataset.test, dataset.name)

    @abstractmethod
    def look(self, desk: Desk, trained: Trained) -> Looked:
        """Everything but the predictions."""

    def work(self, desk: Desk) -> None:
        """Unless it was kept already: train, measure, look, keep."""
        if desk.run.rounds:
            desk.checkpoint.remove()
            return
        settings, dataset = desk.settings, desk.dataset()
        streams = Streams(settings["study_seed"], settings["repetition"])
        train = self.part(self.pool(dataset, settings, streams), settings, streams)
        learner = learner_of(settings["learner"], self.task(dataset, settings), settings["device"])
        began = perf_counter()
        report = self._train(desk, learner, train, streams)
        ended = perf_counter()
        test = self.part(self.tested(dataset, settings), settings, None)
        probs = predictions(learner, test, streams.generator("analysis", 0))
        looked = self.look(desk, Trained(learner, dataset, train, test, probs, streams))
        record = {
            "round": 0,
            "labels": len(train),
            "metrics": measure(test, probs),
            "calibration": reliability(test, probs),
            "steps": report.steps,
            "history": [dict(stage) for stage in report.history],
            **looked.record,
            "seconds": {
                "train": desk.checkpoint.before + ended - began,
                "evaluate": perf_counter() - ended,
                **looked.seconds,
            },
        }
        desk.keep(record, looked.blobs)
        desk.checkpoint.remove()
        desk.report(1.0)

    def _train(
        self, desk: Desk, learner: AbstractLearner, train: Split, streams: Streams
    ) -> FitReport:
        y = labels_of(train, learner.task.name)
        generator = streams.generator("model")
        if desk.settings["learner"].get(UNTRAINED, False):
            untrained(learner, train.x, y, generator=generator)
            return FitReport(0, 0)
        course = _Course(desk, self.share)
        return learner.fit_long(
            train.x,
            y,
            generator=generator,
            checkpoint=desk.checkpoint,
            told=course.told,
            progress=course.progress,
            unlabelled=train.x[:0],
        )


def labels_of(split: Split, name: str) -> Tensor:
    """The labels.

    Raises:
        DataError: there are none.
    """
    if split.y is None:
        raise DataError(
            "there are no labels to learn from",
            where=f"data set {name!r}",
            todo="use a data set with labels",
        )
    return split.y


def tested(split: Split | None, name: str) -> Split:
    """The test split.

    Raises:
        DataError: there is none.
    """
    if split is None:
        raise DataError(
            "the data set has no test split",
            where=f"data set {name!r}",
            todo="add test items, or see the options of load_dataset",
        )
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
