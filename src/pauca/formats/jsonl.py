"""Objects of JSON: one a line (jsonl), or a list of them (json)."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, TextIO

import numpy as np

from pauca.errors import DataError
from pauca.formats.answers import answers_of_items
from pauca.formats.base import Ability, AbstractFormat, Answers, Items, Part, TextOptions, formats
from pauca.formats.tables import cut_list, object_frame, read_parts
from pauca.formats.text import read_text, text_out

__all__ = ["JsonFormat", "JsonText", "JsonlFormat", "read_objects", "write_jsonl"]

_LONE = re.compile(
    r"\\[^u]|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[dD][89a-fA-F]\w\w"
)


class JsonlFormat(AbstractFormat):
    """One JSON object a line, nested as it may be; what is written is read back equal.

    A key that a row lacks is null. Cells are the Python objects that JSON has.
    """

    name: ClassVar[str] = "jsonl"
    title: ClassVar[str] = "jsonl"
    suffixes: ClassVar[tuple[str, ...]] = (".jsonl", ".ndjson")
    abilities: ClassVar[frozenset[Ability]] = frozenset({"items", "answers", "labels", "batch"})
    options: ClassVar[tuple[str, ...]] = ("encoding",)

    def read_items(self, path: Path, options: TextOptions) -> Items:
        """The objects of a file as rows, or of a folder with train and test."""
        return read_parts(path, self.suffixes, lambda file: read_objects(file, options))

    def read_answers(self, path: Path, options: TextOptions) -> Answers:
        """The answers that the rows hold; see ``answers_of_rows``."""
        return answers_of_items(self.read_items(path, options), options)

    def write_rows(
        self, out: Path | TextIO, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]
    ) -> int:
        """Write one object a line with all that a row holds; NaN as null."""
        return write_jsonl(out, rows)


class JsonFormat(AbstractFormat):
    """A list of JSON objects in one file; otherwise as jsonl, and either is read under both names.

    Only lists are rows: an object that holds one under a key is refused with that key.
    """

    name: ClassVar[str] = "json"
    title: ClassVar[str] = "a JSON list"
    suffixes: ClassVar[tuple[str, ...]] = (".json",)
    abilities: ClassVar[frozenset[Ability]] = frozenset({"items"})
    options: ClassVar[tuple[str, ...]] = ("encoding",)

    def read_items(self, path: Path, options: TextOptions) -> Items:
        """The objects of a file as rows, or of a folder with train and test."""
        return read_parts(path, self.suffixes, lambda file: read_objects(file, options))


formats.register("jsonl")(JsonlFormat)
formats.register("json")(JsonFormat)


@dataclass
class JsonText:
    """Turns texts into objects, and counts what JSON does not have or cannot say.

    Args:
        where: File, for messages.
        nan: How many NaN were read as null.
        twice: Keys that stood twice in one object; the last value holds.
        lone: How many halves of surrogate pairs became U+FFFD.
    """

    where: str
    nan: int = 0
    twice: dict[str, int] = field(default_factory=dict)
    lone: int = 0

    def __post_init__(self) -> None:
        self._decoder = json.JSONDecoder(
            object_pairs_hook=self._object, parse_constant=self._constant
        )

    def parse(self, text: str, place: str) -> Any:
        """One value of JSON.

        Raises:
            DataError: not JSON, nested too deeply, or a number of too many digits.
        """
        if "\\ud" in text or "\\uD" in text:
            text = _LONE.sub(self._surrogate, text)
        try:
            return self._decoder.decode(text)
        except RecursionError:
            said = "it is nested too deeply"
        except ValueError as error:
            said = str(error).partition(";")[0]
        raise DataError(
            "this is not JSON",
            expected="one JSON object a line, or a list of objects",
            got=said[:200],
            where=f"{self.where}: {place}",
            todo="correct it, or write the file again",
        )

    def notes(self) -> tuple[str, ...]:
        """What was converted."""
        said = [f"{self.nan} values NaN are read as null"] if self.nan else []
        if self.lone:
            said.append(f"{self.lone} halves of surrogate pairs in texts are read as U+FFFD")
        if self.twice:
            names = cut_list([repr(key) for key in self.twice])
            count = sum(self.twice.values())
            said.append(
                f"keys stand twice in an object, {count} times; the last one holds: {names}"
            )
        return tuple(said)

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            seen = set[str]()
            for key, _ in pairs:
                if key in seen:
                    self.twice[key] = self.twice.get(key, 0) + 1
                seen.add(key)
        return made

    def _constant(self, name: str) -> float | None:
        """NaN is how other programs write null; an infinity is a value."""
        self.nan += name == "NaN"
        return {"NaN": None, "Infinity": float("inf"), "-Infinity": float("-inf")}[name]

    def _surrogate(self, match: re.Match[str]) -> str:
        text = match[0]
        if len(text) != 6:  # another escape, or a whole pair
            return text
        self.lone += 1
        return "\\ufffd"


def read_objects(path: Path, options: TextOptions) -> Part:
    """Rows of a file of JSON: an object a line, or one list of objects; by its first character.

    Raises:
        DataError: no such file, empty, not text, not JSON, or rows that are no objects; by line or
            entry.
        UsageError: an unknown encoding.
    """
    decoded = read_text(path, options.encoding, "JSON objects")
    reader = JsonText(str(path))
    start = decoded.text.lstrip()[:1]
    read = _list if start == "[" else _lines
    places, objects, notes = read(decoded.text, reader)
    if not objects:
        raise DataError("the file has no rows", where=str(path), todo="write it again")
    if path.suffix.lower() == ".json" and start == "{" and len(objects) == 1:
        _refuse_nested(objects[0], str(path))
    names = list(dict.fromkeys(key for row in objects for key in row))
    columns = {name: [row.get(name) for row in objects] for name in names}
    said = (*decoded.notes, *notes, *reader.notes())
    lines = np.array(places, dtype=np.int64)
    return Part(str(path), object_frame(columns, len(objects)), notes=said, lines=lines)


def write_jsonl(out: Path | TextIO, rows: Iterable[Mapping[str, Any]]) -> int:
    """Write one object a line, NaN as null; how many."""
    count = 0
    with text_out(out) as file:
        for row in rows:
            cells = {key: None if value != value else value for key, value in row.items()}
            file.write(json.dumps(cells, ensure_ascii=False) + "\n")
            count += 1
    return count


def _lines(text: str, reader: JsonText) -> tuple[list[int], list[dict[str, Any]], list[str]]:
    """Objects, each with its line; lines end with a newline and with nothing else."""
    places, objects, blank = list[int](), list[dict[str, Any]](), 0
    lines = text.split("\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            blank += number < len(lines)
            continue
        place = f"line {number}"
        row = reader.parse(line, place) if objects else _first(line, place, text, reader)
        if not isinstance(row, dict):
            raise _no_object(row, reader.where, place)
        if row:
            places.append(number)
            objects.append(row)
        else:
            blank += 1
    return places, objects, [f"{blank} empty lines are passed over"] if blank else []


def _list(text: str, reader: JsonText) -> tuple[list[int], list[dict[str, Any]], list[str]]:
    """Objects of a list, each with its place."""
    found = reader.parse(text, "the list")
    for number, row in enumerate(found, start=1):
        if not isinstance(row, dict):
            raise _no_object(row, reader.where, f"entry {number}")
    kept = [(number, row) for number, row in enumerate(found, start=1) if row]
    blank = len(found) - len(kept)
    notes = [f"{blank} empty objects are passed over"] if blank else []
    return [number for number, _ in kept], [row for _, row in kept], notes


def _first(line: str, place: str, text: str, reader: JsonText) -> Any:
    """The first object; a file that is one object over many lines is refused as such."""
    try:
        return reader.parse(line, place)
    except DataError:
        try:
            whole = reader.parse(text, place)
        except DataError:
            whole = None
        if isinstance(whole, dict):
            raise _one_object(whole, reader.where) from None
        raise


def _refuse_nested(row: Mapping[str, Any], where: str) -> None:
    """Refuse an object that is no row: one that holds the rows under a key, or columns."""
    if any(_is_rows(value) for value in row.values()):
        raise _one_object(row, where)


def _is_rows(value: object) -> bool:
    held = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return isinstance(value, dict) or any(isinstance(each, dict) for each in held)


def _one_object(whole: Mapping[str, Any], where: str) -> DataError:
    under = [key for key, value in whole.items() if isinstance(value, list)]
    return DataError(
        "the file is one JSON object and not a list of them",
        expected="a list of objects, or one object a line",
        got=f"an object with {cut_list([repr(key) for key in whole]) or 'no keys'}",
        where=where,
        todo=f"write the list under {cut_list([repr(key) for key in under], 3)} alone"
        if under
        else "write a list, as DataFrame.to_json(orient='records') does",
    )


def _no_object(value: object, where: str, place: str) -> DataError:
    return DataError(
        f"{place} is not an object",
        expected='an object with the names of columns: {"text": ...}',
        got=f"{type(value).__name__}: {cut_list([repr(value)[:100]])}",
        where=where,
        todo="write each row as an object",
    )
