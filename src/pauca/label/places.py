"""Where nothing may be written: over the data, and over a project's own files."""

import os
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

from pauca.errors import UsageError
from pauca.formats.folder import IMAGE_SUFFIXES

if TYPE_CHECKING:
    from pauca.label.project import Project

__all__ = ["check_apart", "check_out"]

_OWN = (
    "project.*", "items.arrow", "items-*.arrow", "features.*", "features-*.npy", "model.pt",
    "duplicates-*.npy", "guidelines.md",
    "*.lock",
)  # fmt: skip


def check_out(project: "Project", out: Path, *, folder: bool = False) -> None:
    """Refuse a place where something would be lost that cannot be made again, ``--force`` or not.

    Links are followed. Such are the data and the project, whatever holds them, the project's own
    files, images of a data folder, and, for a folder to be made, any place within the data.

    Args:
        project: Whose data and files.
        out: Where something is to be written.
        folder: Whether it is a folder.

    Raises:
        UsageError: it is such a place.
    """
    where = Path(os.path.realpath(out))
    home = Path(os.path.realpath(project.folder))
    places = [Path(os.path.realpath(source.path)) for source in project.sources]
    lost = None
    if any(data.is_relative_to(where) for data in places):
        lost = "the data"
    elif home.is_relative_to(where):
        lost = "the project"
    elif where.parent == home and any(fnmatch(where.name, own) for own in _OWN):
        lost = "a file of the project"
    elif any(map(where.is_relative_to, places)) and (
        folder or where.suffix.lower() in IMAGE_SUFFIXES
    ):
        lost = "a part of the data"
    if lost is not None:
        raise UsageError(
            f"{lost} would be written over", got=str(out), todo="name another place with --out"
        )


def check_apart(out: Path, **kept: Path | None) -> None:
    """Refuse a place where one of these files or folders, or a part of it, would be lost.

    Args:
        out: Where something is to be written.
        **kept: What is there, by what it is.

    Raises:
        UsageError: it is such a place.
    """
    where = Path(os.path.realpath(out))
    for what, path in kept.items():
        real = None if path is None else Path(os.path.realpath(path))
        if real is not None and (real.is_relative_to(where) or where.is_relative_to(real)):
            raise UsageError(
                f"the {what} would be written over",
                got=str(out),
                todo="name another place with --out",
            )
