"""The cell of kind ``unseen``: a learner that never saw one category, and is shown it."""

from collections.abc import Mapping
from typing import Any

from pauca.data import Dataset, Split, Task
from pauca.rng import Streams
from pauca.study.cells._trained import AbstractTrained, Looked, Trained, labels_of, tested
from pauca.study.cells.base import Desk, cells
from pauca.study.emergence.unseen import look_at
from pauca.study.openset import restricted, restricted_task

__all__ = ["Unseen", "without"]


@cells.register("unseen")
class Unseen(AbstractTrained):
    """Trains on all categories but one, then looks for the ensemble of that one."""

    kind = "unseen"
    share = 0.7

    def label(self, settings: Mapping[str, Any]) -> str:
        """The learner's name, and what it never saw."""
        return f"{super().label(settings)} without class {settings['left_out']}"

    def task(self, dataset: Dataset, settings: Mapping[str, Any]) -> Task:
        """The task of the other classes."""
        return without(dataset.task, settings["left_out"])

    def part(self, split: Split, settings: Mapping[str, Any], streams: Streams | None) -> Split:
        """The items of the other classes, renumbered."""
        y = labels_of(split, settings["data"].get("name", ""))
        c = max(int(y.max()), settings["left_out"]) + 1
        return restricted(split, [k for k in range(c) if k != settings["left_out"]])

    def look(self, desk: Desk, trained: Trained) -> Looked:
        """Whether the category left out has an ensemble, and whether it is noticed."""
        dataset, left_out = trained.dataset, desk.settings["left_out"]
        whole = tested(dataset.test, dataset.name)
        found = look_at(
            trained.learner,
            trained.test,
            whole.x[labels_of(whole, dataset.name) == left_out],
            trained.streams.generator("analysis", 3),
            desk.settings["items"],
        )
        seen = [k for k in range(dataset.task.c) if k != left_out]
        return Looked({"left_out": left_out, "seen": seen, **found}, {}, {})


def without(task: Task, left_out: int) -> Task:
    """The task of the other classes, renumbered in their order."""
    return restricted_task(task, [k for k in range(task.c) if k != left_out])
