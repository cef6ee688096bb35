"""Data of a person's own as a pool to label: a folder of images, or one file."""

import hashlib
import os
from pathlib import Path

from pauca.data.images import blocks_of
from pauca.data.load import format_of
from pauca.data.rows import ParquetRows
from pauca.data.sources.folder import IMAGE_SUFFIXES
from pauca.data.sources.parquet import image_column
from pauca.errors import DataError
from pauca.label.items import inside
from pauca.label.pool import Images, Pool, PoolOptions
from pauca.label.tables import npz_pool, parquet_pool, refuse, table_pool

__all__ = ["fingerprint", "read_pool"]

_SHOWN = 5


def read_pool(path: Path, options: PoolOptions) -> Pool:
    """The items of a folder of images, or of a csv, jsonl, parquet or npz file.

    Raises:
        DataError: the data are not there, or broken; a label that is no class; an id twice.
        UsageError: an option that this format does not have.
    """
    if not path.exists():
        raise DataError("there is no such file or folder", got=str(path), todo="check the path")
    form = format_of(path)
    if path.is_dir() and form != "folder":
        raise DataError(
            "a folder of tables is not labelled as a whole",
            expected="a folder of images, or one file",
            got=f"{form} files",
            where=str(path),
            todo="name one of its files",
        )
    if form == "folder":
        refuse(options, ("text", "label", "id", "image", "features"), "a folder of images")
        return _folder(path, options)
    if form == "npz":
        refuse(options, ("text", "label", "id", "image", "features"), "an npz file")
        return npz_pool(path, options)
    if form == "parquet":
        rows = ParquetRows([path])
        column = options.image or image_column(rows)
        if column is not None:
            return parquet_pool(path, rows, column, options)
    refuse(options, ("image",), f"{form} without images")
    return table_pool(path, form, options)


def fingerprint(path: Path) -> str:
    """sha256 of a file; of the paths and sizes of the images of a folder."""
    digest = hashlib.sha256()
    if path.is_dir():
        for name in _images_below(path)[0]:
            digest.update(f"{name}\0{(path / name).stat().st_size}\n".encode())
        return digest.hexdigest()
    with path.open("rb") as file:
        while part := file.read(2**22):
            digest.update(part)
    return digest.hexdigest()


def _folder(path: Path, options: PoolOptions) -> Pool:
    names, notes = _images_below(path)
    if not names:
        raise DataError(
            "the folder holds no images",
            expected=f"files ending in {', '.join(sorted(IMAGE_SUFFIXES))}",
            got=", ".join(sorted(child.name for child in path.iterdir())[:_SHOWN]) or "nothing",
            where=str(path),
        )
    above = [name.split("/")[0] if "/" in name else None for name in names]
    folders = sorted({name for name in above if name is not None})
    taken = [name for name in folders if not options.classes or name in options.classes]
    if not options.known:
        taken = []
    others = [name for name in folders if name not in taken]
    if others and options.known:
        said = ", ".join(others[:_SHOWN])
        notes = (*notes, f"images in folders that are no classes have no label yet: {said}")
    labels = [name if name in set(taken) else None for name in above]
    files = [path / name for name in names]
    images = Images(lambda: blocks_of(files), names.__getitem__)
    return Pool(
        "folder",
        "image",
        names,
        None,
        labels,
        tuple(taken),
        images=images,
        notes=tuple(notes),
    )


def _images_below(path: Path) -> tuple[list[str], tuple[str, ...]]:
    """Paths of the images relative to the folder, sorted, and what has to be said."""
    found, others, links = [], 0, []
    for above, folders, files in os.walk(path, onerror=_unreadable):
        links += [name for name in folders if os.path.islink(os.path.join(above, name))]
        folders[:] = [name for name in folders if not name.startswith((".", "__MACOSX"))]
        for name in files:
            if name.startswith("."):
                continue
            if os.path.splitext(name)[1].lower() not in IMAGE_SUFFIXES:
                others += 1
                continue
            whole = os.path.join(above, name)
            relative = os.path.relpath(whole, path).replace(os.sep, "/")
            if os.path.islink(whole):
                inside(path, relative)
            _check_name(relative, path)
            found.append(relative)
    notes = [f"{others} files that are no images were passed over"] if others else []
    if links:
        notes.append(f"{len(links)} linked folders were not followed: {links[0]}")
    return sorted(found), tuple(notes)


def _unreadable(error: OSError) -> None:
    raise DataError(
        "a folder cannot be read",
        got=error.strerror,
        where=error.filename,
        todo="give yourself the right to read it, or move it elsewhere",
    ) from None


def _check_name(name: str, path: Path) -> None:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        raise DataError(
            "the name of a file is not UTF-8", got=ascii(name), where=str(path), todo="rename it"
        ) from None
