"""How far a project is, and whether to stop, with the reason in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pauca.label.choosing import COLD
from pauca.label.classes import Classes
from pauca.label.engine import Engine
from pauca.label.labels import Labels, agreement_of, labels_of
from pauca.label.settings import ProjectSettings
from pauca.metrics import hypergeometric_interval

__all__ = ["Advice", "Status", "Wanted", "advise", "recall_of", "said_saving", "status_of"]

_ACTIONS = ("label", "relabel", "unsure", "skip", "flag")


@dataclass(frozen=True)
class Advice:
    """Whether to stop.

    Args:
        stop: Whether to.
        reason: Why, or why not.
    """

    stop: bool
    reason: str


@dataclass(frozen=True)
class Wanted:
    """How much of one class was found.

    Args:
        name: Of the class.
        found: Items that have it.
        sample: Items of the random sample whose class is known, or that are of none.
        sample_found: Those of them that have it.
        unknown: Items of the sample that were skipped, left as unsure, or wait.
        least: Items of the class that there are at least in the pool, with 95%.
        most: And at most.
        recall: Share of them that was found, estimated; None without one in the sample.
        low: Lower end of its interval.
        high: Upper end; None where there may be none at all.
        target: Share that is wanted, or None.
        met: Whether the lower end has the target; None without one.
    """

    name: str
    found: int
    sample: int
    sample_found: int
    unknown: int
    least: int
    most: int
    recall: float | None
    low: float
    high: float | None
    target: float | None
    met: bool | None

    def __str__(self) -> str:
        """In words."""
        high = 1.0 if self.high is None else self.high
        said = f"{self.found} items of class {self.name!r} were found"
        if self.recall is None:
            said += f", at least {_points(self.low)} of them"
        else:
            said += (
                f", some {_points(self.recall)} of them ({_points(self.low)} to {_points(high)})"
            )
        said += (
            f": {self.least} to {self.most} in the pool, by {self.sample_found} among "
            f"{self.sample} random items"
        )
        if self.unknown:
            said += f" ({self.unknown} more are not known)"
        return said


@dataclass(frozen=True)
class Status:
    """How far a project is.

    Args:
        name: Of the project.
        folder: Where it lies.
        kind: image, text, table or embedding.
        items: Of the pool.
        labelled: Items that have a class.
        given: Those among them whose label came with the data.
        answers: Answers that stand, by action.
        people: Items that each person gave a class.
        balance: Labelled items of each class, by name.
        pending: Items that were asked for and wait.
        asked: Items that were asked for.
        round: Number of the next round.
        phase: What chooses next: "coverage", or the strategy's name.
        since: Items labelled since the last training.
        trainings: How many there were.
        assessment: What the last one that was assessed says (``training.Assessment``), or None.
        curve: Accuracy with its interval after each training that was assessed.
        agreement: Of people, without the single items (``labels.Agreement``).
        saving: Labels saved against random choice, in words.
        advice: Whether to stop.
        wanted: How much of the wanted class was found, or None.
    """

    name: str
    folder: str
    kind: str
    items: int
    labelled: int
    given: int
    answers: Mapping[str, int]
    people: Mapping[str, int]
    balance: Mapping[str, int]
    pending: int
    asked: int
    round: int
    phase: str
    since: int
    trainings: int
    assessment: Mapping[str, Any] | None
    curve: tuple[Mapping[str, Any], ...]
    agreement: Mapping[str, Any]
    saving: str
    advice: Advice
    wanted: Wanted | None = None

    def plain(self) -> dict[str, Any]:
        """Values that JSON holds."""
        wanted = None if self.wanted is None else vars(self.wanted)
        own = {"curve": list(self.curve), "advice": vars(self.advice), "wanted": wanted}
        return {**vars(self), **own}


def status_of(
    folder: Path, engine: Engine, wanted: str | None = None, target: float | None = None
) -> Status:
    """How far the project in this folder is.

    Args:
        folder: The project's.
        engine: The project's.
        wanted: Class whose items are to be found; that of the project if None.
        target: Share of them that is wanted; that of the project if None.

    Raises:
        UnknownNameError: there is no such class.
    """
    book, settings = engine.book, engine.settings
    standing, classes = book.moment()
    labels, trainings, counts = labels_of(standing, classes), book.trainings(), book.counts()
    now = engine.situation(labels, classes)
    counted = dict(zip(*np.unique(labels.cls, return_counts=True), strict=True))
    balance = {each.name: int(counted.get(each.id, 0)) for each in classes}
    told = [each.record["assessment"] for each in trainings if "assessment" in each.record]
    assessment = told[-1] if told else None
    agreement = agreement_of(standing, classes)
    given = int(labels.given.sum())
    recall = _recall(engine, labels, classes, wanted, target)
    return Status(
        name=settings.name,
        folder=str(folder),
        kind=settings.source.kind,
        items=len(engine.pool.order),
        labelled=labels.m,
        given=given,
        answers={action: counts.get(action, 0) for action in _ACTIONS},
        people=agreement.people,
        balance=balance,
        pending=counts["pending"],
        asked=now.asked,
        round=now.round,
        phase=COLD if now.cold else str(settings.strategy["name"]),
        since=labels.m - (trainings[-1].labels if trainings else 0),
        trainings=len(trainings),
        assessment=assessment,
        curve=tuple(
            {"labels": each["labels"], **each["accuracy"]}
            for each in told
            if each["accuracy"] is not None
        ),
        agreement={k: v for k, v in agreement.plain().items() if k != "disagreements"},
        saving=said_saving(assessment),
        advice=advise(
            settings,
            labelled=labels.m,
            given=given,
            open_items=engine.n - len(now.closed) + counts["pending"],
            unseen=tuple(name for name, count in balance.items() if not count),
            assessment=assessment,
            wanted=recall,
        ),
        wanted=recall,
    )


def _recall(
    engine: Engine, labels: Labels, classes: Classes, wanted: str | None, target: float | None
) -> Wanted | None:
    """How much of the wanted class was found, by the random sample."""
    name = engine.settings.wanted if wanted is None else wanted
    if name is None:
        return None
    target = engine.settings.recall if target is None else target
    if wanted is None and name not in classes.names and name in classes.former:
        cls = classes.root(classes.former[name])  # renamed, merged or deleted since
        if not classes.is_active(cls):
            return None
        name = classes.name(cls)
    cls = classes.find(name)
    sample = engine.sample()
    known = dict(zip(labels.item.tolist(), labels.cls.tolist(), strict=True))
    told = [item for item in sample.tolist() if item in known or item in labels.flagged]
    return recall_of(
        name,
        found=int((labels.cls == cls).sum()),
        other=int((labels.cls != cls).sum()) + len(labels.flagged),
        sample=len(told),
        sample_found=sum(known.get(item) == cls for item in told),
        unknown=len(sample) - len(told),
        items=len(engine.pool.order),
        target=target,
    )


def recall_of(
    name: str,
    *,
    found: int,
    other: int,
    sample: int,
    sample_found: int,
    unknown: int,
    items: int,
    target: float | None = None,
) -> Wanted:
    """How much of a class was found, by a random sample of the pool.

    How many items of it there are in the pool is bounded by the exact interval of the
    hypergeometric distribution on the sample, and by what is known of all labelled items. Which
    items the strategy chose does not matter: nothing is taken from how it found them.

    Args:
        name: Of the class.
        found: Items that have it.
        other: Items that have another class, or are of none.
        sample: Items of the random sample of which this is known.
        sample_found: Those of them that have it.
        unknown: Other items of the sample; left out.
        items: Of the pool.
        target: Share that is wanted.

    Reference: ``pauca.metrics.hypergeometric_interval``.
    """
    low, high, guess = float(found), float(items - other), None
    if sample:
        interval = hypergeometric_interval(sample_found, sample, items)
        low = min(max(low, interval.low), high)
        high = max(min(high, interval.high), low)
        guess = min(max(interval.mean, low), high) if sample_found else None
    exact = low == high  # every item is known
    guess = high if exact else guess
    lower = found / high if high else 1.0
    return Wanted(
        name=name,
        found=found,
        sample=sample,
        sample_found=sample_found,
        unknown=unknown,
        least=int(low),
        most=int(high),
        recall=found / guess if guess else None,
        low=lower,
        high=found / low if low else None,
        target=target,
        met=None if target is None else lower >= target,
    )


def advise(
    settings: ProjectSettings,
    *,
    labelled: int,
    given: int,
    open_items: int,
    unseen: tuple[str, ...],
    assessment: Mapping[str, Any] | None,
    wanted: Wanted | None = None,
) -> Advice:
    """Whether to stop.

    Yes when the budget is spent or nothing is left. Where a share of a wanted class is the target,
    yes when the lower bound of its recall has that, and no before. Otherwise yes when the lower
    bound of the accuracy has the target, or the upper bound of what the later half of the labels
    brought is below the tolerance while every class was seen.
    """
    spent = labelled - given
    if settings.budget is not None and spent >= settings.budget:
        return Advice(True, f"the budget is spent: {spent} of {settings.budget} labels")
    if not open_items:
        return Advice(True, "every item was asked for")
    if wanted is not None and wanted.target is not None:
        reached = (
            "the recall target is reached" if wanted.met else "the recall target is not yet met"
        )
        return Advice(bool(wanted.met), f"{reached}: {wanted}, wanted {_points(wanted.target)}")
    if assessment is None:
        return Advice(False, "the accuracy is not known before `pauca label train`")
    told = assessment["accuracy"]
    if told is None:
        return Advice(
            False,
            f"the accuracy cannot be told yet: {assessment['random']} items of the random sample "
            "have a label, 20 are needed",
        )
    now = f"accuracy {_points(told['value'])} ({_points(told['low'])} to {_points(told['high'])})"
    if settings.target is not None and told["low"] >= settings.target:
        return Advice(True, f"the target is reached: {now}, wanted {_points(settings.target)}")
    gain = assessment["gain"]
    if unseen:
        few = ", ".join(unseen[:5]) + (", ..." if len(unseen) > 5 else "")
        return Advice(False, f"{len(unseen)} classes have no label yet: {few}")
    if gain is None:
        return Advice(False, f"what more labels bring cannot be told yet; {now}")
    brought = (
        f"the labels from {gain['labels']} to {assessment['labels']} brought "
        f"{100 * gain['value']:+.1f} points ({100 * gain['low']:+.1f} to {100 * gain['high']:+.1f})"
    )
    if gain["high"] < settings.tolerance:
        return Advice(
            True,
            f"the curve is flat: {brought}, less than {_points(settings.tolerance)} with 95 %; "
            f"{now}",
        )
    wanted = "" if settings.target is None else f"; wanted {_points(settings.target)}"
    return Advice(False, f"{brought}; {now}{wanted}")


def said_saving(assessment: Mapping[str, Any] | None) -> str:
    """What is known of the labels saved against random choice, in words."""
    if assessment is None:
        return "not known before `pauca label train`"
    saving = assessment["saving"]
    if "reason" in saving:
        return str(saving["reason"])
    if not _tells(saving):
        return "it cannot be told yet: the random sample does not tell the two apart"
    bound = "" if saving["bound"] == "exact" else f"{saving['bound']} "
    high = "no upper bound" if saving["high"] is None else f"{saving['high']:.2f}"
    low = "no lower bound" if saving["low"] is None else f"{saving['low']:.2f}"
    return (
        f"random choice needs {bound}{saving['ratio']:.2f} times the labels for "
        f"{_points(saving['value'])} accuracy ({low} to {high}; seen up to "
        f"{saving['up_to']} labels, on {saving['n']} random items)"
    )


def _tells(saving: Mapping[str, Any]) -> bool:
    """Whether it says anything: "at least as many labels", or for no accuracy at all, does not."""
    bounded = saving["bound"] != "at least" or saving["ratio"] >= 1.005  # as it is shown
    return bool(bounded and saving["value"] >= 0.0005)


def _points(share: float) -> str:
    return f"{100 * share:.1f} %"
