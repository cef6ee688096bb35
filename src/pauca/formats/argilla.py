"""Argilla: records with responses, as versions 1 and 2 export them.

A submitted response gives the label, a discarded one is a skip, and what is pending or a draft is
no answer. Suggestions are the model's, not a person's.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pauca.errors import DataError, nearest
from pauca.formats._files import first_record, json_records
from pauca.formats._taken import part_of_records
from pauca.formats.answers import RowErrors, another_task, key_of, label_of
from pauca.formats.base import (
    AbstractFormat,
    Action,
    AnswerRow,
    Answers,
    Items,
    TextOptions,
    formats,
)
from pauca.formats.tables import cut_list

__all__ = ["Argilla"]

_ID = "pauca_id"
_NONE = ("pending", "draft", "default", "edited")

Row = dict[str, Any]


@formats.register("argilla")
class Argilla(AbstractFormat):
    """Records of Argilla as JSON, a list of them or one a line."""

    name = "argilla"
    title = "Argilla's records"
    suffixes = (".jsonl",)
    abilities = frozenset({"items", "answers"})
    general = False

    def recognises(self, path: Path) -> bool:
        """Fields beside responses, or inputs beside an annotation."""
        first = first_record(path) or {}
        now = isinstance(first.get("fields"), dict) and ("responses" in first or "status" in first)
        return now or ("annotation" in first and ("inputs" in first or "annotation_agent" in first))

    def read_items(self, path: Path, options: TextOptions) -> Items:
        """The fields, and the class that most submitted responses give."""
        records, _ = json_records(path, options)
        shown = [(where, {_ID: _key(record), **_fields(record)}) for where, record in records]
        return Items(part_of_records(path, shown, lambda: self.read_answers(path, options)))

    def read_answers(self, path: Path, options: TextOptions) -> Answers:
        """Responses to the only question, or to the one that is named."""
        records, notes = json_records(path, options)
        responses = [(where, record, _responses(where, record)) for where, record in records]
        question = _question([each for *_, found in responses for each in found], options.control)
        errors, rows = RowErrors(), list[AnswerRow]()
        for where, record, found in responses:
            rows += _rows(where, record, found, question, errors)
        errors.refuse(path)
        return Answers(rows, (*notes, *_left_out(records, responses)))


def _responses(where: str, record: Row) -> list[Row]:
    """Responses of a record as {question, value, person, status}."""
    if "annotation" in record or "inputs" in record:  # the first versions
        said = record.get("annotation")
        person = record.get("annotation_agent")
        status = str(record.get("status") or ("Validated" if said is not None else "Default"))
        return [{"question": "label", "value": said, "person": person, "status": status.lower()}]
    found = record.get("responses")
    if isinstance(found, dict):
        return list(_by_question(where, found, record.get("status")))
    if isinstance(found, list):
        return list(_by_person(where, found))
    if found is None:
        return []
    raise _broken(f"{where}: responses are no list")


def _by_question(where: str, found: Mapping[str, Any], status: Any) -> Iterator[Row]:
    """Version 2: {question: [{value, user_id, status}]}."""
    for question, given in found.items():
        if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
            raise _broken(f"{where}: responses to {question[:50]!r} are no list of objects")
        for each in given:
            said = each.get("status") or _of_record(status)
            yield {"question": question, "value": each.get("value"),
                   "person": each.get("user_id"), "status": said}  # fmt: skip


def _of_record(status: Any) -> str:
    """A response that says nothing of itself is as its record is."""
    return str(status) if status in ("pending", "draft", "discarded") else "submitted"


def _by_person(where: str, found: Sequence[Any]) -> Iterator[Row]:
    """Version 1: [{user_id, status, values: {question: {value}}}]."""
    for each in found:
        if not isinstance(each, dict):
            raise _broken(f"{where}: a response is no object")
        values, status = each.get("values") or {}, each.get("status") or "submitted"
        if not isinstance(values, dict):
            raise _broken(f"{where}: the values of a response are no object")
        common = {"person": each.get("user_id"), "status": status}
        if not values:
            yield {"question": None, "value": None, **common}
        for question, given in values.items():
            value = given.get("value") if isinstance(given, dict) else given
            yield {"question": question, "value": value, **common}


def _broken(got: str) -> DataError:
    return DataError(
        "the file cannot be read",
        expected="records as Argilla exports them",
        got=got,
        todo="export the data set again",
    )


def _question(responses: Sequence[Row], wanted: str | None) -> str | None:
    """The question that is read.

    Raises:
        DataError: there are several, or none of this name.
    """
    known = list(dict.fromkeys(each["question"] for each in responses if each["question"]))
    if wanted is not None and known and wanted not in known:
        close = nearest(wanted, known)
        raise DataError(
            f"there is no question {wanted[:100]!r}",
            expected=cut_list(known),
            todo=f"did you mean {close!r}?" if close else "name another one with --control",
        )
    if wanted is None and len(known) > 1:
        raise DataError(
            "the file answers several questions",
            expected="one that is to be read",
            got=cut_list(known),
            todo="name one with --control",
        )
    return wanted or (known[0] if known else None)


def _rows(
    where: str, record: Row, responses: Sequence[Row], question: str | None, errors: RowErrors
) -> Iterator[AnswerRow]:
    mine = [each for each in responses if each["question"] in (None, question)]
    if not mine:
        yield AnswerRow(where, _key(record), None, shown=_fields(record))
    for each in mine:
        try:
            action, label = _said(each)
        except DataError as error:
            errors.add(where, error)
            continue
        who = each["person"]
        yield AnswerRow(
            where=where,
            key=_key(record),
            action=action,
            label=label,
            person=str(who) if isinstance(who, str | int) and who != "" else None,
            shown=_fields(record),
        )


def _said(response: Row) -> tuple[Action | None, str | None]:
    if response["status"] == "discarded":
        return "skip", None
    if response["status"] in _NONE:
        return None, None
    value = response["value"]
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise another_task("a rating", value)
    label = label_of(value)
    return (None, None) if label is None else ("label", label)


def _key(record: Row) -> str | None:
    """The project's id, which is kept with the data; Argilla's own is not asked."""
    for place in ("metadata", "fields"):
        held = record.get(place)
        if isinstance(held, dict) and isinstance(held.get(_ID), str | int):
            return key_of(held[_ID])
    return None


def _fields(record: Row) -> Row:
    found = record.get("fields") or record.get("inputs") or {"text": record.get("text")}
    found = {"text": found} if isinstance(found, str) else found
    return {k: v for k, v in found.items() if k != _ID} if isinstance(found, dict) else {}


def _left_out(
    records: Sequence[tuple[str, Row]], responses: Sequence[tuple[str, Row, list[Row]]]
) -> Iterator[str]:
    guessed = sum(bool(r.get("suggestions") or r.get("prediction")) for _, r in records)
    if guessed:
        yield f"suggestions for {guessed} records are no answers"
    drafts = sum(each["status"] in _NONE and each["value"] is not None
                 for *_, found in responses for each in found)  # fmt: skip
    if drafts:
        yield f"{drafts} responses were left out: pending, or drafts"
