"""Whether units of an ensemble speak for each other: drive half of it and see what follows."""

from dataclasses import dataclass
from typing import Any, Generic, NamedTuple

import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from pauca.analysis._arrays import Array, classes, like, tensor
from pauca.analysis._draws import uniform
from pauca.analysis._means import class_means
from pauca.analysis._members import fitting_sets
from pauca.analysis.controls import Against, against, control_sets, empty_effects, mean_level
from pauca.analysis.edits import Change, hold
from pauca.analysis.subject import AbstractSubject
from pauca.checks import check_count
from pauca.errors import InputError
from pauca.rng import split

__all__ = ["DriveMatrix", "Followed", "drive_matrix"]


@dataclass(frozen=True, eq=False)
class Followed(Generic[Array]):
    """What driving half of ensemble j (row) does to k (column), beside driving random sets.

    Args:
        change: Mean change over the halves, float [c, c]; NaN where an ensemble is missing.
        by_size: Against random sets of as many units, driven to the same levels.
        by_activity: Against random sets of as many units of about the same activity, driven to the
            same levels.
    """

    change: Array
    by_size: Against[Array]
    by_activity: Against[Array]


@dataclass(frozen=True, eq=False)
class DriveMatrix(Generic[Array]):
    """What follows when half of an ensemble is as active as on its own class.

    Items of class j are left out of row j, so that what is driven was not there already.

    Args:
        units: Change of the mean activity of a unit of ensemble k in the layer that is read, driven
            units left out.
        answers: Change of the share of items that are taken for class k, from -1 to 1.
        driven: How many units are driven, int64 [c]; 0 where the row is undefined.
        draws: Halves, and random sets of each kind, for each ensemble.
    """

    units: Followed[Array]
    answers: Followed[Array]
    driven: Array
    draws: int


class _Driven(NamedTuple):
    """Sets that are driven: halves, random ones by size, random ones by activity.

    Args:
        masks: bool [3, draws, u].
        values: To which level, float [3, draws, u].
    """

    masks: Tensor
    values: Tensor


def drive_matrix(
    subject: AbstractSubject,
    x: Any,
    labels: Tensor | NDArray[Any],
    members: Array,
    followers: Array,
    *,
    layer: str,
    read: str,
    generator: Generator,
    draws: int = 10,
    level: Tensor | NDArray[Any] | None = None,
) -> DriveMatrix[Array]:
    """Drive half of each ensemble in turn, and see which ensembles follow and what is answered.

    A half is drawn at random, ``draws`` times. Each of its units is held at its mean activity on
    its own class. Beside it, as many units that do not belong to the ensemble are held at the same
    levels, the more active ones at the higher. Items are shown with the neutral label. In a net
    without connections inside a layer nothing can follow where ``read`` is the driven layer itself:
    read a later one.

    Args:
        subject: Whose units are driven.
        x: n items.
        labels: Their classes, int64 [n].
        members: Ensembles in the driven layer, bool [c, u]; rows of fewer than 2 units, rows
            whose half is larger than the rest of the layer, and those of classes without items are
            passed over.
        followers: Ensembles in the layer that is read, bool [c, u'].
        layer: Which is driven.
        read: Which is read.
        generator: Draws halves and random sets.
        draws: How many of each kind.
        level: Activity to which each unit is driven, float [c, u], in place of the mean activity on
            the class.

    Raises:
        UnknownNameError: no such layer.
        InputError: sizes that differ; labels of classes that ``members`` does not have.

    Cost: 3 draws c passes over x, and as many answers.
    """
    check_count(draws, "draws", least=1)
    shown, before = subject.activity(x, layer), subject.activity(x, read)
    y, c = classes(labels, len(shown), least=1)
    y = y.to(shown.device)
    sets = fitting_sets(members, shown.shape[1], c).to(shown.device)
    follow = fitting_sets(followers, before.shape[1], len(sets)).to(shown.device)
    if len(follow) != len(sets):
        raise InputError(
            "followers are of other classes",
            expected=len(sets),
            got=len(follow),
            todo="take both of the same classes, in the same order",
        )
    levels = _levels(shown, y, sets, level)
    usual = shown.mean(0, dtype=torch.float64)
    found = [empty_effects(len(sets), draws, usual) for _ in range(2)]  # of units, of answers
    driven = torch.zeros(len(sets), dtype=torch.int64, device=shown.device)
    streams = split(generator, *map(str, range(len(sets))))
    for row, (own, stream) in enumerate(zip(sets, streams, strict=True)):
        half, others = int(own.sum()) // 2, y != row
        if half == 0 or int((~own).sum()) < half or levels[row].isnan().any() or not others.any():
            continue
        driven[row] = half
        plan = _plan(own, half, levels[row], usual, draws, stream)
        edits = _edits(plan)
        changes = (
            _unit_changes(subject, x, layer, read, edits, others, before, follow),
            _answer_changes(subject, x, layer, edits, others, len(sets)),
        )
        for (effect, drawn, quiet), change in zip(found, changes, strict=True):
            kinds = change.view(3, draws, -1)
            effect[row] = kinds[0].mean(0)
            drawn[:, :, row] = kinds[1:]
            quiet[:, row] = mean_level(plan.masks[1:], usual).mean(1)
    of_units, of_answers = (
        Followed(
            like(effect, members),
            against(effect, drawn[0], quiet[0], members),
            against(effect, drawn[1], quiet[1], members),
        )
        for effect, drawn, quiet in found
    )
    return DriveMatrix(of_units, of_answers, like(driven, members), draws)


def _levels(shown: Tensor, y: Tensor, sets: Tensor, level: Any) -> Tensor:
    """To which level each unit is driven, float64 [c, u]; NaN for a class without items."""
    if level is not None:
        given = tensor(level).detach().to(shown.device, torch.float64)
        if given.shape != sets.shape:
            raise InputError(
                "not one level a class and unit",
                expected=list(sets.shape),
                got=list(given.shape),
                todo="give one level for each class and unit of the sets",
            )
        return given
    return class_means(shown, y, len(sets))


def _plan(
    own: Tensor, half: int, level: Tensor, usual: Tensor, draws: int, generator: Generator
) -> _Driven:
    """Halves of an ensemble, and the random sets beside them."""
    units = own.nonzero().squeeze(1)
    keys = uniform((draws, len(units)), generator, own.device)
    halves = torch.zeros(draws, len(own), dtype=torch.bool, device=own.device)
    halves.scatter_(1, units[keys.argsort(1)[:, :half]], True)
    kinds = [halves]
    for activity in (None, usual):
        sets = [
            control_sets(mask, 1, generator=generator, activity=activity, among=~own)
            for mask in halves
        ]
        kinds.append(torch.cat(sets))
    masks = torch.stack(kinds)
    # levels of the half, from low to high, go to the units of a set in the order of their activity
    levels = level.expand(draws, -1)[halves].view(draws, half).sort(1).values
    values = torch.zeros(masks.shape, dtype=level.dtype, device=level.device)
    for at in (1, 2):
        chosen = torch.where(masks[at], usual, torch.inf).argsort(1)[:, :half]
        values[at].scatter_(1, chosen, levels)
    values[0] = torch.where(halves, level, 0)
    return _Driven(masks, values)


def _edits(plan: _Driven) -> list[Change]:
    pairs = zip(plan.masks.flatten(0, 1), plan.values.flatten(0, 1), strict=True)
    return [hold(mask, value) for mask, value in pairs]


def _unit_changes(
    subject: AbstractSubject,
    x: Any,
    layer: str,
    read: str,
    edits: list[Change],
    others: Tensor,
    before: Tensor,
    follow: Tensor,
) -> Tensor:
    """Change of the mean activity of each following ensemble's units, float64 [m, c]."""
    calm, found = before[others].mean(0, dtype=torch.float64), []
    for edit in edits:
        after = subject.edited({layer: edit}).activity(x, read)[others]
        change = after.mean(0, dtype=torch.float64) - calm
        free = follow & ~edit.units if layer == read else follow
        found.append(mean_level(free, change))
    return torch.stack(found)


def _answer_changes(
    subject: AbstractSubject, x: Any, layer: str, edits: list[Change], others: Tensor, c: int
) -> Tensor:
    """Change of the share of items taken for each class, float64 [m, c]."""
    calm = Change(edits[0].units & False, 0.0, 0.0)
    answers = subject.predict_each(x, layer, [calm, *edits]).to(others.device)[:, others]
    rows = [torch.bincount(row, minlength=c)[:c] for row in answers]
    shares = torch.stack(rows).to(torch.float64) / answers.shape[1]
    return shares[1:] - shares[:1]
