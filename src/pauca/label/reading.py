"""Data of a person's own as a pool to label: read by the formats that data sets are read by."""

import hashlib
import json
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pauca.data.assemble import DataOptions
from pauca.data.columns import Roles, find_column, find_roles, id_column, joined_texts, read_labels
from pauca.data.features import RowFit, find_scaling, make_features
from pauca.data.images import kept_blocks, survey
from pauca.data.load import options_of, own_options, told_format
from pauca.data.own import channels_first
from pauca.errors import DataError
from pauca.formats import AbstractFormat, Items, Part, find_format
from pauca.formats.folder import listed_images
from pauca.label.intake import AbstractIntake, Fresh, RowIntake, TextIntake, flat_rows
from pauca.label.pool import Images, Pool, PoolOptions

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Addition",
    "fingerprint",
    "plain_cell",
    "read_addition",
    "read_fresh",
    "read_pool",
    "row_as_json",
]

_SHOWN = 5


@dataclass(frozen=True, eq=False)
class Addition:
    """New items for a pool.

    Args:
        format: Name of the format.
        keys: Ids.
        rows: Row of each in the data.
        labels: Label that each came with, or None.
        items: What they are.
        columns: Columns of ids, labels and images, as they were found.
    """

    format: str
    keys: Sequence[str]
    rows: Sequence[int]
    labels: Sequence[str | None]
    items: Fresh
    columns: Mapping[str, Any]


def read_pool(path: Path, options: PoolOptions) -> Pool:
    """The items of a folder of images, or of a file of any format that holds items.

    Raises:
        DataError: the data are not there, or broken; a label that is no class; an id twice.
        UsageError: an option that this format does not have.
    """
    form, data, part = _read(path, options)
    roles = find_roles(Items(part), data.columns)
    pool = _pool(form, part, roles, data)
    labels, classes, said = _labels(part, roles, data, options, form)
    notes = (*part.notes, *roles.notes, *pool.notes)
    whole = replace(pool, labels=labels, classes=classes, notes=(*notes, *said))
    return _without(whole, data, part)


def read_fresh(
    path: Path, options: PoolOptions, intake: AbstractIntake, before: Mapping[str, Any]
) -> tuple[list[str], Fresh]:
    """New items, read as those of a pool were; nothing about them is decided anew.

    Args:
        path: A folder of images, or a file of any format that holds items.
        options: How it is read; of the columns, only those of texts and ids can be named.
        intake: Of the pool.
        before: Options that the pool's file was read with, for what is not given; ``id`` counts
            where there is such a column.

    Returns:
        Ids, and the items: without broken images where these are passed over, and without items
        that hold no text unless these are kept.

    Raises:
        DataError: the data are not there, broken, or of another kind than the pool.
        UsageError: an option that this format does not have.
    """
    found = _more(path, options, intake, before)
    return list(found.keys), found.items


def read_addition(
    path: Path,
    options: PoolOptions,
    intake: AbstractIntake,
    before: Mapping[str, Any],
    name: Callable[[Sequence[str], bool], tuple[Sequence[str], Collection[int]]],
) -> Addition:
    """New items for a pool, read as those of it were, with the labels that they come with.

    Args:
        path: A folder of images, or a file of any format that holds items.
        options: How it is read; ``classes`` are those of the project.
        intake: Of the pool.
        before: Options that the pool's file was read with, for what is not given.
        name: Told the ids, and whether they are numbers of rows; gives those that the items get,
            and the rows that are passed over.

    Raises:
        DataError: the data are not there, broken, or of another kind than the pool.
        UsageError: an option that this format does not have.
    """
    return _more(path, options, intake, before, name)


def _more(
    path: Path,
    options: PoolOptions,
    intake: AbstractIntake,
    before: Mapping[str, Any],
    name: Callable[[Sequence[str], bool], tuple[Sequence[str], Collection[int]]] | None = None,
) -> Addition:
    named = before.get("id")
    others = {key: value for key, value in before.items() if key != "id"}
    form, data, part = _read(path, options, others)
    if options.id is None and isinstance(named, str) and named in part.frame.columns:
        data = replace(data, columns=replace(data.columns, id=named))
    if options.text is not None and isinstance(intake, TextIntake):
        intake = TextIntake([options.text] if isinstance(options.text, str) else options.text)
    id_ = id_column(Items(part), data.columns)
    keys: Sequence[str] = _keys(None if id_ is None else part.frame[id_].tolist(), part)
    lost, notes = set[int](), list(part.notes)
    if name is not None:
        keys, known = name(keys, id_ is None)
        lost |= set(known)
    if data.skip_broken and part.images is not None and part.images.stored is None:
        raws = (raw for block in part.images.blocks() for raw in block)
        found = survey(raws, part.images.name, upright=True, skip_broken=True)
        lost, notes = lost | set(found.skipped), [*notes, *found.notes]
    if data.columns.empty_texts != "keep":
        empty = set(intake.empty(part)) - lost
        if empty and data.columns.empty_texts == "refuse":
            raise DataError(
                f"{len(empty)} texts are empty",
                where=f"{part.where}, row {min(empty)}",
                todo="fill them in, or leave them out with empty_texts = 'leave-out'",
            )
        if empty:
            notes.append(f"{len(empty)} of {part.n} texts are empty and are left out")
        lost |= empty
    kept = [row for row in range(part.n) if row not in lost]
    if not kept and name is None:
        raise DataError("nothing is left to predict", where=part.where, todo="see what was said")
    if lost:
        part = _rows_of(part, kept, lost)
    label = _label_column(part, options, before) if name is not None and options.known else None
    labels, said = _own_labels(part, label, options, form)
    drop = [column for column in (id_, label) if column is not None]
    part = replace(part, frame=part.frame.drop(columns=drop))
    fresh = intake.read(part) if kept else Fresh(0, lambda: iter(()), {})
    columns = {"id": id_, "label": label, "image": part.image}
    return Addition(
        form.name,
        [keys[row] for row in kept],
        kept,
        labels,
        replace(fresh, notes=(*notes, *said, *fresh.notes)),
        {key: value for key, value in columns.items() if value is not None},
    )


def _label_column(part: Part, options: PoolOptions, before: Mapping[str, Any]) -> str | None:
    """Column of labels that are known: the one that is named, else the pool's or the format's."""
    if options.label is not None:
        return find_column(part.frame, options.label, part.where, "label")
    names = [str(column) for column in part.frame.columns]
    return next((name for name in (before.get("label"), part.label) if name in names), None)


def _own_labels(
    part: Part, column: str | None, options: PoolOptions, form: AbstractFormat
) -> tuple[list[str | None], tuple[str, ...]]:
    """The label of each item as it stands there, or None."""
    if column is None:
        return [None] * part.n, ()
    cells = part.frame[column].tolist()
    names = part.class_names.get(column)
    if names is not None:
        numbers = dict(enumerate(names))
        cells = [numbers.get(cell) if isinstance(cell, int) else cell for cell in cells]
    found = [_text(cell) for cell in cells]
    if "-1" not in options.classes:  # as data sets write that there is none
        found = [None if label == "-1" else label for label in found]
    return _of_classes(found, options.classes) if form.name == "folder" else (found, ())


def _rows_of(part: Part, kept: Sequence[int], lost: Collection[int]) -> Part:
    """Some rows of a part."""
    images = part.images
    if images is not None:
        whole = images
        images = replace(
            whole,
            blocks=lambda: kept_blocks(whole.blocks(), lost),
            name=lambda i: whole.name(kept[i]),
        )
    frame = part.frame.iloc[list(kept)].reset_index(drop=True)
    return replace(part, frame=frame, images=images)


def _read(
    path: Path, options: PoolOptions, before: Mapping[str, Any] | None = None
) -> tuple[AbstractFormat, DataOptions, Part]:
    """Format, options and all items of a file or a folder of images."""
    if not path.exists():
        raise DataError("there is no such file or folder", got=str(path), todo="check the path")
    form = find_format(path, name=options.format)
    if path.is_dir() and form.name != "folder":
        raise DataError(
            "a folder of tables is not labelled as a whole",
            expected="a folder of images, or one file",
            got=f"{form.name} files",
            where=str(path),
            todo="name one of its files",
        )
    known = options_of(form)
    given = {key: value for key, value in (before or {}).items() if key in known}
    data = own_options(form, {**given, **options.given})
    items = form.read_items(path, data.reading)
    return form, data, _whole(told_format(items, form, {"format": options.format}))


def fingerprint(path: Path, only: Collection[str] | None = None) -> str:
    """sha256 of a file; of the paths and sizes of the images of a folder, or of some of them."""
    digest = hashlib.sha256()
    if path.is_dir():
        for name in listed_images(path)[0]:
            if only is not None and name not in only:
                continue
            digest.update(f"{name}\0{(path / name).stat().st_size}\n".encode())
        return digest.hexdigest()
    with path.open("rb") as file:
        while part := file.read(2**22):
            digest.update(part)
    return digest.hexdigest()


def _whole(items: Items) -> Part:
    """Both parts as one, since a pool has no test part."""
    import pandas as pd

    if items.test is None:
        return items.train
    frame = pd.concat([part.frame for part in items.parts], ignore_index=True)
    pictures = [part.images for part in items.parts if part.images is not None]
    images = Images(
        lambda: (block for each in pictures for block in each.blocks()),
        lambda i: f"image {i}",
    )
    stored = [each.stored for each in pictures if each.stored is not None]
    if stored:
        images = replace(images, stored=np.concatenate(stored))
    arrays = [part.array for part in items.parts if part.array is not None]
    return replace(
        items.train,
        frame=frame,
        images=images if pictures else None,
        array=np.concatenate(arrays) if arrays else None,
        notes=(*items.train.notes, "the training and the test part are one pool"),
    )


def _pool(form: AbstractFormat, part: Part, roles: Roles, data: DataOptions) -> Pool:
    """The items with their ids, without labels yet."""
    frame = part.frame
    keys = _keys(None if roles.id is None else frame[roles.id].tolist(), part)
    columns: dict[str, Any] = {"id": roles.id, "label": roles.label, "image": part.image}
    none: list[str | None] = [None] * part.n
    if part.images is not None:
        found, images = None, part.images
        if images.stored is not None:
            stored = channels_first(images.stored, data.channels, part.where)
            images = replace(images, stored=stored)
        else:
            raws = (raw for block in part.images.blocks() for raw in block)
            found = survey(
                raws,
                part.images.name,
                upright=True,
                scale=data.scale,
                skip_broken=data.skip_broken,
            )
        return Pool(
            form.name,
            "image",
            keys,
            None,
            none,
            columns=columns,
            images=images,
            survey=found,
        )
    if part.array is not None:
        rows = flat_rows(part)
        scaling, notes = find_scaling(rows)
        return Pool(
            form.name,
            "embedding",
            keys,
            None,
            none,
            columns=columns,
            rows=scaling.apply(rows),
            notes=notes,
            intake=RowIntake("embedding", RowFit((), None, rows.shape[1], scaling)),
        )
    if roles.text:
        columns["text"] = roles.text
        texts = joined_texts(frame, roles.text, part.where)
        intake = TextIntake(roles.text)
        return Pool(form.name, "text", keys, texts, none, columns=columns, intake=intake)
    made = make_features(frame, None, roles, data.columns.missing, part.where)
    rest = frame.drop(columns=[name for name in (roles.id, roles.label) if name is not None])
    sources = None if made.kind == "embedding" else _rows_as_json(rest)
    columns["features"] = roles.features if data.columns.features else None
    return Pool(
        form.name,
        made.kind,
        keys,
        sources,
        none,
        columns=columns,
        rows=made.train,
        notes=made.notes,
        intake=None if made.fit is None else RowIntake(made.kind, made.fit),
    )


def _labels(
    part: Part, roles: Roles, data: DataOptions, options: PoolOptions, form: AbstractFormat
) -> tuple[list[str | None], tuple[str, ...], tuple[str, ...]]:
    """Name of the class of each item or None, classes that the data name, what is said."""
    if roles.label is None or not options.known:
        return [None] * part.n, (), ()
    cells = part.frame[roles.label].tolist()
    notes: tuple[str, ...] = ()
    if form.name == "folder":
        cells, notes = _of_classes(cells, options.classes)
    names = part.class_names.get(roles.label)
    where = f"{part.where}, column {roles.label!r}"
    # a project may begin with one class, which is no list of classes to a data set
    several = options.classes if len(options.classes) > 1 else None
    chosen = replace(data.columns, classes=several)
    known = names or (() if several else options.classes)
    found = read_labels([cells], where, chosen, known, column=roles.label)
    own = names or (found.classes if form.name == "folder" else ())
    return found.values[0], tuple(own), (*notes, *found.notes)


def _of_classes(
    cells: Sequence[str | None], classes: Sequence[str]
) -> tuple[list[str | None], tuple[str, ...]]:
    """Folders that are classes; in others nothing has a label yet."""
    others = sorted(
        {cell for cell in cells if cell is not None and classes and cell not in classes}
    )
    if not others:
        return list(cells), ()
    said = ", ".join(others[:_SHOWN])
    kept = [cell if cell in classes else None for cell in cells]
    return kept, (f"images in folders that are no classes have no label yet: {said}",)


def _keys(values: Sequence[Any] | None, part: Part) -> list[str]:
    """Ids as texts; row numbers without any."""
    if values is None:
        return [str(i) for i in range(part.n)]
    keys = [_text(value) for value in values]
    for row, key in enumerate(keys):
        if key is None:
            raise DataError(
                "an id is missing",
                got=repr(values[row]),
                where=f"{part.where}, row {row}",
                todo="fill it in, or name another column with id",
            )
    return [key for key in keys if key is not None]


def _without(pool: Pool, data: DataOptions, part: Part) -> Pool:
    """The pool without broken images, where these are passed over, and without empty texts."""
    lost = set[int]() if pool.survey is None else set(pool.survey.skipped)
    notes = tuple[str, ...]()
    if pool.kind == "text" and data.columns.empty_texts != "keep":
        assert pool.sources is not None
        lost = {row for row, text in enumerate(pool.sources) if not text.strip()}
        if lost and data.columns.empty_texts == "refuse":
            raise DataError(
                f"{len(lost)} texts are empty",
                where=f"{part.where}, row {min(lost)}",
                todo="fill them in, or leave them out with empty_texts = 'leave-out'",
            )
        notes = (f"{len(lost)} of {pool.n} texts are empty and are left out",) if lost else ()
    if len(lost) == pool.n:
        raise DataError(
            "every text is empty" if pool.kind == "text" else "no image can be read",
            where=part.where,
            todo="name the column of the texts with text" if pool.kind == "text" else "see notes",
        )
    return pool.without(lost, notes) if lost else pool


def _text(value: Any) -> str | None:
    """A cell as a text without blanks at its ends; None where it is empty."""
    if _empty(value):
        return None
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip() or None


def _rows_as_json(frame: "pd.DataFrame") -> list[str]:
    """Each row as a JSON object; what is no number in the sense of JSON becomes null."""
    columns = list(frame.columns)
    return [row_as_json(columns, row) for row in frame.itertuples(index=False, name=None)]


def row_as_json(columns: Sequence[str], row: Sequence[Any]) -> str:
    """A row as a JSON object; what is no number in the sense of JSON becomes null."""
    return json.dumps(
        {column: plain_cell(value) for column, value in zip(columns, row, strict=True)},
        ensure_ascii=False,
        default=str,
        allow_nan=False,
    )


def plain_cell(value: Any) -> Any:
    """A cell as a value that JSON holds; nothing becomes None."""
    if _empty(value):
        return None
    if isinstance(value, list | tuple):
        return [plain_cell(each) for each in value]
    if isinstance(value, dict):
        return {str(key): plain_cell(each) for key, each in value.items()}
    plain = value.item() if isinstance(value, np.generic) else value
    return str(plain) if isinstance(plain, float) and math.isinf(plain) else plain


def _empty(value: Any) -> bool:
    """None, NaN, or what pandas has for them."""
    missing = type(value).__name__ in ("NAType", "NaTType")
    return value is None or missing or (isinstance(value, float) and math.isnan(value))
