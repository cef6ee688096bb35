"""Files and folders that are there whole or not at all, and never replaced unasked."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from pauca.errors import UsageError

__all__ = ["new_file", "new_folder"]


@contextmanager
def new_file(path: Path, *, force: bool = False) -> Iterator[Path]:
    """A place to write to; once all is well the file stands at ``path``.

    Args:
        path: Where it belongs.
        force: Replace what is there.

    Raises:
        UsageError: something is there; there is no such folder, or it may not be written.
    """
    path = Path(os.path.abspath(path))
    draft = _place(path, force, folder=False)
    try:
        yield draft
        with draft.open("rb+") as file:
            os.fsync(file.fileno())
        _put(draft, path, force)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def new_folder(path: Path, *, force: bool = False) -> Iterator[Path]:
    """A new folder to fill; once all is well it stands at ``path``.

    An empty folder at ``path`` counts as none.

    Raises:
        UsageError: something is there; the folder above may not be written.
    """
    path = Path(os.path.abspath(path))
    draft = _place(path, force, folder=True)
    try:
        draft.mkdir()
        yield draft
        if path.is_dir() and not path.is_symlink():
            aside = path.with_name(f"{draft.name}.old")
            os.rename(path, aside)
            os.rename(draft, path)
            shutil.rmtree(aside)
        else:
            _put(draft, path, force)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _place(path: Path, force: bool, *, folder: bool) -> Path:
    empty = folder and path.is_dir() and not any(path.iterdir())
    if folder and Path.cwd().is_relative_to(path):
        raise UsageError(
            "this folder is the one you are in, or holds it",
            where=str(path),
            todo="go to another folder and name it from there",
        )
    fits = path.is_dir() if folder else path.is_file()  # nothing else is ever replaced
    if os.path.lexists(path) and not empty and not (force and fits):
        kind = "folder" if path.is_dir() else "file"
        todo = "name another place" if force else "name another place, or say --force"
        raise UsageError(f"a {kind} is there already", where=str(path), todo=todo)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.part-{uuid4().hex[:8]}")
        draft.touch(exist_ok=False)
        if folder:
            draft.unlink()
    except OSError as error:
        raise UsageError(
            "nothing can be written there",
            got=error.strerror,
            where=str(path),
            todo="check the folder above, or name another place",
        ) from None
    return draft


def _put(draft: Path, path: Path, force: bool) -> None:
    """Move into place; without force a file that came in between is left alone."""
    if force or draft.is_dir():
        os.replace(draft, path)
        return
    try:
        os.link(draft, path)
    except FileExistsError:
        raise UsageError(
            "a file came there in the meantime", where=str(path), todo="say --force, or wait"
        ) from None
    except OSError:  # a file system without hard links
        os.replace(draft, path)
