"""Parquet: typed columns, pictures among them; a file, or a folder as the Hub keeps it."""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from pauca.errors import DataError, UsageError, nearest
from pauca.formats._hub import write_hub_parquet, write_parquet_rows
from pauca.formats.answers import answers_of_items
from pauca.formats.base import (
    AbstractFormat,
    Answers,
    Images,
    Items,
    LabelSheet,
    Part,
    Raw,
    TextOptions,
    check_room,
    formats,
    reading,
)

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = [
    "AbstractRows",
    "ParquetFormat",
    "ParquetRows",
    "check_has_columns",
    "image_column",
    "parquet_files",
    "pictures_of",
]

_BLOCK_BYTES = 32_000_000
_MOST = 4096
_FIRST = 16
_EXPECTED = "a whole parquet file"
_TESTS = ("test", "valid", "validation")


@formats.register("parquet")
class ParquetFormat(AbstractFormat):
    """A parquet file, or a folder with train-*.parquet and test-*.parquet."""

    name = "parquet"
    title = "parquet"
    suffixes = (".parquet", ".pq")
    abilities = frozenset({"items", "answers", "labels", "batch"})
    holds = frozenset({"rows", "images"})
    options = ("image",)

    def recognises(self, path: Path) -> bool:
        """By the mark at the file's start."""
        with path.open("rb") as file:
            return file.read(4) == b"PAR1"

    def read_items(self, path: Path, options: TextOptions) -> Items:
        """Columns with their types; one of bytes, or of structs that hold bytes, is pictures.

        Raises:
            DataError: not parquet or cut short, no rows, parts with other columns.
        """
        train, test = _files(path)
        pool = _part(ParquetRows(train), options.image)
        return Items(pool, _part(ParquetRows(test), options.image) if test else None)

    def read_answers(self, path: Path, options: TextOptions) -> Answers:
        """The answers that the rows hold; see ``answers_of_rows``."""
        return answers_of_items(self.read_items(path, options), options)

    def write_rows(
        self, out: Path | TextIO, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]
    ) -> int:
        """Every column has the type that all of its cells have, else texts.

        Raises:
            UsageError: not to a file.
        """
        if not isinstance(out, Path):
            raise UsageError("parquet is written to a file alone", todo="name a file")
        return write_parquet_rows(out, columns, rows)

    def write_labels(self, out: Path, sheet: LabelSheet) -> int:
        """With the description of the columns that the Hub's ``datasets`` reads."""
        return write_hub_parquet(out, sheet)


class AbstractRows(ABC):
    """n rows with named columns.

    Attributes:
        n: How many.
        columns: Their names.
        where: For messages.
        files: All that the rows are read from; none where they are in memory.
    """

    n: int
    columns: tuple[str, ...]
    where: str
    files: tuple[Path, ...]

    @abstractmethod
    def class_names(self, column: str) -> tuple[str, ...] | None:
        """Names of the classes of a label column, where the file says them."""

    @abstractmethod
    def blocks(self, columns: Sequence[str]) -> Iterator["pa.Table"]:
        """The rows of these columns, a block at a time."""

    def check_columns(self, columns: Iterable[str]) -> None:
        """Refuse when a column is missing.

        Raises:
            DataError: names it and the nearest there is.
        """
        check_has_columns(columns, self.columns, self.where)

    def column(self, name: str) -> list[Any]:
        """One column as a list; for labels and other small values."""
        self.check_columns([name])
        return [value for table in self.blocks([name]) for value in table.column(0).to_pylist()]


def check_has_columns(wanted: Iterable[str], there: Sequence[str], where: str) -> None:
    """Refuse when a column is missing.

    Raises:
        DataError: names it and the nearest there is.
    """
    for column in wanted:
        if column not in there:
            close = nearest(column, there)
            raise DataError(
                f"there is no column {column!r}",
                expected=column,
                got=", ".join(there),
                where=where,
                todo=f"did you mean {close!r}?"
                if close
                else "rename it in the file, or name another",
            )


class ParquetRows(AbstractRows):
    """Rows of parquet files, read one block at a time.

    Args:
        files: Read in this order.

    Raises:
        DataError: no files, a file is not parquet or cut short, or their columns differ.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        import pyarrow.parquet as pq

        self.files = tuple(files)
        self.where = ", ".join(file.name for file in self.files[:3])
        counts, schemas = [], []
        for file in self.files:
            with reading(file, _EXPECTED):
                counts.append(pq.read_metadata(file).num_rows)
                schemas.append(pq.read_schema(file))
        self.n = sum(counts)
        self.schema = schemas[0]
        self.columns: tuple[str, ...] = tuple(map(str, self.schema.names))
        for file, schema in zip(self.files, schemas, strict=True):
            _check_same(schema.names, self.columns, file)

    def class_names(self, column: str) -> tuple[str, ...] | None:
        """Names of the numbers of a column, from the ``huggingface`` metadata if there are any."""
        return described_classes(self.schema.metadata).get(column)

    def blocks(self, columns: Sequence[str]) -> Iterator["pa.Table"]:
        """The rows of these columns, a block at a time."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.check_columns(columns)
        for file in self.files:
            with reading(file, _EXPECTED), pq.ParquetFile(file) as opened:
                block = _rows_at_once(opened, columns)
                for batch in opened.iter_batches(block, columns=list(columns)):
                    yield pa.Table.from_batches([batch]).select(list(columns))

    def frame(self, columns: Sequence[str]) -> "pd.DataFrame":
        """These columns in memory, nulls as None, whole numbers whole.

        Raises:
            DataError: they would take more than 80% of the machine's memory.
        """
        import pandas as pd
        import pyarrow as pa

        tables, held = [], 0
        for table in self.blocks(columns) if columns else ():
            tables.append(table)
            size = _size(table)
            held += size
            # what the first rows take tells what all will, before it is taken
            whole = size * self.n // table.num_rows if len(tables) == 1 else 0
            check_room(max(held, whole), self.where)
        if not tables:
            return pd.DataFrame(index=pd.RangeIndex(self.n))
        with reading(self.files[0], _EXPECTED):
            whole = pa.concat_tables(tables)
            whole.validate(full=True)  # texts that are no UTF-8 are noticed here, not at a cell
            frame: pd.DataFrame = whole.to_pandas(
                integer_object_nulls=True, ignore_metadata=True, date_as_object=False
            )
        categories = frame.select_dtypes("category").columns
        return frame.astype(dict.fromkeys(categories, object))


def _rows_at_once(opened: Any, columns: Sequence[str]) -> int:
    """As many rows as take some 32 MB, by the first ones: a file may hold once what fills many."""
    first = next(opened.iter_batches(_FIRST, columns=list(columns)), None)
    if first is None or not first.num_rows:
        return _MOST
    return int(max(1, min(_MOST, _BLOCK_BYTES * first.num_rows // max(1, first.nbytes))))


def _size(table: "pa.Table") -> int:
    """Bytes of the cells, where a text that stands once counts for each of them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    size = int(table.nbytes)
    for chunk in (chunk for column in table.columns for chunk in column.chunks):
        kind = chunk.type.value_type if pa.types.is_dictionary(chunk.type) else pa.null()
        if any(
            each(kind)
            for each in (
                pa.types.is_string,
                pa.types.is_large_string,
                pa.types.is_binary,
                pa.types.is_large_binary,
            )
        ):
            lengths = pc.binary_length(chunk.dictionary).take(chunk.indices)
            size += pc.sum(lengths).as_py() or 0
    return size


def described_classes(metadata: Mapping[bytes, bytes] | None) -> dict[str, tuple[str, ...]]:
    """Class names by column, as the ``datasets`` library describes them in a file's metadata.

    A description that is not as the library writes it counts as none.
    """
    try:
        whole = json.loads((metadata or {}).get(b"huggingface", b"{}"))
        features = whole["info"]["features"]
        pairs = [(str(key), value["names"]) for key, value in features.items() if "names" in value]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
    return {
        key: tuple(names)
        for key, names in pairs
        if isinstance(names, list)
        and names
        and all(isinstance(name, str) for name in names)
        and len(set(names)) == len(names)
    }


def pictures_of(rows: Any, column: str) -> Iterator[Sequence[Raw]]:
    """The bytes of the pictures, a block at a time; an empty cell counts as an empty file."""
    for table in rows.blocks([column]):
        cells = table.column(0).to_pylist()
        yield [_bytes(cell) for cell in cells]


def parquet_files(folder: Path, split: str, config: str | None = None) -> tuple[Path, ...]:
    """The files of one split in the Hub's layout: ``<split>-*.parquet``, or one folder down."""
    for place in (folder, folder / "data", *([folder / config] if config else [])):
        for pattern in (f"{split}-*.parquet", f"{split}.parquet", f"{split}/*.parquet"):
            found = sorted(place.glob(pattern))
            if found:
                return tuple(found)
    return ()


def _bytes(cell: Any) -> bytes:
    found = cell.get("bytes") if isinstance(cell, dict) else cell
    return found if isinstance(found, bytes) else b""


def _files(path: Path) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    if not path.is_dir():
        return (path,), ()
    train = parquet_files(path, "train")
    test = next((files for name in _TESTS if (files := parquet_files(path, name))), ())
    if not train:
        raise DataError(
            "there is no training part",
            expected="train-*.parquet",
            got=", ".join(sorted(p.name for p in path.glob("*"))[:8]) or "nothing",
            where=str(path),
            todo="name the files as the Hub does, or give the path of one file",
        )
    return train, test


def _part(rows: ParquetRows, image: str | None) -> Part:
    if not rows.n:
        raise DataError("the file has no rows", where=rows.where, todo="write it again with rows")
    if image is not None:
        rows.check_columns([image])
    column = image or image_column(rows.schema)
    index = [name for name in rows.columns if name.startswith("__index_level_")]
    names = [name for name in rows.columns if name not in (column, *index)]
    notes = [f"the index of a DataFrame is left out: {', '.join(index)}"] if index else []
    images = None
    if column is not None:
        images = Images(
            lambda: pictures_of(rows, column),
            lambda i: f"row {i} of {rows.where}",
            files=rows.files,
        )
    return Part(
        rows.where,
        rows.frame(names),
        images=images,
        class_names=described_classes(rows.schema.metadata),
        image=column,
        notes=tuple(notes),
    )


def image_column(schema: "pa.Schema") -> str | None:
    """The first column of bytes, or of a struct that holds bytes."""
    import pyarrow as pa

    for column in schema:
        kind = column.type
        if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
            return str(column.name)
        if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            return str(column.name)
    return None


def _check_same(names: Sequence[str], wanted: Sequence[str], file: Path) -> None:
    twice = {name for name in names if list(names).count(name) > 1}
    if twice:
        raise DataError(
            "a column name occurs twice",
            got=repr(min(twice)),
            where=str(file),
            todo="rename one of the columns",
        )
    if set(names) != set(wanted):
        raise DataError(
            "the files of one part have other columns",
            expected=", ".join(wanted),
            got=", ".join(names),
            where=str(file),
            todo="write them with the same columns",
        )
