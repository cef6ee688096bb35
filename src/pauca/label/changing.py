"""What changes the pool of a running project: items come and go, and data move.

Every change is one transaction of the database. Whatever files it takes are written before under
names that nobody reads yet, so a process that is killed leaves the pool of before or of after.
"""

import os
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pauca.errors import DataError, UsageError
from pauca.formats.folder import listed_images
from pauca.label.atomic import keep_sums, new_file
from pauca.label.classes import Classes
from pauca.label.engine import Engine, check_files
from pauca.label.fitting import FitState, read_fit
from pauca.label.items import Items, write_items
from pauca.label.labels import GIVEN
from pauca.label.locking import FolderLock
from pauca.label.parts import LivePool, files_of
from pauca.label.pool import PoolOptions
from pauca.label.reading import Addition as Read
from pauca.label.reading import fingerprint, read_addition, row_as_json
from pauca.label.records import Addition, Given, Move
from pauca.label.settings import Source
from pauca.learners.base import Progress

__all__ = ["Added", "add_items", "relocate", "remove_items"]

_SHOWN = 5
_BLOCK = 2**22  # numbers that are copied at a time


@dataclass(frozen=True)
class Added:
    """What an addition did.

    Args:
        items: Items that are new.
        known: Those whose ids were there already, which were passed over.
        labelled: Those of the new ones that came with a label.
        classes: Classes that were added.
        notes: What was done to the data.
    """

    items: int
    known: int = 0
    labelled: int = 0
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def add_items(
    engine: Engine,
    path: Path,
    *,
    options: PoolOptions,
    known: Literal["refuse", "skip"] = "refuse",
    prefix: str = "",
    add_new_classes: bool = False,
    person: str,
    progress: Progress | None = None,
) -> Added:
    """Let items of a file or folder be part of a running project; see ``Project.add``."""
    if known not in ("refuse", "skip"):
        raise UsageError(
            "there is no such choice of known",
            expected="refuse or skip",
            got=repr(known)[:100],
            todo="choose one of these",
        )
    source = Path(os.path.abspath(path.expanduser()))
    with FolderLock(engine.folder / "adding.lock").held():
        pool, fit = engine.pool, read_fit(engine.folder)
        names = _Names(pool.items, source, prefix, skip=known == "skip")
        classes = engine.book.classes()
        how = replace(options, classes=(*classes.names, *options.classes))
        found = read_addition(source, how, fit.intake, _before(pool.sources[0]), names)
        labels, new = _classes(found.labels, classes, add_new_classes, str(source))
        if not found.keys:
            notes = (*found.items.notes, "nothing was added: every item is there already")
            return Added(0, names.known, notes=notes)
        shown, notes = _shown(pool, found)
        _write(engine, pool, fit, found, shown, progress)
        first = pool.n
        given = [
            Given(GIVEN, first + place, "label", cls, strategy=GIVEN)
            for place, cls in enumerate(labels)
            if cls is not None
        ]
        addition = Addition(first, _source(pool, found, source).model_dump_json(), prefix)
        before = pool.version.additions
        with engine.choosing.held():
            keep_sums(engine.folder, files_of(before + 1))
            _sync(engine.folder)
            engine.book.add_items(addition, before, given, new, person)
            _clean(engine.folder, before + 1)
    notes = (*found.items.notes, *notes)
    return Added(len(found.keys), names.known, len(given), tuple(new.values()), notes)


def remove_items(engine: Engine, items: Sequence[int], person: str) -> int:
    """Take items out of the pool; see ``Project.remove``."""
    whole = list(dict.fromkeys(items))
    for item in whole:
        engine.pool.items.key(item)
    with engine.choosing.held():
        engine.book.remove_items(whole, person)
    return len(whole)


def relocate(engine: Engine, path: Path, old: Path | None, person: str) -> tuple[Path, ...]:
    """Keep where data lie now; see ``Project.relocate``."""
    new = Path(os.path.abspath(path.expanduser()))
    with engine.choosing.held():
        pool = engine.pool
        places = {each.path for each in pool.sources}
        if old is None and len(places) > 1:
            raise UsageError(
                "the items come from several places",
                expected="the one that has moved",
                got=", ".join(sorted(places)),
                todo="name it with --from",
            )
        was = str(os.path.abspath(old.expanduser())) if old is not None else next(iter(places))
        parts = [place for place, each in enumerate(pool.sources) if each.path == was]
        if not parts:
            raise UsageError(
                "no items come from there",
                expected=", ".join(sorted(places)),
                got=was,
                todo="name one of these with --from",
            )
        _check_same(pool, parts, new)
        moves = [Move(part, pool.recorded[part], str(new)) for part in parts]
        engine.book.move(moves, person)
    return (Path(was), new)


class _Names:
    """Gives ids to new items, and says which of them are there already.

    Args:
        items: Of the project.
        source: The new data.
        prefix: In front of every id.
        skip: Whether those that are there are passed over.
    """

    def __init__(self, items: Items, source: Path, prefix: str, *, skip: bool) -> None:
        self._items, self._source, self._prefix, self._skip = items, source, prefix, skip
        self.known = 0

    def __call__(self, keys: Sequence[str], by_row: bool) -> tuple[Sequence[str], Collection[int]]:
        """The ids, and the rows whose ids are taken.

        Raises:
            DataError: an id that is taken, or that occurs twice.
        """
        front = f"{self._prefix}{self._source.name}:" if by_row else self._prefix
        keys = [f"{front}{key}" for key in keys]
        if len(set(keys)) != len(keys):
            seen = set[str]()
            twice = next(key for key in keys if key in seen or seen.add(key))  # type: ignore[func-returns-value]
            raise DataError(
                "an id occurs twice",
                expected="a different id for every item",
                got=repr(twice),
                where=str(self._source),
                todo="name another column with --id",
            )
        taken = [row for row, key in enumerate(keys) if self._items.has(key)]
        if taken and not self._skip:
            few = ", ".join(repr(keys[row]) for row in taken[:_SHOWN])
            raise DataError(
                f"{len(taken)} of {len(keys)} ids are taken already, so nothing was added",
                expected="ids that the project has never had",
                got=few + (", ..." if len(taken) > _SHOWN else ""),
                where=str(self._source),
                todo="pass over these items with --known skip, or set the new ones apart with "
                "--prefix TEXT",
            )
        self.known = len(taken)
        return keys, taken


def _before(source: Source) -> dict[str, Any]:
    """Options that the items of the project were read with."""
    names = ("text", "label", "id", "image")
    own = {name: getattr(source, name) for name in names if getattr(source, name) is not None}
    if source.missing != "refuse":
        own["missing"] = source.missing
    return {**own, **(source.read or {})}


def _classes(
    labels: Sequence[str | None], known: Classes, add: bool, where: str
) -> tuple[list[int | None], dict[int, str]]:
    """Id of each label, and the names that are new by the numbers that stand for them.

    Raises:
        DataError: a label that is no class, unless these are added.
    """
    ids = {each.name: each.id for each in known}
    other = sorted({label for label in labels if label is not None and label not in ids})
    if other and not add:
        raise DataError(
            f"{len(other)} labels of the data are no classes, so nothing was added",
            expected=", ".join(known.names)[:300] or "no class yet",
            got=", ".join(map(repr, other[:_SHOWN])) + (", ..." if len(other) > _SHOWN else ""),
            where=where,
            todo="add them with --add-new-classes, or leave labels alone with --unlabelled",
        )
    new = {-1 - place: name for place, name in enumerate(other)}
    ids |= {name: number for number, name in new.items()}
    return [None if label is None else ids[label] for label in labels], new


def _source(pool: LivePool, found: Read, path: Path) -> Source:
    """Where the new items are from."""
    first = pool.sources[0]
    return Source(
        path=str(path),
        format=found.format,
        kind=first.kind,
        items=len(found.keys),
        fingerprint=fingerprint(path),
        missing=first.missing,
        vocabulary=first.vocabulary,
        size=first.size,
        levels=first.levels,
        text=first.text,
        **found.columns,
    )


def _write(
    engine: Engine,
    pool: LivePool,
    fit: FitState,
    found: Read,
    shown: Sequence[str],
    progress: Progress | None,
) -> None:
    """The files of items and features with the new ones at their end."""
    before = pool.version.additions
    check_files(engine.folder, engine.settings.duplicates, before, whole=True)
    items_file, features_file = files_of(before + 1)
    keys = [*pool.items.keys(), *found.keys]
    write_items(engine.folder, keys, [*pool.items.sources(), *shown], items_file)
    total, d = len(keys), pool.features.shape[1]
    size = max(1, _BLOCK // d)
    with new_file(engine.folder / features_file, force=True) as draft:
        room = np.lib.format.open_memmap(draft, "w+", np.float32, (total, d))
        for low in range(0, pool.n, size):
            room[low : low + size][: pool.n - low] = pool.features[low : low + size].numpy()
        low = pool.n
        for rows in features_of_new(fit, found, engine.settings.device):
            room[low : low + len(rows)] = rows
            low += len(rows)
            if progress is not None:
                progress((low - pool.n) / (total - pool.n))
        room.flush()


def features_of_new(fit: FitState, found: Read, device: str) -> Iterator[NDArray[np.float32]]:
    """Features of new items as they were fitted on the first ones, block by block.

    Raises:
        DataError: one is NaN or infinite.
    """
    for block in found.items.blocks():
        rows = fit.features(block, device).cpu().numpy()
        if not np.isfinite(rows).all():
            raise DataError(
                "a feature is NaN or infinite",
                got="new items",
                todo="leave these items out",
            )
        yield rows


def _shown(pool: LivePool, found: Read) -> tuple[list[str], tuple[str, ...]]:
    """What is kept of each new item beside its id, and what is said of it."""
    kind, shown = pool.sources[0].kind, found.items.shown
    if kind == "text":
        return list(shown["text"]), ()
    if kind == "image" and found.format != "folder":
        return [str(row) for row in found.rows], ()
    if kind != "table":
        return [""] * len(found.keys), ()
    columns = list(pool.items.row(0))
    more = [name for name in shown if name not in columns]
    said = f"columns that the first items do not have are left out: {', '.join(more)[:300]}"
    none = [None] * len(found.keys)
    rows = zip(*(shown.get(name, none) for name in columns), strict=True)
    return [row_as_json(columns, row) for row in rows], (said,) if more else ()


def _sync(folder: Path) -> None:
    """See to it that names of files are on the disk before the database speaks of them."""
    with suppress(OSError):  # some systems of files have no such thing
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def _clean(folder: Path, additions: int) -> None:
    """Remove the files of before, and what additions that broke off have left."""
    own = re.compile(
        r"\.?(items(-\d+)?\.arrow|features(-\d+)?\.npy)(\.part-[0-9a-f]+)?"
        r"|\.project\.sha256\.part-[0-9a-f]+"
    )
    kept = files_of(additions)
    gone = [path for path in folder.iterdir() if own.fullmatch(path.name) and path.name not in kept]
    for path in gone:
        path.unlink(missing_ok=True)
    keep_sums(folder, (), gone=[path.name for path in gone])


def _check_same(pool: LivePool, parts: Sequence[int], new: Path) -> None:
    """Refuse a place that does not hold the data of these parts.

    Raises:
        DataError: another file; a folder without some of the images, or with other ones.
    """
    wanted = [pool.sources[part].fingerprint for part in parts]
    if not new.exists():
        raise DataError("there is nothing", where=str(new), todo="check the path")
    if pool.sources[parts[0]].format != "folder":
        if new.is_dir() or fingerprint(new) not in wanted:
            raise _other("a file", wanted[-1], new)
        return
    if not new.is_dir():
        raise _other("a folder", wanted[-1], new)
    keys = [pool.items.key(item) for item in range(pool.n)]
    ends = [*(part.first for part in pool.items.added), pool.n]
    names = set[str]()
    for part in parts:
        low = 0 if part == 0 else ends[part - 1]
        prefix = "" if part == 0 else pool.items.added[part - 1].prefix
        names |= {key.removeprefix(prefix) for key in keys[low : ends[part]]}
    there = set(listed_images(new)[0])
    lost = sorted(names - there)
    if lost:
        raise DataError(
            f"{len(lost)} of {len(names)} images are not there",
            got=", ".join(lost[:_SHOWN]) + (", ..." if len(lost) > _SHOWN else ""),
            where=str(new),
            todo="name the folder that holds them by the same names",
        )
    if not {fingerprint(new), fingerprint(new, only=names)} & set(wanted):
        raise _other("a folder", wanted[-1], new)


def _other(what: str, wanted: str, new: Path) -> DataError:
    return DataError(
        "these are not the data that the items are from",
        expected=f"{what} with fingerprint {wanted[:20]}...",
        got=f"fingerprint {fingerprint(new)[:20]}...",
        where=str(new),
        todo="name the place where the same data lie, with the same names and sizes",
    )
