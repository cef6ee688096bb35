"""Rows of a project as csv, jsonl or parquet, written piece by piece."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from pauca.errors import UsageError
from pauca.label.atomic import new_file

if TYPE_CHECKING:
    from pauca.label.project import Project

__all__ = ["item_columns", "item_rows", "write_json_list", "write_rows", "write_rows_to"]

_BLOCK = 10_000

Row = Mapping[str, Any]


def item_columns(project: "Project", taken: Sequence[str]) -> dict[str, str]:
    """Columns that show what an item is, and under which name they are written.

    One whose name is taken gets ``item.`` in front.
    """
    kind = project.settings.source.kind
    names: list[str] = []
    if kind == "text":
        names = ["text"]
    if kind == "table":
        names = list(project.items.row(0))
    return {name: f"item.{name}" if name in taken else name for name in names}


def item_rows(
    project: "Project", items: Sequence[int], columns: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    """Id of each item, and what it is."""
    keys = project.items.keys(items)
    for key, shown in zip(keys, project.items.shown(items), strict=True):
        yield {"id": key, **{columns[name]: value for name, value in shown.items()}}


def write_rows(
    path: Path, form: str, columns: Sequence[str], rows: Iterable[Row], *, force: bool = False
) -> int:
    """Write a csv, jsonl or parquet file, whole or not at all; how many rows.

    Raises:
        UsageError: the file is there already; an unknown format.
    """
    with new_file(path, force=force) as draft:
        if form == "parquet":
            return _parquet(draft, columns, rows)
        with draft.open("w", encoding="utf-8", newline="") as file:
            return write_rows_to(file, form, columns, rows)


def write_rows_to(file: TextIO, form: str, columns: Sequence[str], rows: Iterable[Row]) -> int:
    """Write csv or jsonl; how many rows.

    Raises:
        UsageError: an unknown format.
    """
    count = 0
    if form == "csv":
        writer = csv.writer(_Lines(file), lineterminator="\r\n")
        writer.writerow(columns)
        for row in rows:
            writer.writerow([_cell(row.get(name)) for name in columns])
            count += 1
    elif form == "jsonl":
        for row in rows:
            file.write(json.dumps(dict(row), ensure_ascii=False) + "\n")
            count += 1
    else:
        raise UsageError("the format is not known", expected="csv or jsonl", got=form)
    return count


def write_json_list(file: TextIO, rows: Iterable[Row]) -> int:
    """Write a JSON list, one entry a line; how many."""
    count = 0
    file.write("[")
    for row in rows:
        file.write(("," if count else "") + "\n" + json.dumps(dict(row), ensure_ascii=False))
        count += 1
    file.write("\n]\n")
    return count


class _Lines:
    """Takes rows that end with CR LF and writes them with LF: so cells with either are quoted."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, row: str) -> int:
        return self._file.write(row.removesuffix("\r\n") + "\n")


def _cell(value: Any) -> Any:
    return "" if value is None else value


def _parquet(path: Path, columns: Sequence[str], rows: Iterable[Row]) -> int:
    """The types are those of the first block; an empty table has texts."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    count, writer = 0, None
    try:
        for block in blocks(rows, _BLOCK):
            table = pa.table({name: [row.get(name) for row in block] for name in columns})
            writer = writer or pq.ParquetWriter(path, table.schema)
            writer.write_table(table.cast(writer.schema))
            count += len(block)
        if writer is None:
            empty = pa.schema([(name, pa.string()) for name in columns])
            writer = pq.ParquetWriter(path, empty)
    finally:
        if writer is not None:
            writer.close()
    return count


def blocks(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    """Lists of so many rows."""
    held: list[Row] = []
    for row in rows:
        held.append(row)
        if len(held) == size:
            yield held
            held = []
    if held:
        yield held
