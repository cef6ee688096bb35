"""Labelled pictures as a tree of files: one folder a class."""

import hashlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from pauca.errors import InputError, UsageError
from pauca.formats.base import ItemRecord, LabelSheet

__all__ = ["write_image_tree"]

_LONGEST = 200
_HARMLESS = " -_.+,()[]{}@#&'!=^"


def write_image_tree(place: Path, sheet: LabelSheet) -> int:
    """Copies of the pictures, or hard links, below a folder that is there; how many.

    Raises:
        InputError: the items are no pictures, or, for links, no files; two classes would share a
            folder.
        UsageError: no hard link can be made there.
    """
    if sheet.kind != "image" or sheet.original is None:
        raise InputError(
            "only images make a tree of images",
            got=f"items of kind {sheet.kind}",
            todo="choose csv, jsonl or parquet",
        )
    if sheet.link and sheet.file is None:
        raise InputError(
            "only files can be linked", got="pictures within a file", todo="leave --link out"
        )
    folders, count = _folders(sheet.classes), 0
    taken: dict[str, set[str]] = {}
    for item in sheet.records():
        name = item.label or ""
        if name not in taken:
            (place / folders[name]).mkdir()
        used = taken.setdefault(name, set())
        _put(item, sheet, place / folders[name] / _file_name(item, sheet, used))
        count += 1
    return count


def _folders(classes: Iterable[str]) -> dict[str, str]:
    """A folder's name for each class: its own where that is safe.

    Raises:
        InputError: two classes would share one where file systems do not tell case apart.
    """
    found = {name: _safe(name) for name in classes}
    lower: dict[str, str] = {}
    for name, folder in found.items():
        other = lower.setdefault(folder.casefold(), name)
        if other != name:
            raise InputError(
                "two classes would share a folder",
                got=f"{other!r} and {name!r}",
                todo="rename one of them, or merge them",
            )
    return found


def _safe(name: str) -> str:
    """A name that every file system takes: what is not safe is written as %XX, % itself too."""
    safe = "".join(
        char if char.isalnum() or char in _HARMLESS else quote(char, safe="") for char in name
    )
    if safe.startswith("."):
        safe = f"%2E{safe[1:]}"
    if safe.endswith((".", " ")):
        safe = f"{safe[:-1]}%{ord(safe[-1]):02X}"
    if len(safe.encode()) > _LONGEST:
        safe = f"{safe[: _LONGEST // 8]}-{hashlib.sha256(name.encode()).hexdigest()[:12]}"
    return safe


def _file_name(item: ItemRecord, sheet: LabelSheet, taken: set[str]) -> str:
    """A file's own name; with its number where another one in the folder has it."""
    if sheet.file is not None:
        whole = Path(item.key)
        stem, suffix = _safe(whole.stem), whole.suffix.lower()
    else:
        assert sheet.original is not None
        whole = Path(sheet.original(item.number)[1].replace("/", "_"))
        stem, suffix = _safe(whole.stem), whole.suffix
    name, number = f"{stem}{suffix}", item.number
    while name.casefold() in taken:
        name, number = f"{stem}-{number}{suffix}", number + 10**6
    taken.add(name.casefold())
    return name


def _put(item: ItemRecord, sheet: LabelSheet, target: Path) -> None:
    if sheet.file is None:
        assert sheet.original is not None
        target.write_bytes(sheet.original(item.number)[0])
        return
    source = sheet.file(item.number)
    if not sheet.link:
        shutil.copyfile(source, target)
        return
    try:
        os.link(source, target)
    except OSError as error:
        raise UsageError(
            "no hard link can be made there",
            got=error.strerror,
            where=str(target.parent.parent),
            todo="leave --link out: copies are made then",
        ) from None
