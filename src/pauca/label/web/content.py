"""What the page is told of items, as plain values."""

import math
from collections.abc import Sequence
from typing import Any

from pauca.label.project import Project

__all__ = ["content_of", "item_plain", "plain"]

_NUMBERS = 16


def content_of(project: Project, item: int) -> dict[str, Any]:
    """What is shown of an item: a picture's address, a text, a row, or the first of its numbers.

    Raises:
        InputError: there is no such item.
    """
    kind = project.settings.source.kind
    project.items.key(item)
    if kind == "image":
        return {"picture": f"/api/picture/{item}"}
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


def item_plain(project: Project, items: Sequence[int]) -> list[dict[str, Any]]:
    """Items with their ids, contents and suggestions."""
    told = project.suggestions(items)
    return [
        {
            "item": item,
            "key": project.items.key(item),
            "content": content_of(project, item),
            "suggested": told.get(item, (None, None))[0],
            "confidence": plain(told.get(item, (None, None))[1]),
        }
        for item in items
    ]


def plain(value: Any) -> Any:
    """Values that JSON holds: numbers that are none become null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return value
