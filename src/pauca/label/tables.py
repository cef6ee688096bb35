"""Files of rows as a pool to label: npz, csv, jsonl and parquet."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pauca.data.catalog._hub_images import raw_images
from pauca.data.columns import (
    LABEL_NAMES,
    ColumnOptions,
    find_column,
    find_roles,
    has_text,
    items_of,
    joined_texts,
)
from pauca.data.features import make_features
from pauca.data.frames import read_csv, read_jsonl, read_parquet_frame
from pauca.data.rows import ParquetRows
from pauca.data.sources.arrays import read_arrays, stored_items
from pauca.errors import DataError, UsageError, nearest
from pauca.label.pool import Images, Pool, PoolOptions

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["npz_pool", "parquet_pool", "refuse", "table_pool"]

_SHOWN = 5
_READ = {"csv": read_csv, "jsonl": read_jsonl, "parquet": read_parquet_frame}


def refuse(options: PoolOptions, names: Sequence[str], whose: str) -> None:
    """Refuse options that this format does not have.

    Raises:
        UsageError: one of them is given.
    """
    for name in names:
        if getattr(options, name) is not None:
            raise UsageError(
                f"{whose} has no option {name}", got=getattr(options, name), todo="leave it out"
            )


def npz_pool(path: Path, options: PoolOptions) -> Pool:
    """Embeddings or images ``x``, perhaps with labels ``y`` and ``ids``."""
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
    if not x.numel():
        raise DataError(
            "the file holds no numbers",
            expected="at least one row and one column",
            got=f"x {list(x.shape)}",
            where=path.name,
        )
    ids, y = arrays.get("ids"), arrays.get("y")
    keys = _keys(None if ids is None else ids.reshape(-1).tolist(), len(x), f"{path.name}, ids")
    values = [None] * len(x) if y is None else y.reshape(-1).tolist()
    labels = _named(values, len(x), options, f"{path.name}, y")
    if x.ndim == 4:
        images = Images(lambda: (), lambda i: f"image {i}", x)
        return Pool("npz", "image", keys, None, labels, images=images)
    return Pool("npz", "embedding", keys, None, labels, rows=x)


def table_pool(path: Path, form: str, options: PoolOptions) -> Pool:
    """Texts, columns of numbers and few words, or vectors."""
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
        find_column(rest, text, where, "text")
        texts = tuple(joined_texts(rest, [text], where))
        empty = next((i for i, each in enumerate(texts) if not has_text(each)), None)
        if empty is not None:
            raise DataError("a text is missing", where=f"{where}, row {empty}, column {text!r}")
        columns["text"] = text
        return Pool(form, "text", keys, texts, labels, classes or (), columns)
    chosen = ColumnOptions(features=options.features, missing=options.missing)
    roles = find_roles(items_of(rest, None, where), chosen)
    made = make_features(rest, None, roles, options.missing, where)
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


def parquet_pool(path: Path, rows: ParquetRows, column: str, options: PoolOptions) -> Pool:
    """Images in a column of a parquet file."""
    refuse(options, ("text", "features"), "parquet with images")
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


def _class(text: str | None, names: tuple[str, ...], by_number: bool, where: str) -> str | None:
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
    if isinstance(value, list | tuple):
        return [_cell(each) for each in value]
    if isinstance(value, dict):
        return {str(key): _cell(each) for key, each in value.items()}
    plain = value.item() if isinstance(value, np.generic) else value
    return str(plain) if isinstance(plain, float) and math.isinf(plain) else plain


def _empty(value: Any) -> bool:
    """None, NaN, or what pandas has for them."""
    missing = type(value).__name__ in ("NAType", "NaTType")
    return value is None or missing or (isinstance(value, float) and math.isnan(value))
