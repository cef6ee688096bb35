"""What the catalogue says of a data set before a byte of it is read."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pauca.data.augment import Pipeline
from pauca.data.dataset import Dataset, Kind
from pauca.registry import Registry

__all__ = ["Entry", "Normalisation", "datasets", "entries", "entry"]

datasets: Registry[Dataset] = Registry(
    "data set", "pauca.data.catalog", "datasets", context=frozenset({"progress"})
)
"""Every named data set; a new file in pauca/data/catalog/ that registers one is found by itself."""


@dataclass(frozen=True)
class Normalisation:
    """Mean and standard deviation of the training pixels in [0, 1], one number a channel."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True)
class Entry:
    """A named data set: its description, and the function that reads it.

    Calling it (or ``load``) reads the data; everything else is known without reading.

    Args:
        name: Lower case with hyphens.
        kind: image, table, text or embedding.
        summary: One sentence.
        source: Where it comes from: a repository on the Hub, or OpenML, or a package.
        licence: Under what terms the data may be used.
        class_count: Number of classes; None where it depends on an option.
        read: Reads it; its keyword arguments are the options, and ``progress``.
        classes: Names of the classes; empty where they are read with the data.
        normalisation: Constants of the transforms; None where they are computed from the pool.
        evaluate: Transform used to score and test; None where it is made with the data.
        train: Transform of training batches; None where it is made with the data.
        folder: Sub-folder of PAUCA_DATA that holds a local copy, and in which layout.
        notes: What a user has to know.
        later: Options that came after studies had been run: at their defaults they are not written
            down, so that those studies keep their ids.
    """

    name: str
    kind: Kind
    summary: str
    source: str
    licence: str
    class_count: int | None
    read: Callable[..., Dataset]
    classes: tuple[str, ...] = ()
    normalisation: Normalisation | None = None
    evaluate: Pipeline | None = None
    train: Pipeline | None = None
    folder: str = ""
    notes: tuple[str, ...] = field(default=())
    later: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Look like a function to the registry, which reads the options from its signature."""
        object.__setattr__(self, "__module__", self.read.__module__)
        object.__setattr__(self, "__qualname__", self.read.__qualname__)

    @property
    def __wrapped__(self) -> Callable[..., Dataset]:
        """Whose signature and options these are."""
        return self.read

    def load(self, **options: Any) -> Dataset:
        """Read the data with these options, checked by name and value.

        Raises:
            UnknownNameError: no such option; the nearest known one is named.
            DataError: not found, or not readable as it is.
        """
        progress = options.pop("progress", None)
        return datasets.make(self.name, options, progress=progress)

    def __call__(self, **options: Any) -> Dataset:
        """Read the data; options have been checked."""
        return self.read(**options)


def entry(name: str) -> Entry:
    """What the catalogue says of the data set called ``name``.

    Raises:
        UnknownNameError: no such data set; the nearest known name is given.
    """
    found = datasets.get(name)
    if isinstance(found, Entry):
        return found
    return Entry(name, "table", found.__doc__ or "", "another package", "unknown", None, found)


def entries() -> tuple[Entry, ...]:
    """Every entry, by name; nothing is read."""
    return tuple(entry(name) for name in datasets.names())
