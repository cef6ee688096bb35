"""What was labelled, and what the model says of the rest, in the formats of other tools."""

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import quote

import numpy as np

from pauca.errors import InputError, UsageError
from pauca.label.atomic import new_file, new_folder
from pauca.label.label_studio import IMAGE_PREFIX, annotated, batch_tasks
from pauca.label.places import check_out
from pauca.label.project import Project
from pauca.label.rows import (
    as_text,
    blocks,
    item_columns,
    item_rows,
    write_json_list,
    write_rows,
    write_rows_to,
)

__all__ = ["EXPORTS", "export", "export_answers", "write_batch", "write_predictions"]

_BLOCK = 1000
_SUGGESTED = ("label", "suggestion", "confidence")
_READ = ("pauca_id", "action", "person", "annotator", "ms")  # what an import would take for ours
_LONGEST = 200
_HARMLESS = " -_.+,()[]{}@#&'!=^"
Row = dict[str, Any]


def write_batch(
    project: Project,
    items: Sequence[int],
    form: str,
    out: Path | TextIO,
    *,
    prefix: str = IMAGE_PREFIX,
    force: bool = False,
) -> int:
    """Write items to be labelled, with what the model suggests; how many.

    csv and jsonl have an empty column ``label`` to be filled in and imported.

    Args:
        project: Whose items.
        items: Their numbers, in order.
        form: csv, jsonl or label-studio.
        out: A file, or an open one.
        prefix: In front of the paths of images for Label Studio.
        force: Replace a file that is there.

    Raises:
        UsageError: an unknown format; the file is there already.
    """
    if isinstance(out, Path):
        check_out(project, out)
    columns = item_columns(project, ("id", *_SUGGESTED, *_READ))
    names = ["id", *columns.values(), *_SUGGESTED]

    def write(file: TextIO) -> int:
        if form == "label-studio":
            return write_json_list(file, batch_tasks(project, items, prefix))
        return write_rows_to(file, form, names, rows())

    def rows() -> Iterator[Row]:
        told, classes = project.suggestions(items), project.classes
        for item, row in zip(items, item_rows(project, items, columns), strict=True):
            cls, sure = told.get(item, (None, None))
            name = None if cls is None else classes.name(cls)
            yield {**row, "label": None, "suggestion": name, "confidence": sure}

    return _written(out, write, force)


def write_predictions(project: Project, out: Path, form: str, *, force: bool = False) -> int:
    """Write likeliest class and calibrated confidence of every item without a label; how many.

    Raises:
        InputError: no model was trained yet.
        UsageError: an unknown format; the file is there already.
    """
    check_out(project, out)
    classes, columns = project.classes, item_columns(project, ("id", "label", "confidence"))

    def rows() -> Iterator[Row]:
        for part in project.predict():
            items = part.item.tolist()
            found = zip(part.cls.tolist(), part.confidence.tolist(), strict=True)
            for row, (cls, sure) in zip(item_rows(project, items, columns), found, strict=True):
                yield {**row, "label": classes.name(cls), "confidence": sure}

    if project.model is None:
        raise InputError("no model was trained yet", todo="train first: `pauca label train`")
    names = ["id", *columns.values(), "label", "confidence"]
    return write_rows(out, form, names, rows(), force=force)


def export(
    project: Project,
    out: Path,
    form: str,
    *,
    link: bool = False,
    prefix: str = IMAGE_PREFIX,
    force: bool = False,
) -> int:
    """Write the labelled items, one class an item, in the order of the pool; how many.

    Args:
        project: Whose.
        out: File to make, or folder for imagefolder.
        form: csv, jsonl, parquet (as the Hub has it, with the names of the classes), imagefolder
            (one folder a class) or label-studio (every answer of every person).
        link: Hard links in place of copies, for imagefolder.
        prefix: In front of the paths of images for Label Studio.
        force: Replace what is there.

    Raises:
        InputError: nothing is labelled; items that are no images, for imagefolder.
        UsageError: an unknown format; something is there already.
    """
    if form not in EXPORTS:
        raise UsageError("the format is not known", expected=", ".join(EXPORTS), got=form)
    check_out(project, out, folder=form == "imagefolder")
    labels = project.labels
    if not labels.m:
        raise InputError("nothing is labelled yet", todo="label some items first")
    order = np.argsort(labels.item)
    items, ids = labels.item[order].tolist(), labels.cls[order].tolist()
    if form == "imagefolder":
        return _image_folder(project, items, ids, out, link=link, force=force)
    if form == "parquet":
        return _parquet(project, items, ids, out, force=force)
    if form == "label-studio":
        everything = sorted({event.item for event in project.answers()})
        return _written(
            out, lambda file: write_json_list(file, annotated(project, everything, prefix)), force
        )
    classes, columns = project.classes, item_columns(project, ("id", "label"))
    rows = (
        {**row, "label": classes.name(cls)}
        for row, cls in zip(item_rows(project, items, columns), ids, strict=True)
    )
    return write_rows(out, form, ["id", *columns.values(), "label"], rows, force=force)


EXPORTS = ("csv", "jsonl", "parquet", "imagefolder", "label-studio")
"""Formats of ``export``."""


def export_answers(project: Project, out: Path, form: str, *, force: bool = False) -> int:
    """Write every event of the account, the ones that were taken back included; how many.

    Raises:
        UsageError: an unknown format; the file is there already.
    """
    check_out(project, out)
    classes = project.classes
    columns = (
        "seq", "at", "person", "id", "action", "label", "suggestion", "confidence", "shown", "ms",
        "round", "strategy", "undoes", "stands",
    )  # fmt: skip

    def rows() -> Iterator[Row]:
        for entry in reversed(project.history(most=None)):
            event = entry.event
            named = (None if one is None else classes.name(one) for one in
                     (event.cls, event.suggested))  # fmt: skip
            label, suggestion = named
            told = {**vars(event), "id": project.items.key(event.item), "label": label}
            told |= {"suggestion": suggestion, "stands": entry.stands}
            yield {name: told[name] for name in columns}

    return write_rows(out, form, columns, rows(), force=force)


def _written(out: Path | TextIO, write: Callable[[TextIO], int], force: bool) -> int:
    if not isinstance(out, Path):
        return write(out)
    with new_file(out, force=force) as draft, draft.open("w", encoding="utf-8", newline="") as file:
        return write(file)


def _parquet(
    project: Project, items: Sequence[int], ids: Sequence[int], out: Path, *, force: bool
) -> int:
    """With the features' description that the Hub's ``datasets`` reads."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from datasets import ClassLabel, Features, Image, Sequence, Value

    classes, kind = project.classes, project.settings.source.kind
    number = {each.id: at for at, each in enumerate(classes)}
    columns = item_columns(project, ("id", "label"))
    described: dict[str, Any] = {"id": Value("string")}
    types: dict[str, Callable[[Any], Any]] = {}
    if kind == "image":
        described["image"] = Image()
    elif kind == "embedding":
        described["embedding"] = Sequence(Value("float32"))
    else:
        types = {name: _type(project, items, old) for old, name in columns.items()}
        described |= {name: Value(_HUB[made]) for name, made in types.items()}
    described["label"] = ClassLabel(names=list(classes.names))
    features = Features(described)
    schema = features.arrow_schema
    pairs = ({"item": item, "cls": cls} for item, cls in zip(items, ids, strict=True))
    with new_file(out, force=force) as draft, pq.ParquetWriter(draft, schema) as writer:
        for block in blocks(pairs, _BLOCK):
            numbers = [pair["item"] for pair in block]
            rows = list(item_rows(project, numbers, columns))
            for row, pair in zip(rows, block, strict=True):
                row |= {name: _made(row[name], made) for name, made in types.items()}
                row["label"] = number[pair["cls"]]
                if kind == "image":
                    content, _ = project.picture(pair["item"])
                    row["image"] = {"bytes": content, "path": Path(row["id"]).name}
                elif kind == "embedding":
                    row["embedding"] = project.features[pair["item"]].numpy()
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))
    return len(items)


_HUB: dict[Callable[[Any], Any], str] = {
    bool: "bool", int: "int64", float: "float64", str: "string",
}  # fmt: skip


def _type(project: Project, items: Sequence[int], column: str) -> Callable[[Any], Any]:
    """bool, int, float or str: the first that holds all cells of the column as they are.

    Numbers that are written as texts count as such in csv alone, where there is no other way.
    """
    if project.settings.source.kind == "text":
        return str
    cells = [row[column] for row in project.items.shown(items)]
    cells = [cell for cell in cells if cell is not None and cell != ""]
    if project.settings.source.format != "csv" and any(isinstance(cell, str) for cell in cells):
        return str
    if cells and all(isinstance(cell, bool) for cell in cells):
        return bool
    for made in (int, float):
        if cells and all(_is(made, cell) for cell in cells):
            return made
    return str


_WHOLE = re.compile(r"-?(0|[1-9]\d{0,17})", re.ASCII)
_DECIMAL = re.compile(r"-?((0|[1-9]\d{0,17})(\.\d*)?|\.\d+)([eE][+-]?\d\d?)?", re.ASCII)


def _is(made: Callable[[Any], Any], cell: Any) -> bool:
    """Whether nothing is lost, as the zeros of 007 would be."""
    if isinstance(cell, str):
        return (_WHOLE if made is int else _DECIMAL).fullmatch(cell) is not None
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        return False
    return -(2**63) <= cell < 2**63 if isinstance(cell, int) else made is float


def _made(cell: Any, made: Callable[[Any], Any]) -> Any:
    if cell is None or (cell == "" and made is not str):
        return None
    return as_text(cell) if made is str else made(cell)


def _image_folder(
    project: Project,
    items: Sequence[int],
    ids: Sequence[int],
    out: Path,
    *,
    link: bool,
    force: bool,
) -> int:
    if project.settings.source.kind != "image":
        raise InputError(
            "only images make a tree of images",
            got=f"items of kind {project.settings.source.kind}",
            todo="choose csv, jsonl or parquet",
        )
    if link and not project.items.images:
        raise InputError("only files can be linked", got=project.settings.source.format)
    folders = _folders(project)
    with new_folder(out, force=force) as place:
        taken: dict[int, set[str]] = {}
        for cls in sorted(set(ids)):
            (place / folders[cls]).mkdir()
        for item, cls in zip(items, ids, strict=True):
            names = taken.setdefault(cls, set())
            target = place / folders[cls] / _file_name(project, item, names)
            _put(project, item, target, link)
    return len(items)


def _folders(project: Project) -> dict[int, str]:
    """A folder's name for each class: its own where that is safe.

    Raises:
        InputError: two classes would share one where file systems do not tell case apart.
    """
    found = {each.id: _safe(each.name) for each in project.classes}
    lower: dict[str, str] = {}
    for each in project.classes:
        other = lower.setdefault(found[each.id].casefold(), each.name)
        if other != each.name:
            raise InputError(
                "two classes would share a folder",
                got=f"{other!r} and {each.name!r}",
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


def _file_name(project: Project, item: int, taken: set[str]) -> str:
    """A file's own name; with its number where another one in the folder has it."""
    if project.items.images:
        whole = Path(project.items.key(item))
        stem, suffix = _safe(whole.stem), whole.suffix.lower()
    else:
        stem = _safe(project.items.key(item).replace("/", "_"))
        suffix = "." + project.picture(item)[1].partition("/")[2]
    name, number = f"{stem}{suffix}", item
    while name.casefold() in taken:
        name, number = f"{stem}-{number}{suffix}", number + project.n
    taken.add(name.casefold())
    return name


def _put(project: Project, item: int, target: Path, link: bool) -> None:
    if not project.items.images:
        target.write_bytes(project.picture(item)[0])
        return
    source = project.items.path(item)
    if not link:
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
