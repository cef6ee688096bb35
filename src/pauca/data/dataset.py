"""What a data set is: frozen values, images kept as they are stored until a batch is made."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Generator, Tensor

from pauca.checks import check_fields, check_finite, check_labels, check_size
from pauca.errors import DataError, InputError

__all__ = ["Dataset", "Kind", "Split", "Task", "Transform"]

Kind = Literal["image", "table", "text", "embedding", "sequence"]

Transform = Callable[[Tensor, Generator | None], Tensor]
"""Stored items [b, ...] (uint8 or float) -> float batch [b, ...] on the same device.

Random transforms draw from the generator; deterministic ones take None.
"""


@dataclass(frozen=True, eq=False)
class Task:
    """All that a learner may know of a data set: never a label of the pool.

    Args:
        name: Name of the data set.
        kind: image, table, text, embedding or sequence.
        shape: Shape of one item as stored: (channels, height, width), (d,) or (t, d).
        classes: Names of all classes, in the order of their numbers; their count comes only from
            here.
        evaluate: Transform used to score, to predict and to test. No randomness.
        train: Transform used on training batches.
    """

    name: str
    kind: Kind
    shape: tuple[int, ...]
    classes: tuple[str, ...]
    evaluate: Transform
    train: Transform

    def __post_init__(self) -> None:
        """Check types."""
        check_fields(self)

    @property
    def c(self) -> int:
        """Number of classes."""
        return len(self.classes)


@dataclass(frozen=True, eq=False)
class Split:
    """n items with their labels.

    Args:
        x: uint8 or float in [0, 1] [n, channels, h, w], or float [n, d] or [n, t, d]; of large sets
            of texts these are ``SparseRows``.
        y: int64 [n], or None for a pool without labels.
        groups: int64 [n] group of each item (worst-group accuracy), or None.
        sources: Where each item came from (file name, row), or None.
    """

    x: Tensor
    y: Tensor | None
    groups: Tensor | None = None
    sources: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        """Check sizes and types."""
        check_fields(self)
        floats = self.x.is_floating_point() and self.x.ndim in (2, 3, 4)
        if not floats and not (self.x.dtype == torch.uint8 and self.x.ndim == 4):
            raise DataError(
                "items have the wrong form",
                expected="uint8 or float [n, channels, h, w], float [n, d] or [n, t, d]",
                got=f"{self.x.dtype} {list(self.x.shape)}",
                todo="bring items to one of these forms: x.flatten(1).float(), say",
            )
        if floats:
            check_finite(self.x, "items")
        for name in ("y", "groups"):
            column = getattr(self, name)
            if column is not None:
                check_size(column, len(self), name)
        if self.sources is not None and len(self.sources) != len(self):
            raise InputError(
                "sources do not fit",
                expected=len(self),
                got=len(self.sources),
                todo="name one source an item, or leave them out",
            )

    def __len__(self) -> int:
        """Number of items."""
        return len(self.x)

    def take(self, index: Tensor) -> "Split":
        """The items at these positions, in that order."""
        return Split(
            x=self.x[index],
            y=None if self.y is None else self.y[index],
            groups=None if self.groups is None else self.groups[index],
            sources=None
            if self.sources is None
            else tuple(self.sources[i] for i in index.tolist()),
        )


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set ready to be learned from.

    Args:
        task: Name, kind, shape, class names and the two transforms.
        train: The pool; its row numbers are the ids of the items.
        test: Read by the evaluation alone; None for a pool of one's own.
        group_names: Names of the groups, where there are groups.
        licence: Under what terms the data may be used.
        source: Where it was read from.
        notes: What was done to it while loading (sizes and modes brought together, ...).
    """

    task: Task
    train: Split
    test: Split | None
    group_names: tuple[str, ...] = ()
    licence: str = "unknown"
    source: str = "memory"
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        """Labels are classes of the task; both splits hold items of one shape."""
        check_fields(self)
        for where, split in (("train", self.train), ("test", self.test)):
            if split is None:
                continue
            if tuple(split.x.shape[1:]) != self.task.shape:
                raise DataError(
                    f"items of the {where} split have the wrong shape",
                    expected=self.task.shape,
                    got=tuple(split.x.shape[1:]),
                    todo="make the task from the items: shape=tuple(x.shape[1:])",
                )
            if split.y is not None:
                check_labels(split.y, self.task.c, f"labels of the {where} split")

    @property
    def name(self) -> str:
        """Name of the data set."""
        return self.task.name

    @property
    def kind(self) -> Kind:
        """Kind of the items."""
        return self.task.kind

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self.task.classes
