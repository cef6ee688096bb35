"""How good predictions are: n items, c classes."""

from typing import Any

import numpy as np

from pauca.checks import check_positive, typed
from pauca.metrics.arrays import Floats, Ints, as_ints, as_probabilities, check_same
from pauca.metrics.calibration import Bins, bins_of

__all__ = [
    "accuracy",
    "balanced_accuracy",
    "brier",
    "ece",
    "evaluate",
    "macro_f1",
    "nll",
    "worst_group_accuracy",
]

_TINY = float(np.finfo(np.float32).tiny)


@typed
def accuracy(labels: Any, predicted: Any) -> float:
    """Share of items predicted right, in [0, 1]; higher is better.

    Args:
        labels: True classes, whole numbers [n], n >= 1.
        predicted: Predicted classes, whole numbers [n].

    Raises:
        InputError: wrong types or sizes (for the other measures here too).
    """
    y, p = _pair(labels, predicted)
    return float((y == p).mean())


@typed
def balanced_accuracy(labels: Any, predicted: Any) -> float:
    """Mean recall over the classes that ``labels`` holds, in [0, 1]; higher is better."""
    y, p = _pair(labels, predicted)
    total = np.bincount(y)
    right = np.bincount(y[y == p], minlength=len(total))
    there = total > 0
    return float((right[there] / total[there]).mean())


@typed
def macro_f1(labels: Any, predicted: Any) -> float:
    """Mean F1 over the classes that occur among labels or predictions, in [0, 1]; higher is better.

    A class that is never predicted right has F1 = 0.
    """
    y, p = _pair(labels, predicted)
    c = int(max(y.max(), p.max())) + 1
    both = np.bincount(y, minlength=c) + np.bincount(p, minlength=c)
    right = np.bincount(y[y == p], minlength=c)
    there = both > 0
    return float((2 * right[there] / both[there]).mean())


@typed
def worst_group_accuracy(labels: Any, predicted: Any, groups: Any) -> float:
    """Least accuracy among the groups that occur, in [0, 1]; higher is better.

    Reference: Sagawa, Koh, Hashimoto and Liang, ICLR 2020.
    """
    y, p = _pair(labels, predicted)
    g = as_ints(groups, "groups")
    check_same(y, g, "labels and groups")
    total = np.bincount(g)
    right = np.bincount(g[y == p], minlength=len(total))
    there = total > 0
    return float((right[there] / total[there]).min())


@typed
def nll(labels: Any, probs: Any, *, floor: float = _TINY) -> float:
    """Mean negative log-likelihood -log p(y|x) in nats; lower is better.

    Args:
        labels: True classes, whole numbers [n].
        probs: float [n, c], rows sum to 1.
        floor: Probabilities below it count as it: a float32 softmax underflows to zero, and one
            such item would make the mean infinite. The default, the least normal float32, caps an
            item at 87.3 nats.
    """
    check_positive(floor, "floor")
    y, p = _likelihoods(labels, probs)
    return float(-np.log(np.maximum(p[np.arange(len(y)), y], floor)).mean())


@typed
def brier(labels: Any, probs: Any) -> float:
    """Mean squared distance of p(.|x) from the one-hot label, in [0, 2]; lower is better.

    Reference: Brier, Monthly Weather Review 1950 (summed over classes, not halved).
    """
    y, p = _likelihoods(labels, probs)
    p[np.arange(len(y)), y] -= 1
    return float((p**2).sum(1).mean())


@typed
def ece(labels: Any, probs: Any, *, bins: int = 15, by: Bins = "width") -> float:
    """Expected calibration error in [0, 1]; lower is better.

    Items are put into ``bins`` bins by their greatest probability; the result is the mean of
    |accuracy - mean confidence| over bins, weighted by their share of items. The likeliest class of
    a tie is the first one.

    Args:
        labels: True classes, whole numbers [n].
        probs: float [n, c], rows sum to 1.
        bins: How many.
        by: ``width``: bin b holds (b/bins, (b+1)/bins]. ``mass``: equally many items in each,
            but that items equally sure share one.

    Reference: Guo, Pleiss, Sun and Weinberger, ICML 2017, eq. 3; Nguyen and O'Connor, EMNLP 2015
        (equal mass).
    """
    y, p = _likelihoods(labels, probs)
    confidence = p.max(1)
    gap = (p.argmax(1) == y) - confidence
    at = bins_of(confidence, bins, by)
    return float(np.abs(np.bincount(at, weights=gap)).sum() / len(y))


@typed
def evaluate(labels: Any, probs: Any, groups: Any = None) -> dict[str, float]:
    """All measures of one set of predictions by name; ``worst_group`` only with ``groups``.

    Args:
        labels: True classes, whole numbers [n].
        probs: float [n, c], rows sum to 1.
        groups: Group of each item, whole numbers [n], or None.
    """
    y, p = _likelihoods(labels, probs)
    predicted = p.argmax(1)
    found = {
        "accuracy": accuracy(y, predicted),
        "balanced_accuracy": balanced_accuracy(y, predicted),
        "macro_f1": macro_f1(y, predicted),
        "nll": nll(y, p),
        "brier": brier(y, p),
        "ece": ece(y, p),
    }
    if groups is not None:
        found["worst_group"] = worst_group_accuracy(y, predicted, groups)
    return found


def _pair(labels: Any, predicted: Any) -> tuple[Ints, Ints]:
    y, p = as_ints(labels, "labels"), as_ints(predicted, "predicted")
    check_same(y, p, "labels and predicted")
    return y, p


def _likelihoods(labels: Any, probs: Any) -> tuple[Ints, Floats]:
    y = as_ints(labels, "labels")
    return y, as_probabilities(probs, y)
