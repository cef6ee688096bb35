"""The pool as it is now: parts that came one after another, without what was removed.

Items and features of all parts lie in one file each. An addition writes both anew under other names
and becomes part of the pool by one row of the database, so a project is never between the two.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from threading import RLock

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pauca.errors import DataError, PaucaError, StoreError
from pauca.label.book import Book
from pauca.label.choosing import random_order
from pauca.label.embed import FEATURES, open_features
from pauca.label.items import ANEW, ITEMS, Items, Part
from pauca.label.pictures import Pictures
from pauca.label.records import Move, Version
from pauca.label.settings import ProjectSettings, Source

__all__ = ["LivePool", "PoolKeeper", "files_of", "open_pool"]


@dataclass(frozen=True, eq=False)
class LivePool:
    """The pool at one moment. What comes later adds numbers and never changes one.

    Args:
        version: Of the pool.
        items: All that there ever were, n.
        features: float32 [n, d], mapped.
        sources: Of each part, with the path where the data lie now.
        recorded: Of each part the path that was kept first.
        removed: Numbers of items that are gone, int64, increasing.
        seed: Of the project.
    """

    version: Version
    items: Items
    features: Tensor
    sources: tuple[Source, ...]
    recorded: tuple[str, ...]
    removed: NDArray[np.int64]
    seed: int

    @property
    def n(self) -> int:
        """Numbers that there are, those of removed items among them."""
        return self.items.n

    @property
    def base(self) -> int:
        """Items that the project began with."""
        return self.items.added[0].first if self.items.added else self.n

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """The random order of the items that are not removed."""
        ends = [*(part.first for part in self.items.added), self.n]
        added = [high - low for low, high in pairwise(ends)]
        order = random_order(self.n, self.seed, added)
        return order[~np.isin(order, self.removed)]

    @cached_property
    def _pictures(self) -> tuple[Pictures, ...]:
        return tuple(Pictures(self.items, source) for source in self.sources)

    def pictures(self, item: int) -> Pictures:
        """Reads the pictures of the part that an item is of.

        Raises:
            InputError: there is no such item.
        """
        self.items.key(item)
        return self._pictures[sum(part.first <= item for part in self.items.added)]


class PoolKeeper:
    """Gives the pool as it is now, whichever process changed it.

    Args:
        read: Opens the pool.
        book: The account.
    """

    def __init__(self, read: Callable[[], LivePool], book: Book) -> None:
        self._read, self._book = read, book
        self._lock = RLock()
        self._now = read()

    @property
    def now(self) -> LivePool:
        """The pool."""
        if self._book.version() != self._now.version:
            with self._lock:
                if self._book.version() != self._now.version:
                    self._now = self._read()
        return self._now


def files_of(additions: int) -> tuple[str, str]:
    """Names of the files of items and features after so many additions."""
    if not additions:
        return ITEMS, FEATURES
    return tuple(f"{Path(name).stem}-{additions}{Path(name).suffix}" for name in (ITEMS, FEATURES))  # type: ignore[return-value]  # of two names


def open_pool(
    folder: Path, settings: ProjectSettings, book: Book, check: Callable[[int], None]
) -> LivePool:
    """The pool of a project.

    Args:
        folder: The project's.
        settings: The project's.
        book: The account.
        check: Refuses files that are damaged, after so many additions.

    Raises:
        DataError: a file is damaged, or that of another project.
    """
    while True:
        version = book.version()
        try:
            return _opened(folder, settings, book, check)
        except PaucaError:
            if book.version() == version:  # else an addition took away the files of before
                raise


def _opened(
    folder: Path, settings: ProjectSettings, book: Book, check: Callable[[int], None]
) -> LivePool:
    version, added, moves, gone = book.pool()
    first = settings.source
    try:
        own = (first, *(Source.model_validate_json(each.source) for each in added))
    except ValueError as error:
        raise StoreError(
            "what was added to the project cannot be read",
            got=str(error).splitlines()[0][:200],
            where=folder,
            todo="put back a copy of project.db",
        ) from None
    recorded = tuple(source.path for source in own)
    sources = tuple(_where_now(part, source, moves) for part, source in enumerate(own))
    parts = tuple(
        Part(each.first, Path(source.path), source.format == "folder", each.prefix)
        for each, source in zip(added, sources[1:], strict=True)
    )
    items_file, features_file = files_of(version.additions)
    files = first.format == "folder"
    items = Items(folder, first.kind, Path(sources[0].path), files, items_file, parts)
    wanted = sum(source.items for source in own)
    said = "project.toml and project.db say" if added else "project.toml says"
    if items.n != wanted:
        raise DataError(
            "the list of items is that of another project",
            expected=f"{wanted} items, as {said}",
            got=items.n,
            where=folder,
            todo=ANEW,
        )
    features = open_features(folder, items.n, features_file)
    check(version.additions)
    removed = np.array(gone, dtype=np.int64)
    return LivePool(version, items, features, sources, recorded, removed, settings.seed)


def _where_now(part: int, source: Source, moves: list[Move]) -> Source:
    """The source with the path that was kept last; one that was edited since counts more."""
    found = [each.path for each in moves if each.part == part and each.was == source.path]
    return source.model_copy(update={"path": found[-1]}) if found else source
