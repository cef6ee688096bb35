"""Labelled items as parquet that the Hub's ``datasets`` reads, and any rows as parquet."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pauca.formats.base import ItemRecord, LabelSheet
from pauca.formats.tables import as_text

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["write_hub_parquet", "write_parquet_rows"]

T = TypeVar("T")
Row = Mapping[str, Any]
Kind = Callable[[Any], Any]

BLOCK = 10_000
_ITEMS = 1000  # in a block of pictures
_WHOLE = re.compile(r"-?(0|[1-9]\d{0,17})", re.ASCII)
_DECIMAL = re.compile(r"-?((0|[1-9]\d{0,17})(\.\d*)?|\.\d+)([eE][+-]?\d\d?)?", re.ASCII)
_NAMES: dict[Kind, str] = {bool: "bool", int: "int64", float: "float64", str: "string"}


def write_hub_parquet(out: Path, sheet: LabelSheet) -> int:
    """Labelled items with the features' description that ``datasets`` reads; how many."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from datasets import ClassLabel, Features, Image, Sequence, Value

    number = {name: at for at, name in enumerate(sheet.classes)}
    described: dict[str, Any] = {"id": Value("string")}
    types: dict[str, Kind] = {}
    if sheet.kind == "image":
        described["image"] = Image()
    elif sheet.kind == "embedding":
        described["embedding"] = Sequence(Value("float32"))
    else:
        types = _types(sheet)
        described |= {name: Value(_NAMES[made]) for name, made in types.items()}
    described["label"] = ClassLabel(names=list(sheet.classes))
    schema = Features(described).arrow_schema
    count = 0
    with pq.ParquetWriter(out, schema) as writer:
        for block in _blocks(sheet.records(), _ITEMS):
            rows = [_row(item, sheet, types) for item in block]
            for item, row in zip(block, rows, strict=True):
                row["label"] = number[item.label or ""]
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))
            count += len(rows)
    return count


def write_parquet_rows(path: Path, columns: Sequence[str], rows: Iterable[Row]) -> int:
    """Any rows; every column has the type that all of its cells have, else texts. How many."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    found: dict[str, list[Any]] = {name: [] for name in columns}
    for block in _blocks(rows, BLOCK):
        for name, parts in found.items():
            parts.append(_array([row.get(name) for row in block]))
    table = pa.table({name: _joined(parts) for name, parts in found.items()})
    pq.write_table(table, path)
    return int(table.num_rows)


def _row(item: ItemRecord, sheet: LabelSheet, types: Mapping[str, Kind]) -> dict[str, Any]:
    found = {"id": item.key, **item.shown}
    found |= {name: _made(item.shown[name], made) for name, made in types.items()}
    if sheet.kind == "image" and sheet.original is not None:
        content, name = sheet.original(item.number)
        found["image"] = {"bytes": content, "path": name}
    elif sheet.kind == "embedding" and sheet.vector is not None:
        found["embedding"] = sheet.vector(item.number)
    return found


def _types(sheet: LabelSheet) -> dict[str, Kind]:
    """By column bool, int, float or str: the first that holds all of its cells as they are."""
    if sheet.kind == "text":
        return dict.fromkeys(sheet.columns, str)
    cells: dict[str, list[Any]] = {name: [] for name in sheet.columns}
    for item in sheet.records():
        for name, held in cells.items():
            if item.shown[name] is not None and item.shown[name] != "":
                held.append(item.shown[name])
    return {name: _type(held, sheet.untyped) for name, held in cells.items()}


def _type(cells: Sequence[Any], untyped: bool) -> Kind:
    """Numbers that are written as texts count as such only where there is no other way."""
    if not cells or (not untyped and any(isinstance(cell, str) for cell in cells)):
        return str
    if all(isinstance(cell, bool) for cell in cells):
        return bool
    kinds: tuple[Kind, ...] = (int, float)
    return next((made for made in kinds if all(_is(made, cell) for cell in cells)), str)


def _is(made: Kind, cell: Any) -> bool:
    """Whether nothing is lost, as the zeros of 007 would be."""
    if isinstance(cell, str):
        return (_WHOLE if made is int else _DECIMAL).fullmatch(cell) is not None
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        return False
    return -(2**63) <= cell < 2**63 if isinstance(cell, int) else made is float


def _made(cell: Any, made: Kind) -> Any:
    if cell is None or (cell == "" and made is not str):
        return None
    return as_text(cell) if made is str else made(cell)


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


def _blocks(rows: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of so many rows."""
    held: list[T] = []
    for row in rows:
        held.append(row)
        if len(held) == size:
            yield held
            held = []
    if held:
        yield held
