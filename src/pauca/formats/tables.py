"""What formats of tables share: names of columns, files of a folder, errors of libraries."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pauca.errors import DataError, PaucaError
from pauca.formats.base import Items, Part

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "as_text",
    "checked_names",
    "cut_list",
    "library",
    "object_frame",
    "read_parts",
    "safe_cell",
    "unsafe_cell",
]

_SHOWN = 8
_TESTS = ("test", "valid", "validation")


def cut_list(names: Sequence[object], shown: int = _SHOWN) -> str:
    """Names in one line, the first few of many, each of at most 40 characters."""
    words = [word if len(word) <= 40 else word[:37] + "..." for word in map(str, names[:shown])]
    more = f", and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(words) + more


_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def safe_cell(value: Any) -> Any:
    """A text that a spreadsheet would compute, with an apostrophe in front; all else as it is.

    Such are texts that begin with =, +, -, @ or a tab and are no numbers. ``unsafe_cell`` takes
    the apostrophe away.
    """
    if not isinstance(value, str) or not value.startswith(_FORMULA):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value


def unsafe_cell(value: Any) -> Any:
    """The text that ``safe_cell`` made safe, or the value itself."""
    made_safe = isinstance(value, str) and value[:1] == "'" and value[1:].startswith(_FORMULA)
    return value[1:] if made_safe else value


def as_text(value: Any) -> str:
    """A cell as a text; null as nothing, what is nested as JSON."""
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else str(value)


def checked_names(names: Sequence[str], where: str) -> tuple[list[str], tuple[str, ...]]:
    """Names of columns without blanks at their ends, no two alike, and what was changed.

    The first unnamed one keeps the name "": it is how row numbers are written; others are called
    by their place.

    Raises:
        DataError: a name occurs twice.
    """
    bare = [name.strip() for name in names]
    notes = [
        f"blanks at the ends of column names are taken off: {name!r}"
        for name in sorted({n for n, b in zip(names, bare, strict=True) if n != b and b})[:3]
    ]
    unnamed = [i for i, name in enumerate(bare) if not name]
    for i in unnamed[1:]:
        bare[i] = f"Unnamed: {i}"
    twice = [name for name, count in Counter(bare).items() if count > 1]
    if twice:
        raise DataError(
            "a column name occurs twice",
            got=repr(twice[0])[:100],
            where=where,
            todo="rename one of the columns",
        )
    if len(unnamed) > 1:
        notes.append(f"{len(unnamed)} columns have no name: {cut_list([bare[i] for i in unnamed])}")
    return bare, tuple(notes)


def object_frame(cells: Mapping[str, Sequence[Any]], n: int) -> "pd.DataFrame":
    """A frame of n rows whose cells are the Python objects that they are."""
    import numpy as np
    import pandas as pd

    held = {name: np.fromiter(column, object, count=n) for name, column in cells.items()}
    columns = pd.Index(list(held), dtype="str")
    return pd.DataFrame(held, index=range(n), columns=columns, dtype=object)


@contextmanager
def library(where: str, expected: str, todo: str) -> Iterator[None]:
    """Whatever a library raises over a broken file, as an error that says where and what to do."""
    try:
        yield
    except PaucaError:
        raise
    except Exception as error:  # the door to a library: broken files raise what they like
        said = (str(error).strip().splitlines() or [""])[0]
        raise DataError(
            "the file cannot be read",
            expected=expected,
            got=(said or type(error).__name__)[:200],
            where=where,
            todo=todo,
        ) from error


def read_parts(path: Path, suffixes: Sequence[str], read: Callable[[Path], Part]) -> Items:
    """The items of a file, or of a folder with a training and maybe a test file.

    In a folder, or in its sub-folder ``data``, ``train`` with one of the suffixes is the training
    part, else its numbered pieces (``train-00000-of-00002``), else the only file whose name begins
    so. The test part is called test, valid or validation in the same way.

    Raises:
        DataError: no training part, more than one, or parts whose columns differ.
    """
    if not path.is_dir():
        return Items(read(path))
    found, left = _split(path, "train", suffixes)
    if not found:
        raise DataError(
            "there is no training part",
            expected=" or ".join(f"train{suffix}" for suffix in suffixes),
            got=cut_list(sorted(file.name for file in path.glob("*"))) or "nothing",
            where=str(path),
            todo="name the file so, or give the path of one file",
        )
    train = _joined([read(file) for file in found], path)
    said = [f"training part: {cut_list([file.name for file in found])}"]
    test = None
    for name in _TESTS:
        files, more = _split(path, name, suffixes)
        if files and test is None:
            said.append(f"test part: {cut_list([file.name for file in files])}")
            test = _joined([read(file) for file in files], path)
            test = _same_columns(train, test)
            left += more
        else:
            left += files + more
    if left:
        said.append(f"left out: {cut_list(sorted(file.name for file in left))}")
    return Items(replace(train, notes=(*said, *train.notes)), test)


def _split(path: Path, name: str, suffixes: Sequence[str]) -> tuple[list[Path], list[Path]]:
    """Files of a part, and those whose names begin so but are left out."""
    folder, files = path, list[Path]()
    for folder in (path, path / "data"):
        named = sorted(folder.glob(f"{name}*"))
        if name == "valid":
            named = [file for file in named if not file.name.startswith("validation")]
        files = [file for file in named if file.suffix.lower() in suffixes and file.is_file()]
        if files:
            break
    exact = [file for file in files if file.stem == name]
    pieces = [
        file for file in files if re.fullmatch(name + r"[-_.]?\d+([-_]of[-_]\d+)?", file.stem)
    ]
    chosen = exact or pieces or files
    if (exact or not pieces) and len(chosen) > 1:
        raise DataError(
            f"more than one file may be the {name} part",
            got=cut_list([file.name for file in chosen]),
            where=str(folder),
            todo=f"call one of them {name}{suffixes[0]}",
        )
    return chosen, [file for file in files if file not in chosen]


def _joined(parts: Sequence[Part], path: Path) -> Part:
    if len(parts) == 1:
        return parts[0]
    import pandas as pd

    same = [parts[0], *(_same_columns(parts[0], part) for part in parts[1:])]
    frame = pd.concat([part.frame for part in same], ignore_index=True)
    notes = [f"{Path(part.where).name}: {note}" for part in parts for note in part.notes]
    return replace(parts[0], where=str(path), frame=frame, lines=None, notes=tuple(notes))


def _same_columns(first: Part, other: Part) -> Part:
    """The other part with its columns in the order of the first."""
    ours, theirs = list(first.frame.columns), list(other.frame.columns)
    if set(ours) != set(theirs):
        raise DataError(
            "the files have different columns",
            expected=f"{cut_list(ours)} as in {Path(first.where).name}",
            got=cut_list(theirs) or "none",
            where=other.where,
            todo="give both the same columns, or the path of one file",
        )
    return replace(other, frame=other.frame[ours])
