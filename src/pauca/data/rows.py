"""Rows of a Hub data set, from a local copy in its layout or from the Hub, one block at a time."""

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from pauca.errors import DataError
from pauca.formats.parquet import AbstractRows, ParquetRows, parquet_files

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "HubRows",
    "data_folder",
    "missing_part",
    "open_rows",
    "row_name",
]

_BLOCK = 1024


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
