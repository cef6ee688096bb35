"""From answers to labels: one class an item, and how far people agree."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pauca.label.book import Standing
from pauca.label.classes import Classes
from pauca.metrics import answer_entropy, cohen_kappa, fleiss_kappa

__all__ = ["Agreement", "Disagreement", "Labels", "agreement_of", "labels_of"]


@dataclass(frozen=True, eq=False)
class Labels:
    """Labelled items in the order in which they were first labelled; flagged ones are not there.

    The class of an item is the one that most of its standing answers give; of those that are level,
    the one given last.

    Args:
        item: int64 [m].
        cls: Id of the class of each, int64 [m].
        answers: How many gave it a class, int64 [m].
        entropy: Of these answers over the log of the number of classes, in [0, 1], float64 [m].
        flagged: Items that somebody flagged.
        given: Whether the data came with the label and nobody has answered since, bool [m].
    """

    item: NDArray[np.int64]
    cls: NDArray[np.int64]
    answers: NDArray[np.int64]
    entropy: NDArray[np.float64]
    flagged: frozenset[int]
    given: NDArray[np.bool_]

    @property
    def m(self) -> int:
        """How many."""
        return len(self.item)


@dataclass(frozen=True)
class Disagreement:
    """An item whose answers differ, or that the model sees otherwise.

    Args:
        item: Its number.
        entropy: Of its answers, in [0, 1].
        answers: Class that each person gave, by id.
        margin: Cross-validated probability of its class less that of the likeliest other, in
            [-1, 1]; None without a training that knows the item.
        model: Id of the class that the cross-validated model gives, or None.
    """

    item: int
    entropy: float
    answers: Mapping[str, int]
    margin: float | None = None
    model: int | None = None

    def plain(self) -> dict[str, Any]:
        """Values that JSON holds."""
        return {**vars(self), "answers": dict(self.answers)}


@dataclass(frozen=True)
class Agreement:
    """How far people agree on the items that several of them gave a class.

    Args:
        people: Who labelled, with how many items each.
        items: Items with two answers or more.
        agreed: Those among them whose answers are all the same.
        kappa: Cohen's kappa for two people, Fleiss' for more; None where there is nothing to tell,
            or all answers are one class.
        method: "Cohen" or "Fleiss", or None.
        pairs: Cohen's kappa and number of items of every two people who share items.
        disagreements: Items whose answers differ.
    """

    people: Mapping[str, int]
    items: int
    agreed: int
    kappa: float | None
    method: str | None
    pairs: tuple[tuple[str, str, float | None, int], ...] = ()
    disagreements: tuple[Disagreement, ...] = field(default=(), repr=False)

    def plain(self) -> dict[str, Any]:
        """Values that JSON holds."""
        return {
            **vars(self),
            "people": dict(self.people),
            "pairs": [list(pair) for pair in self.pairs],
            "disagreements": [each.plain() for each in self.disagreements],
        }


def labels_of(standing: Standing, classes: Classes) -> Labels:
    """The labels that these answers give."""
    flagged = frozenset(
        int(item)
        for item, action in zip(standing.item, standing.action, strict=True)
        if action == "flag"
    )
    votes: dict[int, list[int]] = {}
    people: dict[int, set[str]] = {}
    begun: dict[int, int] = {}
    columns = (standing.item.tolist(), standing.person, standing.cls.tolist())
    for item, person, cls, first in zip(*columns, standing.first.tolist(), strict=True):
        if cls >= 0 and item not in flagged:
            votes.setdefault(item, []).append(cls)
            people.setdefault(item, set()).add(person)
            begun[item] = min(first, begun.get(item, first))
    order = sorted(votes, key=begun.__getitem__)
    c = max(1, len(classes))
    return Labels(
        item=np.array(order, dtype=np.int64),
        cls=np.array([_most(votes[item]) for item in order], dtype=np.int64),
        answers=np.array([len(votes[item]) for item in order], dtype=np.int64),
        entropy=np.array([_entropy(votes[item], c) for item in order], dtype=np.float64),
        flagged=flagged,
        given=np.array([people[item] == {GIVEN} for item in order], dtype=np.bool_),
    )


GIVEN = "given"
"""Whose answers the labels are that the data came with."""


def agreement_of(standing: Standing, classes: Classes) -> Agreement:
    """How far people agree."""
    answers: dict[int, dict[str, int]] = {}
    for item, person, cls in zip(
        standing.item.tolist(), standing.person, standing.cls.tolist(), strict=True
    ):
        if cls >= 0:
            answers.setdefault(item, {})[person] = cls
    people = Counter(person for given in answers.values() for person in given)
    shared = {item: given for item, given in answers.items() if len(given) > 1}
    raters = sorted({person for given in shared.values() for person in given})
    pairs = []
    for a, b in combinations(raters, 2):
        both = [(g[a], g[b]) for g in shared.values() if a in g and b in g]
        if both:
            first, second = zip(*both, strict=True)
            pairs.append((a, b, _number(cohen_kappa(first, second)), len(both)))
    kappa, method = None, None
    if len(raters) == 2:
        kappa, method = pairs[0][2], "Cohen"
    elif raters:
        kappa, method = _number(fleiss_kappa(_table(shared.values(), classes.ids))), "Fleiss"
    c = max(1, len(classes))
    differ = [
        Disagreement(item, _entropy(list(given.values()), c), given)
        for item, given in shared.items()
        if len(set(given.values())) > 1
    ]
    return Agreement(
        people=dict(people.most_common()),
        items=len(shared),
        agreed=len(shared) - len(differ),
        kappa=kappa,
        method=method,
        pairs=tuple(pairs),
        disagreements=tuple(sorted(differ, key=lambda each: (-each.entropy, each.item))),
    )


def _table(given: Any, ids: Sequence[int]) -> NDArray[np.int64]:
    """How many gave item i class j, [n, c]."""
    place = {cls: at for at, cls in enumerate(ids)}
    rows = np.zeros((len(given), len(ids)), dtype=np.int64)
    for row, answers in zip(rows, given, strict=True):
        for cls in answers.values():
            row[place[cls]] += 1
    return rows


def _most(given: Sequence[int]) -> int:
    """The most frequent; of those that are level, the one that came last."""
    counts = Counter(given)
    best = max(counts.values())
    return next(cls for cls in reversed(given) if counts[cls] == best)


def _entropy(given: Sequence[int], c: int) -> float:
    return 0.0 if len(set(given)) == 1 else answer_entropy(list(Counter(given).values()), c)


def _number(value: float) -> float | None:
    return None if value != value else value
