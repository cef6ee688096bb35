"""Folders of images: one sub-folder a class, perhaps train and test folders above; or flat."""

import os
import re
import stat
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path

from pauca.errors import DataError
from pauca.formats._tree import write_image_tree
from pauca.formats.base import (
    AbstractFormat,
    Images,
    Items,
    LabelSheet,
    Part,
    Raw,
    TextOptions,
    formats,
)

__all__ = [
    "FOREIGN",
    "IMAGE_SUFFIXES",
    "FolderFormat",
    "blocks_of",
    "image_suffixes",
    "listed_images",
    "pillow_formats",
]

IMAGE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".gif", ".tif", ".tiff", ".webp"}
    | {".ppm", ".pgm", ".pbm", ".pnm", ".pfm"}
)
"""Files that count as images everywhere, whatever the case; see ``image_suffixes``."""

_FORMATS = (
    *("PNG", "JPEG", "MPO", "GIF", "BMP", "DIB", "TIFF", "WEBP", "PPM"),
    *("AVIF", "JPEG2000", "HEIF", "JXL"),
)
"""Pillow's names of what is decoded; others run programs (EPS) or hold no single picture."""

_PLUGINS = {"pillow_heif": (".heic", ".heif", ".hif"), "pillow_jxl": (".jxl",)}
"""Packages that teach Pillow further formats, where they are installed."""

_RAW = "convert them to TIFF, for example with rawpy"
FOREIGN: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys(_PLUGINS["pillow_heif"], ("HEIC", "install pillow-heif, or convert to JPEG")),
    ".avif": ("AVIF", "install Pillow 11.3 or later, or convert to PNG"),
    ".jxl": ("JPEG XL", "install pillow-jxl-plugin, or convert to PNG"),
    **dict.fromkeys((".svg", ".svgz"), ("SVG", "drawings without pixels: convert to PNG")),
    **dict.fromkeys((".cr2", ".cr3", ".nef", ".arw", ".dng", ".orf", ".rw2"), ("raw camera", _RAW)),
    **dict.fromkeys((".dcm", ".dicom"), ("DICOM", "convert to 16-bit PNG, for example by pydicom")),
    **dict.fromkeys((".psd", ".psb"), ("PSD", "export as PNG")),
    ".nii": ("NIfTI", "save slices as TIFF, for example with nibabel"),
    **dict.fromkeys((".svs", ".ndpi"), ("whole-slide", "cut into tiles, for example by OpenSlide")),
}
"""Images that need a package or a conversion, by suffix: what they are, and what to do."""

_TRAIN = ("train", "training")
_TEST = ("test", "testing", "val", "valid", "validation")
_PART_WORD = re.compile(
    rf"(?:^|[_.\-])({'|'.join(sorted((*_TRAIN, *_TEST), key=len, reverse=True))})(?:$|[_.\-])"
)
_MASKED = {"images", "image", "imgs", "img", "masks", "mask", "labels", "annotations"}
_TABLES = frozenset({".csv", ".tsv", ".xlsx", ".jsonl", ".json", ".parquet"})
_BLOCK = 256


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
    holds = frozenset({"images"})

    def recognises(self, path: Path) -> bool:
        """Whether it is a folder."""
        return path.is_dir()

    def read_items(self, path: Path, options: TextOptions) -> Items:
        """The images by their paths, the class folder of each as its label.

        Raises:
            DataError: no images; a folder that cannot be read; a name that is not UTF-8.
        """
        images, notes = listed_images(path)
        base, top, said = _wrapper(images)
        tops = {name.split("/")[base] for name in images if name.count("/") > base}
        train, test, guessed = _parts_of(tops)
        _check_no_masks(tops, path)
        notes = (*notes, *said, *guessed)
        empty = sorted(_folders(path / top) - tops)
        if empty:
            notes = (*notes, f"folders without images were passed over: {_few(empty)}")
        if train is None:
            return Items(_part(path, images, base, notes))
        rest = sorted(tops - {train, test})
        if rest:
            notes = (*notes, f"folders beside {train} were passed over: {_few(rest)}")
        below = [
            [name for name in images if name.startswith(f"{top}{part}/")]
            for part in (train, test)
            if part is not None
        ]
        parts = [
            _part(path, names, _class_depth(names, base), notes if at == 0 else ())
            for at, names in enumerate(below)
        ]
        return Items(parts[0], parts[1] if len(parts) > 1 else None)


@formats.register("imagefolder")
class ImageTree(AbstractFormat):
    """Labelled images, one folder a class; what ``folder`` reads."""

    name = "imagefolder"
    title = "a folder of images"
    suffixes = ()
    abilities = frozenset({"labels"})
    holds = frozenset({"images"})
    folder = True

    def write_labels(self, out: Path, sheet: LabelSheet) -> int:
        """Copies, or hard links."""
        return write_image_tree(out, sheet)


def _wrapper(images: Sequence[str]) -> tuple[int, str, tuple[str, ...]]:
    """How deep train and test lie, in what, and what to say: archives have one folder around."""
    split = [name.split("/") for name in images]
    tops, least = {names[0] for names in split}, min(map(len, split))
    if len(tops) > 1 or least < 3 or _parts_of({names[1] for names in split})[0] is None:
        return 0, "", ()
    (top,) = tops
    return 1, f"{top}/", (f"the folder {top} holds the training and the test part",)


def _parts_of(tops: Collection[str]) -> tuple[str | None, str | None, tuple[str, ...]]:
    """The folders of training and test part, and what to say of names that were guessed.

    They are called so; or one has the word train and one test or val in its name, such as
    training_set and test_set.
    """
    train = next((top for known in _TRAIN for top in tops if top.lower() == known), None)
    test = next((top for known in _TEST for top in tops if top.lower() == known), None)
    if train is not None:
        return train, test, ()
    words = {top: _PART_WORD.search(top.lower()) for top in sorted(tops)}
    worded = [(found[1], top) for top, found in words.items() if found is not None]
    trains = [top for word, top in worded if word in _TRAIN]
    tests = [top for known in _TEST for word, top in worded if word == known]
    if len(trains) != 1 or not tests:
        return None, None, ()
    return trains[0], tests[0], (f"training part: {trains[0]}; test part: {tests[0]}",)


def _class_depth(names: Sequence[str], base: int) -> int:
    """Where the folder of the class stands: below a part that repeats its name, one deeper."""
    split = [name.split("/")[base:] for name in names]
    again = all(len(parts) > 3 and parts[1].lower() == parts[0].lower() for parts in split)
    return base + (2 if names and again else 1)


def _check_no_masks(tops: Collection[str], path: Path) -> None:
    """Refuse images beside their masks: the folders are no classes.

    Raises:
        DataError: they are called images and masks, annotations or labels.
    """
    if len(tops) > 1 and {top.lower() for top in tops} <= _MASKED:
        raise DataError(
            "the folders hold images and their masks, as for segmentation, and pauca does one "
            "class an item",
            expected="one folder a class",
            got=", ".join(sorted(tops)),
            where=str(path),
            todo="sort the images into one folder a class, or give the path of the images alone",
        )


def image_suffixes() -> frozenset[str]:
    """Suffixes of files that count as images: ``IMAGE_SUFFIXES``, and what Pillow can read here."""
    further = {"AVIF": (".avif",), "JPEG2000": (".jp2",), "JXL": _PLUGINS["pillow_jxl"]}
    further["HEIF"] = _PLUGINS["pillow_heif"]
    return IMAGE_SUFFIXES.union(*(further[each] for each in pillow_formats() if each in further))


def listed_images(root: Path) -> tuple[list[str], tuple[str, ...]]:
    """Paths of the images below a folder, relative to it with ``/``, sorted; and what to say.

    Only regular files count, and links to regular files within the folder. Linked folders, links
    that lead out or nowhere, pipes, devices and sockets are passed over unopened, and said; so are
    files that are no images by their suffix. Hidden files and folders are passed over.

    Raises:
        DataError: no such folder, no images in it, a folder that cannot be read, a name that is
            not UTF-8.
    """
    if not root.is_dir():
        raise DataError("there is no such folder", got=str(root), todo="check the path")
    suffixes, top = image_suffixes(), os.path.realpath(root)
    names: list[str] = []
    passed: dict[str, list[str]] = {}
    for above, folders, files in os.walk(root, onerror=_unreadable):
        folders[:] = [name for name in folders if not name.startswith((".", "__MACOSX"))]
        linked = [name for name in folders if os.path.islink(os.path.join(above, name))]
        for name in [*linked, *(name for name in files if not name.startswith("."))]:
            whole = os.path.join(above, name)
            relative = os.path.relpath(whole, root).replace(os.sep, "/")
            why = "{n} linked folders were not followed" if name in linked else None
            why = why or _why_passed(whole, top, suffixes)
            if why is None:
                names.append(_utf8(relative, root))
            else:
                passed.setdefault(why, []).append(relative)
    if not names:
        raise _no_images(root, passed, suffixes)
    return sorted(names), _passed_notes(passed)


@cache
def pillow_formats() -> tuple[str, ...]:
    """What this Pillow decodes of ``_FORMATS``, with the plugins that are installed."""
    from PIL import Image

    Image.init()
    for plugin in _PLUGINS:
        try:
            module = import_module(plugin)
        except ImportError:
            continue
        getattr(module, "register_heif_opener", lambda: None)()
    return tuple(each for each in _FORMATS if each in Image.OPEN)


def blocks_of(raws: Sequence[Raw]) -> Iterable[Sequence[Raw]]:
    """A sequence of pictures, cut into blocks."""
    return (raws[i : i + _BLOCK] for i in range(0, len(raws), _BLOCK))


def _why_passed(path: str, top: str, suffixes: Collection[str]) -> str | None:
    """Why a file is passed over, with the place of their number; None if it is an image."""
    try:
        kind = os.lstat(path).st_mode
        if stat.S_ISLNK(kind):
            target = os.path.realpath(path)
            kind = os.stat(target).st_mode
            if not target.startswith(os.path.join(top, "")):
                return "{n} links out of the folder were passed over (copy the files into it)"
    except OSError:
        return "{n} links to nothing were passed over"
    if not stat.S_ISREG(kind):
        return "{n} pipes, devices or sockets were passed over"
    suffix = os.path.splitext(path)[1].lower()
    if suffix in suffixes:
        return None
    if suffix in _TABLES:
        return (
            "{n} tables beside the images are not read (labels are the names of folders: sort the "
            "images into one folder a class)"
        )
    kind_of, todo = FOREIGN.get(suffix, (None, None))
    if kind_of is None:
        return "{n} files that are no images were passed over"
    return f"{{n}} {kind_of} images were passed over ({todo})"


def _passed_notes(passed: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    return tuple(
        f"{why.format(n=len(names))}: {_few(sorted(names))}"
        for why, names in sorted(passed.items())
    )


def _no_images(
    root: Path, passed: Mapping[str, Sequence[str]], suffixes: Collection[str]
) -> DataError:
    foreign = {
        os.path.splitext(name)[1].lower() for names in passed.values() for name in names
    } & set(FOREIGN)
    told = sorted({": ".join(FOREIGN[suffix]) for suffix in foreign})
    if any(name.endswith(".arrow") for names in passed.values() for name in names):
        told = ["pass datasets.load_from_disk(path) to pauca.dataset_from"]
    return DataError(
        "the folder holds no images",
        expected=f"files ending in {', '.join(sorted(suffixes))}",
        got="; ".join(_passed_notes(passed)) or "no files",
        where=str(root),
        todo="; ".join(told) or "check the path",
    )


def _folders(root: Path) -> set[str]:
    """Names of the folders below, hidden ones and links apart."""
    hidden = (".", "__MACOSX")
    with os.scandir(root) as entries:
        return {
            each.name
            for each in entries
            if each.is_dir(follow_symlinks=False) and not each.name.startswith(hidden)
        }


def _few(names: Sequence[str]) -> str:
    shown = ", ".join(ascii(name)[1:-1] if not name.isprintable() else name for name in names[:5])
    return shown + (", ..." if len(names) > 5 else "")


def _unreadable(error: OSError) -> None:
    raise DataError(
        "a folder cannot be read",
        got=error.strerror,
        where=error.filename,
        todo="give yourself the right to read it, or move it elsewhere",
    ) from None


def _utf8(name: str, root: Path) -> str:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        raise DataError(
            "the name of a file is not UTF-8", got=ascii(name), where=str(root), todo="rename it"
        ) from None
    return name


def _part(root: Path, names: Sequence[str], depth: int, notes: tuple[str, ...]) -> Part:
    """The images with the folder ``depth`` below the root as their label."""
    import pandas as pd

    split = [name.split("/") for name in names]
    labels = [parts[depth] if len(parts) > depth + 1 else None for parts in split]
    known = any(label is not None for label in labels)
    cells = {"file": names, "label": labels} if known else {"file": names}
    frame = pd.DataFrame(cells, dtype=object)
    files = tuple(root / name for name in names)
    images = Images(lambda: blocks_of(files), names.__getitem__, files=files)
    label = "label" if known else None
    return Part(root.name, frame, images, label=label, id="file", notes=notes)
