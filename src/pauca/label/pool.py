"""A pool to label, as it was read: ids, what is shown, labels that are known already."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from pauca.data.columns import Missing
from pauca.data.dataset import Kind
from pauca.data.images import Raw

__all__ = ["Images", "Pool", "PoolOptions"]


@dataclass(frozen=True)
class PoolOptions:
    """How data become a pool; what is None is found.

    Args:
        text: Column of texts; one called text if None.
        label: Column of labels that are known; one called label, class, target or category if None.
        id: Column of ids; one called id if None, else rows are numbered from 0.
        image: Column of images of a parquet file.
        features: Columns of numbers; all that are left if None.
        missing: What an empty cell of a number column does.
        classes: The classes, where they are given: folders and numbers stand for these.
        known: Whether labels that the data hold are taken over.
    """

    text: str | None = None
    label: str | None = None
    id: str | None = None
    image: str | None = None
    features: tuple[str, ...] | None = None
    missing: Missing = "refuse"
    classes: tuple[str, ...] = ()
    known: bool = True


@dataclass(frozen=True, eq=False)
class Images:
    """Images as they are kept.

    Args:
        blocks: Gives all of them anew, in blocks.
        name: What image i is called, for messages.
        stored: uint8 [n, channels, h, w], where they are kept as an array.
    """

    blocks: Callable[[], Iterable[Sequence[Raw]]]
    name: Callable[[int], str]
    stored: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Pool:
    """n items as they were read.

    Args:
        format: folder, csv, jsonl, parquet or npz.
        kind: image, text, table or embedding.
        keys: Ids.
        sources: What is shown of each, or None.
        labels: Name of the class of each item, or None.
        classes: Classes that the data name, those without items included.
        columns: The options that name columns, as they were found.
        rows: float32 [n, d] of a table or of embeddings, as they are.
        images: Of kind image.
        notes: What was done.
    """

    format: str
    kind: Kind
    keys: Sequence[str]
    sources: Sequence[str] | None
    labels: Sequence[str | None]
    classes: tuple[str, ...] = ()
    columns: dict[str, Any] = field(default_factory=dict)
    rows: Tensor | None = None
    images: Images | None = None
    notes: tuple[str, ...] = ()

    @property
    def n(self) -> int:
        """How many items."""
        return len(self.keys)
