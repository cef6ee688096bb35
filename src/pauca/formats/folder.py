"""Folders of images: one sub-folder a class, perhaps train and test folders above; or flat."""

import os
import stat
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pauca.errors import DataError
from pauca.formats.base import AbstractFormat, Images, Items, Part, Raw, TextOptions, formats

__all__ = ["IMAGE_SUFFIXES", "FolderFormat", "Listing", "blocks_of", "inside", "list_images"]

IMAGE_SUFFIXES = frozenset(
    {
        ".avif", ".bmp", ".gif", ".jpe", ".jpeg", ".jpg", ".pgm", ".png", ".pnm", ".ppm", ".tif",
        ".tiff", ".webp",
    }
)  # fmt: skip
"""Files that count as images, whatever the case; all others are passed over, and a note says so."""

OTHER_IMAGES = {
    ".cr2": "convert it to TIFF or JPEG",
    ".dcm": "convert it to PNG or TIFF, for instance with pydicom",
    ".dng": "convert it to TIFF or JPEG",
    ".heic": "convert it to JPEG or PNG",
    ".heif": "convert it to JPEG or PNG",
    ".jxl": "convert it to PNG",
    ".nef": "convert it to TIFF or JPEG",
    ".psd": "convert it to PNG",
    ".svg": "draw it as PNG",
}
"""Images that are not read, and what makes them readable."""

_TRAIN = ("train", "training")
_TEST = ("test", "testing", "val", "valid", "validation")
_BLOCK = 256
_SHOWN = 5


@dataclass
class Listing:
    """What lies below a folder.

    Args:
        names: Paths of the images relative to it, with "/", sorted.
        others: Files that are no images by their suffix.
        links: Links that lead out of it, or to nothing.
        special: Pipes, devices and sockets.
    """

    names: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    special: list[str] = field(default_factory=list)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was passed over."""
        said = []
        if self.others:
            said.append(
                f"{len(self.others)} files that are no images were passed over: "
                f"{_few(self.others)}{_convert(self.others)}"
            )
        if self.links:
            said.append(
                f"{len(self.links)} links that lead out of the folder or to nothing were not "
                f"followed: {_few(self.links)}"
            )
        if self.special:
            said.append(
                f"{len(self.special)} pipes, devices or sockets were not opened: "
                f"{_few(self.special)}"
            )
        return tuple(said)


@formats.register("folder")
class FolderFormat(AbstractFormat):
    """Images in one sub-folder a class, with or without train and test folders above, or flat.

    Folders inside a class folder belong to the class; an image beside the class folders has no
    label. Hidden files and folders are passed over.
    """

    name = "folder"
    title = "folders of images"
    suffixes = ()
    abilities = frozenset({"items"})
    options = ("size", "mode", "fit", "flip", "classes", "test_fraction", "seed")

    def recognises(self, path: Path) -> bool:
        """Whether it is a folder."""
        return path.is_dir()

    def read_items(self, path: Path, options: TextOptions) -> Items:
        """The images by their paths, the class folder of each as its label.

        Raises:
            DataError: no images; a folder that cannot be read; a name that is not UTF-8.
        """
        listing = list_images(path)
        if not listing.names:
            raise DataError(
                "the folder holds no images",
                expected=f"files ending in {', '.join(sorted(IMAGE_SUFFIXES))}",
                got=f"{_few(listing.others) or 'nothing'}{_convert(listing.others)}",
                where=str(path),
                todo="name a folder with images in it",
            )
        tops = {name.split("/")[0] for name in listing.names if "/" in name}
        train = next((top for known in _TRAIN for top in tops if top.lower() == known), None)
        test = next((top for known in _TEST for top in tops if top.lower() == known), None)
        if train is None:
            return Items(_part(path, listing.names, 0, listing.notes))
        notes = listing.notes
        rest = sorted(tops - {train, test})
        if rest:
            notes = (*notes, f"folders beside {train} were passed over: {_few(rest)}")
        below = [
            [name for name in listing.names if name.startswith(f"{top}/")]
            for top in (train, test)
            if top is not None
        ]
        parts = [_part(path, names, 1, notes if at == 0 else ()) for at, names in enumerate(below)]
        return Items(parts[0], parts[1] if len(parts) > 1 else None)


def list_images(root: Path) -> Listing:
    """The images below a folder; nothing but folders and regular files is opened.

    Links within the folder count as what they lead to; links to folders are not followed.

    Raises:
        DataError: no such folder; one that cannot be read; a name that is not UTF-8.
    """
    if not root.is_dir():
        raise DataError("there is no such folder", got=str(root), todo="check the path")
    top, listing = root.resolve(), Listing()
    for above, folders, files in os.walk(root, onerror=_unreadable):
        linked = [name for name in folders if os.path.islink(os.path.join(above, name))]
        listing.links += [_relative(root, above, name) for name in linked]
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith((".", "__MACOSX")) and name not in linked
        )
        for name in sorted(files):
            if not name.startswith("."):
                _sort_in(listing, root, top, _relative(root, above, name))
    listing.names.sort()
    return listing


def inside(root: Path, name: str) -> Path:
    """The regular file of this name below a folder, links followed.

    Raises:
        DataError: it is not there, is no regular file, or lies elsewhere.
    """
    top = root.resolve()
    found = (top / name).resolve()
    if not found.is_relative_to(top):
        raise DataError(
            "a file leads out of the data folder",
            got=str(name),
            where=str(root),
            todo="copy the file into the folder instead of linking it",
        )
    if not found.is_file():
        raise DataError(
            "a file is gone", got=str(name), where=str(root), todo="put it back where it was"
        )
    return found


def blocks_of(raws: Sequence[Raw]) -> Iterable[Sequence[Raw]]:
    """A sequence of pictures, cut into blocks."""
    return (raws[i : i + _BLOCK] for i in range(0, len(raws), _BLOCK))


def _sort_in(listing: Listing, root: Path, top: Path, name: str) -> None:
    """Put a file where it belongs."""
    path = root / name
    try:
        found = path.stat()
        within = not path.is_symlink() or path.resolve().is_relative_to(top)
    except OSError:  # a link to nothing, or to itself
        listing.links.append(name)
        return
    if not within:
        listing.links.append(name)
    elif not stat.S_ISREG(found.st_mode):
        listing.special.append(name)
    elif os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES:
        listing.names.append(name)
    else:
        listing.others.append(name)


def _relative(root: Path, above: str, name: str) -> str:
    found = os.path.relpath(os.path.join(above, name), root).replace(os.sep, "/")
    try:
        found.encode("utf-8")
    except UnicodeEncodeError:
        raise DataError(
            "the name of a file is not UTF-8", got=ascii(found), where=str(root), todo="rename it"
        ) from None
    return found


def _unreadable(error: OSError) -> None:
    raise DataError(
        "a folder cannot be read",
        got=error.strerror,
        where=error.filename,
        todo="give yourself the right to read it, or move it elsewhere",
    ) from None


def _part(root: Path, names: Sequence[str], depth: int, notes: tuple[str, ...]) -> Part:
    """The images with the folder ``depth`` below the root as their label."""
    import pandas as pd

    split = [name.split("/") for name in names]
    labels = [parts[depth] if len(parts) > depth + 1 else None for parts in split]
    frame = pd.DataFrame({"file": names, "label": labels}, dtype=object)
    files: list[Raw] = [root / name for name in names]
    images = Images(lambda: blocks_of(files), names.__getitem__)
    return Part(root.name, frame, images, label="label", id="file", notes=notes)


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")


def _convert(names: Sequence[str]) -> str:
    """What to do with images that are not read."""
    found = Counter(os.path.splitext(name)[1].lower() for name in names)
    known = [
        f"{found[suffix]} {suffix} ({todo})"
        for suffix, todo in OTHER_IMAGES.items()
        if suffix in found
    ]
    return f" (images that pauca does not read: {', '.join(known)})" if known else ""
