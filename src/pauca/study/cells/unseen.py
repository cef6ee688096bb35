"""The cell of kind ``unseen``: a learner that never saw one category, and is shown it."""

from collections.abc import Mapping
from dataclasses import replace
from time import perf_counter
from typing import Any

import torch

from pauca.data import Split, Task
from pauca.rng import Streams
from pauca.study.cells._trained import labels_of, tested, trained
from pauca.study.cells.base import AbstractCell, Desk, cells
from pauca.study.emergence.unseen import look_at
from pauca.study.evaluate import measure, predictions
from pauca.study.settings import UNTRAINED

__all__ = ["Unseen"]


@cells.register("unseen")
class Unseen(AbstractCell):
    """Trains on all categories but one, then looks for the ensemble of that one."""

    kind = "unseen"

    def rounds(self, settings: Mapping[str, Any]) -> int:
        """One."""
        return 1

    def label(self, settings: Mapping[str, Any]) -> str:
        """The learner's name, and what it never saw."""
        learner = settings["learner"]
        mark = ", untrained" if learner.get(UNTRAINED) else ""
        return f"{learner['name']}{mark} without class {settings['left_out']}"

    def work(self, desk: Desk) -> None:
        """Unless it was kept already: train, or go on with it, measure, keep."""
        if desk.run.rounds:
            desk.checkpoint.remove()
            return
        settings = desk.settings
        dataset = desk.dataset()
        streams = Streams(settings["study_seed"], settings["repetition"])
        left_out: int = settings["left_out"]
        task = without(dataset.task, left_out)
        train = _seen(dataset.train, left_out, dataset.name)
        done = trained(desk, task, train, streams.generator("model"), 0.7)
        began = perf_counter()
        whole = tested(dataset.test, dataset.name)
        test = _seen(whole, left_out, dataset.name)
        novel = whole.x[labels_of(whole, dataset.name) == left_out]
        probs = predictions(done.learner, test, streams.generator("analysis", 0))
        found = look_at(
            done.learner, test, novel, streams.generator("analysis", 3), settings["items"]
        )
        record = {
            "round": 0,
            "labels": len(train),
            "metrics": measure(test, probs),
            "steps": done.report.steps,
            "history": [dict(stage) for stage in done.report.history],
            "left_out": left_out,
            "seen": [k for k in range(dataset.task.c) if k != left_out],
            **found,
        }
        seconds = {"train": done.seconds, "evaluate": perf_counter() - began}
        desk.keep({**record, "seconds": seconds})
        desk.checkpoint.remove()
        desk.report(1.0)


def without(task: Task, left_out: int) -> Task:
    """The task of the other classes, renumbered in their order."""
    names = tuple(name for k, name in enumerate(task.classes) if k != left_out)
    return replace(task, classes=names)


def _seen(split: Split, left_out: int, name: str) -> Split:
    """The items of the other classes, renumbered."""
    y = labels_of(split, name)
    kept = split.take((y != left_out).nonzero().squeeze(1))
    labels = labels_of(kept, name)
    return replace(kept, y=labels - (labels > left_out).to(torch.int64))
