"""New classes among the items that were set aside: proposed in groups, accepted by a person.

Who meets an item of a class that nobody asked for sets it aside as unfit. Here these items are put
into groups by the units that the project's model activates for them, and a group that a person has
given a name is labelled as a whole.
"""

import hashlib
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from pauca.analysis import discover as group
from pauca.checks import check_count
from pauca.errors import InputError
from pauca.label.engine import Engine
from pauca.label.items import Items
from pauca.label.records import Answer

__all__ = ["MOST", "Accepted", "Discovered", "Proposed", "accept", "discover"]

MOST = 5000
"""Items that are compared with each other at most."""

_SHOWN = 5


@dataclass(frozen=True)
class Proposed:
    """A group of items that may be a class.

    Args:
        number: From 1, the largest group first.
        items: Numbers of its items, increasing.
        keys: Their ids.
        cohesion: How alike: mean cosine of their activity to its mean, at most 1.
        separation: How far from the other groups: mean silhouette in [-1, 1]; None where there is
            one group only.
        exemplars: Ids of the items nearest to the mean, the nearest first.
    """

    number: int
    items: tuple[int, ...]
    keys: tuple[str, ...]
    cohesion: float
    separation: float | None
    exemplars: tuple[str, ...]

    @property
    def size(self) -> int:
        """Items in it."""
        return len(self.items)

    def plain(self) -> dict[str, Any]:
        """Values that JSON holds."""
        lists = {"keys": list(self.keys), "exemplars": list(self.exemplars)}
        return {**vars(self), "items": list(self.items), "size": self.size, **lists}


@dataclass(frozen=True)
class Discovered:
    """What was found among the items that were set aside.

    Args:
        flagged: Items that are set aside.
        compared: Those of them that were put into groups, ``MOST`` at most.
        by: What the groups rest on: model and layers, or the features.
        proposals: The groups of three items or more, the largest first.
        seen: Stands for these proposals: ``accept`` wants it, and labels only what it stands for.
    """

    flagged: int
    compared: int
    by: str
    proposals: tuple[Proposed, ...]
    seen: str

    def plain(self) -> dict[str, Any]:
        """Values that JSON holds."""
        return {**vars(self), "proposals": [each.plain() for each in self.proposals]}


@dataclass(frozen=True)
class Accepted:
    """What became of groups that were given names.

    Args:
        answer: The one act that labelled them.
        labelled: Items that were labelled, by class.
        added: Classes that are new.
        flagged: Items among them that stay set aside, because others have flagged them.
        left: Items of the groups that were left out.
    """

    answer: Answer
    labelled: Mapping[str, int]
    added: tuple[str, ...]
    flagged: tuple[int, ...]
    left: int

    def plain(self) -> dict[str, Any]:
        """Values that JSON holds."""
        return {
            "labelled": dict(self.labelled),
            "added": list(self.added),
            "flagged": list(self.flagged),
            "left": self.left,
        }


@dataclass(frozen=True, eq=False)
class _Groups:
    """Groups before anybody looks at them: items of each, and what ``Proposed`` says."""

    flagged: int
    compared: int
    by: str
    items: list[NDArray[np.int64]]
    cohesion: list[float]
    separation: list[float]
    exemplars: list[NDArray[np.int64]]

    @property
    def seen(self) -> str:
        """The same for the same items in the same groups, and for nothing else."""
        told = json.dumps([each.tolist() for each in self.items])
        return hashlib.sha256(told.encode()).hexdigest()[:12]


def discover(engine: Engine, items: Items, *, least: int = 20, exemplars: int = 5) -> Discovered:
    """Groups of the items that somebody's standing answer flags, proposed as new classes.

    Items are grouped by the units that the model of the last training activates for them under the
    neutral label, each layer brought to length 1, side by side; by the project's features where no
    model was trained yet, or its learner has no layer. Nothing is random, and nothing is changed.
    Of more than ``MOST`` items set aside the first in the project's random order are compared.

    Args:
        engine: The project's.
        items: The project's.
        least: Items set aside from which there is something to say, >= 1.
        exemplars: Items to show of each group, >= 1.

    Raises:
        InputError: too few items are set aside.

    Memory O(k^2) for k items compared: some .8 GiB, and 6 s, for ``MOST``.

    Reference: ``pauca.analysis.discover``.
    """
    check_count(least, "least", least=1)
    check_count(exemplars, "exemplars", least=1)
    flagged = engine.labels.flagged
    if len(flagged) < least:
        raise InputError(
            "too few items are set aside as unfit to find new classes among them",
            expected=f"at least {least}",
            got=len(flagged),
            todo="flag what belongs to none of the classes, or ask for fewer with --least",
        )
    found = _groups(engine, flagged, exemplars)
    columns = (found.items, found.cohesion, found.separation, found.exemplars)
    proposals = tuple(
        Proposed(
            number,
            tuple(own.tolist()),
            tuple(items.keys(own.tolist())),
            alike,
            None if math.isnan(apart) else apart,
            tuple(items.keys(shown.tolist())),
        )
        for number, (own, alike, apart, shown) in enumerate(zip(*columns, strict=True), start=1)
    )
    return Discovered(found.flagged, found.compared, found.by, proposals, found.seen)


def accept(
    engine: Engine,
    person: str,
    names: Mapping[int, str],
    *,
    seen: str,
    only: Sequence[int] | None = None,
    without: Sequence[int] = (),
) -> Accepted:
    """Label the items of proposed groups with the names that a person gives them, as one act.

    A class that is not there is added. The person's own answer to an item, a flag as a rule, gives
    way to the label; flags of others stand, and an item with one stays set aside until they answer
    otherwise. One undo takes the labels back and lets the person's flags stand again; a class that
    was added stays.

    Args:
        engine: The project's.
        person: Who.
        names: Name of the class of each accepted group, by its number.
        seen: ``Discovered.seen`` of the proposals that the person looked at.
        only: Items of these groups to label; all if None.
        without: Items of these groups to leave as they are.

    Raises:
        InputError: the groups are no longer those that ``seen`` stands for; no such group; an item
            of none of them; nothing to label; no name of a class. Nothing is kept then.
    """
    found = _groups(engine, engine.labels.flagged, 1)
    if seen != found.seen:
        raise InputError(
            "these proposals are not those of now: answers or a training came since",
            expected=f"the code that is shown with the proposals, now {found.seen}",
            got=repr(seen),
            todo="look at the proposals again: `pauca label discover PROJECT`",
        )
    if not names:
        raise InputError("no proposal is accepted", expected="a number and a name", got="none")
    for number in names:
        if isinstance(number, bool) or number not in range(1, len(found.items) + 1):
            raise InputError(
                "there is no such proposal",
                expected=f"1 to {len(found.items)}" if found.items else "none: no group was found",
                got=repr(number),
            )
    whole = {
        item: name.strip() if isinstance(name, str) else name
        for number, name in names.items()
        for item in found.items[number - 1].tolist()
    }
    named = _chosen(whole, only, without)
    answer, added, still = engine.book.accept(person, named)
    return Accepted(
        answer, Counter(named.values()), added, tuple(sorted(still)), len(whole) - len(named)
    )


def _chosen(
    whole: Mapping[int, str], only: Sequence[int] | None, without: Sequence[int]
) -> dict[int, str]:
    """Those of the items that are to be labelled.

    Raises:
        InputError: one that is in no group, or none at all.
    """
    other = [item for item in (*(only or ()), *without) if item not in whole]
    if other:
        raise InputError(
            "an item belongs to none of the accepted groups",
            expected="items of these groups",
            got=f"number {', '.join(map(str, other[:_SHOWN]))}",
        )
    kept = whole.keys() if only is None else set(only)
    named = {item: whole[item] for item in sorted(kept) if item not in set(without)}
    if not named:
        raise InputError("nothing is left to label", expected="at least one item", got="none")
    return named


def _groups(engine: Engine, flagged: frozenset[int], exemplars: int) -> _Groups:
    """The items in groups; the same for the same flags and the same model."""
    order = engine.pool.order
    kept = order[np.isin(order, list(flagged))][:MOST]
    items = np.sort(kept)
    if not len(items):
        return _Groups(0, 0, "nothing", [], [], [], [])
    activity, by = _activity(engine, torch.from_numpy(items))
    found = group(activity, exemplars=exemplars).proposals
    return _Groups(
        len(flagged),
        len(items),
        by,
        [items[each.items.numpy()] for each in found],
        [each.cohesion for each in found],
        [each.separation for each in found],
        [items[each.exemplars.numpy()] for each in found],
    )


def _activity(engine: Engine, items: Tensor) -> tuple[Tensor, str]:
    """What the items are compared by, float [k, u], and what that is."""
    x, model = engine.features[items], engine.model
    layers = {} if model is None else model.learner.activations(x)
    if model is None or not layers:
        return x, "the features"
    # as pauca.study.discoveries.codes: every layer counts the same
    rows = [F.normalize(h.detach().cpu().float(), dim=1) for h in layers.values()]
    return torch.cat(rows, 1), f"what {model.version} makes of them ({', '.join(layers)})"
