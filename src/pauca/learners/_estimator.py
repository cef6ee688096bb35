"""A Forward-Forward learner as a scikit-learn classifier, on NumPy arrays.

The name begins with an underscore so that looking for learners does not import scikit-learn.
"""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor

from pauca import rng
from pauca.data.augment import Normalise, Pipeline, Standardise, ToFloat
from pauca.data.dataset import Task
from pauca.errors import InputError
from pauca.learners.base import AbstractLearner, make_learner

__all__ = ["ArrayError", "ForwardForwardClassifier"]

_LEAST_STD = 1e-6


class ArrayError(InputError, ValueError):
    """An error in what the user gives, known to scikit-learn as a ValueError."""


class ForwardForwardClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Layers that learn from their own goodness, with fit, predict and predict_proba.

    Items are rows of numbers, float [n, d], standardised by the training items; or images, uint8
    [n, h, w], [n, h, w, c] or [n, c, h, w] with 1 or 3 channels, normalised by channel. Labels may
    be of any type that scikit-learn takes. The same ``random_state`` gives the same weights.

    Attributes:
        classes_: Labels, sorted.
        n_features_in_: Numbers of an item (of a row of the array).
        learner_: The trained learner, with ``activations`` and ``outputs`` for a closer look.
        history_: What ``FitReport.history`` says of the training.

    Args:
        learner: ``forward-forward``, or ``bp-ff`` for backpropagation of the same goodness.
        recipe: Named settings; every further one that is None is the recipe's.
        widths: Units of each layer, input side first, or layers by name with settings.
        goodness: Of a layer's activity: a name, or a name with settings.
        loss: Of the goodness of positives and negatives.
        label: How a label is written into an item.
        negatives: What is wrong about a negative.
        normalisation: Of what a layer reads.
        schedule: Which layers learn when.
        readout: How a label is decided.
        epochs: Passes over the items.
        steps: Optimiser steps of all layers together; either this or epochs.
        rate: Adam's rate at its highest.
        batch: Items a step.
        decay: ``constant``, ``linear`` or ``cosine``.
        warmup: Part of the steps in which the rate rises.
        weight_decay: Decoupled decay of the weights.
        average: Decay a step of the running mean of the weights that predicts; 0 for none.
        dropout: Part of the activity that a deeper layer does not see while it learns.
        item_dropout: Part of an item that the first layer does not see while it learns.
        adversarial: Part of its length by which an item is moved to raise the first layer's loss.
        peer: Weight of peer normalisation.
        shift: Pixels by which images are moved at random while learning.
        pixels: ``task`` for normalised channels, ``unit`` for grey levels in [0, 1], ``centred``
            for these less the mean training image.
        shortlist: As the learner's.
        calibration: ``cross-fit`` or ``held-out``: probabilities as sure as they are right.
        speed: As the learner's: short cuts, none of which changes what is learned.
        device: Where to compute.
        random_state: Seed, a NumPy generator, or None for numpy's own.
    """

    def __init__(
        self,
        learner: str = "forward-forward",
        *,
        recipe: str = "quick",
        widths: Any = None,
        goodness: Any = None,
        loss: Any = None,
        label: Any = None,
        negatives: Any = None,
        normalisation: Any = None,
        schedule: Any = None,
        readout: Any = None,
        epochs: int | None = None,
        steps: int | None = None,
        rate: float | None = None,
        batch: int | None = None,
        decay: str | None = None,
        warmup: float | None = None,
        weight_decay: float | None = None,
        average: float | None = None,
        dropout: float | None = None,
        item_dropout: float | None = None,
        adversarial: float | None = None,
        peer: float | None = None,
        shift: int | None = None,
        pixels: str | None = None,
        shortlist: int | None = None,
        calibration: Any = None,
        speed: Any = None,
        device: str = "cpu",
        random_state: Any = None,
    ) -> None:
        # scikit-learn wants every argument kept as it came, under its own name
        for name, value in locals().copy().items():
            if name not in ("self", "__class__"):
                setattr(self, name, value)

    def __sklearn_tags__(self) -> Any:
        """Rows of numbers and images; more than one class."""
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Learn from n labelled items.

        Args:
            X: float [n, d], or uint8 images.
            y: n labels.

        Raises:
            ValueError: fewer than two classes, sizes that differ, NaN, targets of a regression.
            InputError: items that cannot carry their label, numbers out of range.
            UsageError: choices that make no sense together.
        """
        items, labels = self._labelled(X, y)
        check_classification_targets(labels)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise ArrayError(
                "Classifier can't train when only one class is present",
                expected="at least two classes",
                got=len(self.classes_),
            )
        self.shape_, x = tuple(items.shape[1:]), torch.from_numpy(items)
        self.learner_ = self._made(x, len(self.classes_))
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        report = self.learner_.fit(
            x, torch.from_numpy(codes.astype(np.int64)), generator=rng.generator_from(int(seed))
        )
        self.history_ = [dict(record) for record in report.history]
        return self

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """The likeliest label of each item, [n]."""
        best = self.predict_proba(X).argmax(1)
        chosen: NDArray[Any] = self.classes_[best]
        return chosen

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Probability of each label in the order of ``classes_``, float [n, c]."""
        check_is_fitted(self, "learner_")
        x = torch.from_numpy(self._items(X, reset=False))
        probs = self.learner_.outputs(x, torch.arange(len(x))).mean_probs
        found = probs.double().cpu().numpy()
        shares: NDArray[np.float64] = found / found.sum(1, keepdims=True)
        return shares

    def __getstate__(self) -> dict[str, Any]:
        """Everything; of the learner its task and its state."""
        kept = dict(super().__getstate__())
        if "learner_" in kept:
            learner = kept.pop("learner_")
            kept["_kept"] = (learner.task, learner.state())
        return kept

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        """Put back what ``__getstate__`` gave."""
        known = dict(state)
        task, found = known.pop("_kept", (None, None))
        super().__setstate__(known)
        if task is not None:
            self.learner_ = self._learner(task)
            self.learner_.load_state(found)

    def _labelled(self, X: ArrayLike, y: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
        if _is_image(X):
            labels = np.asarray(y)
            if labels.ndim != 1 or len(labels) != len(np.asarray(X)):
                raise ArrayError(
                    "labels do not fit", expected=f"[{len(np.asarray(X))}]", got=labels.shape
                )
            return self._items(X, reset=True), labels
        rows, labels = validate_data(self, X, y, dtype=np.float32)
        return rows, labels

    def _items(self, X: ArrayLike, *, reset: bool) -> NDArray[Any]:
        """Stored items: float32 [n, d] or uint8 [n, c, h, w]."""
        if not _is_image(X):
            if not reset and len(self.shape_) == 3:
                raise ArrayError(
                    "items have the wrong shape",
                    expected=f"uint8 images {list(self.shape_)}",
                    got=list(np.shape(X)),
                )
            rows: NDArray[Any] = validate_data(self, X, reset=reset, dtype=np.float32)
            return rows
        images = _channels_first(np.asarray(X))
        if reset:
            self.n_features_in_ = int(np.prod(np.shape(X)[1:]))
        elif images.shape[1:] != self.shape_:
            raise ArrayError(
                "items have the wrong shape", expected=list(self.shape_), got=list(images.shape[1:])
            )
        return images

    def _made(self, x: Tensor, classes: int) -> AbstractLearner:
        image = x.ndim == 4
        transform = _normalised(x) if image else Pipeline((Standardise.of(x),))
        names = tuple(map(str, range(classes)))
        shape = tuple(x.shape[1:])
        task = Task("array", "image" if image else "table", shape, names, transform, transform)
        return self._learner(task)

    def _learner(self, task: Task) -> AbstractLearner:
        """With what was chosen; what was left out is the recipe's."""
        own = ("learner", "device", "random_state")
        given = self.get_params(deep=False).items()
        chosen = {name: value for name, value in given if name not in own and value is not None}
        return make_learner(self.learner, task=task, device=self.device, **chosen)


def _is_image(x: ArrayLike) -> bool:
    return getattr(x, "dtype", None) == np.uint8 and np.ndim(x) in (3, 4)


def _channels_first(x: NDArray[Any]) -> NDArray[Any]:
    """uint8 [n, h, w], [n, h, w, c] or [n, c, h, w] -> [n, c, h, w]."""
    if x.ndim == 3:
        x = x[:, None]
    elif x.shape[1] not in (1, 3):
        if x.shape[3] not in (1, 3):
            raise ArrayError(
                "images have the wrong form",
                expected="[n, h, w], [n, h, w, c] or [n, c, h, w], with 1 or 3 channels",
                got=list(x.shape),
            )
        x = x.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(x)


def _normalised(x: Tensor) -> Pipeline:
    """Mean 0 and deviation 1 of each channel over the training images, by way of a histogram."""
    means, stds = [], []
    for channel in range(x.shape[1]):
        counts = torch.bincount(x[:, channel].flatten().int(), minlength=256).double()
        shares, levels = counts / counts.sum(), torch.arange(256, dtype=torch.float64) / 255
        mean = float((shares * levels).sum())
        means.append(mean)
        stds.append(max(float((shares * (levels - mean).square()).sum().sqrt()), _LEAST_STD))
    return Pipeline((ToFloat(), Normalise(tuple(means), tuple(stds))))
