"""Records of JSON as other tools write them, and the beginnings by which these are known."""

import codecs
import json
from pathlib import Path
from typing import Any

from pauca.errors import DataError, PaucaError
from pauca.formats.base import TextOptions
from pauca.formats.csv import read_table
from pauca.formats.jsonl import JsonText
from pauca.formats.text import read_text

__all__ = ["Records", "first_record", "head_of", "json_records", "table_records"]

Records = tuple[list[tuple[str, dict[str, Any]]], tuple[str, ...]]
"""Objects, each with where it stands, and what has to be said of the file."""

_HEAD = 2**18  # bytes in which the first record of a file is looked for, at first
_EXPECTED = "a JSON list of objects, or one JSON object a line"


def json_records(path: Path, options: TextOptions) -> Records:
    """The objects of a JSON list, or of a file with one object a line.

    Raises:
        DataError: it is neither; the place that is wrong is named.
    """
    decoded = read_text(path, options.encoding, _EXPECTED)
    text, reader = decoded.text, JsonText(str(path))
    found = _list(text, reader) if text.lstrip().startswith("[") else _lines(text, reader)
    for where, record in found:
        if not isinstance(record, dict):
            raise DataError(
                "the file cannot be read",
                expected=_EXPECTED,
                got=f"{where} is not an object",
                where=str(path),
                todo="export it again from the tool that wrote it",
            )
    return found, (*decoded.notes, *reader.notes())


def table_records(path: Path, options: TextOptions) -> Records:
    """The rows of a table, as objects without their empty cells.

    Raises:
        DataError: as ``read_table``.
    """
    part = read_table(path, options, "\t" if path.suffix.lower() == ".tsv" else ",")
    names = [str(name) for name in part.frame.columns]
    lines = range(1, part.n + 1) if part.lines is None else part.lines.tolist()
    found = []
    for line, cells in zip(lines, part.frame.itertuples(index=False, name=None), strict=True):
        row = {name: cell for name, cell in zip(names, cells, strict=True) if cell != ""}
        found.append((f"line {line}", row))
    return found, part.notes


def first_record(path: Path) -> dict[str, Any] | None:
    """The first object of a JSON list or of JSON lines; None where there is none."""
    head = head_of(path).lstrip()
    start = head.find("{")
    if start < 0 or head[:start].strip() not in ("", "["):
        return None
    try:
        record = json.JSONDecoder().raw_decode(head, start)[0]
    except (ValueError, RecursionError):
        if path.stat().st_size <= _HEAD:
            return None
        try:  # one that is longer than the head
            record = json_records(path, TextOptions())[0][0][1]
        except (PaucaError, IndexError):
            return None
    return record if isinstance(record, dict) else None


def head_of(path: Path) -> str:
    """The beginning of a file as a text; nothing where it is none."""
    if not path.is_file():
        return ""
    try:
        with path.open("rb") as file:
            content = file.read(_HEAD)
    except OSError:
        return ""
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if wide else "utf-8-sig", "replace")


def _list(text: str, reader: JsonText) -> list[tuple[str, Any]]:
    found = []
    for number, record in enumerate(reader.parse(text, "the list"), start=1):
        told = f" (id {str(record['id'])[:50]})" if _has_id(record) else ""
        found.append((f"task {number}{told}", record))
    return found


def _has_id(record: Any) -> bool:
    return isinstance(record, dict) and isinstance(record.get("id"), str | int)


def _lines(text: str, reader: JsonText) -> list[tuple[str, Any]]:
    lines = enumerate(text.split("\n"), start=1)  # not at U+2028 within a text
    told = ((f"line {number}", line) for number, line in lines if line.strip())
    return [(where, reader.parse(line, where)) for where, line in told]
