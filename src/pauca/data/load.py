"""One door to every data set: by name, or by path."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pauca.data.catalog import datasets
from pauca.data.dataset import Dataset
from pauca.data.images import Progress
from pauca.data.sources import own_sources
from pauca.errors import DataError, UnknownNameError, UsageError, shown

__all__ = ["format_of", "load_dataset", "resolve_options"]

_OPENML = re.compile(r"^openml:(\d{1,18})$")
_FORMATS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
_FORMATS |= {".npz": "npz"}


def load_dataset(
    name_or_path: str | Path, *, progress: Progress | None = None, **options: Any
) -> Dataset:
    """A data set by name, or data of one's own by path.

    A name is one of the catalogue (``pauca list datasets``), or ``openml:`` and a number. A local
    copy under PAUCA_DATA comes first, then the source the catalogue names. A path is a folder of
    images (one sub-folder a class, or flat: a pool without labels), or a csv, jsonl, parquet or
    npz file, or a folder with train and test files of these. A text that is both is a name; write
    ./name for the path.

    Args:
        name_or_path: What to load.
        progress: Told which fraction is done.
        **options: Of the data set or of the format: ``size``, ``mode``, ``label``, ``text``,
            ``classes``, ``test_fraction``, ``seed``, ...

    Raises:
        UnknownNameError: no such name, path or option; the nearest known one is named.
        UsageError: an option has a value that it cannot have.
        DataError: the data are not there, or broken; says what, where and what to do.
    """
    kind, key, given = _find(name_or_path, options)
    if kind == "name":
        return datasets.make(key, given, progress=progress)
    return own_sources.make(key, given, path=_path(name_or_path), progress=progress)


def resolve_options(name_or_path: str | Path, options: Mapping[str, Any]) -> dict[str, Any]:
    """Every option with its value, defaults included, without reading any data.

    Raises:
        UnknownNameError: no such name, path or option.
        UsageError: an option has a value that it cannot have.
    """
    kind, key, given = _find(name_or_path, options)
    return (datasets if kind == "name" else own_sources).resolve(key, given)


def _find(name_or_path: str | Path, options: Mapping[str, Any]) -> tuple[str, str, dict[str, Any]]:
    """Whether it is a name or a path, its name or format, and its options."""
    given = dict(options)
    if not isinstance(name_or_path, str | Path) or not str(name_or_path).strip():
        raise UsageError(
            "the data set is not named",
            expected="a name of the catalogue, or a path",
            got=shown(name_or_path),
            todo="see `pauca list datasets` for the names",
        )
    if isinstance(name_or_path, str):
        numbered = _OPENML.match(name_or_path)
        if numbered:
            return "name", "openml:<id>", {**given, "id": int(numbered[1])}
        if name_or_path in datasets.names():
            return "name", name_or_path, given
    path = _path(name_or_path)
    if not os.path.exists(path):  # no error where the name is none that a file can have
        raise _unknown(name_or_path, path)
    return "path", format_of(path), given


def _path(name_or_path: str | Path) -> Path:
    return Path(os.path.expanduser(name_or_path))


def _unknown(name_or_path: str | Path, path: Path) -> Exception:
    written = str(name_or_path)
    if isinstance(name_or_path, Path) or "/" in written or "\\" in written or path.suffix:
        return DataError(
            "there is no such file or folder",
            expected="a path, or a name of the catalogue",
            got=written,
            todo="check the path",
        )
    if written.startswith("openml"):
        return UsageError(
            "an OpenML table is asked for by its number",
            expected="openml:61",
            got=repr(written),
            todo="find the number on the table's page",
        )
    return UnknownNameError("data set or path", written, datasets.names())


def format_of(path: Path) -> str:
    """folder, csv, jsonl, parquet or npz.

    Raises:
        DataError: none of these.
    """
    if path.is_dir():
        for suffix in ("parquet", "csv", "jsonl"):
            if any(path.glob(f"train*.{suffix}")) or any(path.glob(f"data/train*.{suffix}")):
                return suffix
        return "folder"
    known = _FORMATS.get(path.suffix.lower())
    if known is None:
        raise DataError(
            "the format is not known",
            expected=f"a folder, or a file ending in {', '.join(sorted(_FORMATS))}",
            got=path.name,
            todo="save it in one of these formats",
        )
    return known
