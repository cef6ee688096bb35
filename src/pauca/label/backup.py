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
from pauca.label.fitting import fit_file
from pauca.label.items import ANEW
from pauca.label.making import DATABASE, GUIDELINES
from pauca.label.model import MODEL
from pauca.label.parts import files_of
from pauca.label.settings import SETTINGS, read_settings

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
    with (
        TemporaryDirectory(prefix="pauca-backup-") as room,
        new_file(out, force=force) as draft,
        ExitStack() as stack,
    ):
        with engine.choosing.held():  # neither items nor features change
            opened = _opened(engine, Path(room), stack)
        _pack(folder, draft, opened, duplicates_file(folder, engine.settings.duplicates).name)


def _opened(engine: Engine, room: Path, stack: ExitStack) -> dict[str, BinaryIO]:
    """A copy of the model and one of the database, and the files that belong to it, all open."""
    folder, settings = engine.folder, read_settings(engine.folder / SETTINGS)
    if (folder / MODEL).is_file():  # before the database, which knows of every training
        shutil.copyfile(folder / MODEL, room / MODEL)
    engine.book.copy_to(room / DATABASE)
    copy = Book(room / DATABASE)  # which compares what happened with its digests
    try:
        additions = copy.version().additions
    finally:
        copy.close()
    needed = [SETTINGS, *files_of(additions, settings.features_file)]
    others = [
        fit_file(settings.features_file),
        GUIDELINES,
        duplicates_file(folder, settings.duplicates).name,
    ]
    paths = {name: folder / name for name in needed}
    paths |= {name: folder / name for name in others if (folder / name).is_file()}
    paths |= {path.name: path for path in (room / DATABASE, room / MODEL) if path.exists()}
    try:
        return {name: stack.enter_context(path.open("rb")) for name, path in paths.items()}
    except OSError as error:
        raise DataError(
            "a file of the project cannot be read",
            expected=", ".join(needed),
            got=error.strerror,
            where=error.filename,
            todo=ANEW,
        ) from None


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
