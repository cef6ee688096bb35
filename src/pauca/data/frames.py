"""Tables as files: csv, jsonl and parquet to frames, with what is broken about them said."""

import csv
import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pauca.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["read_csv", "read_jsonl", "read_parquet_frame"]


def read_csv(path: Path) -> "pd.DataFrame":
    """Every cell as the text it is, so that nothing is guessed here; separated by commas, UTF-8.

    Blanks that follow a comma belong to the comma.

    Raises:
        DataError: empty, not text, separated by something else, a column name twice, or a row with
            too many cells.
    """
    import pandas as pd

    def read() -> "pd.DataFrame":
        _check_head(path)
        return pd.read_csv(
            path, dtype=str, keep_default_na=False, encoding="utf-8", skipinitialspace=True
        )

    return _checked(path, read, "a csv file with a header, commas and UTF-8")


def read_jsonl(path: Path) -> "pd.DataFrame":
    """One JSON object a line.

    Raises:
        DataError: a line is not one, or the file is empty.
    """
    import pandas as pd

    def read() -> "pd.DataFrame":
        rows = []
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
            try:
                row = json.loads(line) if line.strip() else {}
            except ValueError as error:
                raise ValueError(f"line {number}: {error}") from error
            if not isinstance(row, dict):
                raise ValueError(f"line {number} is not an object")
            rows += [row] if row else []
        return pd.DataFrame.from_records(rows)

    return _checked(path, read, "one JSON object a line")


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


def _check_head(path: Path) -> None:
    """Refuse what pandas repairs in silence: names that occur twice, a first row that is longer."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = (row for row in csv.reader(file, skipinitialspace=True) if row)
        try:
            header, first = next(rows, []), next(rows, [])
        except csv.Error:
            return  # what is wrong with it, if anything is, pandas says
    other = {";": "semicolons", "\t": "tabs"}
    for mark, word in other.items():
        if len(header) == 1 and mark in header[0]:
            raise ValueError(f"the cells are separated by {word}: {header[0]}")
    if len(first) > len(header):
        raise ValueError(f"the header has {len(header)} cells, the first row {len(first)}")
    _refuse_twice(header, path)


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
