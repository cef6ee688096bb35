"""How many labels a method saves against a baseline, with what repetitions leave open.

Sizes: r repetitions, t points of a learning curve.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from torch import Generator

from pauca.checks import check_count, typed
from pauca.errors import InputError
from pauca.metrics.arrays import Floats, as_floats, as_table, check_level
from pauca.metrics.bootstrap import resamples
from pauca.metrics.curves import check_curve

__all__ = ["LabelSaving", "Saving", "label_saving"]

_BLOCK = 256  # draws whose curves are held at once


@dataclass(frozen=True)
class Saving:
    """Labels for one value of the measure: the method's, and the baseline's.

    Args:
        value: The value that both are to reach.
        labels: Labels with which the method's mean curve reaches it.
        baseline_labels: Labels with which the baseline's does; the end of what was measured where
            ``bound`` is not "exact".
        ratio: baseline_labels / labels, > 0; above 1 the method saves labels.
        bound: "exact"; "at least": the baseline never reaches the value, so that the ratio is a
            lower bound; "at most": it has more than the value at its first point already, so that
            the ratio is an upper bound (for ``common``, "at least" also where that is so of the
            method).
        low: Lower end of the ratio's bootstrap interval; NaN with one repetition.
        high: Upper end; infinite where the draws give no bound from above.
    """

    value: float
    labels: float
    baseline_labels: float
    ratio: float
    bound: Literal["exact", "at least", "at most"]
    low: float
    high: float

    @property
    def saved(self) -> float:
        """Share of the baseline's labels that the method does without, 1 - 1 / ratio.

        Negative where the method needs more; a bound as the ratio is one.
        """
        return 1 - 1 / self.ratio


@dataclass(frozen=True)
class LabelSaving:
    """Label saving along a learning curve.

    Args:
        points: For the best mean value that the method has by each budget, [t].
        common: For the highest value that both mean curves reach: never censored from above.
        n: Repetitions r.
        level: Confidence level of the intervals.
        draws: Bootstrap draws behind them.
    """

    points: tuple[Saving, ...]
    common: Saving
    n: int
    level: float
    draws: int


class _Ratios(NamedTuple):
    """Of k studies: at the method's best value by each budget, then at the common one, [k, t + 1].

    Args:
        value: What is to be reached.
        labels: The method's labels for it.
        others: The baseline's.
        least: Least that the ratio others / labels can be.
        most: Greatest that it can be; equal to the least where it is known.
    """

    value: Floats
    labels: Floats
    others: Floats
    least: Floats
    most: Floats


@typed
def label_saving(
    labels: Any,
    curve: Any,
    baseline_curve: Any,
    *,
    generator: Generator,
    draws: int = 2000,
    level: float = 0.95,
) -> LabelSaving:
    """How many labels the baseline needs for what the method has, as a ratio at each budget.

    Curves are averaged over repetitions, replaced by their running maximum (the best so far: more
    labels never lose what was reached), and taken as straight between measured budgets. For the
    best value that the method has by a budget, both counts are the labels at which the mean curve
    first has it; so equal curves give exactly 1, on plateaus too, and exchanging the two curves
    turns ``common`` into 1 / ratio. The running maximum of noise rises a little, alike for both.

    Where the baseline does not reach the value within the study the ratio is a bound, "at least".
    The interval is the bootstrap's percentiles over repetitions, both curves keeping the same ones;
    a draw that is a bound counts at its worst: from below as that bound, from above as infinite
    (as 0 and as that bound where it is an upper one). With few repetitions it is too narrow, see
    ``bootstrap_interval``.

    Args:
        labels: Labels spent at each point, [t], t >= 2, > 0, strictly increasing, of both.
        curve: The method's value, [r, t], finite; higher is better.
        baseline_curve: The baseline's, [r, t]; row r is the same repetition.
        generator: Of the draws: the same one at the same place gives the same intervals.
        draws: Bootstrap draws, >= 1.
        level: Confidence level in (0, 1).

    Raises:
        InputError: another shape, curves of different shapes, budgets unsorted, twice the same or
            not above 0, NaN, draws below 1, a level outside (0, 1).

    Reference: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, section 13.3; running
        maximum, interpolation and bounds are pauca's own choice.
    """
    check_level(level)
    check_count(draws, "draws", least=1)
    ours = as_table(curve, "curve", "r t", least=(1, 2))
    theirs = as_table(baseline_curve, "baseline_curve", "r t", least=(1, 2))
    if ours.shape != theirs.shape:
        raise InputError(
            "curve and baseline_curve differ in shape",
            expected=list(ours.shape),
            got=list(theirs.shape),
            todo="give the repetitions and budgets that both have",
        )
    spent, _ = check_curve(labels, ours[0])
    if spent[0] <= 0:
        raise InputError(
            "labels are out of range",
            expected="> 0",
            got=f"{spent[0]:g}",
            todo="leave out points without labels",
        )
    seen = _ratios(spent, ours[None], theirs[None])
    low, high = _interval(spent, ours, theirs, generator, draws, level)
    rows = np.stack([x[0] for x in seen] + [low, high], axis=1).tolist()
    found = [
        Saving(value, labels, others, others / labels, _bound(least, most), *ends)
        for value, labels, others, least, most, *ends in rows
    ]
    return LabelSaving(tuple(found[:-1]), found[-1], len(ours), level, draws)


def _bound(least: float, most: float) -> Literal["exact", "at least", "at most"]:
    if math.isinf(most):
        return "at least"
    return "at most" if least == 0 else "exact"


def _best(curves: Floats) -> Floats:
    """Running maximum of the mean over repetitions, [k, r, t] -> [k, t]."""
    return as_floats(np.maximum.accumulate(curves.mean(1), axis=1))


def _needed(spent: Floats, best: Floats, value: Floats) -> Floats:
    """Labels at which a curve that never falls first has each value, by straight lines.

    The last budget where it never has it, the first where it begins above it.

    Args:
        spent: [t].
        best: [k, t], never falling.
        value: [k, v].
    """
    at = (best[:, None, :] < value[:, :, None]).sum(2)  # [k, v], the first point that has it
    beyond, before = at == len(spent), at == 0
    right = np.clip(at, 1, len(spent) - 1)
    low, high = (np.take_along_axis(best, place, 1) for place in (right - 1, right))
    inside = ~(beyond | before)
    part = np.divide(value - low, high - low, out=np.zeros_like(value), where=inside)
    labels = spent[right - 1] + part * (spent[right] - spent[right - 1])
    labels[beyond], labels[before] = spent[-1], spent[0]
    return as_floats(labels)


def _ratios(spent: Floats, ours: Floats, theirs: Floats) -> _Ratios:
    """Ratios of k studies from their curves, each [k, r, t]."""
    method, baseline = _best(ours), _best(theirs)
    common = np.minimum(method[:, -1:], baseline[:, -1:])
    value = np.concatenate([method, common], axis=1)
    labels, others = _needed(spent, method, value), _needed(spent, baseline, value)
    ratio = others / labels
    early = value < baseline[:, :1]  # the baseline may have had it with fewer labels
    late = (value > baseline[:, -1:]) | (value < method[:, :1])
    return _Ratios(value, labels, others, np.where(early, 0, ratio), np.where(late, np.inf, ratio))


def _interval(
    spent: Floats, ours: Floats, theirs: Floats, generator: Generator, draws: int, level: float
) -> tuple[Floats, Floats]:
    """Bootstrap interval of each ratio, low and high, each [t + 1]."""
    if len(ours) == 1:
        nothing = np.full(len(spent) + 1, np.nan)
        return nothing, nothing
    rows = resamples(len(ours), draws, generator)
    blocks = [rows[start : start + _BLOCK] for start in range(0, draws, _BLOCK)]
    found = [_ratios(spent, ours[block], theirs[block]) for block in blocks]
    least = np.sort(np.concatenate([each.least for each in found]), axis=0)
    most = np.sort(np.concatenate([each.most for each in found]), axis=0)
    # the draw just outside, as nothing lies between a number and infinity
    place = (1 - level) / 2 * (draws - 1)
    return least[math.floor(place)], most[math.ceil(draws - 1 - place)]
