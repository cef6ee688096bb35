"""Items that are taken out of a running project, and data that are moved."""

import os
from collections.abc import Sequence
from pathlib import Path

from pauca.errors import DataError, UsageError
from pauca.formats.folder import listed_images
from pauca.label.engine import Engine
from pauca.label.parts import LivePool
from pauca.label.reading import fingerprint
from pauca.label.records import Move

__all__ = ["relocate", "remove_items"]

_SHOWN = 5


def remove_items(engine: Engine, items: Sequence[int], person: str) -> int:
    """Take items out of the pool; see ``Project.remove``."""
    whole = list(dict.fromkeys(items))
    for item in whole:
        engine.pool.items.key(item)
    with engine.choosing.held():
        engine.book.remove_items(whole, person)
    return len(whole)


def relocate(engine: Engine, path: Path, old: Path | None, person: str) -> tuple[Path, Path]:
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
