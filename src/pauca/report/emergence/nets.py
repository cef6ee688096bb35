"""What the report of an emergence study is made from: nets, and their records by repetition."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pauca.report.emergence.values import dig, mean
from pauca.report.labels import key, learner_labels, name_of
from pauca.report.view import Group, Series, StudyView, number

__all__ = ["FORWARD", "LABEL_FREE", "Material", "Net", "Unseen", "materials"]

K = TypeVar("K")

FORWARD = "forward-forward"
LABEL_FREE = ("neutral", "none")
"""Conditions in which no answer is shown."""


@dataclass(frozen=True, eq=False)
class _Learner(Generic[K]):
    """A learner with the last record of each of its finished runs."""

    label: str
    learner: Mapping[str, Any]
    records: Mapping[K, Mapping[str, Any]]

    @property
    def family(self) -> str:
        """Name of the learner: forward-forward, bp-ff, backprop."""
        return name_of(self.learner)

    @property
    def untrained(self) -> bool:
        """Whether it is a net as it starts."""
        return bool(self.learner.get("untrained"))

    @property
    def own(self) -> str:
        """The condition without an answer: ``neutral``, or ``none`` for nets that read no label."""
        held = [c for record in self.records.values() for c in record.get("conditions") or ()]
        return next((c for c in LABEL_FREE if c in held), "neutral")

    @property
    def layers(self) -> tuple[str, ...]:
        """Names, input side first."""
        for record in self.records.values():
            found = record.get("layers") or list(record.get("hoyer") or {})
            if found:
                return tuple(map(str, found))
        return ()


@dataclass(frozen=True, eq=False)
class Net(_Learner[int]):
    """One learner over its finished repetitions.

    Args:
        label: Its name on the page.
        learner: Its settings.
        records: {repetition: last record}.
        runs: {repetition: id of the run}.
        planned: Repetitions planned.
        series: Its name in results.csv.
    """

    runs: Mapping[int, str]
    planned: int
    series: str

    @property
    def as_published(self) -> bool:
        """Whether numbers on record of the published code are about this net."""
        return not self.untrained and self.learner.get("recipe", "published") == "published"

    @property
    def rate(self) -> float:
        """Learning rate; NaN where the settings have none."""
        return number(self.learner.get("rate"))

    @property
    def reads_label(self) -> bool:
        """Whether a label is part of what it reads."""
        return any(bool(record.get("reads_label")) for record in self.records.values())

    @property
    def accuracy(self) -> dict[int, float]:
        """{repetition: test accuracy}."""
        return self.values(lambda record: number(dig(record, "metrics", "accuracy")))

    def values(self, read: Callable[[Mapping[str, Any]], float]) -> dict[int, float]:
        """{repetition: value}, those that are defined."""
        found = {r: read(record) for r, record in self.records.items()}
        return {r: v for r, v in found.items() if not math.isnan(v)}

    def at(self, *path: str) -> dict[int, float]:
        """{repetition: the number at this place, or the mean of the list there}."""
        return self.values(lambda record: mean(dig(record, *path)))

    def hoyer(self, layer: str) -> dict[int, float]:
        """{repetition: Hoyer sparsity of all items, no answer shown}."""
        found = self.at("sparsity", self.own, layer, "hoyer", "all")
        return found or self.at("hoyer", layer, "neutral")


@dataclass(frozen=True, eq=False)
class Unseen(_Learner[tuple[int, int]]):
    """One learner trained without each class in turn.

    Args:
        label: Its name on the page.
        learner: Its settings.
        records: {(class left out, repetition): last record}.
    """

    @property
    def left_out(self) -> tuple[int, ...]:
        """Classes left out, in order."""
        return tuple(sorted({k for k, _ in self.records}))

    @property
    def repetitions(self) -> tuple[int, ...]:
        """Repetitions of which anything is there."""
        return tuple(sorted({r for _, r in self.records}))

    def of_class(self, k: int, *path: str) -> dict[int, float]:
        """{repetition: the number at this place} with class k left out."""
        found = {r: mean(dig(rec, *path)) for (c, r), rec in self.records.items() if c == k}
        return {r: v for r, v in sorted(found.items()) if not math.isnan(v)}

    def over_classes(self, read: Callable[[Mapping[str, Any]], float]) -> dict[int, float]:
        """{repetition: mean over the classes left out in it}."""
        found = {}
        for repetition in self.repetitions:
            values = [read(rec) for (_, r), rec in self.records.items() if r == repetition]
            found[repetition] = mean(values)
        return {r: v for r, v in found.items() if not math.isnan(v)}


@dataclass(frozen=True, eq=False)
class Material:
    """Everything of one data set that sections are made from.

    Args:
        title: Of the group.
        data: Name of the data set.
        classes: Names of classes; may be empty.
        related: Groups of related classes, by number.
        nets: Of kind ``emergence``, in the study's order; only those with a finished repetition.
        models: Of kind ``model``, trained elsewhere in the study on the same data.
        unseen: Of kind ``unseen``.
        pending: Labels of nets of which no repetition has finished.
    """

    title: str
    data: str
    classes: tuple[str, ...]
    related: tuple[tuple[int, ...], ...]
    nets: tuple[Net, ...]
    models: tuple[Net, ...] = ()
    unseen: tuple[Unseen, ...] = ()
    pending: tuple[str, ...] = field(default=())

    @property
    def count(self) -> int:
        """Number of classes c."""
        held = [int(r.get("classes") or 0) for net in self.nets for r in net.records.values()]
        return max([len(self.classes), *held])

    def trained(self, *families: str) -> tuple[Net, ...]:
        """Nets that were trained, of these families or of any."""
        return tuple(
            n for n in self.nets if not n.untrained and (not families or n.family in families)
        )

    def start_of(self, net: Net | Unseen) -> Any:
        """The untrained net to compare with: of the same settings, else of the same kind and size.

        bp-ff and forward-forward are the same net, so one stands for the other.
        """
        among: Sequence[Net | Unseen] = self.nets if isinstance(net, Net) else self.unseen
        starts = [one for one in among if one.untrained]
        same = [one for one in starts if _settings(one) == _settings(net)]
        alike = [one for one in starts if _size(one) == _size(net) and one.own == net.own]
        family = [one for one in alike if one.family == net.family]
        return next(iter(same or family or alike), None)


def materials(view: StudyView) -> tuple[Material, ...]:
    """One for each group of kind ``emergence``, and one for unseen categories without such."""
    labels = _labels(view)
    classes = tuple(str(name) for name in view.data.get("classes") or ())
    groups = view.kind("emergence") or _without(view.kind("unseen"))
    return tuple(_material(view, group, labels, classes) for group in groups)


def _without(unseen: Sequence[Group]) -> tuple[Group, ...]:
    return tuple(
        Group("emergence", g.title, {"data": g.settings.get("data")}, ()) for g in unseen[:1]
    )


def _labels(view: StudyView) -> dict[str, str]:
    kinds = ("emergence", "unseen", "model")
    settings = [run.spec.settings for run in view.runs if run.spec.kind in kinds]
    return learner_labels(s["learner"] for s in settings if isinstance(s.get("learner"), Mapping))


def _material(
    view: StudyView, group: Group, labels: Mapping[str, str], classes: tuple[str, ...]
) -> Material:
    data = group.settings.get("data")
    nets = [_net(series, labels) for series in group.series]
    models = [_net(s, labels) for g in _like(view, "model", data) for s in g.series]
    known = {key(net.learner) for net in nets}
    unseen = [one for g in _like(view, "unseen", data) for one in _unseen(g, labels)]
    return Material(
        title=group.title,
        data=name_of(data),
        classes=classes,
        related=_related(view, classes),
        nets=tuple(net for net in nets if net.records),
        models=tuple(net for net in models if net.records and key(net.learner) not in known),
        unseen=tuple(unseen),
        pending=tuple(net.label for net in nets if not net.records),
    )


def _related(view: StudyView, classes: tuple[str, ...]) -> tuple[tuple[int, ...], ...]:
    """Numbers of the classes that the study says belong together; unknown names are left out."""
    named = {name: k for k, name in enumerate(classes)}
    given = dig(view.settings, "emergence", "groups") or ()
    numbers = ([k if isinstance(k, int) else named.get(str(k)) for k in one] for one in given)
    return tuple(tuple(k for k in one if k is not None) for one in numbers)


def _like(view: StudyView, kind: str, data: Any) -> Iterator[Group]:
    for group in view.kind(kind):
        if key(group.settings.get("data")) == key(data):
            yield group


def _net(series: Series, labels: Mapping[str, str]) -> Net:
    learner = _learner(series)
    done = [(r, run) for r, run in series.done if run.rounds]
    return Net(
        label=labels.get(key(learner), series.label),
        learner=learner,
        records={r: run.rounds[-1] for r, run in done},
        runs={r: run.spec.id for r, run in done},
        planned=len(series.runs),
        series=series.label,
    )


def _unseen(group: Group, labels: Mapping[str, str]) -> list[Unseen]:
    learners: dict[str, Mapping[str, Any]] = {}
    records: dict[str, dict[tuple[int, int], Mapping[str, Any]]] = {}
    for series in group.series:
        learner = _learner(series)
        at = key(learner)
        learners[at] = learner
        for repetition, run in series.done:
            if run.rounds:
                k = int(run.spec.settings.get("left_out", run.rounds[-1].get("left_out", -1)))
                records.setdefault(at, {})[k, repetition] = run.rounds[-1]
    return [
        Unseen(labels.get(at, name_of(of)), of, found)
        for at, of in learners.items()
        if (found := records.get(at))
    ]


def _learner(series: Series) -> Mapping[str, Any]:
    for _, run in series.runs:
        learner = run.spec.settings.get("learner")
        return learner if isinstance(learner, Mapping) else {"name": name_of(learner)}
    return {"name": series.name}


def _settings(net: Net | Unseen) -> dict[str, Any]:
    return {name: value for name, value in net.learner.items() if name != "untrained"}


def _size(net: Net | Unseen) -> Any:
    for record in net.records.values():
        return record.get("units")
    return None
