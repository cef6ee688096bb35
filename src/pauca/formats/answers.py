"""Rows of any table as answers, and the rules that every reader of answers shares."""

import math
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, get_args

from pauca.errors import DataError, nearest
from pauca.formats.base import Action, AnswerRow, Answers, Items, Part, TextOptions

__all__ = [
    "RESERVED",
    "SOURCES",
    "RowErrors",
    "another_task",
    "answers_of_items",
    "answers_of_rows",
    "key_of",
    "label_of",
    "ms_of_seconds",
    "plain_of",
    "rejected_note",
    "same_label",
    "seconds_of",
]

_IDS = ("pauca_id", "id")  # where both are, id is a number of the tool that wrote the file
_LABELS = ("label", "class")
_PEOPLE = ("person", "annotator")
_ACTIONS: tuple[str, ...] = get_args(Action)
_LOG = ("seq", "undoes", "act", "suggestion", "confidence", "shown", "round", "strategy", "stands")
_VERDICTS = {"accept": "label", "reject": None, "ignore": "skip"}
_SHOWN = 5
_LONGEST = 400  # letters on one row
_LATEST = 1e11  # seconds since 1970: beyond any calendar

SOURCES = ("human", "given", "model")
"""Who says what a table of labels and predictions holds: people, the data, or the model."""

RESERVED = (
    *_IDS, *_LABELS, *_PEOPLE, *_LOG, "action", "answer", "at", "given", "lead_time", "ms",
)  # fmt: skip
"""Columns that a reader takes for what was answered: those of the data go out under other names."""


class RowErrors:
    """Gathers what is wrong with single rows, so that the first few are told at once."""

    def __init__(self) -> None:
        self._told: list[str] = []

    def add(self, where: str, error: DataError | str) -> None:
        """Keep what is wrong with a row."""
        if isinstance(error, str):
            self._told.append(f"{where}: {error}"[:_LONGEST])
            return
        hint = f" ({error.todo})" if error.todo and "did you mean" in error.todo else ""
        got = "" if error.got is None else f" {error.got}"
        self._told.append(f"{where}: {error.what}{got}{hint}"[:_LONGEST])

    def refuse(self, path: object = None, todo: str | None = None) -> None:
        """Raise what was gathered, if anything.

        Raises:
            DataError: the first few rows, and how many there are.
        """
        if not self._told:
            return
        more = len(self._told) - _SHOWN
        rest = f"; and {more} more" if more > 0 else ""
        raise DataError(
            f"{len(self._told)} rows cannot be imported, so nothing was",
            expected="ids of this project, and names of its classes",
            got="; ".join(self._told[:_SHOWN]) + rest,
            where=path,
            todo=todo or "correct the file",
        )


def answers_of_rows(
    rows: Iterable[tuple[str, Mapping[str, Any]]],
    *,
    id_column: str | None = None,
    label_column: str | None = None,
) -> Answers:
    """The answers of a table, whichever file it is from.

    Columns: ``pauca_id`` or ``id``; ``label`` or ``class``; perhaps ``action`` (label, skip,
    unsure, flag), ``person`` or ``annotator``, ``ms`` or ``lead_time`` (in seconds), ``at``,
    ``given``. A column ``answer`` that holds nothing but accept, reject and ignore is Prodigy's. A
    table with ``seq``, ``act``, ``at`` and ``action`` is the account of a project
    (``--answers``). Rows of labels and predictions in one table (``source`` and ``confidence``)
    that are what the model says are no answers. All other columns are what the file says of the
    item.

    Args:
        rows: Each with where it stands, such as "line 3".
        id_column: Column of ids, where it has another name.
        label_column: Column of classes, where it has another name.

    Raises:
        DataError: no column of classes; cells that are no answers, the first ones by row.
    """
    found = list(rows)
    columns = _Columns.of(found, id_column, label_column)
    errors, answers, rejected, predicted = RowErrors(), list[AnswerRow](), 0, 0
    for where, row in found:
        try:
            answer = columns.answer(where, row)
        except DataError as error:
            errors.add(where, error)
            continue
        rejected += columns.prodigy and row.get("answer") == "reject"
        predicted += columns.mixed and row.get("source") == "model"
        answers.append(answer)
    errors.refuse()
    said = f"{predicted} rows are what the model says, and no answers: they are passed over"
    return Answers(answers, (*rejected_note(rejected), *((said,) if predicted else ())))


def answers_of_items(items: Items, options: TextOptions) -> Answers:
    """The answers of the rows of a table, as ``answers_of_rows`` takes them.

    Raises:
        DataError: as there; the file is named.
    """
    rows, notes = list[tuple[str, Mapping[str, Any]]](), list[str]()
    for part in items.parts:
        cells = (_cells(part, str(name)) for name in part.frame.columns)
        names = [str(name) for name in part.frame.columns]
        places = range(1, part.n + 1) if part.lines is None else part.lines.tolist()
        word = "row" if part.lines is None else "line"
        for place, row in zip(places, zip(*cells, strict=True), strict=True):
            rows.append((f"{word} {place}", dict(zip(names, row, strict=True))))
        notes += part.notes
    found = answers_of_rows(rows, id_column=options.id_column, label_column=options.label_column)
    return Answers(found, (*notes, *found.notes))


def _cells(part: Part, column: str) -> list[Any]:
    """The cells of a column: null as None (pandas writes it as NaN), numbers of classes by name."""
    cells = part.frame[column].tolist()
    cells = [None if isinstance(cell, float) and math.isnan(cell) else cell for cell in cells]
    names = part.class_names.get(column)
    if names is None:
        return cells
    numbers = dict[Any, str](enumerate(names))
    return [numbers.get(cell) if type(cell) in (int, float) else cell for cell in cells]


def _blank(cell: Any) -> bool:
    return cell is None or (isinstance(cell, str) and not cell)


def rejected_note(count: int) -> tuple[str, ...]:
    """What is said of answers that reject a class."""
    if not count:
        return ()
    return (f"{count} rejected: an item that is not of one class has no label by that",)


@dataclass(frozen=True)
class _Columns:
    """Which column holds what."""

    id: str | None
    label: str | None
    log: bool
    prodigy: bool
    mixed: bool

    @classmethod
    def of(
        cls,
        rows: Sequence[tuple[str, Mapping[str, Any]]],
        id_column: str | None,
        label_column: str | None,
    ) -> "_Columns":
        keys = {key for _, row in rows for key in row}
        log = {"seq", "at", "action", "undoes"} <= keys
        said = [row["answer"] for _, row in rows if not _blank(row.get("answer"))]
        verdicts = bool(said) and all(isinstance(s, str) and s in _VERDICTS for s in said)
        prodigy = verdicts and "action" not in keys
        mixed = {"source", "confidence"} <= keys and not log
        mixed = mixed and all(row.get("source") in SOURCES for _, row in rows)
        id_ = _column(keys, id_column, _IDS, "id")
        label = _column(keys, label_column, _LABELS, "label")
        if rows and label is None and not ({"action"} & keys or prodigy):
            raise _no_column("label", " or ".join(_LABELS), keys, None)
        return cls(id_, label, log, prodigy, mixed)

    def answer(self, where: str, row: Mapping[str, Any]) -> AnswerRow:
        label = None if self.label is None else label_of(row.get(self.label))
        action = self._action(row, label)
        key = None if self.id is None else row.get(self.id)
        who = next((row[name] for name in _PEOPLE if not _blank(row.get(name))), None)
        at = seconds_of(row.get("at"))
        more = {name: row.get(name) for name in (*_LOG, "note")} if self.log else {}
        taken = {self.id, self.label, "action", "given", "ms", "lead_time", *_PEOPLE, *more}
        taken |= {"answer"} if self.prodigy else set()
        taken |= {"source", "confidence"} if self.mixed else set()
        taken |= {"at"} if at is not None else set()
        given = row.get("given") is True or (self.log and row.get("strategy") == "given")
        return AnswerRow(
            where=where,
            key=None if self.id is None else key_of(key, needed=action is not None) or "",
            action=action,
            label=label if action == "label" else None,
            person=None if who is None else str(plain_of(who)),
            at=at,
            ms=_ms(row.get("ms"), row.get("lead_time")),
            shown={k: v for k, v in row.items() if k not in taken and not _blank(v)},
            given=given,
            more=more,
        )

    def _action(self, row: Mapping[str, Any], label: str | None) -> Action | None:
        if self.prodigy:
            said = _VERDICTS.get(str(row.get("answer") or ""))
        else:
            said = row.get("action") or None
            said = "label" if said == "relabel" and self.log else said
            said = "label" if said is None else said
            if said not in _ACTIONS or (said == "undo" and not self.log):
                raise DataError(
                    "no such action", got=repr(said)[:100], todo="write label, skip, unsure or flag"
                )
        if said == "label" and (label is None or (self.mixed and row.get("source") == "model")):
            return None
        return said  # type: ignore[return-value]  # one of the literals, checked above


def _column(keys: set[str], name: str | None, known: Sequence[str], what: str) -> str | None:
    if name is None:
        return next((each for each in known if each in keys), None)
    if name not in keys and keys:
        raise _no_column(what, name, keys, name)
    return name


def _no_column(what: str, wanted: str, keys: Iterable[str], name: str | None) -> DataError:
    close = nearest(name, keys) if name is not None else None
    return DataError(
        f"there is no column of {what}s",
        expected=wanted,
        got=", ".join(sorted(keys))[:300] or "none",
        todo=f"did you mean {close!r}?" if close else f"name it with --{what}-column",
    )


def plain_of(value: Any) -> Any:
    """A cell as a value of Python: numbers that are whole as int, NaN as None."""
    value = value.item() if hasattr(value, "item") and not hasattr(value, "__len__") else value
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**63:
        return int(value)
    return None if isinstance(value, float) and math.isnan(value) else value


def key_of(value: Any, *, needed: bool = True) -> str | None:
    """An id as a text, as it stands there; None where there is none.

    Raises:
        DataError: it is neither a text nor a whole number, and needed.
    """
    value = plain_of(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if value is None or isinstance(value, str):
        return value or None
    if needed:
        raise DataError(
            "an id is missing",
            expected="a text or a number",
            got=repr(value)[:100],
            todo="write the id of the item there, or leave the key out",
        )
    return None


def label_of(value: Any) -> str | None:
    """The name of the class that a cell holds; None where it holds none.

    Texts, whole numbers and booleans are names, a list of one is its entry, an empty one no label.

    Raises:
        DataError: several classes, spans, boxes, a mapping: the answers of another task.
    """
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        if any(isinstance(each, list | tuple | dict) for each in value):
            raise another_task(_task_of(value), value)
        if len(value) > 1:
            raise DataError(
                "one class is wanted, not several (multi-label)",
                got=repr(value)[:200],
                todo="keep one class an item: tasks with several classes are not known yet",
            )
        return label_of(value[0]) if value else None
    value = plain_of(value)
    if isinstance(value, dict):
        raise another_task(_task_of([value]), value)
    if isinstance(value, float) and math.isinf(value):
        raise DataError(
            "one class is wanted, not a number without end",
            got=value,
            todo="write the name of a class",
        )
    return None if value is None else str(value).strip() or None


def _task_of(parts: Sequence[Any]) -> str:
    """What the parts of a nested label are."""
    first = next(each for each in parts if isinstance(each, list | tuple | dict))
    if isinstance(first, dict):
        if {"x", "y", "width", "height"} <= first.keys() or "points" in first:
            return "boxes or polygons"
        if "start" in first or "start_offset" in first:
            return "spans in texts"
        if "rank" in first:
            return "a ranking"
        return "answers with parts"
    if len(first) > 2 and all(isinstance(each, int) for each in first[:2]):
        return "spans in texts"
    return "lists within lists"


def another_task(name: str, got: Any = None) -> DataError:
    """What is said of answers that are not one class an item."""
    return DataError(
        f"these are answers of another task: {name[:100]}",
        expected="one class an item",
        got=None if got is None else repr(got)[:200],
        todo="export the answers to a question with one choice",
    )


def same_label(name: str) -> str:
    """What two names share that differ by what eyes hardly see.

    Unicode form (NFKC), capital letters, blanks, and letters without width (zero-width spaces, soft
    hyphens, marks of direction) tell no names apart.
    """
    folded = unicodedata.normalize("NFKC", name).casefold()
    seen = (char for char in folded if unicodedata.category(char) != "Cf" and not char.isspace())
    return unicodedata.normalize("NFC", "".join(seen))


def seconds_of(value: Any) -> float | None:
    """A time as seconds since 1970: a number of them, or ISO 8601 (UTC unless it says otherwise).

    What is neither says nothing.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, str | datetime):
        value = _iso(str(value))
    if not isinstance(value, int | float) or not 0 <= value < _LATEST:
        return None
    return float(value)


def _iso(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def _ms(ms: Any, lead_time: Any) -> int | None:
    ms = plain_of(ms)
    if ms is None or ms == "":
        return ms_of_seconds(lead_time)
    try:
        found = int(ms)
    except (TypeError, ValueError, OverflowError):
        raise DataError(
            "ms is no whole number",
            got=repr(ms)[:200],
            todo="write the time in milliseconds, or leave the cell empty",
        ) from None
    if found < 0:
        raise DataError(
            "ms is below 0",
            got=found,
            todo="write the time that the answer took, or leave the cell empty",
        )
    if found > 2**53:
        raise DataError(
            "ms is above 2^53",
            got=repr(ms)[:200],
            todo="write the time in milliseconds, or leave the cell empty",
        )
    return found


def ms_of_seconds(value: Any) -> int | None:
    """Milliseconds of a time in seconds; None where it is none.

    Raises:
        DataError: beyond all bounds.
    """
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not 0 <= value < math.inf:
        return None
    if value > 2**43:
        raise DataError(
            "ms is above 2^53",
            got=repr(value)[:200],
            todo="write the time in milliseconds, or leave the cell empty",
        )
    return round(1000 * value)
