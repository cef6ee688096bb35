"""Text and JSON of files, with what is broken about them said."""

import codecs
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TextIO

from pauca.errors import DataError
from pauca.formats.base import TextOptions

__all__ = ["check_file", "first_record", "head_of", "json_records", "text_of", "write_json_lines"]

_HEAD = 2**18  # bytes in which the first record of a file is looked for, at first
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def text_of(path: Path, options: TextOptions) -> str:
    """The text of a file; line ends within it stay as they are.

    Raises:
        DataError: no such file, a folder, empty, or no text of this encoding.
    """
    content = _bytes_of(path)
    encoding = options.encoding or _encoding(content)
    try:
        return content.decode(encoding)
    except (UnicodeError, LookupError) as error:
        raise DataError(
            "the file cannot be read",
            expected=f"text in {encoding}",
            got=str(error)[:200],
            where=str(path),
            todo="name its encoding, or write it again as UTF-8",
        ) from None


def json_records(path: Path, options: TextOptions) -> list[tuple[str, dict[str, Any]]]:
    """The objects of a JSON list, or of a file with one object a line; each with where it stands.

    Raises:
        DataError: it is neither; the place that is wrong is named.
    """
    text = text_of(path, options)
    try:
        found = _list(text) if text.lstrip().startswith("[") else _lines(text)
    except (ValueError, RecursionError) as error:
        raise DataError(
            "the file cannot be read",
            expected="a JSON list of objects, or one JSON object a line",
            got=(str(error) or type(error).__name__)[:200],
            where=str(path),
            todo="export it again from the tool that wrote it",
        ) from None
    for where, record in found:
        if not isinstance(record, dict):
            raise DataError(
                "the file cannot be read",
                expected="a JSON list of objects, or one JSON object a line",
                got=f"{where} is not an object",
                where=str(path),
                todo="export it again from the tool that wrote it",
            )
    return found


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
            record = json_records(path, TextOptions())[0][1]
        except DataError:
            return None
    return record if isinstance(record, dict) else None


def head_of(path: Path) -> str:
    """The beginning of a file as a text; nothing where it is none."""
    try:
        with path.open("rb") as file:
            content = file.read(_HEAD)
    except OSError:
        return ""
    return content.decode(_encoding(content), "replace")


def write_json_lines(out: Path | TextIO, records: Iterable[Mapping[str, Any]]) -> int:
    """Write one JSON object a line; how many."""
    if isinstance(out, Path):
        with out.open("w", encoding="utf-8", newline="") as file:
            return write_json_lines(file, records)
    count = 0
    for record in records:
        out.write(json.dumps(dict(record), ensure_ascii=False) + "\n")
        count += 1
    return count


def check_file(path: Path) -> None:
    """Refuse what is no regular file.

    Raises:
        DataError: it is none, or it is not there, or it has zero bytes.
    """
    if os.path.lexists(path) and not path.is_file():
        kind = "a folder" if path.is_dir() else "no regular file"
        raise DataError("the file cannot be read", got=kind, where=str(path), todo="name a file")
    try:
        size = path.stat().st_size
    except OSError as error:
        raise DataError(
            "the file cannot be read", got=error.strerror, where=str(path), todo="check the path"
        ) from None
    if not size:
        raise DataError("the file has zero bytes", where=str(path), todo="write it again")


def _bytes_of(path: Path) -> bytes:
    check_file(path)
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(
            "the file cannot be read", got=error.strerror, where=str(path), todo="check its rights"
        ) from None


def _encoding(content: bytes) -> str:
    for mark, encoding in _MARKS.items():
        if content.startswith(mark):
            return encoding
    return "utf-8"


def _list(text: str) -> list[tuple[str, Any]]:
    found = []
    for number, record in enumerate(json.loads(text), start=1):
        told = f" (id {str(record['id'])[:50]})" if _has_id(record) else ""
        found.append((f"task {number}{told}", record))
    return found


def _has_id(record: Any) -> bool:
    return isinstance(record, dict) and isinstance(record.get("id"), str | int)


def _lines(text: str) -> list[tuple[str, Any]]:
    found = []
    for number, line in enumerate(text.split("\n"), start=1):  # not at U+2028 within a text
        if line.strip():
            try:
                found.append((f"line {number}", json.loads(line)))
            except ValueError as error:
                raise ValueError(f"line {number}: {error}") from None
    return found
