"""What a store says, put in order: groups of runs that may be compared, and series within them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pauca.report.labels import flatten, key, learner_labels, name_of, told_apart
from pauca.store.base import AbstractStore
from pauca.store.codec import canonical
from pauca.store.records import Run
from pauca.study.provenance import data_sets

__all__ = ["BASELINE", "Group", "Series", "StudyView", "flatten", "number", "read_study"]

BASELINE = "random"
"""Name of the strategy that the others are measured against."""

_VARIED = {
    "active": ("strategy",),
    "bound": ("learner",),
    "model": ("learner",),
    "emergence": ("learner",),
    "unseen": ("learner", "left_out"),
}
_BRIEF = ("emergence", "unseen")
"""Kinds whose learners are called by the fewest settings that tell them apart."""
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
    """Series that differ in nothing but what is compared.

    That is the strategy (kind ``active``), the learner (``bound``, ``model``, ``emergence``), or
    the learner and the class left out (``unseen``).

    Args:
        kind: ``active``, ``bound``, ``model``, ``emergence`` or ``unseen``.
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
        data: What the data set is: sizes, class names, licence; the first of several.
        others: The same of the other data sets, where data sets are a factor.
        resumes: The same as provenance each time the study was gone on with after a stop.
        runs: Every run, in order of adding.
        groups: The runs in groups, strategies first.
    """

    name: str
    settings: Mapping[str, Any]
    provenance: Mapping[str, Any]
    data: Mapping[str, Any]
    others: tuple[Mapping[str, Any], ...]
    resumes: tuple[Mapping[str, Any], ...]
    runs: tuple[Run, ...]
    groups: tuple[Group, ...]

    def data_of(self, group: Group) -> Mapping[str, Any]:
        """What the data set of a group is."""
        section = canonical(group.settings.get("data"))
        every = (self.data, *self.others)
        return next((facts for facts in every if facts.get("section") == section), self.data)

    def kind(self, kind: str) -> tuple[Group, ...]:
        """The groups of one kind."""
        return tuple(group for group in self.groups if group.kind == kind)


def read_study(store: AbstractStore) -> StudyView:
    """Everything a report needs but the arrays."""
    meta = store.meta()
    settings, data = meta.get("study") or {}, data_sets(meta)
    runs = store.runs()
    groups = tuple(group for kind in _VARIED for group in _groups(kind, runs))
    name = str(settings.get("name") or "unnamed study")
    return StudyView(
        name=name,
        settings=settings,
        provenance=meta.get("provenance") or {},
        data=data[0] if data else {},
        others=data[1:],
        resumes=tuple(meta[at] for at in meta if at.startswith("resume.")),
        runs=runs,
        groups=groups,
    )


def number(value: object) -> float:
    """A stored number as a float; NaN for what is absent or not a number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return float("nan")
    return float(value)


def _groups(kind: str, runs: Sequence[Run]) -> tuple[Group, ...]:
    varied = _VARIED[kind]
    shared: dict[str, Mapping[str, Any]] = {}
    members: dict[str, dict[str, list[Run]]] = {}
    for run in runs:
        if run.spec.kind != kind:
            continue
        settings = run.spec.settings
        common = {k: v for k, v in settings.items() if k not in _PAIRING and k not in varied}
        at = key(common)
        shared[at] = common
        own = key([settings.get(name) for name in varied])
        members.setdefault(at, {}).setdefault(own, []).append(run)
    titles = _titles(list(shared.values()))
    brief = learner_labels(_learners(runs, _BRIEF)) if kind in _BRIEF else None
    return tuple(
        Group(kind, title, common, _series(varied[0], list(members[at].values()), brief))
        for title, (at, common) in zip(titles, shared.items(), strict=True)
    )


def _learners(runs: Sequence[Run], kinds: Sequence[str]) -> list[Mapping[str, Any]]:
    """The learner of every run of these kinds."""
    found = [run.spec.settings.get("learner") for run in runs if run.spec.kind in kinds]
    return [one for one in found if isinstance(one, Mapping)]


def _series(
    varied: str, members: Sequence[Sequence[Run]], brief: Mapping[str, str] | None
) -> tuple[Series, ...]:
    things = [runs[0].spec.settings.get(varied) for runs in members]
    if brief is None:
        labels = told_apart(things)
    else:
        labels = [
            brief.get(key(t), name_of(t)) + _left_out(r)
            for t, r in zip(things, members, strict=True)
        ]
    return tuple(
        Series(label, name_of(thing), _by_repetition(runs))
        for label, thing, runs in zip(labels, things, members, strict=True)
    )


def _left_out(runs: Sequence[Run]) -> str:
    left = runs[0].spec.settings.get("left_out")
    return "" if left is None else f", class {left} left out"


def _by_repetition(runs: Sequence[Run]) -> tuple[tuple[int, Run], ...]:
    numbered = [(int(run.spec.settings.get("repetition", i)), run) for i, run in enumerate(runs)]
    return tuple(sorted(numbered, key=lambda pair: pair[0]))


def _titles(commons: Sequence[Mapping[str, Any]]) -> list[str]:
    names = []
    for common in commons:
        parts = [name_of(common.get("data"))]
        if "learner" in common:
            parts.append(name_of(common["learner"]))
        names.append(", ".join(parts))
    return told_apart(commons, names)
