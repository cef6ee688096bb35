"""Rows of a Hub data set, from a local copy in its layout or from the Hub, one block at a time."""

import json
import os
import socket
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from pauca.errors import DataError, nearest

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "AbstractRows",
    "HubRows",
    "ParquetRows",
    "check_has_columns",
    "data_folder",
    "missing_part",
    "open_rows",
    "parquet_files",
    "row_name",
]

_BLOCK = 1024
_BLOCK_BYTES = 32_000_000
_MOST = 4096


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
        metadata = []
        for file in self.files:
            with _readable(file):
                metadata.append(pq.read_metadata(file))
        self.n = sum(one.num_rows for one in metadata)
        size = sum(file.stat().st_size for file in self.files) / max(1, self.n)
        # as many rows as take some 32 MB: thousands of digits, hundreds of photographs
        self._block = max(1, min(_MOST, int(_BLOCK_BYTES / max(1.0, size))))
        with _readable(self.files[0]):
            self.schema = pq.read_schema(self.files[0])
        self.columns = tuple(self.schema.names)

    def class_names(self, column: str) -> tuple[str, ...] | None:
        """From the ``huggingface`` metadata, where there is any."""
        kept = (self.schema.metadata or {}).get(b"huggingface")
        if kept is None:
            return None
        features = json.loads(kept).get("info", {}).get("features", {})
        names = (features.get(column) or {}).get("names")
        return tuple(names) if names else None

    def blocks(self, columns: Sequence[str]) -> Iterator["pa.Table"]:
        """The rows of these columns, a block at a time."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.check_columns(columns)
        for file in self.files:
            with _readable(file), pq.ParquetFile(file) as opened:
                for batch in opened.iter_batches(self._block, columns=list(columns)):
                    yield pa.Table.from_batches([batch]).select(list(columns))


class HubRows(AbstractRows):
    """Rows of a split that the ``datasets`` library holds in Arrow files.

    Args:
        split: A ``datasets.Dataset``.
        where: Repository and split, for messages.
    """

    def __init__(self, split: Any, where: str) -> None:
        from datasets import Image

        for name, feature in split.features.items():
            if isinstance(feature, Image):
                split = split.cast_column(name, Image(decode=False))
        self._split = split
        self.n = len(split)
        self.columns = tuple(split.column_names)
        self.files = tuple(Path(one["filename"]) for one in split.cache_files)
        self.where = where

    def class_names(self, column: str) -> tuple[str, ...] | None:
        """From the features."""
        names = getattr(self._split.features.get(column), "names", None)
        return tuple(names) if names else None

    def blocks(self, columns: Sequence[str]) -> Iterator["pa.Table"]:
        """The rows of these columns, a block at a time."""
        self.check_columns(columns)
        chosen = self._split.select_columns(list(columns)).with_format("arrow")
        for table in chosen.iter(_BLOCK):
            yield table.select(list(columns))


def row_name(parts: Sequence[AbstractRows], i: int) -> str:
    """Where row i of these, one after the other, stands: for messages."""
    for one in parts[:-1]:
        if i < one.n:
            return f"row {i} of {one.where}"
        i -= one.n
    return f"row {i} of {parts[-1].where}"


def data_folder(name: str) -> Path | None:
    """The local copy PAUCA_DATA/<name>, if there is one."""
    root = os.environ.get("PAUCA_DATA")
    if not root:
        return None
    folder = Path(root).expanduser() / name
    return folder if folder.is_dir() else None


def parquet_files(folder: Path, split: str, config: str | None = None) -> tuple[Path, ...]:
    """The files of one split in the Hub's layout: ``<split>-*.parquet``, or one folder down."""
    for place in (folder, folder / "data", *([folder / config] if config else [])):
        for pattern in (f"{split}-*.parquet", f"{split}.parquet", f"{split}/*.parquet"):
            found = sorted(place.glob(pattern))
            if found:
                return tuple(found)
    return ()


def open_rows(
    name: str, repo: str, config: str | None, splits: Sequence[str]
) -> list[AbstractRows]:
    """The splits of a data set: from PAUCA_DATA/<name>, or else from the Hub.

    Raises:
        DataError: neither is there; says which command or folder would provide it.
    """
    folder = data_folder(name)
    if folder is None:
        return [_hub_rows(name, repo, config, split) for split in splits]
    rows: list[AbstractRows] = []
    for split in splits:
        files = parquet_files(folder, split, config)
        if not files:
            expected = f"{split}-*.parquet in the layout of {repo}"
            raise missing_part(folder, name, repo, split, expected)
        rows.append(ParquetRows(files))
    return rows


def missing_part(folder: Path, name: str, repo: str, split: str, expected: str) -> DataError:
    """What is said of a local copy that lacks a part."""
    return DataError(
        f"the local copy of {name} has no {split} part",
        expected=expected,
        got=", ".join(sorted(p.name for p in folder.iterdir())[:8]) or "an empty folder",
        where=f"PAUCA_DATA/{name}",
        todo=fetch_hint(name, repo),
    )


def fetch_hint(name: str, repo: str) -> str:
    """The command that makes a local copy."""
    return (
        f"on a machine with a network run: hf download {repo} --repo-type dataset "
        f"--local-dir DATA/{name}, then set PAUCA_DATA=DATA"
    )


def _hub_rows(name: str, repo: str, config: str | None, split: str) -> AbstractRows:
    try:
        return HubRows(load_from_hub(repo, config, split), f"{repo} on the Hub, split {split}")
    except DataError:
        raise
    except Exception as error:  # the library raises errors of many other libraries
        raise DataError(
            f"{name} is neither in the data folder nor to be had from the Hub",
            expected=f"PAUCA_DATA/{name}/{split}-*.parquet, or a network",
            got=f"{type(error).__name__}: {_first_line(error)}",
            where=repo,
            todo=fetch_hint(name, repo),
        ) from error


def load_from_hub(repo: str, config: str | None, split: str) -> Any:
    """The split as the ``datasets`` library gives it; the only place that asks the network."""
    import datasets

    with _offline_when_unreachable():
        return datasets.load_dataset(repo, config, split=split)


@contextmanager
def _offline_when_unreachable() -> Iterator[None]:
    """Without a network take the library's own cache at once, instead of after half a minute."""
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = before or not _reachable(urlsplit(constants.ENDPOINT).hostname)
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _reachable(host: str | None) -> bool:
    """Whether the name is known, or a proxy asks for us."""
    if host is None or getproxies():
        return True
    try:
        socket.getaddrinfo(host, 443)
    except OSError:
        return False
    return True


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:200]


@contextmanager
def _readable(file: Path) -> Iterator[None]:
    from pyarrow import ArrowException

    try:
        yield
    except (ArrowException, OSError) as error:
        size = file.stat().st_size if file.exists() else 0
        raise DataError(
            "a parquet file cannot be read",
            expected="a whole parquet file",
            got="zero bytes" if size == 0 else _first_line(error),
            where=str(file),
            todo="fetch or write it again: it is cut short, or not parquet",
        ) from error
