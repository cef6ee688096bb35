"""What the page is told of items, as plain values."""

import math
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import strip_accents_unicode

from pauca.errors import DataError
from pauca.label.fitting import read_fit
from pauca.label.project import Project
from pauca.label.records import Event
from pauca.learners.probe import Probe

__all__ = ["answer_plain", "content_of", "guess_plain", "item_plain", "plain"]

_NUMBERS = 16
_LIKELY = 24
_WORDS, _LEAST = 6, 0.25  # words that are named, their least share of the strongest's weight
_WORD = re.compile(r"\b\w\w+\b")  # as the features tell words apart


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
    told, likely = project.suggestions(items), guess_plain(project, items)
    notes = project.item_notes()
    standing = {} if person is None else project.standing_of(person, items)
    return [
        {
            "item": item,
            "key": key,
            "content": content_of(project, item),
            "suggested": told.get(item, (None, None))[0],
            "confidence": plain(told.get(item, (None, None))[1]),
            **likely[item],
            "note": notes.get(item, {}).get(person or "", ""),
            "stands": standing[item].seq if item in standing else None,
            "answer": answer_plain(item, standing.get(item)),
        }
        for item, key in zip(items, keys, strict=True)
    ]


def guess_plain(project: Project, items: Sequence[int]) -> dict[int, dict[str, Any]]:
    """What the model sees in each item, beside its suggestion; empty without a model.

    Returns:
        By item, ``likely``: ids of the likeliest classes, at most 24, in order; ``words``: words of
        its text that speak for the likeliest, each with a weight in (0, 1], the strongest first;
        none where the model is not linear in words.
    """
    if not len(items) or project.model is None:
        return {item: {"likely": [], "words": []} for item in items}
    ids, found = np.array(project.classes.ids), {}
    for part in project.predict(items):
        order = np.argsort(-part.probs, 1)[:, :_LIKELY]
        order = np.where(order < len(ids), order, 0)  # a class may have come just now
        for item, likely in zip(part.item.tolist(), ids[order].tolist(), strict=True):
            found[item] = {"likely": likely, "words": _words(project, item, likely[0])}
    return found


def _words(project: Project, item: int, cls: int) -> list[tuple[str, float]]:
    """Words of the text of an item that speak for a class, each with its weight in (0, 1].

    That is its weight in the text, times what the head gives it for the class above the mean of all
    classes; the strongest has 1.
    """
    model = project.model
    probe = None if model is None else model.learner
    if project.settings.source.kind != "text" or model is None or not isinstance(probe, Probe):
        return []
    columns = _columns(project.folder, model.number)
    if probe.head != "logistic" or not columns or max(columns.values()) >= probe.task.shape[0]:
        return []
    classes = project.classes
    own = [at for at, each in enumerate(model.classes) if classes.root(each) == cls]
    weight = probe.net.get_parameter("head.weight").detach().cpu()
    speaks = (weight[own].mean(0) - weight.mean(0)) * project.features[item]
    places = {
        word: columns.get(_plain_word(word)) for word in _WORD.findall(project.items.text(item))
    }
    told = {word: float(speaks[at]) for word, at in places.items() if at is not None}
    most = max(told.values(), default=0.0)
    strong = sorted((-value, word) for word, value in told.items() if value > _LEAST * most)
    return [(word, round(-value / most, 3)) for value, word in strong[:_WORDS] if most > 0]


def _plain_word(word: str) -> str:
    """As the features have it."""
    found: str = strip_accents_unicode(word.lower())
    return found


@lru_cache(maxsize=4)
def _columns(folder: Path, number: int) -> Mapping[str, int]:
    """Column of the features that each word has; empty where features are not made of words.

    Args:
        folder: Of the project.
        number: Of the training: other features come with another model.
    """
    try:
        fit = read_fit(folder)
    except DataError:  # a project that is older than what is read here
        return {}
    words = fit.state.get("words")
    if words is None or words["characters"] or "directions" in fit.state:
        return {}
    first = fit.d - len(words["terms"])  # an encoder's numbers stand before them
    return {term: first + at for at, term in enumerate(words["terms"])}


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
