"""The cell of kind ``model``: a learner trained on all labels, and what emerges inside it."""

from collections.abc import Mapping
from time import perf_counter
from typing import Any

import torch

from pauca.data import Split
from pauca.errors import DataError
from pauca.rng import Streams
from pauca.study.cells.base import AbstractCell, Desk, cells
from pauca.study.evaluate import measure, predictions, representation, walls
from pauca.study.plan import learner_of

__all__ = ["Model"]


@cells.register("model")
class Model(AbstractCell):
    """Trains once, measures predictions and sparsity on the test split, keeps walls of activity."""

    kind = "model"

    def rounds(self, settings: Mapping[str, Any]) -> int:
        """One."""
        return 1

    def label(self, settings: Mapping[str, Any]) -> str:
        """The learner's name."""
        return str(settings["learner"]["name"])

    def work(self, desk: Desk) -> None:
        """Unless it was kept already: train, or go on with it, measure, keep."""
        if desk.run.rounds:
            desk.checkpoint.remove()
            return
        settings = desk.settings
        dataset = desk.dataset()
        streams = Streams(settings["study_seed"], settings["repetition"])
        train = _part(dataset.train, settings.get("train_size"), streams)
        learner = learner_of(settings["learner"], dataset, settings["device"])
        began = perf_counter()
        course = _Course(desk)
        report = learner.fit_long(
            train.x,
            _labels(train, dataset.name),
            generator=streams.generator("model"),
            checkpoint=desk.checkpoint,
            told=course.told,
            progress=course.progress,
            unlabelled=train.x[:0],
        )
        trained = perf_counter()
        test = _tested(dataset.test, dataset.name)
        labels = _labels(test, dataset.name)
        probs = predictions(learner, test, streams.generator("analysis", 0))
        record = {
            "round": 0,
            "labels": len(train),
            "metrics": measure(test, probs),
            **representation(learner, test, labels, probs.argmax(1) == labels),
            "steps": report.steps,
            "history": [dict(stage) for stage in report.history],
        }
        picture = walls(learner, test, labels, streams.generator("analysis", 1))
        seconds = {
            "train": desk.checkpoint.before + trained - began,
            "evaluate": perf_counter() - trained,
        }
        desk.keep({**record, "seconds": seconds}, {"walls.npz": picture})
        desk.checkpoint.remove()
        desk.report(1.0)


class _Course:
    """How a training goes, for those who watch."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._how = desk, ""

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
        self._desk.report(0.95 * part, self._how)


def _part(split: Split, size: int | None, streams: Streams) -> Split:
    """So many items at random, in their order; all of them without a size."""
    if size is None:
        return split
    chosen = torch.randperm(len(split), generator=streams.generator("split"))[:size]
    return split.take(chosen.sort().values)


def _labels(split: Split, name: str) -> torch.Tensor:
    if split.y is None:
        raise DataError("there are no labels to learn from", where=f"data set {name!r}")
    return split.y


def _tested(split: Split | None, name: str) -> Split:
    if split is None:
        raise DataError("the data set has no test split", where=f"data set {name!r}")
    return split
