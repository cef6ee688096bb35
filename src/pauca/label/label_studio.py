"""Label Studio's JSON: tasks with predictions out, annotated tasks out and in.

A task holds ``data`` (what is shown, and ``pauca_id``, by which it is known again), ``predictions``
(``model_version``, ``score``, ``result``) and ``annotations`` (``result``, ``completed_by``,
``lead_time``, ``was_cancelled``, ...). One choice a task: control ``class`` on object ``item``.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from math import inf
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from pauca.label.classes import Classes
from pauca.label.labels import GIVEN
from pauca.label.records import Event

if TYPE_CHECKING:
    from pauca.label.project import Project

__all__ = ["IMAGE_PREFIX", "annotated", "batch_tasks", "labelling_config", "parsed"]

FROM, TO, ID = "class", "item", "pauca_id"
_OTHERS = ("unsure", "flag")
IMAGE_PREFIX = "/data/local-files/?d="
"""In front of an image's path: files that Label Studio serves from LOCAL_FILES_DOCUMENT_ROOT."""

Row = dict[str, Any]


def labelling_config(project: "Project") -> str:
    """The labelling interface for the tasks, as Label Studio reads it."""
    kind = project.settings.source.kind
    shown = {
        "image": f'<Image name="{TO}" value="$image"/>',
        "text": f'<Text name="{TO}" value="$text"/>',
    }.get(kind, f'<Text name="{TO}" value="$shown"/>')
    choices = "".join(f"\n    <Choice value={quoteattr(each.name)}/>" for each in project.classes)
    return (
        f'<View>\n  {shown}\n  <Choices name="{FROM}" toName="{TO}" choice="single" '
        f'required="true">{choices}\n  </Choices>\n</View>\n'
    )


def batch_tasks(
    project: "Project", items: Sequence[int], prefix: str = IMAGE_PREFIX
) -> Iterator[Row]:
    """Tasks to be labelled, with what the model suggests; its confidence is the score."""
    told, classes = project.suggestions(items), project.classes
    model = project.model
    for item, shown in zip(items, project.items.shown(items), strict=True):
        predictions = []
        if model is not None and item in told:
            cls, sure = told[item]
            predictions = [_prediction(classes.name(cls), sure, item, model.version)]
        yield {"data": _data(project, item, shown, prefix), "predictions": predictions}


def annotated(
    project: "Project", items: Sequence[int], prefix: str = IMAGE_PREFIX
) -> Iterator[Row]:
    """Tasks with the answers that stand, as Label Studio exports them.

    People are numbered from 1 (``completed_by``); their names stand in ``meta``, and so does who
    flagged the item or was unsure: Label Studio itself knows labels and skips alone.
    """
    classes, answers = project.classes, dict[int, list[Event]]()
    for event in project.answers():
        answers.setdefault(event.item, []).append(event)
    people = {event.person for events in answers.values() for event in events}
    numbers = {person: number for number, person in enumerate(sorted(people), start=1)}
    for task in _tasks(project, items, prefix):
        events = answers.get(task["id"] - 1, [])
        task["annotations"] = [_annotation(classes, each, numbers) for each in events]
        mine = {str(numbers[each.person]): each.person for each in events}
        others = {
            str(numbers[each.person]): each.action for each in events if each.action in _OTHERS
        }
        task["meta"] = {"people": mine, **({"actions": others} if others else {})}
        yield task


def parsed(text: str) -> list[tuple[str, Row]]:
    """Answers of an export, JSON or JSON-MIN, each with where it stands; nothing is checked yet.

    Keys: id, label (None if there is no choice), action, person, ms; given, whether our own export
    says that the label came with the data.

    Raises:
        ValueError: no JSON, or not a list of tasks.
    """
    tasks = json.loads(text)
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise ValueError("this is no list of tasks")
    found: list[tuple[str, Row]] = []
    for number, task in enumerate(tasks, start=1):
        told = f" (id {task['id']})" if "id" in task else ""
        where = f"task {number}{told}"
        data = task.get("data")
        if isinstance(data, dict):
            meta = task.get("meta") or {}
            people, actions = meta.get("people") or {}, meta.get("actions") or {}
            for annotation in task.get("annotations") or ():
                row = _read(annotation, people)
                action = actions.get(str(annotation.get("completed_by")))
                if row["action"] == "skip" and action in _OTHERS:
                    row["action"] = action
                given = people.get(str(annotation.get("completed_by"))) == GIVEN
                found.append((where, {"id": data.get(ID), **row, "given": given}))
        else:
            found.append((where, _read_short(task)))
    return found


def _tasks(project: "Project", items: Sequence[int], prefix: str) -> Iterator[Row]:
    for item, task in zip(items, batch_tasks(project, items, prefix), strict=True):
        yield {"id": item + 1, **task}


def _data(project: "Project", item: int, shown: Mapping[str, Any], prefix: str) -> Row:
    kind, key = project.settings.source.kind, project.items.key(item)
    if kind == "image":
        return {ID: key, "image": prefix + quote(key)}
    if kind == "text":
        return {ID: key, "text": shown["text"]}
    told = ", ".join(f"{name}: {value}" for name, value in shown.items())
    return {ID: key, "shown": told or f"item {key}"}


def _choice(name: str, place: str) -> Row:
    return {
        "id": place,
        "from_name": FROM,
        "to_name": TO,
        "type": "choices",
        "value": {"choices": [name]},
    }


def _prediction(name: str, sure: float, item: int, version: str) -> Row:
    return {"model_version": version, "score": sure, "result": [_choice(name, f"p{item}")]}


def _annotation(classes: Classes, event: Event, numbers: Mapping[str, int]) -> Row:
    named = event.cls is not None
    result = []
    if event.cls is not None:
        result = [_choice(classes.name(event.cls), f"a{event.seq}")]
    at = datetime.fromtimestamp(event.at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return {
        "id": event.seq,
        "completed_by": numbers[event.person],
        "result": result,
        "was_cancelled": not named,
        "ground_truth": False,
        "created_at": at,
        "updated_at": at,
        "lead_time": None if event.ms is None else event.ms / 1000,
        "result_count": len(result),
        "task": event.item + 1,
    }


def _read(annotation: Mapping[str, Any], people: Mapping[str, str]) -> Row:
    person = _who(annotation.get("completed_by"), people)
    choices = [
        choice
        for part in annotation.get("result") or ()
        if part.get("type") == "choices"
        for choice in (part.get("value") or {}).get("choices") or ()
    ]
    return _told(choices, bool(annotation.get("was_cancelled")), person, annotation)


def _read_short(task: Mapping[str, Any]) -> Row:
    """JSON-MIN: one flat object a task."""
    label = task.get(FROM)
    if isinstance(label, Mapping):
        label = label.get("choices")
    choices = label if isinstance(label, list) else [] if label in (None, "") else [label]
    person = _who(task.get("annotator"), {})
    return {"id": task.get(ID), **_told(choices, False, person, task)}


def _who(by: Any, people: Mapping[str, str]) -> str | None:
    """A name or address where there is one, else the number."""
    if isinstance(by, Mapping):
        by = by.get("email") or by.get("id")
    if by is None or by == "":
        return None
    return people.get(str(by), by if isinstance(by, str) else f"label-studio-{by}")


def _told(
    choices: Sequence[Any], cancelled: bool, person: str | None, source: Mapping[str, Any]
) -> Row:
    lead = source.get("lead_time")
    ms = round(1000 * lead) if isinstance(lead, int | float) and 0 <= lead < inf else None
    action = "skip" if cancelled or not choices else "label"
    label: Any = None
    if action == "label":
        label = choices[0] if len(choices) == 1 else list(choices)
    return {"label": label, "action": action, "person": person, "ms": ms}
