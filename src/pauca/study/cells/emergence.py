"""The cell of kind ``emergence``: a learner trained on all labels, its inside looked at closely."""

from collections.abc import Mapping
from time import perf_counter
from typing import Any

from pauca.rng import Streams
from pauca.study.cells._trained import labels_of, tested, trained
from pauca.study.cells.base import AbstractCell, Desk, cells
from pauca.study.emergence import examined, measure_all
from pauca.study.emergence.plain import npz
from pauca.study.evaluate import measure, predictions, representation, walls
from pauca.study.settings import UNTRAINED

__all__ = ["Emergence"]


@cells.register("emergence")
class Emergence(AbstractCell):
    """Trains once, or leaves the net as it starts; then measures everything, and keeps members."""

    kind = "emergence"

    def rounds(self, settings: Mapping[str, Any]) -> int:
        """One."""
        return 1

    def label(self, settings: Mapping[str, Any]) -> str:
        """The learner's name, and whether it is untrained."""
        learner = settings["learner"]
        return f"{learner['name']}{', untrained' if learner.get(UNTRAINED) else ''}"

    def work(self, desk: Desk) -> None:
        """Unless it was kept already: train, or go on with it, measure, keep."""
        if desk.run.rounds:
            desk.checkpoint.remove()
            return
        settings = desk.settings
        dataset = desk.dataset()
        streams = Streams(settings["study_seed"], settings["repetition"])
        done = trained(desk, dataset.task, dataset.train, streams.generator("model"), _TRAINING)
        began = perf_counter()
        learner, test = done.learner, tested(dataset.test, dataset.name)
        labels = labels_of(test, dataset.name)
        probs = predictions(learner, test, streams.generator("analysis", 0))
        root = streams.generator("analysis", 2)
        found = measure_all(
            examined(learner, dataset.train, test, settings["items"], root),
            lambda part, what: desk.report(_TRAINING + (1 - _TRAINING) * part, what),
        )
        record = {
            "round": 0,
            "labels": len(dataset.train),
            "metrics": measure(test, probs),
            **representation(learner, test, labels, probs.argmax(1) == labels),
            "steps": done.report.steps,
            "history": [dict(stage) for stage in done.report.history],
            **found.record,
        }
        blobs = {
            "walls.npz": walls(learner, test, labels, streams.generator("analysis", 1)),
            "emergence.npz": npz(found.arrays),
        }
        seconds = {"train": done.seconds, "evaluate": perf_counter() - began, **found.seconds}
        desk.keep({**record, "seconds": seconds}, blobs)
        desk.checkpoint.remove()
        desk.report(1.0)


_TRAINING = 0.4
"""Part of the cell's time that training takes, roughly."""
