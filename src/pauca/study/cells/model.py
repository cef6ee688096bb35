"""The cell of kind ``model``: a learner trained on all labels, and what emerges inside it."""

from collections.abc import Mapping
from typing import Any

import torch

from pauca.data import Split
from pauca.rng import Streams
from pauca.study.cells._trained import AbstractTrained, Looked, Trained, labels_of
from pauca.study.cells.base import Desk, cells
from pauca.study.evaluate import representation, walls

__all__ = ["Model"]


@cells.register("model")
class Model(AbstractTrained):
    """Trains once, measures predictions and sparsity on the test split, keeps walls of activity."""

    kind = "model"

    def part(self, split: Split, settings: Mapping[str, Any], streams: Streams | None) -> Split:
        """So many training items at random, in their order; all of them without a size."""
        size = settings.get("train_size")
        if size is None or streams is None:
            return split
        chosen = torch.randperm(len(split), generator=streams.generator("split"))[:size]
        return split.take(chosen.sort().values)

    def look(self, desk: Desk, trained: Trained) -> Looked:
        """Sparsity of every layer, and walls."""
        learner, test = trained.learner, trained.test
        labels = labels_of(test, trained.dataset.name)
        picture = walls(learner, test, labels, trained.streams.generator("analysis", 1))
        found = representation(learner, test, labels, trained.probs.argmax(1) == labels)
        return Looked(found, {"walls.npz": picture}, {})
