"""The cell of kind ``bound``: what the learner reaches with every label of the pool."""

from collections.abc import Mapping
from typing import Any

from pauca.data import Dataset, Split, Task
from pauca.rng import Streams
from pauca.study.cells._trained import AbstractTrained, Looked, Trained
from pauca.study.cells.base import Desk, cells
from pauca.study.openset import known_classes, restricted, restricted_task
from pauca.study.pool import made_pool

__all__ = ["Bound"]


@cells.register("bound")
class Bound(AbstractTrained):
    """Trains once on the whole pool of its repetition, wrong answers included, and is measured.

    Of an open pool only what is of known classes is trained on and measured.
    """

    kind = "bound"
    share = 0.99

    def task(self, dataset: Dataset, settings: Mapping[str, Any]) -> Task:
        """That of the strategies of this repetition."""
        known = _known(dataset.task, settings)
        return dataset.task if known is None else restricted_task(dataset.task, known)

    def pool(self, dataset: Dataset, settings: Mapping[str, Any], streams: Streams) -> Split:
        """The pool as the strategies of this repetition meet it."""
        made = made_pool(dataset.train, dataset.task.c, settings["pool"], streams)
        known = _known(dataset.task, settings)
        return made if known is None else restricted(made, known)

    def tested(self, dataset: Dataset, settings: Mapping[str, Any]) -> Split:
        """Test items of known classes."""
        test, known = super().tested(dataset, settings), _known(dataset.task, settings)
        return test if known is None else restricted(test, known)

    def look(self, desk: Desk, trained: Trained) -> Looked:
        """Nothing besides the measures of the predictions."""
        return Looked({}, {}, {})


def _known(task: Task, settings: Mapping[str, Any]) -> tuple[int, ...] | None:
    streams = Streams(settings["study_seed"], settings["repetition"])
    return known_classes(task, settings["pool"], streams)
