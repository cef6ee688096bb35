"""A Forward-Forward learner as a scikit-learn classifier, on NumPy arrays.

The name begins with an underscore so that looking for learners does not import scikit-learn.
"""

import warnings
from collections.abc import Mapping
from copy import deepcopy
from typing import Any, NamedTuple, Self

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
_PRECISE = (np.float64, np.float32)
"""Rows stay as precise as they come until they are standardised; all but these become the first."""


class ArrayError(InputError, ValueError):
    """An error in what the user gives, known to scikit-learn as a ValueError."""


class _Form(NamedTuple):
    """How a learner was made, whatever the parameters have become since."""

    learner: str
    device: str
    settings: Mapping[str, Any]

    def made(self, task: Task) -> AbstractLearner:
        """A learner of this form for the task."""
        return make_learner(self.learner, task=task, device=self.device, **deepcopy(self.settings))


class ForwardForwardClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Layers that learn from their own goodness, with fit, predict and predict_proba.

    Items are rows of numbers, [n, d], standardised by the training items in double precision before
    they become float32; or images, uint8 [n, h, w], [n, h, w, c] or [n, c, h, w] with 1 or 3
    channels, normalised by channel. Labels may be of any type that scikit-learn takes. The same
    ``random_state`` gives the same weights. What is fitted stays as it was fitted, copied and saved
    too, when parameters are set anew; these count at the next ``fit``.

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
            X: Numbers [n, d], or uint8 images.
            y: n labels.

        Raises:
            ValueError: fewer than two classes, sizes that differ, NaN, numbers that are too large
                to be standardised, targets of a regression.
            InputError: items that cannot carry their label, numbers out of range.
            UsageError: choices that make no sense together.
        """
        items, labels = self._labelled(X, y)
        check_classification_targets(labels)
        names, codes = np.unique(labels, return_inverse=True)
        if len(names) < 2:
            raise ArrayError(
                "Classifier can't train when only one class is present",
                expected="at least two classes",
                got=len(names),
                todo="add labelled items of another class",
            )
        x, form = _tensor(items), self._form()
        learner = form.made(_task(x, len(names)))
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        report = learner.fit(
            x, torch.from_numpy(codes.astype(np.int64)), generator=rng.generator_from(int(seed))
        )
        self.classes_, self.shape_ = names, tuple(items.shape[1:])
        self.learner_, self._fitted_form = learner, form
        self.history_ = [dict(record) for record in report.history]
        return self

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """The likeliest label of each item, [n]."""
        best = self.predict_proba(X).argmax(1)
        chosen: NDArray[Any] = self.classes_[best]
        return chosen

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Probability of each label in the order of ``classes_``, float [n, c].

        Raises:
            ValueError: another number of features, NaN, rows so far from the training items that
                they cannot be standardised.
        """
        check_is_fitted(self, "learner_")
        x = _tensor(self._items(X, reset=False))
        probs = self.learner_.outputs(x, torch.arange(len(x))).mean_probs
        found = probs.double().cpu().numpy()
        shares: NDArray[np.float64] = found / found.sum(1, keepdims=True)
        return shares

    def __getstate__(self) -> dict[str, Any]:
        """Everything; of the learner its form, its task and its state."""
        kept = dict(super().__getstate__())
        if "learner_" in kept:
            learner = kept.pop("learner_")
            kept["_kept"] = (learner.task, learner.state())
        return kept

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        """Put back what ``__getstate__`` gave: as it was fitted, with the parameters of now."""
        known = dict(state)
        task, found = known.pop("_kept", (None, None))
        super().__setstate__(known)
        if task is not None:
            # what was saved before forms were kept is read by the parameters
            form: _Form = getattr(self, "_fitted_form", None) or self._form()
            self.learner_ = form._replace(device=_device_here(form.device)).made(task)
            self.learner_.load_state(found)

    def _labelled(self, X: ArrayLike, y: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
        if _is_image(X):
            labels = np.asarray(y)
            if labels.ndim != 1 or len(labels) != len(np.asarray(X)):
                raise ArrayError(
                    "labels do not fit", expected=f"[{len(np.asarray(X))}]", got=labels.shape
                )
            return self._items(X, reset=True), labels
        rows, labels = validate_data(self, X, y, dtype=_PRECISE)
        return rows, labels

    def _items(self, X: ArrayLike, *, reset: bool) -> NDArray[Any]:
        """Stored items: float64 or float32 [n, d], or uint8 [n, c, h, w]."""
        if not _is_image(X):
            if not reset and len(self.shape_) == 3:
                raise ArrayError(
                    "items have the wrong shape",
                    expected=f"uint8 images {list(self.shape_)}",
                    got=list(np.shape(X)),
                )
            rows: NDArray[Any] = validate_data(self, X, reset=reset, dtype=_PRECISE)
            if not reset:
                _check_near(rows, self.learner_.task)
            return rows
        images = _channels_first(np.asarray(X))
        if reset:
            self.n_features_in_ = int(np.prod(np.shape(X)[1:]))
        elif images.shape[1:] != self.shape_:
            raise ArrayError(
                "items have the wrong shape", expected=list(self.shape_), got=list(images.shape[1:])
            )
        return images

    def _form(self) -> _Form:
        """With what is chosen now; what is left out is the recipe's."""
        own = ("learner", "device", "random_state")
        given = self.get_params(deep=False).items()
        chosen = {name: value for name, value in given if name not in own and value is not None}
        return _Form(self.learner, self.device, deepcopy(chosen))


def _task(x: Tensor, classes: int) -> Task:
    image = x.ndim == 4
    transform = _normalised(x) if image else _standardised(x)
    names = tuple(map(str, range(classes)))
    return Task(
        "array", "image" if image else "table", tuple(x.shape[1:]), names, transform, transform
    )


def _standardised(x: Tensor) -> Pipeline:
    """By mean and deviation of each column over the training rows, in double precision."""
    try:
        return Pipeline((Standardise.of(x),))
    except InputError:
        raise ArrayError(
            "rows hold numbers that are too large to be standardised",
            expected="columns whose standard deviation is finite in double precision",
            got=f"magnitudes up to {float(x.abs().max()):.3g}",
            todo="scale the columns, or take their logarithm",
        ) from None


def _check_near(rows: NDArray[Any], task: Task) -> None:
    """Refuse rows that are infinite in float32 once they are standardised, as training rows are."""
    ends = torch.from_numpy(np.stack([rows.min(0), rows.max(0)]))
    far = ~torch.isfinite(task.evaluate(ends, None)).all(0)
    if bool(far.any()):
        raise ArrayError(
            "rows are too far from the training rows to be standardised, or too large for float32",
            expected="numbers on the scale of the training rows",
            got=f"magnitudes up to {float(np.abs(rows).max()):.3g}",
            where=f"column {int(far.nonzero()[0])}",
            todo="give these rows the units that the training rows have",
        )


def _device_here(name: str) -> str:
    """The device that a classifier was fitted on, or the CPU where there is none such."""
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError):  # how torch says that it was built without, or has none
        warnings.warn(
            f"this classifier was fitted on {name!r}, which is not here; it answers on the CPU",
            stacklevel=3,
        )
        return "cpu"
    return name


def _is_image(x: ArrayLike) -> bool:
    return getattr(x, "dtype", None) == np.uint8 and np.ndim(x) in (3, 4)


def _tensor(items: NDArray[Any]) -> Tensor:
    """Shared where torch can: it takes neither negative strides nor what may only be read."""
    return torch.from_numpy(np.require(items, requirements=("C", "W")))


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
