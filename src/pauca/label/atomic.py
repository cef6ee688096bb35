"""Files and folders that are there whole or not at all, as written, and never replaced unasked."""

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from pauca.errors import DataError, UsageError

__all__ = ["SUMS", "check_sums", "keep_sums", "new_file", "new_folder", "read_sums"]

SUMS = "project.sha256"
"""The file of a project's digests, which ``sha256sum --check`` reads too."""


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


def keep_sums(folder: Path, names: Iterable[str], gone: Iterable[str] = ()) -> None:
    """Write down the SHA-256 of these files of a folder; those of others stay as they are.

    Args:
        folder: Whose.
        names: The files.
        gone: Files whose digests are not kept any more.

    Raises:
        UsageError: the folder may not be written.
    """
    kept = {**read_sums(folder), **{name: _sum(folder / name) for name in names}}
    for name in gone:
        kept.pop(name, None)
    with new_file(folder / SUMS, force=True) as draft:
        draft.write_text("".join(f"{sum_}  {name}\n" for name, sum_ in sorted(kept.items())))


def check_sums(folder: Path, todo: Mapping[str, str], *, whole: bool = False) -> None:
    """Refuse files that are not as they were written, as far as their digests are known.

    A file that did not change since all of them were looked at last is not read again.

    Args:
        folder: Whose files.
        todo: What to do about each, by name.
        whole: Read them all the same: a disk may lose a bit without saying so.

    Raises:
        DataError: a file differs; nothing is said of one that is gone.
    """
    try:
        since = 0 if whole else (folder / SUMS).stat().st_mtime_ns
    except OSError:
        return
    seen = False
    for name, kept in read_sums(folder).items():
        if name not in todo or not (folder / name).is_file():
            continue
        facts = (folder / name).stat()
        if max(facts.st_mtime_ns, facts.st_ctime_ns) < since:
            continue
        seen = True
        found = _sum(folder / name)
        if found != kept:
            raise DataError(
                "a file of the project is not as it was written",
                expected=f"sha256 {kept[:20]}...",
                got=f"sha256 {found[:20]}...",
                where=folder / name,
                todo=todo[name],
            )
    if seen:
        with suppress(OSError):  # where nothing may be written they are read every time
            os.utime(folder / SUMS)


def read_sums(folder: Path) -> dict[str, str]:
    """The digests of a project's files that are known, by name; none in a project without.

    Raises:
        DataError: their file is damaged.
    """
    try:
        lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(folder, str(error)) from None
    parts = [line.split("  ", 1) for line in lines]
    if any(len(part) != 2 or len(part[0]) != 64 for part in parts):
        raise _unreadable(folder, "another form")
    return {name: sum_ for sum_, name in parts}


def _unreadable(folder: Path, got: str) -> DataError:
    return DataError(
        "the digests of the project's files cannot be read",
        expected="lines as sha256sum writes them",
        got=got[:200],
        where=folder / SUMS,
        todo="if the other files are right, remove this one: the next training writes it anew",
    )


def _sum(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(
            "a file of the project cannot be read",
            got=error.strerror,
            where=path,
            todo="check who owns it, and the disk",
        ) from None


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
