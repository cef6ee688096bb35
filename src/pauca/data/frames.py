"""Tables as files: csv, jsonl and parquet to frames, with what is broken about them said."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pauca.errors import DataError
from pauca.formats.base import TextOptions
from pauca.formats.csv import read_table
from pauca.formats.jsonl import read_objects

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["read_csv", "read_jsonl", "read_parquet_frame"]


def read_csv(path: Path) -> "pd.DataFrame":
    """Every cell as the text it is, so that nothing is guessed here.

    Raises:
        DataError: see ``pauca.formats.csv.read_table``.
    """
    return read_table(path, TextOptions()).frame


def read_jsonl(path: Path) -> "pd.DataFrame":
    """One JSON object a line.

    Raises:
        DataError: see ``pauca.formats.jsonl.read_objects``.
    """
    return read_objects(path, TextOptions()).frame.infer_objects()


def read_parquet_frame(path: Path) -> "pd.DataFrame":
    """The columns of a parquet file.

    Raises:
        DataError: cut short, or not parquet.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    def read() -> "pd.DataFrame":
        try:
            frame: pd.DataFrame = pq.read_table(path).to_pandas()
        except pa.ArrowException as error:
            raise ValueError(str(error)) from error
        return frame

    return _checked(path, read, "a whole parquet file")


def _refuse_twice(names: Sequence[str], path: Path) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(
            "a column name occurs twice",
            got=repr(twice[0]),
            where=str(path),
            todo="rename one of the columns",
        )


def _checked(path: Path, read: Callable[[], "pd.DataFrame"], expected: str) -> "pd.DataFrame":
    if not path.is_file():
        raise DataError("there is no such file", got=str(path), todo="check the path")
    if path.stat().st_size == 0:
        raise DataError("the file has zero bytes", expected=expected, where=str(path))
    try:
        frame = read()
    except (OSError, ValueError, EOFError) as error:  # pandas' own errors are ValueErrors
        first = (str(error).splitlines() or [""])[0]
        raise DataError(
            "the file cannot be read",
            expected=expected,
            got=first[:200],
            where=str(path),
            todo="repair it or write it again",
        ) from error
    _refuse_twice([str(name) for name in frame.columns], path)
    return frame.rename(columns=str)
