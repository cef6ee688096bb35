"""What every learner is: it trains on labelled items and says what it thinks of others."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from math import ceil
from types import MappingProxyType
from typing import Any, ClassVar, Literal, Protocol, final

import torch
from torch import Generator, Tensor, nn

from pauca.checks import check_finite, check_labels, check_share, check_size, check_tensor
from pauca.data.dataset import Task
from pauca.errors import CapabilityError, InputError, UsageError, shown
from pauca.outputs import Outputs
from pauca.registry import Registry

__all__ = [
    "LOGITS",
    "AbstractLearner",
    "Checkpoint",
    "FitReport",
    "LabelInput",
    "Progress",
    "Told",
    "learners",
    "make_learner",
    "weights_of",
]


def _complete(maker: Callable[..., "AbstractLearner"], settings: dict[str, Any]) -> dict[str, Any]:
    if isinstance(maker, type) and issubclass(maker, AbstractLearner):
        return maker.complete(settings)
    return settings


learners: Registry["AbstractLearner"] = Registry(
    "learner",
    "pauca.learners",
    "learners",
    context=frozenset({"task", "device"}),
    complete=_complete,
)
"""Every learner by name; a new file in pauca/learners/ that registers one is found by itself."""

LOGITS = "logits"
"""Extra column of a learner whose probabilities are a softmax: what that softmax reads, [n, c]."""

LabelInput = Tensor | Literal["neutral", "absent"]
"""Which label a label-reading net is shown: int64 [n], or ``neutral`` (1/c each), or ``absent``."""

Progress = Callable[[float], None]
"""Told, from time to time, which fraction of the training is done (0 to 1)."""

Told = Callable[[Mapping[str, float]], None]
"""Told each record of a training's history as soon as it is made."""


class Checkpoint(Protocol):
    """Where a training leaves how far it came, and finds it after it was cut off."""

    def load(self) -> Mapping[str, Any] | None:
        """What was saved last, or None."""

    def due(self) -> bool:
        """Whether it is time to save; asked after every step, so it has to be cheap."""

    def save(self, state: Mapping[str, Any]) -> None:
        """Keep this state, tensors and plain values (``torch.save`` can hold it)."""


@dataclass(frozen=True)
class FitReport:
    """What a training did.

    Args:
        steps: Optimiser steps taken by the learner itself.
        examples: Training examples used, with repetition.
        companion_steps: Optimiser steps that a companion, or a calibration, took besides.
        history: One record a stage (an epoch, a layer's epoch): numbers by name.
    """

    steps: int
    examples: int
    companion_steps: int = 0
    history: tuple[Mapping[str, float], ...] = field(default=())


class AbstractLearner(ABC):
    """Learns a task from labelled items; knows no strategy.

    Settings are the keyword arguments of the constructor, which also takes ``task`` and ``device``
    from the program. Class count, shapes and transforms come from the task, never from labels.

    Class attributes:
        name: Lower case with hyphens.
        summary: One sentence on what it is.
        reference: Authors, venue, year.
        quick: Settings with which it trains in well under a second, for checks.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    reference: ClassVar[str]
    quick: ClassVar[Mapping[str, Any]] = MappingProxyType({})

    def __init__(self, *, task: Task, device: str = "cpu") -> None:
        if not isinstance(task, Task):
            raise InputError(
                "the task is of the wrong kind",
                expected="a pauca.Task",
                got=shown(task),
                todo="pass the task of a data set: load_dataset(...).task",
            )
        self.task = task
        try:
            self.device = torch.device(device)
        except (RuntimeError, TypeError, ValueError):
            raise UsageError(
                "unknown device",
                expected="cpu, cuda, cuda:0, ...",
                got=shown(device),
                todo='use "cpu"',
            ) from None

    @classmethod
    def complete(cls, settings: dict[str, Any]) -> dict[str, Any]:
        """Settings, each of the right type, with what follows from others filled in.

        So that every number that a training used can be read back. Applied twice it changes
        nothing more.

        Raises:
            UsageError: settings that exclude each other.
        """
        return settings

    @property
    @abstractmethod
    def gives(self) -> frozenset[str]:
        """What ``outputs`` can hold: ``probs`` always; ``features``, ``members``, ``goodness``...

        ``layers`` says that goodness is that of more than one layer; extra columns by name.
        """

    @property
    @abstractmethod
    def fitted(self) -> bool:
        """Whether it was trained (or given a state)."""

    @property
    def carries_state(self) -> bool:
        """Whether the next training starts from the last one (warm start, pseudo-labels)."""
        return False

    @property
    def keeps_units(self) -> bool:
        """Whether a unit is the same unit after the next training: that starts from its weights."""
        return self.carries_state

    @property
    def reads_unlabelled(self) -> bool:
        """Whether ``fit`` wants the unlabelled items of the pool."""
        return False

    @abstractmethod
    def fit(
        self,
        x: Tensor,
        y: Tensor,
        *,
        generator: Generator,
        progress: Progress | None = None,
        unlabelled: Tensor | None = None,
    ) -> FitReport:
        """Train on n labelled items.

        Args:
            x: Stored items, uint8 [n, channels, h, w] or float [n, d].
            y: int64 [n].
            generator: Source of every random number (weights, batches, dropout, validation part).
            progress: Told which fraction is done.
            unlabelled: Stored items of the pool without their labels, given only to a learner that
                ``reads_unlabelled``; others leave it alone.

        Raises:
            InputError: no items, labels outside the task, sizes that differ.
        """

    def fit_long(
        self,
        x: Tensor,
        y: Tensor,
        *,
        generator: Generator,
        checkpoint: Checkpoint | None = None,
        told: Told | None = None,
        progress: Progress | None = None,
        unlabelled: Tensor | None = None,
    ) -> FitReport:
        """As ``fit``, for a training that takes long: cut off, it goes on where it was.

        Called again with the same arguments, the result is bit for bit that of a training left
        alone. A learner that cannot do so, which is the default, begins anew and tells nothing.

        Args:
            x: As in ``fit``.
            y: As in ``fit``.
            generator: As in ``fit``.
            checkpoint: Where the training leaves how far it came.
            told: Told each record of the history as soon as it is made.
            progress: As in ``fit``.
            unlabelled: As in ``fit``.

        Raises:
            InputError: as ``fit``; the checkpoint belongs to another training.
        """
        return self.fit(x, y, generator=generator, progress=progress, unlabelled=unlabelled)

    def fit_more(
        self,
        x: Tensor,
        y: Tensor,
        more: tuple[Tensor, Tensor],
        *,
        generator: Generator,
        share: float = 1.0,
        progress: Progress | None = None,
        unlabelled: Tensor | None = None,
    ) -> FitReport:
        """As ``fit``, with further items whose labels nobody gave (pseudo-labels).

        A learner that holds items out, or whose number of steps depends on how many there are,
        overrides this: both should come from the labelled items alone.

        Args:
            x: Labelled items.
            y: Their labels.
            more: At least one further item [n, ...], and int64 [n].
            generator: As in ``fit``.
            share: Most that the further items may be of all training examples (``with_more``).
            progress: As in ``fit``.
            unlabelled: As in ``fit``.
        """
        self.check_fit(x, y)
        x, y = self.with_more(x, y, more, share)
        return self.fit(x, y, generator=generator, progress=progress, unlabelled=unlabelled)

    @abstractmethod
    def outputs(
        self,
        x: Tensor,
        ids: Tensor,
        *,
        needs: frozenset[str] = frozenset({"probs"}),
        generator: Generator | None = None,
    ) -> Outputs:
        """What the learner says of these items, with the evaluation transform; changes nothing.

        Args:
            x: Stored items [n, ...].
            ids: int64 [n], their ids in the pool.
            needs: What to compute, within ``gives``.
            generator: For members that are drawn; the same draw serves every item, so the answer
                does not depend on how the pool is cut into blocks.

        Raises:
            CapabilityError: ``needs`` is not within ``gives``.
            InputError: not trained yet.
        """

    @abstractmethod
    def activations(self, x: Tensor, *, label: LabelInput = "neutral") -> dict[str, Tensor]:
        """Activity of every tap for these items: {layer name: float [n, units]}, input side first.

        ``label`` matters only to nets that read the label as part of their input.
        """

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """All that training changed, as tensors and plain values (``torch.save`` can hold it)."""

    @abstractmethod
    def load_state(self, state: Mapping[str, Any]) -> None:
        """Put back what ``state`` gave."""

    @final
    def predict(self, x: Tensor) -> Tensor:
        """The likeliest class of each item, int64 [n]."""
        self.check_items(x)
        return self.outputs(x, torch.arange(len(x))).mean_probs.argmax(-1)

    @final
    def check_gives(self, needs: frozenset[str]) -> None:
        """Refuse needs that this learner does not give.

        Raises:
            CapabilityError: with both sides named.
        """
        if not isinstance(needs, Set) or not all(isinstance(need, str) for need in needs):
            raise InputError(
                "needs are of the wrong kind",
                expected="a set of names",
                got=shown(needs),
                todo=f"name some of {', '.join(sorted(self.gives))}",
            )
        missing = needs - self.gives
        if missing:
            raise CapabilityError(
                f"learner {self.name!r} does not give {', '.join(sorted(missing))}",
                expected=", ".join(sorted(needs)),
                got=", ".join(sorted(self.gives)),
                todo="choose another learner or net",
            )

    @final
    def check_fit(self, x: Tensor, y: Tensor) -> None:
        """Refuse training data that do not fit the task.

        Raises:
            InputError: empty, sizes that differ, items of another shape, labels outside the task.
        """
        if check_tensor(x, "items").ndim == 0 or len(x) == 0:
            raise InputError(
                "nothing to train on",
                expected="at least one item",
                got="none",
                todo="label an item first",
            )
        check_size(y, len(x), "y")
        check_labels(y, self.task.c, "y")
        self.check_items(x)

    @final
    def with_more(
        self, x: Tensor, y: Tensor, more: tuple[Tensor, Tensor] | None, share: float = 1.0
    ) -> tuple[Tensor, Tensor]:
        """Items and labels, and the further ones after them, on the device of x.

        The first ones are repeated, each equally often, until the further ones are at most
        ``share`` of all: batches drawn from a union in which h further items drown n labelled ones
        would otherwise show each labelled item n / (n + h) as often in as many steps.

        Args:
            x: Labelled items [n, ...].
            y: int64 [n].
            more: Further items [h, ...] and int64 [h], h >= 1, or None.
            share: In (0, 1]; with 1 nothing is repeated.

        Raises:
            InputError: the further ones do not fit the task; a share that is none.
        """
        if more is None:
            return x, y
        self.check_fit(*more)
        check_share(share, "share")
        times = max(1, ceil(len(more[0]) * (1 / share - 1) / len(x)))
        x, y = torch.cat([x] * times), torch.cat([y] * times)
        return torch.cat([x, more[0].to(x.device)]), torch.cat([y, more[1].to(y.device)])

    @final
    def check_items(self, x: Tensor) -> None:
        """Refuse items of another shape than the task's, and items that are NaN or infinite."""
        check_tensor(x, "items")
        if x.ndim < 1 or tuple(x.shape[1:]) != self.task.shape:
            raise InputError(
                "items have the wrong shape",
                expected=f"[n, {', '.join(map(str, self.task.shape))}]",
                got=list(x.shape),
                where=f"task {self.task.name!r}",
                todo="make the learner for the task of these items",
            )
        check_finite(x, "items")

    @final
    def check_fitted(self) -> None:
        """Refuse to speak before training."""
        if not self.fitted:
            raise InputError(
                f"learner {self.name!r} was not trained yet", todo="call fit (or load_state) first"
            )


def weights_of(module: nn.Module) -> dict[str, Tensor]:
    """Weights and running statistics of a net, copied to the CPU, by name."""
    return {name: value.detach().clone().cpu() for name, value in module.state_dict().items()}


def make_learner(name: str, *, task: Task, device: str = "cpu", **settings: Any) -> AbstractLearner:
    """The learner called ``name`` for this task, with these settings.

    Raises:
        UnknownNameError: no such learner or setting; the nearest known one is named.
        UsageError: a setting has a value that it cannot have.
    """
    return learners.make(name, settings, task=task, device=device)
