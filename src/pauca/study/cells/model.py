"""The cell of kind ``model``: a learner trained on all labels, and what emerges inside it."""

from collections.abc import Mapping
from time import perf_counter
from typing import Any

import torch

from pauca.data import Split
from pauca.rng import Streams
from pauca.study.cells._trained import labels_of, tested, trained
from pauca.study.cells.base import AbstractCell, Desk, cells
from pauca.study.evaluate import measure, predictions, representation, walls

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
        done = trained(desk, dataset.task, train, streams.generator("model"))
        began = perf_counter()
        test = tested(dataset.test, dataset.name)
        labels = labels_of(test, dataset.name)
        probs = predictions(done.learner, test, streams.generator("analysis", 0))
        record = {
            "round": 0,
            "labels": len(train),
            "metrics": measure(test, probs),
            **representation(done.learner, test, labels, probs.argmax(1) == labels),
            "steps": done.report.steps,
            "history": [dict(stage) for stage in done.report.history],
        }
        picture = walls(done.learner, test, labels, streams.generator("analysis", 1))
        seconds = {"train": done.seconds, "evaluate": perf_counter() - began}
        desk.keep({**record, "seconds": seconds}, {"walls.npz": picture})
        desk.checkpoint.remove()
        desk.report(1.0)


def _part(split: Split, size: int | None, streams: Streams) -> Split:
    """So many items at random, in their order; all of them without a size."""
    if size is None:
        return split
    chosen = torch.randperm(len(split), generator=streams.generator("split"))[:size]
    return split.take(chosen.sort().values)
