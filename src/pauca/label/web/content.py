"""What the page is told of items, as plain values."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from pauca.label.project import Project
from pauca.label.records import Event

__all__ = ["answer_plain", "content_of", "item_plain", "likeliest", "plain"]

_NUMBERS = 16
_LIKELY = 24


def content_of(project: Project, item: int) -> dict[str, Any]:
    """What is shown of an item: a picture's address, a text, a row, or the first of its numbers.

    Raises:
        InputError: there is no such item.
    """
    kind = project.settings.source.kind
    project.items.key(item)
    if kind == "image":
        # a browser keeps pictures by their address: those of another project have others
        return {"picture": f"/api/picture/{item}?project={project.id}"}
    if kind == "text":
        return {"text": project.items.text(item)}
    if kind == "table":
        return {"row": plain(project.items.row(item))}
    x = project.features[item].double()
    return {
        "numbers": plain(x[:_NUMBERS].tolist()),
        "norm": plain(float(x.norm())),
        "length": len(x),
    }


def item_plain(
    project: Project, items: Sequence[int], person: str | None = None
) -> list[dict[str, Any]]:
    """Items with their ids, contents and suggestions, and what stands of the person's answers.

    Raises:
        InputError: there is no such item.
    """
    keys = [project.items.key(item) for item in items]
    told, likely = project.suggestions(items), likeliest(project, items)
    standing = {} if person is None else project.standing_of(person, items)
    return [
        {
            "item": item,
            "key": key,
            "content": content_of(project, item),
            "suggested": told.get(item, (None, None))[0],
            "confidence": plain(told.get(item, (None, None))[1]),
            "likely": likely.get(item, []),
            "stands": standing[item].seq if item in standing else None,
            "answer": answer_plain(item, standing.get(item)),
        }
        for item, key in zip(items, keys, strict=True)
    ]


def likeliest(project: Project, items: Sequence[int]) -> dict[int, list[int]]:
    """Ids of the likeliest classes of each item, at most 24, in order; nothing without a model."""
    if not len(items) or project.model is None:
        return {}
    ids = project.classes.ids
    return {
        item: [ids[at] for at in row if at < len(ids)]
        for part in project.predict(items)
        for item, row in zip(
            part.item.tolist(), np.argsort(-part.probs, 1)[:, :_LIKELY].tolist(), strict=True
        )
    }


def answer_plain(item: int, event: Event | None) -> dict[str, Any]:
    """An answer to an item, as the page shows it; without place and action where there is none."""
    if event is None:
        return {"item": item, "seq": None, "action": None, "class": None}
    return {"item": item, "seq": event.seq, "action": event.action, "class": event.cls}


def plain(value: Any) -> Any:
    """Values that JSON holds: numbers that are none become null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return value
