"""What a store says, put in order: groups of runs that may be compared, and series within them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pauca.store.base import AbstractStore
from pauca.store.records import Run

__all__ = ["BASELINE", "Group", "Series", "StudyView", "flatten", "number", "read_study"]

BASELINE = "random"
"""Name of the strategy that the others are measured against."""

_VARIED = {"active": "strategy", "model": "learner"}
_PAIRING = frozenset({"study_seed", "repetition"})


@dataclass(frozen=True)
class Series:
    """All repetitions of one strategy (or one model).

    Args:
        label: Name, with the settings that tell it from others of that name.
        name: Name of the strategy or learner.
        runs: (repetition, run), by repetition.
    """

    label: str
    name: str
    runs: tuple[tuple[int, Run], ...]

    @property
    def done(self) -> tuple[tuple[int, Run], ...]:
        """Those that finished."""
        return tuple((r, run) for r, run in self.runs if run.status == "done")


@dataclass(frozen=True)
class Group:
    """Series that differ in nothing but the strategy (or, of kind ``model``, the learner).

    Args:
        kind: ``active`` or ``model``.
        title: Data set and learner, with what tells this group from the others.
        settings: What all runs of the group share.
        series: In the study's order.
    """

    kind: str
    title: str
    settings: Mapping[str, Any]
    series: tuple[Series, ...]

    @property
    def baseline(self) -> Series | None:
        """The series of random choice, if the study has one."""
        return next((one for one in self.series if one.name == BASELINE), None)

    @property
    def repetitions(self) -> int:
        """The largest number of repetitions planned for a series."""
        return max((len(one.runs) for one in self.series), default=0)


@dataclass(frozen=True)
class StudyView:
    """A study as a report reads it.

    Args:
        name: The study's own name.
        settings: Resolved settings.
        provenance: Versions, machine, command.
        data: What the data set is: sizes, class names, licence.
        resumed: How often the study was gone on with after a stop.
        runs: Every run, in order of adding.
        groups: The runs in groups, strategies first.
    """

    name: str
    settings: Mapping[str, Any]
    provenance: Mapping[str, Any]
    data: Mapping[str, Any]
    resumed: int
    runs: tuple[Run, ...]
    groups: tuple[Group, ...]

    def kind(self, kind: str) -> tuple[Group, ...]:
        """The groups of one kind."""
        return tuple(group for group in self.groups if group.kind == kind)


def read_study(store: AbstractStore) -> StudyView:
    """Everything a report needs but the arrays."""
    meta = store.meta()
    settings = meta.get("study") or {}
    runs = store.runs()
    groups = tuple(group for kind in _VARIED for group in _groups(kind, runs))
    name = str(settings.get("name") or "unnamed study")
    return StudyView(
        name=name,
        settings=settings,
        provenance=meta.get("provenance") or {},
        data=meta.get("data") or {},
        resumed=sum(key.startswith("resume.") for key in meta),
        runs=runs,
        groups=groups,
    )


def number(value: object) -> float:
    """A stored number as a float; NaN for what is absent or not a number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return float("nan")
    return float(value)


def flatten(value: Any, prefix: str = "") -> dict[str, Any]:
    """Nested tables as ``{"data.name": ...}``; a list of plain values stays one value."""
    if isinstance(value, Mapping) and value:
        items: Iterable[tuple[object, Any]] = value.items()
    elif isinstance(value, list | tuple) and any(isinstance(v, Mapping) for v in value):
        items = enumerate(value, start=1)
    else:
        return {prefix: value}
    flat: dict[str, Any] = {}
    for key, inner in items:
        flat |= flatten(inner, f"{prefix}.{key}" if prefix else str(key))
    return flat


def _groups(kind: str, runs: Sequence[Run]) -> tuple[Group, ...]:
    varied = _VARIED[kind]
    shared: dict[str, Mapping[str, Any]] = {}
    members: dict[str, dict[str, list[Run]]] = {}
    for run in runs:
        if run.spec.kind != kind:
            continue
        settings = run.spec.settings
        common = {k: v for k, v in settings.items() if k not in _PAIRING and k != varied}
        key = _key(common)
        shared[key] = common
        members.setdefault(key, {}).setdefault(_key(settings.get(varied)), []).append(run)
    titles = _titles(list(shared.values()))
    return tuple(
        Group(kind, title, common, _series(varied, list(members[key].values())))
        for title, (key, common) in zip(titles, shared.items(), strict=True)
    )


def _series(varied: str, members: Sequence[Sequence[Run]]) -> tuple[Series, ...]:
    things = [runs[0].spec.settings.get(varied) for runs in members]
    labels = _told_apart([_name(thing) for thing in things], things)
    return tuple(
        Series(label, _name(thing), _by_repetition(runs))
        for label, thing, runs in zip(labels, things, members, strict=True)
    )


def _by_repetition(runs: Sequence[Run]) -> tuple[tuple[int, Run], ...]:
    numbered = [(int(run.spec.settings.get("repetition", i)), run) for i, run in enumerate(runs)]
    return tuple(sorted(numbered, key=lambda pair: pair[0]))


def _titles(commons: Sequence[Mapping[str, Any]]) -> list[str]:
    names = []
    for common in commons:
        parts = [_name(common.get("data"))]
        if "learner" in common:
            parts.append(_name(common["learner"]))
        names.append(", ".join(parts))
    return _told_apart(names, commons)


def _told_apart(names: Sequence[str], things: Sequence[Any]) -> list[str]:
    """Each name, with the settings in which things of the same name differ."""
    labels = []
    for name, thing in zip(names, things, strict=True):
        rivals = [flatten(t) for n, t in zip(names, things, strict=True) if n == name]
        own = flatten(thing)
        differing = [k for k in own if any(r.get(k) != own[k] for r in rivals)]
        extra = ", ".join(f"{key} {own[key]}" for key in differing)
        labels.append(f"{name} ({extra})" if extra else name)
    return labels


def _name(thing: Any) -> str:
    if isinstance(thing, Mapping):
        return str(thing.get("name") or thing.get("path") or "unnamed")
    return str(thing if thing is not None else "unnamed")


def _key(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)
