"""csv, jsonl, parquet and folders of images, as far as labels and answers go."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from pauca.errors import DataError
from pauca.formats._files import check_file, text_of, write_json_lines
from pauca.formats._hub import write_hub_parquet, write_parquet_rows
from pauca.formats._tree import write_image_tree
from pauca.formats.answers import answers_of_rows
from pauca.formats.base import AbstractFormat, Answers, LabelSheet, TextOptions, formats

Row = Mapping[str, Any]


@formats.register("csv")
class Csv(AbstractFormat):
    """A header and commas."""

    name = "csv"
    title = "csv"
    suffixes = (".csv",)
    abilities = frozenset({"answers", "labels", "batch"})

    def read_answers(self, path: Path, options: TextOptions) -> Answers:
        """The rows of a table."""
        text = text_of(path, options)
        csv.field_size_limit(max(csv.field_size_limit(), len(text)))  # a text may be long
        try:
            rows = _csv(text)
        except (ValueError, csv.Error) as error:
            raise _broken(path, "a header and commas", error) from None
        return answers_of_rows(
            rows, id_column=options.id_column, label_column=options.label_column
        )

    def write_rows(self, out: Path | TextIO, columns: Sequence[str], rows: Iterable[Row]) -> int:
        """A header and rows that end with LF."""
        if isinstance(out, Path):
            with out.open("w", encoding="utf-8", newline="") as file:
                return self.write_rows(file, columns, rows)
        writer, count = csv.writer(_Lines(out), lineterminator="\r\n"), 0
        writer.writerow(columns)
        for row in rows:
            writer.writerow(["" if row.get(name) is None else row[name] for name in columns])
            count += 1
        return count


@formats.register("jsonl")
class Jsonl(AbstractFormat):
    """One JSON object a line."""

    name = "jsonl"
    title = "jsonl"
    suffixes = (".jsonl", ".ndjson")
    abilities = frozenset({"answers", "labels", "batch"})

    def read_answers(self, path: Path, options: TextOptions) -> Answers:
        """The objects of the lines."""
        try:
            rows = _jsonl(text_of(path, options))
        except (ValueError, RecursionError) as error:
            raise _broken(path, "one JSON object a line", error) from None
        return answers_of_rows(
            rows, id_column=options.id_column, label_column=options.label_column
        )

    def write_rows(self, out: Path | TextIO, columns: Sequence[str], rows: Iterable[Row]) -> int:
        """One object a row."""
        return write_json_lines(out, rows)


@formats.register("parquet")
class Parquet(AbstractFormat):
    """As the Hub has it, with the names of the classes."""

    name = "parquet"
    title = "parquet"
    suffixes = (".parquet",)
    abilities = frozenset({"answers", "labels"})

    def read_answers(self, path: Path, options: TextOptions) -> Answers:
        """The rows; numbers of classes by the names that the Hub's description gives."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        check_file(path)
        try:
            file = pq.ParquetFile(path)
            names = _class_names(file.schema_arrow.metadata or {})
            columns = [
                name
                for name, kind in zip(file.schema_arrow.names, file.schema_arrow.types, strict=True)
                if name not in ("image", "embedding") and not pa.types.is_binary(kind)
            ]
            rows = file.read(columns).to_pylist()
        except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
            raise _broken(path, "a whole parquet file", error) from None
        for name, known in names.items():
            for row in rows:
                value = row.get(name)
                if isinstance(value, int) and not isinstance(value, bool):
                    row[name] = known[value] if 0 <= value < len(known) else None
        told = [(f"row {number}", row) for number, row in enumerate(rows, start=1)]
        return answers_of_rows(
            told, id_column=options.id_column, label_column=options.label_column
        )

    def write_rows(self, out: Path | TextIO, columns: Sequence[str], rows: Iterable[Row]) -> int:
        """Every column has the type that all of its cells have, else texts."""
        assert isinstance(out, Path)
        return write_parquet_rows(out, columns, rows)

    def write_labels(self, out: Path, sheet: LabelSheet) -> int:
        """With the description of the columns that the Hub's ``datasets`` reads."""
        return write_hub_parquet(out, sheet)


@formats.register("imagefolder")
class ImageFolder(AbstractFormat):
    """One folder a class."""

    name = "imagefolder"
    title = "a folder of images"
    suffixes = ()
    abilities = frozenset({"labels"})
    folder = True

    def write_labels(self, out: Path, sheet: LabelSheet) -> int:
        """Copies, or hard links."""
        return write_image_tree(out, sheet)


class _Lines:
    """Takes rows that end with CR LF and writes them with LF: so cells with either are quoted."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, row: str) -> int:
        return self._file.write(row.removesuffix("\r\n") + "\n")


def _csv(text: str) -> list[tuple[str, Row]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header = [name.strip() for name in next(reader, [])]
    if len(set(header)) != len(header):
        raise ValueError("a column name occurs twice")
    found: list[tuple[str, Row]] = []
    before = reader.line_num
    for cells in reader:
        line, before = before + 1, reader.line_num
        if not cells:
            continue
        if len(cells) != len(header):
            raise ValueError(f"line {line} has {len(cells)} cells and the header {len(header)}")
        found.append((f"line {line}", dict(zip(header, cells, strict=True))))
    return found


def _jsonl(text: str) -> list[tuple[str, Row]]:
    found: list[tuple[str, Row]] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                row = json.loads(line)
            except ValueError as error:
                raise ValueError(f"line {number}: {error}") from None
            if not isinstance(row, dict):
                raise ValueError(f"line {number} is not an object")
            found.append((f"line {number}", row))
    return found


def _class_names(metadata: Mapping[bytes, bytes]) -> dict[str, list[str]]:
    """By column the names of its numbers, as the Hub's ``datasets`` writes them."""
    try:
        told = json.loads(metadata.get(b"huggingface", b"{}"))["info"]["features"]
        return {name: list(map(str, kind["names"])) for name, kind in told.items()
                if isinstance(kind, dict) and kind.get("_type") == "ClassLabel"}  # fmt: skip
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _broken(path: Path, expected: str, error: Exception) -> DataError:
    said = error.strerror if isinstance(error, OSError) else str(error)
    return DataError(
        "the file cannot be read",
        expected=expected,
        got=(said or type(error).__name__).splitlines()[0][:200],
        where=str(path),
        todo="correct it, or write it again",
    )
