"""Training on the labels so far, and what can honestly be said of it.

What is said of the whole pool rests on the random sample alone (``choosing``): items chosen by a
strategy are harder or odder than the rest. Every item is predicted by models that were not trained
on it (cross-validation), so that no label is set aside.
"""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pauca.label.model import fit_temperature, tempered
from pauca.learners import AbstractLearner
from pauca.learners.base import Progress
from pauca.metrics import (
    accuracy,
    ece,
    label_saving,
    nll,
    paired_difference,
    wilson_interval,
)
from pauca.rng import Streams

__all__ = ["LEAST_RANDOM", "Assessment", "Fitted", "Material", "assess", "fit"]

LEAST_RANDOM = 20
"""Random items with a label from which their accuracy is told."""

_LEAST_SAVING = 40
_LEAST_CALIBRATION = 100
_CURVE = (0.25, 0.5)
_POINTS = 4
_DRAWS = 1000

Make = Callable[[], AbstractLearner]


@dataclass(frozen=True, eq=False)
class Material:
    """Labelled items in the order in which they were labelled.

    Args:
        x: Their features, float [m, d].
        y: Columns of their classes, int64 [m].
        random: Whether each belongs to the random sample, bool [m].
        given: Whether the data came with its label, bool [m].
        c: Number of classes.
        folds: Parts of the cross-validation.
        seed: Of the project.
    """

    x: Tensor
    y: Tensor
    random: NDArray[np.bool_]
    given: NDArray[np.bool_]
    c: int
    folds: int
    seed: int

    @property
    def m(self) -> int:
        """How many."""
        return len(self.y)


@dataclass(frozen=True, eq=False)
class Fitted:
    """A learner trained on everything, and cross-validated.

    Args:
        learner: Trained.
        probs: Probabilities of each item by a model that did not see it, float64 [m, c]; None with
            a single item.
        temperature: That brings these to the labels.
        seconds: What it took.
    """

    learner: AbstractLearner
    probs: Tensor | None
    temperature: float
    seconds: float


@dataclass(frozen=True)
class Assessment:
    """What is known of a model.

    Args:
        labels: Labelled items that it learned from.
        random: Those of the random sample among them.
        accuracy: Share of the pool that it gets right, with Wilson's interval: ``value``, ``low``,
            ``high``, ``n``; None with fewer than 20 random items.
        chosen: Cross-validated accuracy over all labelled items, the hard ones that a strategy
            chose included; says nothing of the pool. None with a single item.
        temperature: Of its probabilities.
        nll: Negative log-likelihood of a label before and after tempering, cross-validated.
        ece: Expected calibration error before and after.
        calibrated_on: "random sample" or "all labelled items".
        curve: Accuracy on the random sample after a part of the labels: ``labels``, ``value``,
            ``low``, ``high``.
        gain: What the later half of the labels brought on the same items: ``labels`` at half,
            ``value``, ``low``, ``high``; None where it cannot be told.
        saving: Labels that random choice needs over those that were needed: ``ratio``, ``low``,
            ``high``, ``bound``, ``value`` (the accuracy), ``labels``, ``random_labels``, ``up_to``;
            or ``reason``, why it cannot be told.
        seconds: What training and assessment took.
    """

    labels: int
    random: int
    accuracy: dict[str, Any] | None
    chosen: float | None
    temperature: float
    nll: tuple[float, float] | None
    ece: tuple[float, float] | None
    calibrated_on: str | None
    curve: tuple[dict[str, Any], ...]
    gain: dict[str, Any] | None
    saving: dict[str, Any]
    seconds: float

    def plain(self) -> dict[str, Any]:
        """Values that JSON holds."""
        return asdict(self)


def fit(data: Material, make: Make, progress: Progress | None = None) -> Fitted:
    """Train on all items, cross-validate, and find the temperature.

    The temperature is that of the random sample where it has 100 items, else that of all labelled
    items, which were chosen because they are hard: confidence then errs to the low side.
    """
    begun = time.perf_counter()
    streams = Streams(data.seed)
    learner = make()
    learner.fit(data.x, data.y, generator=streams.generator("model", 0), progress=None)
    _tell(progress, 1 / (1 + data.folds))
    if data.m < 2:
        return Fitted(learner, None, 1.0, time.perf_counter() - begun)
    folds = _folds(data)
    probs = torch.empty(data.m, data.c, dtype=torch.float64)
    for fold in range(data.folds):
        out = folds == fold
        if out.any() and not out.all():
            probs[out] = _predicted(data, make, ~out, out, streams, 1 + fold)
        _tell(progress, (2 + fold) / (1 + data.folds))
    used = torch.from_numpy(_calibrated_on(data))
    temperature = fit_temperature(probs[used], data.y[used])
    return Fitted(learner, probs, temperature, time.perf_counter() - begun)


def assess(data: Material, fitted: Fitted, make: Make) -> Assessment:
    """What can be said of the trained learner."""
    begun = time.perf_counter()
    probs, n = fitted.probs, int(data.random.sum())
    right = None if probs is None else (probs.argmax(1) == data.y).numpy()
    known = right is not None and n >= LEAST_RANDOM
    curve, gain = _curve(data, make, right) if right is not None and known else ((), None)
    saving = _saving(data, make)
    told = _calibration(data, fitted)
    return Assessment(
        labels=data.m,
        random=n,
        accuracy=_share(right[data.random]) if right is not None and known else None,
        chosen=None if right is None else float(right.mean()),
        temperature=fitted.temperature,
        nll=told[0],
        ece=told[1],
        calibrated_on=told[2],
        curve=curve,
        gain=gain,
        saving=saving,
        seconds=fitted.seconds + time.perf_counter() - begun,
    )


def _folds(data: Material) -> NDArray[np.int64]:
    """Fold of each item, int64 [m]: within random items and others, by class, dealt out in turn."""
    order = torch.randperm(data.m, generator=Streams(data.seed).generator("outputs")).numpy()
    # lexsort's last key is the first to sort by
    dealt = order[np.lexsort((data.y.numpy()[order], data.random[order]))]
    found = np.empty(data.m, dtype=np.int64)
    found[dealt] = np.arange(data.m) % data.folds
    return found


def _predicted(
    data: Material,
    make: Make,
    train: NDArray[np.bool_],
    test: NDArray[np.bool_],
    streams: Streams,
    number: int,
) -> Tensor:
    """Probabilities of the test items by a learner of the training items, float64 [t, c]."""
    learner = make()
    rows, others = torch.from_numpy(train), torch.from_numpy(test)
    generator = streams.generator("model", number)
    learner.fit(data.x[rows], data.y[rows], generator=generator)
    asked = data.x[others]
    return learner.outputs(asked, torch.arange(len(asked))).mean_probs.cpu().double()


def _calibrated_on(data: Material) -> NDArray[np.bool_]:
    enough = data.random.sum() >= _LEAST_CALIBRATION
    return data.random if enough else np.ones(data.m, dtype=np.bool_)


def _calibration(
    data: Material, fitted: Fitted
) -> tuple[tuple[float, float] | None, tuple[float, float] | None, str | None]:
    if fitted.probs is None:
        return None, None, None
    used = _calibrated_on(data)
    rows = torch.from_numpy(used)
    before, y = fitted.probs[rows], data.y[rows]
    after = tempered(before, fitted.temperature)
    said = "all labelled items" if used.all() else "random sample"
    return (nll(y, before), nll(y, after)), (ece(y, before), ece(y, after)), said


def _share(right: NDArray[np.bool_]) -> dict[str, Any]:
    found = wilson_interval(int(right.sum()), len(right))
    return {"value": found.mean, "low": found.low, "high": found.high, "n": found.n}


def _curve(
    data: Material, make: Make, right: NDArray[np.bool_]
) -> tuple[tuple[dict[str, Any], ...], dict[str, Any] | None]:
    """Accuracy on the random sample after a part of the labels, and what the later half brought."""
    sample, folds, points = data.random, _folds(data), []
    half: NDArray[np.bool_] | None = None
    for number, part in enumerate(_CURVE):
        labels = round(part * data.m)
        if labels < max(2, data.folds):
            continue
        early = np.arange(data.m) < labels
        hit = np.zeros(data.m, dtype=np.bool_)
        for fold in range(data.folds):
            test, train = sample & (folds == fold), early & (folds != fold)
            if test.any() and train.any():
                streams = Streams(data.seed, 1 + number)
                probs = _predicted(data, make, train, test, streams, fold)
                hit[test] = (probs.argmax(1) == data.y[torch.from_numpy(test)]).numpy()
        points.append({"labels": labels, **_share(hit[sample])})
        half = hit if part == 0.5 else half
    points.append({"labels": data.m, **_share(right[sample])})
    if half is None:
        return tuple(points), None
    return tuple(points), _gain(right[sample], half[sample], points[-2]["labels"])


def _gain(now: NDArray[np.bool_], half: NDArray[np.bool_], labels: int) -> dict[str, Any]:
    """Difference of two accuracies on the same items.

    Student's interval, but never narrower than 3 / n on either side: that none of n items changed
    leaves changes in fewer than 3 of n open (with 95 %).
    """
    found = paired_difference(now.astype(float), half.astype(float))
    least = 3 / len(now)
    low = min(found.low, found.mean - least)
    high = max(found.high, found.mean + least)
    return {"labels": labels, "value": found.mean, "low": low, "high": high, "n": len(now)}


def _saving(data: Material, make: Make) -> dict[str, Any]:
    """Labels that random choice needs over those that were needed, for the same accuracy.

    In each fold of the random sample, both learn from the labels that came with the data and from m
    more: the first m that were asked for, or m of the random sample, never one of the fold. They
    are measured on the fold. So it is told up to the size of the random sample only.
    """
    pool = np.flatnonzero(data.random & ~data.given)
    n = len(pool)
    if n < _LEAST_SAVING:
        return {
            "reason": f"it cannot be told yet: {n} random items have a label, "
            f"{_LEAST_SAVING} are needed",
        }
    if n >= 0.9 * (data.m - data.given.sum()):
        return {"reason": "there is nothing to compare: nearly all labels are of random items"}
    folds = min(data.folds, n)
    most = n - math.ceil(n / folds)
    grid = sorted({max(10, round(most * 0.5**p)) for p in range(_POINTS)})
    order = torch.randperm(n, generator=Streams(data.seed).generator("noise")).numpy()
    asked = np.flatnonzero(~data.given)
    curves = np.empty((2, folds, len(grid)))
    for fold in range(folds):
        test = pool[order[fold::folds]]
        for which, line in enumerate((asked, pool[order])):
            line = line[~np.isin(line, test)]
            for at, labels in enumerate(grid):
                curves[which, fold, at] = _hits(data, make, line[:labels], test, fold)
    found = label_saving(
        grid,
        curves[0],
        curves[1],
        generator=Streams(data.seed).generator("analysis"),
        draws=_DRAWS,
    ).common
    return {
        "ratio": found.ratio,
        "low": _finite(found.low),
        "high": _finite(found.high),
        "bound": found.bound,
        "value": found.value,
        "labels": found.labels,
        "random_labels": found.baseline_labels,
        "up_to": grid[-1],
        "n": n,
    }


def _hits(
    data: Material, make: Make, more: NDArray[np.int64], test: NDArray[np.int64], fold: int
) -> float:
    """Accuracy on the test items after the given labels and some more."""
    train = np.union1d(np.flatnonzero(data.given), more)
    train = train[~np.isin(train, test)]
    learned, asked = (np.zeros(data.m, dtype=np.bool_) for _ in range(2))
    learned[train] = asked[test] = True
    probs = _predicted(data, make, learned, asked, Streams(data.seed, 100), fold)
    return accuracy(data.y[torch.from_numpy(asked)], probs.argmax(1))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _tell(progress: Progress | None, fraction: float) -> None:
    if progress is not None:
        progress(min(1.0, fraction))
