"""The learner under examination: its items, what labels are shown with them, its random streams."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Generator, Tensor

from pauca.analysis import AbstractSubject, choose_samples
from pauca.data import Split
from pauca.learners import AbstractLearner, LabelInput
from pauca.learners.subject import subject
from pauca.rng import split

__all__ = ["DEEP", "NONE", "Examined", "Shown", "examined", "reads_label", "stream"]

CONDITIONS = ("true", "neutral", "predicted", "wrong", "absent")
"""What label is shown; ``true`` first, for its ensembles are looked at under the others."""
DEEP = ("true", "neutral", "none")
"""Conditions under which everything is measured; sparsity and ensembles are under all."""
NONE = "none"

_LOOKED = 16  # items on which it is seen whether the label matters


@dataclass(frozen=True, eq=False)
class Shown:
    """Items with their classes and with what the learner takes them for.

    Args:
        x: Stored items [n, ...].
        y: int64 [n].
        predicted: int64 [n].
    """

    x: Tensor
    y: Tensor
    predicted: Tensor

    @property
    def correct(self) -> Tensor:
        """Which are classified rightly, bool [n]."""
        return self.predicted == self.y

    def take(self, which: Tensor) -> "Shown":
        """Some of the items."""
        return Shown(self.x[which], self.y[which], self.predicted[which])


@dataclass(frozen=True, eq=False)
class Examined:
    """A trained learner, items to define ensembles on and other ones to look at them.

    Args:
        learner: Trained.
        defined: Training items.
        tested: Test items.
        root: Source of every random number of the examination.
    """

    learner: AbstractLearner
    defined: Shown
    tested: Shown
    root: Generator

    @property
    def c(self) -> int:
        """Number of classes."""
        return self.learner.task.c

    @cached_property
    def subject(self) -> AbstractSubject:
        """The learner as a subject of lesions."""
        return subject(self.learner)

    @cached_property
    def reads_label(self) -> bool:
        """Whether it matters which label is shown."""
        return reads_label(self.learner, self.tested.x)

    @cached_property
    def wrong(self) -> Mapping[str, Tensor]:
        """A wrong label of every item, int64 [n], by ``defined`` and ``tested``."""
        return {
            part: _another(shown.y, self.c, self.draws("wrong", part))
            for part, shown in (("defined", self.defined), ("tested", self.tested))
        }

    @property
    def conditions(self) -> tuple[str, ...]:
        """Under which it is measured; one alone where no label is read."""
        return CONDITIONS if self.reads_label else (NONE,)

    @property
    def usual(self) -> str:
        """Condition of the causal measures: the true label, as published, where one is read."""
        return "true" if self.reads_label else NONE

    def label(self, part: str, condition: str) -> LabelInput:
        """What is shown with the items of ``defined`` or ``tested``."""
        shown: Shown = getattr(self, part)
        if condition == "absent":
            return "absent"
        labels = {"true": shown.y, "predicted": shown.predicted, "wrong": self.wrong[part]}
        return labels.get(condition, "neutral")

    def activity(self, part: str, condition: str) -> dict[str, Tensor]:
        """Of every layer for all items of ``defined`` or ``tested``, {layer: float [n, u]}."""
        shown: Shown = getattr(self, part)
        found = self.learner.activations(shown.x, label=self.label(part, condition))
        return {name: h.detach() for name, h in found.items()}

    def draws(self, *path: str) -> Generator:
        """A stream of its own for each name, whatever else is drawn."""
        return stream(self.root, *path)


def examined(
    learner: AbstractLearner,
    train: Split,
    test: Split,
    predicted: Tensor,
    items: int,
    root: Generator,
) -> Examined:
    """The learner with up to so many training items, as many of each class, and all test items.

    Args:
        learner: Trained.
        train: Labelled.
        test: Labelled; put in random order, since files are sorted by class now and then.
        predicted: What the learner takes the test items for, int64 [n].
        items: Training items.
        root: Source of every random number of the examination.
    """
    assert train.y is not None
    assert test.y is not None
    chosen = choose_samples(train.y, max(2, items // learner.task.c), stream(root, "items"))
    defined = Shown(train.x[chosen], train.y[chosen], learner.predict(train.x[chosen]).cpu())
    mixed = torch.randperm(len(test), generator=stream(root, "order"))
    tested = Shown(test.x[mixed], test.y[mixed], predicted[mixed])
    return Examined(learner, defined, tested, root)


def reads_label(learner: AbstractLearner, x: Tensor) -> bool:
    """Whether it matters which label is shown with these items."""
    x = x[:_LOOKED]
    seen = [learner.activations(x, label=torch.full((len(x),), label)) for label in (0, 1)]
    return any(not torch.equal(seen[0][layer], seen[1][layer]) for layer in seen[0])


def stream(root: Generator, *path: str) -> Generator:
    """A stream of its own for each name, whatever else is drawn; the root stays as it is."""
    start = root.get_state()
    (found,) = split(root, "/".join(path))
    root.set_state(start)
    return found


def _another(y: Tensor, c: int, generator: Generator) -> Tensor:
    """A label other than the true one, all equally likely, int64 [n]."""
    return (y + 1 + torch.randint(c - 1, y.shape, generator=generator)) % c
