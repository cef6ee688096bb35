"""Answers from files: checked as a whole, then kept as a whole."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pauca.errors import DataError, PaucaError, UsageError, nearest
from pauca.label import label_studio
from pauca.label.checking import check_person
from pauca.label.classes import Classes
from pauca.label.labels import GIVEN
from pauca.label.project import Project
from pauca.label.records import Action, Given

__all__ = ["Imported", "import_file"]

_SHOWN = 5
_SUFFIXES = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "label-studio"}
_IDS = ("pauca_id", "id")  # where both are, id is the number of a task of Label Studio
_LABELS = ("label", "class")
_PEOPLE = ("person", "annotator")
_ACTIONS: tuple[Action, ...] = ("label", "skip", "unsure", "flag")

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Imported:
    """What an import did.

    Args:
        rows: Answers in the file.
        new: Those that were kept; the others stood already.
        blank: Rows without a label, which were passed over.
    """

    rows: int
    new: int
    blank: int


def import_file(
    project: Project,
    path: Path,
    *,
    form: str | None = None,
    person: str = "import",
    id_column: str | None = None,
    label_column: str | None = None,
) -> Imported:
    """Keep the answers of a csv or jsonl file, or of a Label Studio export (JSON, JSON-MIN, csv).

    Rows have an id and the name of a class; they may have ``action`` (label, skip, unsure or flag),
    ``person`` and ``ms``. A row without a label (and action) is passed over: not answered yet.
    Everything is checked first; if anything is wrong, nothing is kept.

    Args:
        project: Where to.
        path: The file.
        form: csv, jsonl or label-studio; by the file's name if None.
        person: Whose the answers are, where the file does not say.
        id_column: Column of ids; pauca_id, else id if None.
        label_column: Column of classes; label or class if None.

    Raises:
        DataError: the file cannot be read, or rows that cannot be kept; the first are named by
            line.
        UsageError: an unknown format.
    """
    person = check_person(person)
    if form is None:
        form = _SUFFIXES.get(path.suffix.lower())
    if form not in ("csv", "jsonl", "label-studio"):
        raise UsageError(
            "the format is not known",
            expected="csv, jsonl or label-studio",
            got=form or path.name,
            todo="name it with --format",
        )
    rows = _rows(path, form)
    names = (id_column, label_column)
    given, wrong, blank = _checked(project, rows, person, names, path)
    if wrong:
        more = f"; and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        raise DataError(
            f"{len(wrong)} rows cannot be imported, so nothing was",
            expected="ids of this project, and names of its classes",
            got="; ".join(wrong[:_SHOWN]) + more,
            where=str(path),
            todo="correct the file; `pauca label classes PROJECT --add NAME` adds a class",
        )
    return Imported(len(given), project.import_answers(given), blank)


def _rows(path: Path, form: str) -> list[tuple[str, Row]]:
    """Rows, each with where it stands."""
    try:
        text = path.read_bytes().decode("utf-8-sig")  # line ends within cells stay as they are
        if form == "label-studio":
            return list(label_studio.parsed(text))
        return _csv(text) if form == "csv" else _jsonl(text)
    except (OSError, ValueError, csv.Error, AttributeError, TypeError, RecursionError) as error:
        said = error.strerror if isinstance(error, OSError) else str(error)
        raise DataError(
            "the file cannot be read",
            expected={"csv": "a header and commas", "jsonl": "one JSON object a line"}.get(
                form, "a list of tasks as Label Studio exports it"
            ),
            got=(said or type(error).__name__)[:200],
            where=str(path),
        ) from None


def _csv(text: str) -> list[tuple[str, Row]]:
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))  # a text may be long
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header = [name.strip() for name in next(reader, [])]
    if len(set(header)) != len(header):
        raise ValueError("a column name occurs twice")
    found: list[tuple[str, Row]] = []
    before = reader.line_num
    for cells in reader:
        line, before = before + 1, reader.line_num
        if not cells:
            continue
        if len(cells) != len(header):
            raise ValueError(f"line {line} has {len(cells)} cells and the header {len(header)}")
        found.append((f"line {line}", dict(zip(header, cells, strict=True))))
    return found


def _jsonl(text: str) -> list[tuple[str, Row]]:
    found: list[tuple[str, Row]] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                row = json.loads(line)
            except ValueError as error:
                raise ValueError(f"line {number}: {error}") from None
            if not isinstance(row, dict):
                raise ValueError(f"line {number} is not an object")
            found.append((f"line {number}", row))
    return found


def _checked(
    project: Project,
    rows: Sequence[tuple[str, Row]],
    person: str,
    names: tuple[str | None, str | None],
    path: Path,
) -> tuple[list[Given], list[str], int]:
    """Answers, what is wrong, and how many rows are not answered."""
    classes, given, wrong, blank = project.classes, list[Given](), list[str](), 0
    if rows:
        keys = {key for _, row in rows for key in row}
        id_ = _column(keys, names[0], _IDS, "id", path)
        label = _column(keys, names[1], _LABELS, "label", path)
        seen: dict[tuple[int, str], str] = {}
        for where, row in rows:
            try:
                found = _given(project, row, classes, person, id_, label)
            except PaucaError as error:
                hint = f" ({error.todo})" if error.todo and "did you mean" in error.todo else ""
                wrong.append(f"{where}: {error.what} {error.got or ''}{hint}".rstrip())
                continue
            if found is None:
                blank += 1
                continue
            before = seen.setdefault((found.item, found.person), where)
            if before != where:
                wrong.append(f"{where}: the same item and person as in {before}")
            given.append(found)
    return given, wrong, blank


def _column(keys: set[str], name: str | None, known: Sequence[str], what: str, path: Path) -> str:
    if name is not None and name in keys:
        return name
    found = next((each for each in known if each in keys), None) if name is None else None
    if found is None:
        close = nearest(name, keys) if name is not None else None
        raise DataError(
            f"there is no column of {what}s",
            expected=name or " or ".join(known),
            got=", ".join(sorted(keys)) or "none",
            where=str(path),
            todo=f"did you mean {close!r}?" if close else f"name it with --{what}-column",
        )
    return found


def _given(
    project: Project, row: Row, classes: Classes, person: str, id_: str, label: str
) -> Given | None:
    """The answer of one row; None if it has none."""
    said, action = row.get(label), row.get("action") or None
    if isinstance(said, str):
        said = said.strip() or None
    if said is None and action in (None, "label"):
        return None
    action = _action(action)
    key = row.get(id_)
    if isinstance(key, int) and not isinstance(key, bool):
        key = str(key)
    if not isinstance(key, str) or not key:
        raise DataError("an id is missing", got=repr(key))
    # ids of tables were taken without blanks at their ends
    item = project.items.number(key if project.items.has(key) else key.strip())
    cls = None
    if action == "label":
        if not isinstance(said, str | int) or isinstance(said, bool):
            raise DataError("one class is wanted, not", got=repr(said))
        cls = _class(str(said), classes)
    who = next((row[name] for name in _PEOPLE if row.get(name)), person)
    ms = _ms(row.get("ms"))
    if row.get("given") is True and who == GIVEN:  # came with the data, as our own export says
        return Given(GIVEN, item, action, cls, strategy=GIVEN, ms=ms)
    return Given(check_person(str(who)), item, action, cls, ms=ms)


def _action(said: Any) -> Action:
    for known in _ACTIONS:
        if said in (None, known):
            return known
    raise DataError("no such action", got=repr(said))


def _class(name: str, classes: Classes) -> int:
    for each in classes:
        if each.name == name:
            return each.id
    close = nearest(name, classes.names)
    raise DataError(
        "no such class", got=repr(name), todo=f"did you mean {close!r}?" if close else None
    )


def _ms(value: Any) -> int | None:
    if value is None or value == "":
        return None
    try:
        found = int(value)
    except (TypeError, ValueError, OverflowError):
        raise DataError("ms is no whole number", got=repr(value)[:200]) from None
    if found < 0:
        raise DataError("ms is below 0", got=found)
    if found > 2**53:
        raise DataError("ms is above 2^53", got=repr(value)[:200])
    return found
