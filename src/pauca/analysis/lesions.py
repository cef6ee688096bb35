"""What breaks when an ensemble is silenced, and whether it would with any other units too."""

from dataclasses import dataclass
from math import nan
from typing import Any, Generic

import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from pauca.analysis._arrays import Array, classes, like, tensor
from pauca.analysis._draws import permutations
from pauca.analysis._members import class_rates, fitting_sets
from pauca.analysis.controls import (
    Against,
    against,
    compared,
    empty_effects,
    matching_levels,
    mean_level,
    share_as_high,
)
from pauca.analysis.edits import silence
from pauca.analysis.subject import AbstractSubject
from pauca.checks import check_count
from pauca.errors import InputError
from pauca.metrics import Interval, mean_interval

__all__ = ["Dominance", "LesionMatrix", "dominance", "lesion_matrix"]


@dataclass(frozen=True, eq=False)
class LesionMatrix(Generic[Array]):
    """Accuracy lost on class k (column) when the ensemble of class j (row) is silent.

    Args:
        base: Accuracy on each class with all units, float [c]; NaN for a class without items.
        drop: base - accuracy without the ensemble, float [c, c], from -1 to 1; NaN in the row of an
            empty ensemble.
        size: Units of each ensemble, int64 [c].
        activity: Mean activity of a unit in each ensemble, float [c].
        by_size: Against random sets of the same size.
        by_activity: Against random sets of the same size and about the same activity.
        draws: Random sets of each kind for each ensemble.
    """

    base: Array
    drop: Array
    size: Array
    activity: Array
    by_size: Against[Array]
    by_activity: Against[Array]
    draws: int


@dataclass(frozen=True)
class Dominance:
    """How much an effect is on an ensemble's own class rather than on others.

    Intervals take ensembles as independent repetitions; those of one net are not quite, so the
    interval over trained nets is the one to quote where there are several.

    Args:
        own: Mean of the diagonal.
        others: Mean over ensembles of their mean elsewhere.
        difference: Mean over ensembles of diagonal less mean elsewhere.
        p: Of that difference if it did not matter which class an ensemble is said to belong to:
            one-sided, by permutation of the rows.
        ensembles: How many rows are defined.
    """

    own: Interval
    others: Interval
    difference: Interval
    p: float
    ensembles: int


def lesion_matrix(
    subject: AbstractSubject,
    x: Any,
    labels: Tensor | NDArray[Any],
    members: Array,
    *,
    layer: str,
    generator: Generator,
    draws: int = 20,
    activity: Tensor | NDArray[Any] | None = None,
) -> LesionMatrix[Array]:
    """Silence the ensemble of each class in turn and ask every class.

    An ensemble is compared with ``draws`` random sets of other units of its size, and with as many
    of its size and activity. All answers of one layer, 1 + c (1 + 2 draws) of them for each item,
    are asked for at once, so what lies below the layer may be computed once. Ensembles should come
    from other items than those asked here.

    Args:
        subject: Whose units are silenced.
        x: n items.
        labels: Their classes, int64 [n].
        members: Ensembles in the layer, bool [c, u]; a row without members is passed over.
        layer: Which.
        generator: Draws the random sets.
        draws: How many of each kind; the lowest p there can be is 1 / (draws + 1).
        activity: What the activity of random sets is matched to, float [u], or [c, u] for one a
            class (such as activity on the class itself). By default the mean over x under the
            neutral label.

    Raises:
        UnknownNameError: no such layer.
        InputError: sizes that differ; labels of classes that ``members`` does not have.
    """
    check_count(draws, "draws", least=1)
    shown = subject.activity(x, layer)
    y, c = classes(labels, len(shown), least=1)
    sets = fitting_sets(members, shown.shape[1], c).to(shown.device)
    levels = matching_levels(shown, sets, activity)
    controls = compared(sets, levels, draws, generator)
    # nothing silent; then each ensemble and its random sets, [m, u]
    masks = [sets[:1] & False]
    for own, random in zip(sets, controls, strict=True):
        masks.extend((own[None], random[0], random[1]))
    answers = subject.predict_each(x, layer, [silence(mask) for mask in torch.cat(masks)])
    rates = class_rates(answers == y.to(answers.device), y, len(sets)).to(shown.device)
    lost, (drop, drawn, level) = rates[:1] - rates[1:], empty_effects(len(sets), draws, rates)
    start = 0
    for row, (own, random) in enumerate(zip(sets, controls, strict=True)):
        count = random.shape[1]
        if own.any():
            drop[row] = lost[start]
        if count:
            drawn[:, :, row] = lost[start + 1 : start + 1 + 2 * count].view(2, count, -1)
            level[:, row] = mean_level(random, levels[row]).mean(1)
        start += 1 + 2 * count
    return LesionMatrix(
        base=like(rates[0], members),
        drop=like(drop, members),
        size=like(sets.sum(1), members),
        activity=like(mean_level(sets, levels), members),
        by_size=against(drop, drawn[0], level[0], members),
        by_activity=against(drop, drawn[1], level[1], members),
        draws=draws,
    )


def dominance(matrix: Any, *, generator: Generator, draws: int = 1000) -> Dominance:
    """How much the effects of ensembles lie on their own classes.

    Args:
        matrix: Effect of ensemble j on class k, float [c, c], such as ``excess``; NaN where it is
            undefined.
        generator: Draws permutations.
        draws: How many; the lowest p there can be is 1 / (draws + 1).

    Raises:
        InputError: not a square matrix.
    """
    table = tensor(matrix).detach().to(torch.float64).cpu()
    if table.ndim != 2 or table.shape[0] != table.shape[1]:
        raise InputError(
            "not a matrix of ensembles by classes",
            expected="[c, c]",
            got=list(table.shape),
            todo="pass what a lesion of each ensemble does to each class: one row an ensemble",
        )
    check_count(draws, "draws", least=1)
    columns = ~table.isnan().all(0)
    rest = columns.sum() - 1
    sums = table[:, columns].sum(1)  # NaN where any class is undefined
    own = table.diagonal()
    kept = ~(sums + own).isnan() & (rest > 0)
    at = kept.nonzero().squeeze(1)
    table, sums, own = table[at][:, at], sums[at], own[at]
    others = (sums - own) / rest
    p = nan
    if len(at) > 1:
        order = permutations(draws, len(at), generator, at.device)
        said = table[torch.arange(len(at)), order]  # [draws, r]
        drawn = (said - (sums - said) / rest).mean(1)
        p = float(share_as_high((own - others).mean(), drawn))
    return Dominance(_mean(own), _mean(others), _mean(own - others), p, len(at))


def _mean(values: Tensor) -> Interval:
    return mean_interval(values) if len(values) else Interval(nan, nan, nan, 0)
