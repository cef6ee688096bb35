"""Names of learners: no longer than it takes to tell them apart."""

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

__all__ = ["flatten", "key", "learner_labels", "name_of", "told_apart"]

_TELLING = ("recipe", "net", "rate", "epochs", "steps", "widths", "adversarial", "goodness", "loss")
"""Settings that say most about a learner, the most telling first."""
_MOST = 3
"""At most this many settings stand in a brief name."""


def flatten(value: Any, prefix: str = "") -> dict[str, Any]:
    """Nested tables as ``{"data.name": ...}``; a list of plain values stays one value."""
    if isinstance(value, Mapping) and value:
        items: Iterable[tuple[object, Any]] = value.items()
    elif isinstance(value, list | tuple) and any(isinstance(v, Mapping) for v in value):
        items = enumerate(value, start=1)
    else:
        return {prefix: value}
    flat: dict[str, Any] = {}
    for name, inner in items:
        flat |= flatten(inner, f"{prefix}.{name}" if prefix else str(name))
    return flat


def name_of(thing: Any) -> str:
    """The name of a choice, or of a data set by path."""
    if isinstance(thing, Mapping):
        return str(thing.get("name") or thing.get("path") or "unnamed")
    return str(thing if thing is not None else "unnamed")


def key(value: Any) -> str:
    """One text for equal settings."""
    return json.dumps(value, sort_keys=True, default=str)


def learner_labels(learners: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """{key of a learner: its name with the fewest settings that tell it apart}.

    Those ``untrained`` are told apart among themselves, and have that word behind their names.
    """
    given = {key(one): one for one in learners}
    labels: dict[str, str] = {}
    for untrained in (False, True):
        held = {at: one for at, one in given.items() if bool(one.get("untrained")) == untrained}
        word = ", untrained" if untrained else ""
        labels |= {
            at: f"{name}{word}"
            for at, name in zip(held, told_apart(list(held.values())), strict=True)
        }
    return labels


def told_apart(things: Sequence[Any], names: Sequence[str] | None = None) -> list[str]:
    """The name of each, with the fewest settings that tell things of the same name apart.

    Args:
        things: Choices with their settings; a name alone is one without any.
        names: In place of their own.
    """
    flat = [flatten(one if isinstance(one, Mapping) else {"name": one}) for one in things]
    given = [name_of(one) for one in things] if names is None else names
    labels = []
    for own, name in zip(flat, given, strict=True):
        chosen = _telling([f for f, other in zip(flat, given, strict=True) if other == name])
        brief = _brief_names(chosen)
        extra = ", ".join(f"{brief[at]} {own[at]}" for at in chosen if at in own)
        labels.append(f"{name} ({extra})" if extra else name)
    return labels


def _telling(rivals: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The fewest settings in which no two are alike; all that differ where few do not suffice."""
    names = dict.fromkeys(name for rival in rivals for name in rival)
    differing = [n for n in names if len({key(r.get(n)) for r in rivals}) > 1]
    differing.sort(
        key=lambda n: (
            _TELLING.index(n) if n in _TELLING else len(_TELLING),
            not n.endswith(".name"),
        )
    )
    for count in range(_MOST + 1):
        for chosen in itertools.combinations(differing, count):
            if len({tuple(key(r.get(n)) for n in chosen) for r in rivals}) == len(rivals):
                return chosen
    return tuple(differing)


def _brief_names(names: Sequence[str]) -> dict[str, str]:
    """{dotted name: its last part}; more of it where two end alike.

    That a choice is known by its name goes without saying: ``learner.start.name`` is ``start``.
    """
    whole = {name: name.removesuffix(".name") for name in names}
    last = {name: said.rsplit(".", 1)[-1] for name, said in whole.items()}
    ends = list(last.values())
    return {n: last[n] if ends.count(last[n]) == 1 else said for n, said in whole.items()}
