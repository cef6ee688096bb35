"""A pool to label, as it was read: ids, what is shown, labels that are known already."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor

from pauca.data.columns import Missing
from pauca.data.dataset import Kind
from pauca.data.images import Survey, kept_blocks
from pauca.formats import Images
from pauca.label.intake import AbstractIntake

__all__ = ["Images", "Pool", "PoolOptions"]


@dataclass(frozen=True)
class PoolOptions:
    """How data become a pool; what is None is found.

    Args:
        text: Column of texts, or several that are joined; one called text if None.
        label: Column of labels that are known; one called label, class, target or category if None.
        id: Column of ids; one called id if None, else rows are numbered from 0.
        image: Column of images of a parquet file.
        features: Columns of numbers; all that are left if None.
        missing: What an empty cell of a number column does.
        classes: The classes, where they are given: folders and numbers stand for these.
        known: Whether labels that the data hold are taken over.
        format: Name of the format; by what the file says if None.
        more: Further options of ``pauca.load_dataset``: ``encoding``, ``skip_broken``, ...
    """

    text: str | tuple[str, ...] | None = None
    label: str | None = None
    id: str | None = None
    image: str | None = None
    features: tuple[str, ...] | None = None
    missing: Missing = "refuse"
    classes: tuple[str, ...] = ()
    known: bool = True
    format: str | None = None
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def given(self) -> dict[str, Any]:
        """Options by the names that ``load_dataset`` has for them, as far as they are given."""
        own = {name: getattr(self, name) for name in ("text", "label", "id", "image", "features")}
        given = {name: value for name, value in own.items() if value is not None}
        if self.missing != "refuse":
            given["missing"] = self.missing
        return {**given, **self.more}


@dataclass(frozen=True, eq=False)
class Pool:
    """n items as they were read.

    Args:
        format: Name of the format.
        kind: image, text, table or embedding.
        keys: Ids.
        sources: What is shown of each; rows in the file of images that are kept in one; or None.
        labels: Name of the class of each item, or None.
        classes: Classes that the data name, those without items included.
        columns: The options that name columns, as they were found.
        rows: float32 [n, d] of a table or of embeddings, as they are.
        images: Of kind image.
        survey: Sizes, modes and values of images that are to be decoded.
        notes: What was done.
        intake: How further items are read; of images their form decides it, which comes later.
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
    survey: Survey | None = None
    notes: tuple[str, ...] = ()
    intake: AbstractIntake | None = None

    @property
    def n(self) -> int:
        """How many items."""
        return len(self.keys)

    def without(self, lost: Collection[int], notes: tuple[str, ...]) -> "Pool":
        """The pool without these rows, and what is said of it."""
        kept = [row for row in range(self.n) if row not in lost]
        images, sources = self.images, self.sources
        if images is not None:
            whole = images
            images = replace(
                whole,
                blocks=lambda: kept_blocks(whole.blocks(), lost),
                name=lambda i: whole.name(kept[i]),
            )
            sources = sources or [str(row) for row in range(self.n)]
        return replace(
            self,
            keys=[self.keys[row] for row in kept],
            sources=None if sources is None else [sources[row] for row in kept],
            labels=[self.labels[row] for row in kept],
            images=images,
            notes=(*self.notes, *notes),
        )
