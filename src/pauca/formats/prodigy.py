"""Prodigy: tasks out, annotated examples out and in, one JSON object a line.

``answer`` decides: accept gives the label, ignore is a skip, and reject says that the item is not
of the class that was shown, which names no class. ``_annotator_id`` or ``_session_id`` is the
person.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import quote

from pauca.errors import DataError
from pauca.formats._files import first_record, json_records
from pauca.formats._taken import part_of_records
from pauca.formats.answers import (
    RowErrors,
    another_task,
    key_of,
    label_of,
    plain_of,
    rejected_note,
    seconds_of,
)
from pauca.formats.base import (
    AbstractFormat,
    Action,
    AnswerRow,
    Answers,
    ItemRecord,
    Items,
    LabelSheet,
    TextOptions,
    formats,
)
from pauca.formats.jsonl import write_jsonl

__all__ = ["Prodigy"]

_ID = "pauca_id"
_ACTIONS: tuple[Action, ...] = ("skip", "unsure", "flag")
_OURS = (
    "answer", "label", "accept", "options", "id", _ID, "pauca_action", "pauca_ms", "given", "spans",
    "tokens", "config", "version", "priority", "score",
)  # fmt: skip
_VIEWS = {
    "ner": "spans", "ner_manual": "spans", "spans": "spans", "spans_manual": "spans",
    "pos": "spans", "pos_manual": "spans", "dep": "relations", "relations": "relations",
    "image_manual": "boxes or polygons", "audio_manual": "spans of audio",
    "compare": "a comparison", "diff": "a comparison", "text_input": "free text",
    "llm_io": "free text",
}  # fmt: skip

Row = dict[str, Any]


@formats.register("prodigy")
class Prodigy(AbstractFormat):
    """What ``prodigy db-out`` writes for one class an item, and tasks as Prodigy reads them."""

    name = "prodigy"
    title = "Prodigy's jsonl"
    suffixes = (".jsonl", ".ndjson")
    abilities = frozenset({"items", "answers", "labels", "batch"})
    general = False
    every_answer = True

    def recognises(self, path: Path) -> bool:
        """Hashes of the input or the task, or an answer of Prodigy's beside what it was about."""
        first = first_record(path) or {}
        return "_input_hash" in first or "_task_hash" in first or first.get("answer") in (
            "accept", "reject", "ignore",
        )  # fmt: skip

    def read_items(self, path: Path, options: TextOptions) -> Items:
        """What the examples show, and the class of those that were accepted."""
        records, _ = json_records(path, options)
        shown = [(where, {_ID: record.get(_ID), **_shown(record)}) for where, record in records]
        return Items(part_of_records(path, shown, lambda: self.read_answers(path, options)))

    def read_answers(self, path: Path, options: TextOptions) -> Answers:
        """Accepted labels and choices; ignored examples as skips."""
        errors, found, rejected = RowErrors(), list[AnswerRow](), 0
        records, notes = json_records(path, options)
        for where, record in records:
            try:
                found.append(_answer(where, record))
            except DataError as error:
                errors.add(where, error)
            rejected += record.get("answer") == "reject"
        errors.refuse(path)
        return Answers(found, (*notes, *rejected_note(rejected)))

    def write_labels(self, out: Path, sheet: LabelSheet) -> int:
        """Every answer that stands, as an example; how many items."""
        written = set[int]()

        def examples() -> Iterator[Row]:
            for item in sheet.records():
                written.add(item.number)
                for answer in item.answers:
                    yield _example(item, answer, sheet)

        write_jsonl(out, examples())
        return len(written)

    def write_batch(self, out: Path | TextIO, sheet: LabelSheet) -> int:
        """Tasks with a choice of classes; what the model suggests is chosen beforehand."""
        options = [{"id": name, "text": name} for name in sheet.classes]
        tasks = (
            {
                **_content(item, sheet),
                "options": options,
                **({} if item.suggestion is None else {"accept": [item.suggestion]}),
                **({} if item.confidence is None else {"meta": {"score": item.confidence}}),
            }
            for item in sheet.records()
        )
        return write_jsonl(out, tasks)


def _content(item: ItemRecord, sheet: LabelSheet) -> Row:
    if sheet.kind == "image":
        return {_ID: item.key, "image": (sheet.prefix or "") + quote(item.key)}
    text = item.shown.get("text") if sheet.kind == "text" else None
    told = ", ".join(f"{name}: {value}" for name, value in item.shown.items())
    return {_ID: item.key, "text": text if text is not None else told or f"item {item.key}"}


def _example(item: ItemRecord, answer: AnswerRow, sheet: LabelSheet) -> Row:
    found = {**_content(item, sheet), "label": answer.label}
    found["answer"] = "ignore" if answer.label is None else "accept"
    found |= {"_annotator_id": answer.person, "_session_id": answer.person}
    found |= {} if answer.at is None else {"_timestamp": answer.at}
    found |= {} if answer.ms is None else {"pauca_ms": answer.ms}
    found |= {"pauca_action": answer.action} if answer.action in ("unsure", "flag") else {}
    return found | ({"given": True} if answer.given else {})


def _answer(where: str, record: Row) -> AnswerRow:
    said = record.get("answer")
    if said not in (None, "accept", "reject", "ignore"):
        raise DataError(
            "no such answer", got=repr(said)[:100], todo="write accept, reject or ignore"
        )
    label = _label(record) if said in (None, "accept") else None
    action: Action | None = None if label is None else "label"
    if said == "ignore":
        other = record.get("pauca_action")
        action = next((each for each in _ACTIONS if each == other), "skip")
    if said is None:  # a task that nobody has seen
        action, label = None, None
    who = record.get("_annotator_id") or record.get("_session_id")
    ms = plain_of(record.get("pauca_ms"))
    return AnswerRow(
        where=where,
        key=key_of(record.get(_ID), needed=action is not None),
        action=action,
        label=label,
        person=str(who) if isinstance(who, str | int) else None,
        at=seconds_of(record.get("_timestamp")),
        ms=ms if isinstance(ms, int) and 0 <= ms <= 2**53 else None,
        shown=_shown(record),
        given=record.get("given") is True,
        more={} if record.get("id") is None else {"hint": str(record["id"])[:200]},
    )


def _label(record: Mapping[str, Any]) -> str | None:
    """The class that was accepted.

    Raises:
        DataError: several, or an answer of another task.
    """
    view = record.get("_view_id")
    if isinstance(view, str) and view in _VIEWS:
        raise another_task(f"{_VIEWS[view]} ({view})")
    if "accept" in record:
        return _chosen(record["accept"], record.get("options"))
    if record.get("label") is not None:
        return label_of(record["label"])
    for name, task in (("relations", "relations"), ("arcs", "relations"), ("spans", "spans"),
                       ("audio_spans", "spans of audio")):  # fmt: skip
        parts = record.get(name)
        if isinstance(parts, list) and parts:
            boxes = isinstance(parts[0], dict) and "points" in parts[0]
            raise another_task("boxes or polygons" if boxes else task, parts)
    return None


def _chosen(accepted: Any, options: Any) -> str | None:
    """The option that was chosen: its id, or its text where the id is a number."""
    chosen = label_of(accepted)
    first = accepted[0] if isinstance(accepted, list) and accepted else accepted
    if isinstance(first, int) and isinstance(options, list):
        for option in options:
            named = isinstance(option, dict) and option.get("id") == first
            if named and isinstance(option.get("text"), str):
                return label_of(option["text"])
    return chosen


def _shown(record: Row) -> Row:
    """What an example shows; its meta is told too."""
    found = {k: v for k, v in record.items() if k not in _OURS and not k.startswith("_")}
    meta = found.pop("meta", None)
    return {**(meta if isinstance(meta, dict) else {}), **found}
