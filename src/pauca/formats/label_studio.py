"""Label Studio: tasks with predictions out, annotated tasks out and in (JSON, JSON-MIN, csv).

A task holds ``data`` (what is shown, and ``pauca_id``, by which it is known again), ``predictions``
(``model_version``, ``score``, ``result``) and ``annotations`` (``result``, ``completed_by``,
``lead_time``, ``was_cancelled``, ...). One choice a task: control ``class`` on object ``item``.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from pauca.errors import DataError, nearest
from pauca.formats._files import Records, first_record, head_of, json_records, table_records
from pauca.formats._taken import part_of_records
from pauca.formats.answers import (
    RowErrors,
    another_task,
    key_of,
    label_of,
    ms_of_seconds,
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
from pauca.formats.tables import cut_list

__all__ = ["LabelStudio", "labelling_interface"]

_FROM, _TO, _ID = "class", "item", "pauca_id"
_OTHERS = ("unsure", "flag")
_FILES = "/data/local-files/?d="  # that Label Studio serves from LOCAL_FILES_DOCUMENT_ROOT
_GIVEN = "given"
_META = frozenset(
    {
        "id", _ID, "annotator", "annotation_id", "annotations", "created_at", "updated_at",
        "lead_time", "agreement", "predictions", "meta", "text", "image", "shown", "file_upload",
        "inner_id", "project", "history", "comment_count", "total_annotations",
    }
)  # fmt: skip
_TASKS = {
    "rectanglelabels": "boxes", "rectangle": "boxes", "ellipselabels": "ellipses",
    "ellipse": "ellipses", "polygonlabels": "polygons", "polygon": "polygons",
    "brushlabels": "brush masks", "brush": "brush masks", "bitmask": "masks",
    "bitmasklabels": "masks", "keypointlabels": "key points", "keypoint": "key points",
    "vectorlabels": "lines", "cuboidlabels": "cuboids", "labels": "spans",
    "hypertextlabels": "spans", "paragraphlabels": "spans", "paragraphs": "spans",
    "timeserieslabels": "spans of a time series", "timelinelabels": "spans of a video",
    "videorectangle": "boxes in a video", "taxonomy": "a taxonomy", "rating": "a rating",
    "textarea": "free text", "pairwise": "a comparison of two", "number": "a number",
    "datetime": "a date", "ranker": "a ranking", "relation": "relations",
}  # fmt: skip
_REGIONS = frozenset({"x", "y", "start", "points", "rle", "globalOffsets"})

Row = dict[str, Any]


@formats.register("label-studio")
class LabelStudio(AbstractFormat):
    """JSON, JSON-MIN and csv as Label Studio exports them; tasks as it imports them."""

    name = "label-studio"
    title = "Label Studio's export"
    suffixes = (".json", ".csv", ".tsv")
    abilities = frozenset({"items", "answers", "labels", "batch"})
    general = False
    every_answer = True

    def recognises(self, path: Path) -> bool:
        """Tasks with data, flat tasks with an annotator, or a table with numbers of annotations."""
        first = first_record(path)
        if first is not None:
            return _is_task(first) or _is_short(first)
        header = head_of(path).split("\n", 1)[0].replace('"', "").strip()
        names = set(header.split("\t" if "\t" in header else ","))
        return {"annotation_id", "lead_time"} <= names or {"annotator", "lead_time", "id"} <= names

    def read_items(self, path: Path, options: TextOptions) -> Items:
        """What the tasks show, and the class that most of their annotations give."""
        tasks, _ = _tasks_of(path, options)
        records = [(where, _data_of(task)) for where, task in tasks]
        return Items(part_of_records(path, records, lambda: self.read_answers(path, options)))

    def read_answers(self, path: Path, options: TextOptions) -> Answers:
        """The choices of one control: ``class``, else the only one, else the one that is named.

        Drafts and predictions are no answers. A task that nobody has annotated is not answered, a
        cancelled annotation is a skip.
        """
        tasks, notes = _tasks_of(path, options)
        if all(_is_task(task) for _, task in tasks):
            return _read_long(tasks, options, notes)
        other = next((where for where, task in tasks if not _is_flat(task)), None)
        if other is not None:
            raise DataError(
                "the file cannot be read",
                expected="tasks as Label Studio exports them",
                got=f"{other} has neither data nor a number",
                where=str(path),
                todo="export the project again as JSON",
            )
        return _read_short(tasks, options, notes)

    def write_labels(self, out: Path, sheet: LabelSheet) -> int:
        """Tasks with every answer that stands, as Label Studio exports them.

        People are numbered from 1 (``completed_by``); their names stand in ``meta``, and so does
        who flagged the item or was unsure: Label Studio itself knows labels and skips alone.
        """
        numbers = {person: number for number, person in enumerate(sheet.people, start=1)}
        return _write_list(out, (_annotated(each, sheet, numbers) for each in sheet.records()))

    def write_batch(self, out: Path | TextIO, sheet: LabelSheet) -> int:
        """Tasks to be labelled, with what the model suggests; its confidence is the score."""
        return _write_list(out, (_task(each, sheet) for each in sheet.records()))


def labelling_interface(kind: str, classes: Iterable[str]) -> str:
    """The labelling interface for tasks with items of this kind, as Label Studio reads it."""
    shown = {
        "image": f'<Image name="{_TO}" value="$image"/>',
        "text": f'<Text name="{_TO}" value="$text"/>',
    }.get(kind, f'<Text name="{_TO}" value="$shown"/>')
    choices = "".join(f"\n    <Choice value={quoteattr(name)}/>" for name in classes)
    return (
        f'<View>\n  {shown}\n  <Choices name="{_FROM}" toName="{_TO}" choice="single" '
        f'required="true">{choices}\n  </Choices>\n</View>\n'
    )


def _write_list(out: Path | TextIO, rows: Iterable[Mapping[str, Any]]) -> int:
    """Write a JSON list, one entry a line; how many."""
    if isinstance(out, Path):
        with out.open("w", encoding="utf-8", newline="") as file:
            return _write_list(file, rows)
    count = 0
    out.write("[")
    for row in rows:
        out.write(("," if count else "") + "\n" + json.dumps(dict(row), ensure_ascii=False))
        count += 1
    out.write("\n]\n")
    return count


def _task(item: ItemRecord, sheet: LabelSheet) -> Row:
    predictions = []
    if item.suggestion is not None:
        result = [_choice(item.suggestion, f"p{item.number}")]
        predictions = [{"model_version": sheet.model, "score": item.confidence, "result": result}]
    return {"data": _shown(item, sheet), "predictions": predictions}


def _annotated(item: ItemRecord, sheet: LabelSheet, numbers: Mapping[str, int]) -> Row:
    task = {"id": item.number + 1, **_task(item, sheet)}
    task["annotations"] = [_annotation(item, each, numbers) for each in item.answers]
    mine = {str(numbers[each.person or ""]): each.person for each in item.answers}
    others = {
        str(numbers[each.person or ""]): each.action
        for each in item.answers
        if each.action in _OTHERS
    }
    task["meta"] = {"people": mine, **({"actions": others} if others else {})}
    return task


def _shown(item: ItemRecord, sheet: LabelSheet) -> Row:
    if sheet.kind == "image":
        prefix = _FILES if sheet.prefix is None else sheet.prefix
        return {_ID: item.key, "image": prefix + quote(item.key)}
    if sheet.kind == "text":
        return {_ID: item.key, "text": item.shown["text"]}
    told = ", ".join(f"{name}: {value}" for name, value in item.shown.items())
    return {_ID: item.key, "shown": told or f"item {item.key}"}


def _choice(name: str, place: str) -> Row:
    return {
        "id": place,
        "from_name": _FROM,
        "to_name": _TO,
        "type": "choices",
        "value": {"choices": [name]},
    }


def _annotation(item: ItemRecord, answer: AnswerRow, numbers: Mapping[str, int]) -> Row:
    result = []
    if answer.label is not None:
        result = [_choice(answer.label, f"a{answer.more['seq']}")]
    at = datetime.fromtimestamp(answer.at or 0.0, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return {
        "id": answer.more["seq"],
        "completed_by": numbers[answer.person or ""],
        "result": result,
        "was_cancelled": answer.label is None,
        "ground_truth": False,
        "created_at": at,
        "updated_at": at,
        "lead_time": None if answer.ms is None else answer.ms / 1000,
        "result_count": len(result),
        "task": item.number + 1,
    }


def _is_task(record: Mapping[str, Any]) -> bool:
    return isinstance(record.get("data"), dict)


def _is_short(record: Mapping[str, Any]) -> bool:
    return "annotator" in record and any(
        name in record for name in ("lead_time", "annotation_id", "id")
    )


def _is_flat(record: Mapping[str, Any]) -> bool:
    return "id" in record or "annotator" in record or "annotation_id" in record


def _tasks_of(path: Path, options: TextOptions) -> Records:
    """Tasks, each with where it stands; those of a csv file are flat."""
    if first_record(path) is not None or path.suffix.lower() not in (".csv", ".tsv"):
        return json_records(path, options)
    rows, notes = table_records(path, options)
    told = [(where, {name: _cell(cell) for name, cell in row.items()}) for where, row in rows]
    return told, notes


def _cell(cell: str) -> Any:
    """What a cell holds: the JSON of several parts, else its text."""
    if cell[:1] not in ("{", "["):
        return cell
    try:
        found = json.loads(cell)
    except (ValueError, RecursionError):
        return cell
    parts = found if isinstance(found, list) else [found]
    return found if parts and all(isinstance(part, dict) for part in parts) else cell


def _data_of(task: Row) -> Row:
    """What a task shows; of a flat one, all that is not Label Studio's own."""
    if _is_task(task):
        found = dict(task["data"])
        return {"task_id": task.get("id"), **found}
    own = _META - {"text", "image", "shown", _ID}
    return {"task_id": task.get("id"), **{k: v for k, v in task.items() if k not in own}}


def _read_long(
    tasks: Sequence[tuple[str, Row]], options: TextOptions, notes: tuple[str, ...]
) -> Answers:
    parts = [
        part
        for where, task in tasks
        for annotation in _annotations(task, where)
        for part in _objects(annotation.get("result"), f"{where}: a result")
    ]
    control, said = _control(parts, options.control, ours=any(map(_is_ours, tasks)))
    errors = RowErrors()
    found = [row for where, task in tasks for row in _rows_of_task(where, task, control, errors)]
    errors.refuse()
    return Answers(found, (*notes, *said, *_left_out(tasks)))


def _annotations(task: Row, where: str) -> list[Row]:
    """Annotations of a task; ``completions`` in files of the first versions."""
    found = task.get("annotations")
    found = task.get("completions") if found is None else found
    if isinstance(found, int):  # their number alone
        return []
    return _objects(found, f"{where}: annotations")


def _objects(found: Any, what: str) -> list[Row]:
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise DataError(
            "the file cannot be read",
            expected="tasks as Label Studio exports them",
            got=f"{what} that is no list of objects",
            todo="export the project again as JSON",
        )
    return found


def _is_ours(task: tuple[str, Row]) -> bool:
    """Whether a task was written by pauca, whose interface asks one question."""
    data = task[1].get("data")
    return isinstance(data, dict) and _ID in data


def _control(
    parts: Sequence[Row], wanted: str | None, *, ours: bool
) -> tuple[str | None, tuple[str, ...]]:
    """The control whose choices are read, and what is said of that.

    Raises:
        DataError: none has choices, several have, or none has this name; tasks that are ours with
            answers to another question than ours.
    """
    choices = _names(part for part in parts if part.get("type") == "choices")
    others = Counter(str(part.get("type")) for part in parts if part.get("type") != "choices")
    if wanted is not None and wanted not in choices and parts:
        raise _no_control(wanted, choices)
    if not choices:
        if others:
            kind = others.most_common(1)[0][0]
            raise another_task(f"{_TASKS.get(kind, kind)[:40]} (control of type {kind[:40]})")
        return wanted, ()
    notes = tuple(
        f"{_TASKS.get(kind, kind)[:40]} ({count} results of type {kind[:40]}) were left out"
        for kind, count in others.most_common(5)
    )
    if ours and wanted is None and len(choices) == 1 and _FROM not in choices:
        raise DataError(
            "the file answers another question than the one that was asked",
            expected=f"choices of {_FROM!r}, as the labelling interface names them",
            got=cut_list(choices),
            todo="if its answers are the labels all the same, name it with --control",
        )
    chosen, said = _chosen(choices, wanted)
    return chosen, (*said, *notes)


def _names(parts: Iterable[Row]) -> list[str]:
    return list(dict.fromkeys(str(part.get("from_name")) for part in parts))


def _chosen(choices: Sequence[str], wanted: str | None) -> tuple[str, tuple[str, ...]]:
    """The one that is wanted, else ours, else the only one."""
    chosen = wanted or (_FROM if _FROM in choices else None)
    if chosen is not None:
        rest = [name for name in choices if name != chosen]
        said = f"the answers to {cut_list(rest, 5)} were left out" if rest else None
        return chosen, () if said is None else (said,)
    if len(choices) > 1:
        raise DataError(
            "the file answers several questions",
            expected="one that is to be read",
            got=cut_list(choices),
            todo="name one with --control",
        )
    return choices[0], (f"labels are the answers to {choices[0][:100]!r}, the only question",)


def _no_control(wanted: str, known: Sequence[str]) -> DataError:
    close = nearest(wanted, known)
    return DataError(
        f"there is no question {wanted[:100]!r} with choices",
        expected=cut_list(known) or "a control of type choices",
        todo=f"did you mean {close!r}?" if close else "name another one with --control",
    )


def _rows_of_task(
    where: str, task: Row, control: str | None, errors: RowErrors
) -> Iterator[AnswerRow]:
    meta = task.get("meta") if isinstance(task.get("meta"), dict) else {}
    people, actions = (_mapping(meta, name) for name in ("people", "actions"))
    data = dict(task["data"])
    shown = {name: value for name, value in data.items() if name != _ID}
    try:
        key = key_of(data.get(_ID))
    except DataError as error:
        errors.add(where, error)
        return
    more = {} if task.get("id") is None else {"task": str(task["id"])[:100]}
    annotations = _annotations(task, where)
    if not annotations:
        yield AnswerRow(where, key, None, shown=shown, more=more)
    for annotation in annotations:
        by = annotation.get("completed_by")
        try:
            label = _label(annotation.get("result") or (), control)
            cancelled = bool(annotation.get("was_cancelled") or annotation.get("skipped"))
            action: Action | None = "skip" if cancelled else "label" if label else None
            other = actions.get(str(by)) if isinstance(by, int | str) else None
            if action == "skip" and other in _OTHERS:
                action = other
            person = _who(by, people)
            yield AnswerRow(
                where=where,
                key=key,
                action=action,
                label=label if action == "label" else None,
                person=person,
                at=seconds_of(annotation.get("updated_at") or annotation.get("created_at")),
                ms=ms_of_seconds(annotation.get("lead_time")),
                shown=shown,
                given=person == _GIVEN and str(by) in people,
                more=more,
            )
        except DataError as error:
            errors.add(where, error)


def _mapping(meta: Any, name: str) -> dict[str, Any]:
    found = meta.get(name)
    return found if isinstance(found, dict) else {}


def _label(results: Iterable[Row], control: str | None) -> str | None:
    """The choice for this control."""
    choices: list[Any] = []
    for part in results:
        if part.get("type") == "choices" and str(part.get("from_name")) == control:
            value = part.get("value")
            value = value if isinstance(value, dict) else {}
            if _REGIONS & value.keys():
                raise another_task("choices for regions of an item", value)
            chosen = value.get("choices")
            choices += chosen if isinstance(chosen, list) else [] if chosen is None else [chosen]
    return label_of(choices)


def _who(by: Any, people: Mapping[str, Any]) -> str | None:
    """A name or address where there is one, else the number."""
    if isinstance(by, str) and by[:1] == "{":
        by = _cell(by)
    if isinstance(by, dict):
        by = by.get("email") or by.get("id")
    if by is None or by == "" or not isinstance(by, str | int | float):
        return None
    named = people.get(str(by))
    if isinstance(named, str):
        return named
    return by if isinstance(by, str) and not by.isdecimal() else f"label-studio-{by}"


def _left_out(tasks: Sequence[tuple[str, Row]]) -> Iterator[str]:
    drafts = sum(bool(task.get("drafts")) for _, task in tasks)
    if drafts:
        yield f"drafts of {drafts} tasks were left out: they were never handed in"
    guessed = sum(
        bool(task.get("predictions")) and not (task.get("annotations") or task.get("completions"))
        for _, task in tasks
    )
    if guessed:
        yield f"predictions for {guessed} tasks that nobody annotated are no answers"


def _read_short(
    tasks: Sequence[tuple[str, Row]], options: TextOptions, notes: tuple[str, ...]
) -> Answers:
    """JSON-MIN and csv: one flat object a task and annotator."""
    control, said = _short_control([task for _, task in tasks], options.control)
    errors, found = RowErrors(), list[AnswerRow]()
    for where, task in tasks:
        try:
            found.append(_short_row(where, task, control))
        except DataError as error:
            errors.add(where, error)
    errors.refuse()
    return Answers(found, (*notes, *said))


def _short_row(where: str, task: Row, control: str | None) -> AnswerRow:
    label = None if control is None else label_of(_short_value(task.get(control)))
    own = {
        "id",
        _ID,
        "annotator",
        "annotation_id",
        "created_at",
        "updated_at",
        "lead_time",
        control,
    }
    return AnswerRow(
        where=where,
        key=key_of(task.get(_ID)),
        action=None if label is None else "label",
        label=label,
        person=_who(task.get("annotator"), {}),
        at=seconds_of(task.get("updated_at") or task.get("created_at")),
        ms=ms_of_seconds(task.get("lead_time")),
        shown={name: value for name, value in task.items() if name not in own},
        more={} if task.get("id") is None else {"task": str(task["id"])[:100]},
    )


def _short_control(tasks: Sequence[Row], wanted: str | None) -> tuple[str | None, tuple[str, ...]]:
    """Which of the keys is the control.

    Label Studio writes what a task shows, then its id, then the answers, then who gave them.
    """
    keys = list(dict.fromkeys(key for task in tasks for key in task))
    if wanted is not None:
        if wanted not in keys and tasks:
            raise _no_control(wanted, [key for key in keys if key not in _META])
        return wanted, ()
    if _FROM in keys:
        return _FROM, ()
    before = keys[: keys.index("id")] if "id" in keys else []
    free = [key for key in keys if key not in _META and key not in before]
    free = free or [key for key in keys if key not in _META]
    if len(free) > 1:
        free = [key for key in free if any(_is_choice(task.get(key)) for task in tasks)] or free
    if not free:
        return None, ()
    return _chosen(free, None)


def _is_choice(value: Any) -> bool:
    return isinstance(value, dict) and "choices" in value


def _short_value(value: Any) -> Any:
    """The choices of a value; refused by name where it is something else."""
    if isinstance(value, dict):
        if "choices" in value:
            return value["choices"]
        kind = next((key for key in value if key in _TASKS), None)
        raise another_task(_TASKS.get(kind or "", "answers with parts"), value)
    if isinstance(value, list) and value and isinstance(value[0], dict):
        kind = next((key for key in value[0] if key in _TASKS), None)
        if kind is not None:
            raise another_task(f"{_TASKS[kind]} ({kind})", value)
    return value
