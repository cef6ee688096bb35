"""parquet and folders of images, as far as labels and answers go."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from pauca.errors import DataError, UsageError
from pauca.formats._hub import write_hub_parquet, write_parquet_rows
from pauca.formats._tree import write_image_tree
from pauca.formats.answers import answers_of_rows
from pauca.formats.base import AbstractFormat, Answers, LabelSheet, TextOptions, formats
from pauca.formats.text import read_bytes

Row = Mapping[str, Any]


@formats.register("parquet")
class Parquet(AbstractFormat):
    """As the Hub has it, with the names of the classes."""

    name = "parquet"
    title = "parquet"
    suffixes = (".parquet",)
    abilities = frozenset({"answers", "labels", "batch"})

    def read_answers(self, path: Path, options: TextOptions) -> Answers:
        """The rows; numbers of classes by the names that the Hub's description gives."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        read_bytes(path, "a whole parquet file")
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
        return answers_of_rows(told, id_column=options.id_column, label_column=options.label_column)

    def write_rows(self, out: Path | TextIO, columns: Sequence[str], rows: Iterable[Row]) -> int:
        """Every column has the type that all of its cells have, else texts."""
        if not isinstance(out, Path):
            raise UsageError("parquet is written to a file alone", todo="name a file")
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
