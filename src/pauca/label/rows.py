"""Rows of a project as csv, jsonl or parquet, written piece by piece."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from pauca.errors import UsageError
from pauca.formats.csv import write_table
from pauca.formats.jsonl import write_jsonl
from pauca.formats.tables import as_text
from pauca.label.atomic import new_file

if TYPE_CHECKING:
    import pyarrow as pa

    from pauca.label.project import Project

__all__ = ["as_text", "item_columns", "item_rows", "write_json_list", "write_rows", "write_rows_to"]

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
    if form == "csv":
        return write_table(file, columns, rows)
    if form == "jsonl":
        return write_jsonl(file, rows)
    raise UsageError("the format is not known", expected="csv or jsonl", got=form)


def write_json_list(file: TextIO, rows: Iterable[Row]) -> int:
    """Write a JSON list, one entry a line; how many."""
    count = 0
    file.write("[")
    for row in rows:
        file.write(("," if count else "") + "\n" + json.dumps(dict(row), ensure_ascii=False))
        count += 1
    file.write("\n]\n")
    return count


def _parquet(path: Path, columns: Sequence[str], rows: Iterable[Row]) -> int:
    """Every column has the type that all of its cells have, else texts."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    found: dict[str, list[Any]] = {name: [] for name in columns}
    for block in blocks(rows, _BLOCK):
        for name, parts in found.items():
            parts.append(_array([row.get(name) for row in block]))
    table = pa.table({name: _joined(parts) for name, parts in found.items()})
    pq.write_table(table, path)
    return int(table.num_rows)


def _array(cells: Sequence[Any]) -> "pa.Array":
    import pyarrow as pa

    try:
        return pa.array(cells)
    except (pa.ArrowException, OverflowError):  # not of one type
        return pa.array([None if cell is None else as_text(cell) for cell in cells], pa.string())


def _joined(parts: Sequence["pa.Array"]) -> "pa.ChunkedArray":
    import pyarrow as pa

    types = {part.type for part in parts} - {pa.null()}
    if types == {pa.int64(), pa.float64()}:
        types = {pa.float64()}
    if len(types) == 1:
        (kind,) = types
        return pa.chunked_array([part.cast(kind, safe=False) for part in parts], kind)
    made = [
        pa.array(
            [None if cell is None else as_text(cell) for cell in part.to_pylist()], pa.string()
        )
        for part in parts
    ]
    return pa.chunked_array(made, pa.string())


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
