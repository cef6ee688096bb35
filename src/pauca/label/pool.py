"""Data of a person's own as a pool to label: ids, what is shown, labels that are known already."""

import hashlib
import json
import math
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from pauca.data.catalog._hub_images import raw_images
from pauca.data.dataset import Kind
from pauca.data.features import Missing, TableOptions, find_column, make_features, texts_of
from pauca.data.frames import read_csv, read_jsonl, read_parquet_frame
from pauca.data.images import Raw, blocks_of
from pauca.data.load import format_of
from pauca.data.rows import ParquetRows
from pauca.data.sources.arrays import read_arrays, stored_items
from pauca.data.sources.folder import IMAGE_SUFFIXES
from pauca.data.sources.parquet import image_column
from pauca.data.tables import LABEL_NAMES
from pauca.errors import DataError, UsageError, nearest
from pauca.label.items import inside

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Images", "Pool", "PoolOptions", "fingerprint", "read_pool"]

_SHOWN = 5
_READ = {"csv": read_csv, "jsonl": read_jsonl, "parquet": read_parquet_frame}


@dataclass(frozen=True)
class PoolOptions:
    """How data become a pool; what is None is found.

    Args:
        text: Column of texts; one called text if None.
        label: Column of labels that are known; one called label, class, target or category if None.
        id: Column of ids; one called id if None, else rows are numbered from 0.
        image: Column of images of a parquet file.
        features: Columns of numbers; all that are left if None.
        missing: What an empty cell of a number column does.
        classes: The classes, where they are given: folders and numbers stand for these.
        known: Whether labels that the data hold are taken over.
    """

    text: str | None = None
    label: str | None = None
    id: str | None = None
    image: str | None = None
    features: tuple[str, ...] | None = None
    missing: Missing = "refuse"
    classes: tuple[str, ...] = ()
    known: bool = True


@dataclass(frozen=True, eq=False)
class Images:
    """Images as they are kept.

    Args:
        blocks: Gives all of them anew, in blocks.
        name: What image i is called, for messages.
        stored: uint8 [n, channels, h, w], where they are kept as an array.
    """

    blocks: Callable[[], Iterable[Sequence[Raw]]]
    name: Callable[[int], str]
    stored: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Pool:
    """n items as they were read.

    Args:
        format: folder, csv, jsonl, parquet or npz.
        kind: image, text, table or embedding.
        keys: Ids.
        sources: What is shown of each, or None.
        labels: Name of the class of each item, or None.
        classes: Classes that the data name, those without items included.
        columns: The options that name columns, as they were found.
        rows: float32 [n, d] of a table or of embeddings, as they are.
        images: Of kind image.
        notes: What was done.
    """

    format: str
    kind: Kind
    keys: Sequence[str]
    sources: Sequence[str] | None
    labels: Sequence[str | None]
    classes: tuple[str, ...] = ()
    columns: dict[str, Any] = field(default_factory=dict)
    rows: Tensor | None = None
    images: Images | None = None
    notes: tuple[str, ...] = ()

    @property
    def n(self) -> int:
        """How many items."""
        return len(self.keys)


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
        _refuse(options, ("text", "label", "id", "image", "features"), "a folder of images")
        return _folder(path, options)
    if form == "npz":
        _refuse(options, ("text", "label", "id", "image", "features"), "an npz file")
        return _npz(path, options)
    if form == "parquet":
        rows = ParquetRows([path])
        column = options.image or image_column(rows)
        if column is not None:
            return _parquet_images(path, rows, column, options)
    _refuse(options, ("image",), f"{form} without images")
    return _table(path, form, options)


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


def _refuse(options: PoolOptions, names: Sequence[str], whose: str) -> None:
    for name in names:
        if getattr(options, name) is not None:
            raise UsageError(
                f"{whose} has no option {name}", got=getattr(options, name), todo="leave it out"
            )


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
    for above, folders, files in os.walk(path):
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


def _check_name(name: str, path: Path) -> None:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        raise DataError(
            "the name of a file is not UTF-8", got=ascii(name), where=str(path), todo="rename it"
        ) from None


def _npz(path: Path, options: PoolOptions) -> Pool:
    arrays = read_arrays(path)
    if "x" not in arrays:
        raise DataError(
            "the file holds no items",
            expected="an array x, and perhaps y and ids",
            got=", ".join(arrays) or "no arrays",
            where=path.name,
            todo="save it again: np.savez(file, x=..., ids=...)",
        )
    x = stored_items(arrays.pop("x"), f"{path.name}, x")
    ids, y = arrays.get("ids"), arrays.get("y")
    keys = _keys(None if ids is None else ids.reshape(-1).tolist(), len(x), f"{path.name}, ids")
    values = [None] * len(x) if y is None else y.reshape(-1).tolist()
    labels = _named(values, len(x), options, f"{path.name}, y")
    if x.ndim == 4:
        images = Images(lambda: (), lambda i: f"image {i}", x)
        return Pool("npz", "image", keys, None, labels, images=images)
    return Pool("npz", "embedding", keys, None, labels, rows=x)


def _table(path: Path, form: str, options: PoolOptions) -> Pool:
    frame, where = _READ[form](path), path.name
    if not len(frame):
        raise DataError("the table has no rows", expected="at least one row", where=where)
    id_, label = _id_column(frame, options, where), _label_column(frame, options, where)
    keys = _keys(None if id_ is None else frame[id_].tolist(), len(frame), f"{where}, {id_}")
    values = [None] * len(frame) if label is None else frame[label].tolist()
    classes = ParquetRows([path]).class_names(label) if label and form == "parquet" else None
    labels = _named(values, len(frame), options, f"{where}, column {label!r}", classes)
    rest = frame.drop(columns=[name for name in (id_, label) if name is not None])
    columns: dict[str, Any] = {"id": id_, "label": label}
    text = options.text or ("text" if "text" in rest.columns and not options.features else None)
    if text is not None:
        texts = texts_of(rest, text, where)
        columns["text"] = text
        return Pool(form, "text", keys, texts, labels, classes or (), columns)
    made = make_features(
        rest, None, None, TableOptions(features=options.features, missing=options.missing), where
    )
    sources = None if made.kind == "embedding" else _rows_as_json(rest)
    columns["features"] = options.features
    return Pool(
        form,
        made.kind,
        keys,
        sources,
        labels,
        classes or (),
        columns,
        rows=made.train,
        notes=made.notes,
    )


def _parquet_images(path: Path, rows: ParquetRows, column: str, options: PoolOptions) -> Pool:
    _refuse(options, ("text", "features"), "parquet with images")
    rows.check_columns([name for name in (column, options.label, options.id) if name])
    names = {name.lower(): name for name in rows.columns}
    label = options.label or next((names[name] for name in LABEL_NAMES if name in names), None)
    id_ = options.id or names.get("id")
    keys = _keys(None if id_ is None else rows.column(id_), rows.n, f"{path.name}, {id_}")
    classes = None if label is None else rows.class_names(label)
    values = [None] * rows.n if label is None or not options.known else rows.column(label)
    labels = _named(values, rows.n, options, f"{path.name}, column {label!r}", classes)
    images = Images(lambda: raw_images(rows, column), lambda i: f"row {i} of {path.name}")
    columns = {"id": id_, "label": label, "image": column}
    return Pool("parquet", "image", keys, None, labels, classes or (), columns, images=images)


def _id_column(frame: "pd.DataFrame", options: PoolOptions, where: str) -> str | None:
    if options.id is not None:
        return find_column(frame, options.id, where, "id")
    return next((str(name) for name in frame.columns if str(name).lower() == "id"), None)


def _label_column(frame: "pd.DataFrame", options: PoolOptions, where: str) -> str | None:
    if options.label is not None:
        return find_column(frame, options.label, where, "label")
    known = [str(name) for name in frame.columns if str(name).lower() in LABEL_NAMES]
    known = [name for name in known if name not in (options.text, options.id)]
    if len(known) > 1:
        raise DataError(
            "more than one column may be the label",
            got=", ".join(known),
            where=where,
            todo="say which with label",
        )
    return known[0] if known else None


def _keys(values: Sequence[Any] | None, n: int, where: str) -> list[str]:
    """Ids as texts; row numbers without any."""
    if values is None:
        return [str(i) for i in range(n)]
    if len(values) != n:
        raise DataError("ids do not fit the items", expected=n, got=len(values), where=where)
    keys = [_text(value) for value in values]
    for row, key in enumerate(keys):
        if key is None:
            raise DataError("an id is missing", got=repr(values[row]), where=f"{where}, row {row}")
    return [key for key in keys if key is not None]


def _named(
    values: Sequence[Any],
    n: int,
    options: PoolOptions,
    where: str,
    classes: tuple[str, ...] | None = None,
) -> list[str | None]:
    """Name of the class of each item, None where there is none.

    Whole numbers that are no class name count as numbers of classes, -1 as no label.
    """
    if len(values) != n:
        raise DataError("labels do not fit the items", expected=n, got=len(values), where=where)
    if not options.known:
        return [None] * n
    names = classes or options.classes
    by_number = bool(names) and not any(_whole(name) for name in names)
    cache: dict[Any, str | None] = {}
    found = []
    for row, value in enumerate(values):
        text = _text(value)
        if text not in cache:
            cache[text] = _class(text, names, by_number, f"{where}, row {row}")
        found.append(cache[text])
    return found


def _class(
    text: str | None, names: tuple[str, ...], by_number: bool, where: str
) -> str | None:
    if text is None or (text == "-1" and text not in names):
        return None
    if not names or text in names:
        return text
    if by_number and _whole(text) and 0 <= int(text) < len(names):
        return names[int(text)]
    close = nearest(text, names)
    raise DataError(
        "a label is not in the class list",
        expected=", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else ""),
        got=repr(text),
        where=where,
        todo=f"did you mean {close!r}?" if close else "list every class with classes",
    )


def _text(value: Any) -> str | None:
    """A cell as a text without blanks at its ends; None where it is empty."""
    if _empty(value):
        return None
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip() or None


def _whole(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _rows_as_json(frame: "pd.DataFrame") -> list[str]:
    """Each row as a JSON object; what is no number in the sense of JSON becomes null."""
    columns = list(frame.columns)
    return [
        json.dumps(
            {column: _cell(value) for column, value in zip(columns, row, strict=True)},
            ensure_ascii=False,
            default=str,
            allow_nan=False,
        )
        for row in frame.itertuples(index=False, name=None)
    ]


def _cell(value: Any) -> Any:
    if _empty(value):
        return None
    plain = value.item() if isinstance(value, np.generic) else value
    return str(plain) if isinstance(plain, float) and math.isinf(plain) else plain


def _empty(value: Any) -> bool:
    """None, NaN, or what pandas has for them."""
    missing = type(value).__name__ in ("NAType", "NaTType")
    return value is None or missing or (isinstance(value, float) and math.isnan(value))
