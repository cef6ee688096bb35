"""The cell of kind ``bound``: what the learner reaches with every label of the pool."""

from collections.abc import Mapping
from typing import Any

from pauca.data import Dataset, Split
from pauca.rng import Streams
from pauca.study.cells._trained import AbstractTrained, Looked, Trained
from pauca.study.cells.base import Desk, cells
from pauca.study.pool import made_pool

__all__ = ["Bound"]


@cells.register("bound")
class Bound(AbstractTrained):
    """Trains once on the whole pool of its repetition, wrong answers included, and is measured."""

    kind = "bound"
    share = 0.99

    def pool(self, dataset: Dataset, settings: Mapping[str, Any], streams: Streams) -> Split:
        """The pool as the strategies of this repetition meet it."""
        return made_pool(dataset.train, dataset.task.c, settings["pool"], streams)

    def look(self, desk: Desk, trained: Trained) -> Looked:
        """Nothing besides the measures of the predictions."""
        return Looked({}, {}, {})
