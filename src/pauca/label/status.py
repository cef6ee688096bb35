"""How far a project is, and whether to stop, with the reason in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pauca.label.choosing import COLD
from pauca.label.engine import Engine
from pauca.label.labels import agreement_of, labels_of
from pauca.label.settings import ProjectSettings

__all__ = ["Advice", "Status", "advise", "said_saving", "status_of"]

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

    def plain(self) -> dict[str, Any]:
        """Values that JSON holds."""
        return {**vars(self), "curve": list(self.curve), "advice": vars(self.advice)}


def status_of(folder: Path, engine: Engine) -> Status:
    """How far the project in this folder is."""
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
    return Status(
        name=settings.name,
        folder=str(folder),
        kind=settings.source.kind,
        items=engine.n,
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
        ),
    )


def advise(
    settings: ProjectSettings,
    *,
    labelled: int,
    given: int,
    open_items: int,
    unseen: tuple[str, ...],
    assessment: Mapping[str, Any] | None,
) -> Advice:
    """Whether to stop.

    Yes when the budget is spent, nothing is left, the lower bound of the accuracy has the target,
    or the upper bound of what the later half of the labels brought is below the tolerance while
    every class was seen.
    """
    spent = labelled - given
    if settings.budget is not None and spent >= settings.budget:
        return Advice(True, f"the budget is spent: {spent} of {settings.budget} labels")
    if not open_items:
        return Advice(True, "every item was asked for")
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
    bound = "" if saving["bound"] == "exact" else f"{saving['bound']} "
    high = "no upper bound" if saving["high"] is None else f"{saving['high']:.2f}"
    low = "no lower bound" if saving["low"] is None else f"{saving['low']:.2f}"
    return (
        f"random choice needs {bound}{saving['ratio']:.2f} times the labels for "
        f"{_points(saving['value'])} accuracy ({low} to {high}; seen up to "
        f"{saving['up_to']} labels, on {saving['n']} random items)"
    )


def _points(share: float) -> str:
    return f"{100 * share:.1f} %"
