"""A copy of a project in one file, taken while people work on it; unpacking it restores it."""

import hashlib
import shutil
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO
from zipfile import ZipFile

from pauca.errors import DataError
from pauca.label.atomic import SUMS, new_file, read_sums
from pauca.label.book import Book
from pauca.label.duplicates import duplicates_file
from pauca.label.engine import Engine
from pauca.label.fitting import FIT
from pauca.label.items import ANEW
from pauca.label.making import DATABASE, GUIDELINES, SETTINGS
from pauca.label.model import MODEL
from pauca.label.parts import files_of

__all__ = ["write_backup"]

_BLOCK = 2**22


def write_backup(engine: Engine, out: Path, *, force: bool = False) -> None:
    """Write a zip file with all that a project is; its data stay where they are.

    The database is copied by SQLite's own backup, as it was at one moment, and checked; answers
    that come meanwhile wait for no more than that copy. The other files are those of that moment,
    compared with their digests. A model that was trained in between is the older one.

    Args:
        engine: The project's.
        out: File to make.
        force: Replace a file that is there.

    Raises:
        DataError: a file of the project is damaged.
        StoreError: the account is.
        UsageError: the file is there already.
    """
    folder = engine.folder
    with TemporaryDirectory(prefix="pauca-backup-") as room, new_file(out, force=force) as draft:
        model, database = Path(room) / MODEL, Path(room) / DATABASE
        if (folder / MODEL).is_file():  # before the database, which knows of every training
            shutil.copyfile(folder / MODEL, model)
        with ExitStack() as stack:
            opened = _opened(engine, database, stack)
            if model.exists():
                opened[MODEL] = stack.enter_context(model.open("rb"))
            opened[DATABASE] = stack.enter_context(database.open("rb"))
            duplicates = duplicates_file(folder, engine.settings.duplicates)
            if duplicates.is_file():
                opened[duplicates.name] = stack.enter_context(duplicates.open("rb"))
            _pack(folder, draft, opened, duplicates.name)


def _opened(engine: Engine, database: Path, stack: ExitStack) -> dict[str, BinaryIO]:
    """A copy of the database, and the files that belong to it, open, so that they stay."""
    while True:
        engine.book.copy_to(database)
        copy = Book(database)  # which compares what happened with its digests
        try:
            additions = copy.version().additions
        finally:
            copy.close()
        names = [*files_of(additions), SETTINGS, GUIDELINES, FIT]
        try:
            return {
                name: stack.enter_context((engine.folder / name).open("rb"))
                for name in names
                if name in names[:3] or (engine.folder / name).is_file()
            }
        except FileNotFoundError:
            if engine.book.version().additions == additions:  # else they are those of before
                raise DataError(
                    "a file of the project is gone",
                    expected=", ".join(names[:3]),
                    where=engine.folder,
                    todo=ANEW,
                ) from None
            database.unlink()


def _pack(folder: Path, out: Path, opened: dict[str, BinaryIO], dispensable: str) -> None:
    """Write the files into a zip file, each as its digest says, and the digests.

    Raises:
        DataError: a file is not as it was written.
    """
    kept = read_sums(folder)
    with ZipFile(out, "w") as packed:
        sums = dict[str, str]()
        for name, file in opened.items():
            content = hashlib.sha256()
            if name == dispensable:
                raw = file.read()
                if hashlib.sha256(raw).hexdigest() != kept.get(name):
                    continue  # found anew meanwhile, and can be found again
                packed.writestr(name, raw)
                sums[name] = kept[name]
                continue
            with packed.open(name, "w", force_zip64=True) as entry:
                while block := file.read(_BLOCK):
                    content.update(block)
                    entry.write(block)
            if name in kept and content.hexdigest() != kept[name]:
                raise DataError(
                    "a file of the project is not as it was written",
                    expected=f"sha256 {kept[name][:20]}...",
                    got=f"sha256 {content.hexdigest()[:20]}...",
                    where=folder / name,
                    todo=ANEW,
                )
            if name in kept:
                sums[name] = kept[name]
        if sums:
            lines = (f"{sum_}  {name}\n" for name, sum_ in sorted(sums.items()))
            packed.writestr(SUMS, "".join(lines))
