"""doccano: texts with lists of labels, in and out.

The number ``id`` that doccano gives is its database's, and never an id of a project: items are
known by ``pauca_id``, which doccano keeps with the data, or by their text.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import quote

from pauca.errors import DataError
from pauca.formats._files import Records, first_record, head_of, json_records, table_records
from pauca.formats._taken import part_of_records
from pauca.formats.answers import RowErrors, another_task, key_of, label_of
from pauca.formats.base import (
    AbstractFormat,
    AnswerRow,
    Answers,
    ItemRecord,
    Items,
    LabelSheet,
    TextOptions,
    formats,
)
from pauca.formats.jsonl import write_jsonl

__all__ = ["Doccano"]

_ID = "pauca_id"
_LABELS = ("label", "labels", "cats", "category")
_OTHERS = {"entities": "spans in texts", "relations": "relations", "bbox": "boxes",
           "segmentation": "polygons"}  # fmt: skip
_NOT_SHOWN = ("id", _ID, *_LABELS, *_OTHERS, "Comments", "comments", "annotations",
              "annotation_approver", "approved_by")  # fmt: skip

Row = dict[str, Any]


@formats.register("doccano")
class Doccano(AbstractFormat):
    """What doccano exports of a project of text or image classification, and takes in."""

    name = "doccano"
    title = "doccano's export"
    suffixes = (".jsonl", ".csv")
    abilities = frozenset({"items", "answers", "labels", "batch"})
    general = False

    def recognises(self, path: Path) -> bool:
        """Comments, or a list of labels beside a text and doccano's number or our id."""
        first = first_record(path)
        if first is not None:
            listed = any(isinstance(first.get(name), list) for name in (*_LABELS, *_OTHERS))
            commented = isinstance(first.get("Comments"), list)
            numbered = type(first.get("id")) is int or isinstance(first.get(_ID), str)
            whole = numbered and ("text" in first or "data" in first)
            return commented or (whole and listed)
        header = set(head_of(path).split("\n", 1)[0].replace('"', "").strip().split(","))
        return {"id", "label", "Comments"} <= header and bool(header & {"text", "data"})

    def read_items(self, path: Path, options: TextOptions) -> Items:
        """What was shown, and the label of what has one."""
        records, _ = _records(path, options)
        shown = [(where, {_ID: record.get(_ID), **_shown(record)}) for where, record in records]
        return Items(part_of_records(path, shown, lambda: self.read_answers(path, options)))

    def read_answers(self, path: Path, options: TextOptions) -> Answers:
        """The only label of each list; an empty list is no label."""
        errors, found = RowErrors(), list[AnswerRow]()
        records, notes = _records(path, options)
        for where, record in records:
            try:
                found.append(_answer(where, record))
            except DataError as error:
                errors.add(where, error)
        errors.refuse(path)
        return Answers(found, notes)

    def write_labels(self, out: Path, sheet: LabelSheet) -> int:
        """Texts with their labels, as doccano takes them in."""
        lines = (_line(each, sheet, each.label) for each in sheet.records())
        return write_jsonl(out, lines)

    def write_batch(self, out: Path | TextIO, sheet: LabelSheet) -> int:
        """Texts without labels; what the model suggests is kept with the data."""
        return write_jsonl(out, (_line(each, sheet, None) for each in sheet.records()))


def _line(item: ItemRecord, sheet: LabelSheet, label: str | None) -> Row:
    if sheet.kind == "image":
        text = (sheet.prefix or "") + quote(item.key)
    else:
        told = ", ".join(f"{name}: {value}" for name, value in item.shown.items())
        text = item.shown["text"] if sheet.kind == "text" else told or f"item {item.key}"
    found: Row = {"text": text, "label": [] if label is None else [label], _ID: item.key}
    if item.suggestion is not None:
        found |= {"suggestion": item.suggestion, "confidence": item.confidence}
    return found


def _records(path: Path, options: TextOptions) -> Records:
    if first_record(path) is not None or path.suffix.lower() not in (".csv", ".tsv"):
        return json_records(path, options)
    return table_records(path, options)


def _answer(where: str, record: Row) -> AnswerRow:
    for name, task in _OTHERS.items():
        if isinstance(record.get(name), list) and record[name]:
            raise another_task(task, record[name])
    label = label_of(_value(record))
    return AnswerRow(
        where=where,
        key=key_of(record.get(_ID)),
        action=None if label is None else "label",
        label=label,
        shown=_shown(record),
    )


def _value(record: Mapping[str, Any]) -> Any:
    found = next((record[name] for name in _LABELS if record.get(name) is not None), None)
    if found is None and isinstance(record.get("annotations"), list) and record["annotations"]:
        raise another_task("labels as numbers of a database", record["annotations"])
    return found


def _shown(record: Row) -> Row:
    found = {k: v for k, v in record.items() if k not in _NOT_SHOWN}
    meta = found.pop("meta", None)
    if "data" in found and "text" not in found:
        found["text"] = found.pop("data")
    return {**(meta if isinstance(meta, dict) else {}), **found}
