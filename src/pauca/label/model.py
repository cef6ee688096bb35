"""What was learned from the labels, with probabilities that mean what they say."""

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pauca.data.augment import Pipeline
from pauca.data.dataset import Task
from pauca.errors import DataError, UsageError
from pauca.features.base import device_of
from pauca.label.atomic import new_file
from pauca.label.classes import Classes
from pauca.learners import AbstractLearner, make_learner

__all__ = [
    "MODEL",
    "Model",
    "columns_of",
    "fit_temperature",
    "load_model",
    "make_for",
    "save_model",
    "tempered",
]

MODEL = "model.pt"
"""The file of a project's model."""

_LEAST, _MOST = 0.02, 50.0


@dataclass(frozen=True, eq=False)
class Model:
    """A trained learner and what its probabilities have to be brought to.

    Args:
        learner: Trained on features.
        classes: Id of the class of each of its columns, [c].
        temperature: By which its probabilities are tempered.
        number: Of the training, from 1.
        checked: Labelled items that cross-validation has looked at, int64 [m].
        margins: Cross-validated probability of the label less that of the likeliest other, [m].
        guesses: Id of the class that cross-validation gives, int64 [m].
    """

    learner: AbstractLearner
    classes: tuple[int, ...]
    temperature: float
    number: int
    checked: Tensor
    margins: Tensor
    guesses: Tensor

    @property
    def version(self) -> str:
        """Name and number, as in ``probe-3``."""
        return f"{self.learner.name}-{self.number}"

    def probabilities(self, x: Tensor, classes: Classes) -> Tensor:
        """Calibrated probabilities of the classes as they stand now, float64 [n, c].

        A class that was merged gives its probability to the one that it became; one that was added
        after the training has none.
        """
        probs = self.learner.outputs(x, torch.arange(len(x))).mean_probs.cpu().double()
        probs = tempered(probs, self.temperature)
        place = {cls: at for at, cls in enumerate(classes.ids)}
        into = torch.tensor([place[classes.root(cls)] for cls in self.classes])
        return torch.zeros(len(x), len(classes), dtype=torch.float64).index_add_(1, into, probs)


def make_for(
    choice: Mapping[str, Any], d: int, names: Sequence[str], device: str = "cpu"
) -> AbstractLearner:
    """A learner of classes with these names on features [n, d] that need no transform.

    Raises:
        UsageError: there is no such device, or not here.
        UnknownNameError: there is no such learner or setting.
    """
    where = device_of(device)
    try:
        torch.empty(0, device=where)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise UsageError(
            "the device is not here",
            expected="cpu, or a device that this machine and this build of torch have",
            got=f"{device!r}: {(str(error).splitlines() or [''])[0][:100]}",
            todo="name another with --device, or in project.toml",
        ) from None
    none = Pipeline()
    task = Task("labels", "embedding", (d,), tuple(names), none, none)
    settings = {key: value for key, value in choice.items() if key != "name"}
    return make_learner(choice["name"], task=task, device=device, **settings)


def tempered(probs: Tensor, temperature: float) -> Tensor:
    """Probabilities to the power of 1 / temperature, rows summing to 1; float64 [n, c].

    Above 1 they become less sure, below 1 surer; the likeliest class stays the likeliest.
    """
    logs = probs.double().clamp_min(torch.finfo(torch.float64).tiny).log()
    return (logs / temperature).softmax(1)


def fit_temperature(probs: Tensor, y: Tensor) -> float:
    """The likeliest temperature, given labels that were not trained on.

    The logarithm of the temperature has the standard normal prior: where all of few labels happen
    to be right the likelihood alone would go to 0, and every confidence to 1. From some 100 labels
    on it counts for next to nothing.

    Args:
        probs: Float [n, c].
        y: Columns, int64 [n], n >= 1.

    Returns:
        In [0.02, 50].

    Reference: Guo, Pleiss, Sun and Weinberger, ICML 2017, section 4.2; the prior is pauca's own.
    """
    from scipy.optimize import minimize_scalar

    logs = probs.double().clamp_min(torch.finfo(torch.float64).tiny).log()

    def loss(log_temperature: float) -> float:
        found = (logs / float(np.exp(log_temperature))).log_softmax(1)
        return log_temperature**2 / (2 * len(y)) - float(found.gather(1, y[:, None]).mean())

    ends = (float(np.log(_LEAST)), float(np.log(_MOST)))
    best = minimize_scalar(loss, bounds=ends, method="bounded", options={"xatol": 1e-4})
    return float(np.exp(best.x))


def save_model(folder: Path, model: Model, choice: Mapping[str, Any]) -> None:
    """Keep the model; whole or not at all."""
    kept = {
        "learner": dict(choice),
        "state": model.learner.state(),
        "classes": list(model.classes),
        "names": list(model.learner.task.classes),
        "d": model.learner.task.shape[0],
        "temperature": model.temperature,
        "number": model.number,
        "checked": model.checked,
        "margins": model.margins,
        "guesses": model.guesses,
    }
    with new_file(folder / MODEL, force=True) as draft:
        torch.save(kept, draft)


def load_model(folder: Path, device: str = "cpu") -> Model | None:
    """The model of a project, or None before the first training.

    Raises:
        DataError: the file is damaged.
    """
    path = folder / MODEL
    if not path.is_file():
        return None
    try:
        kept: Any = torch.load(path, map_location="cpu", weights_only=True)
        learner = make_for(kept["learner"], kept["d"], kept["names"], device)
        learner.load_state(kept["state"])
    except (OSError, pickle.UnpicklingError, RuntimeError, EOFError, KeyError, TypeError) as error:
        raise DataError(
            "the model cannot be read",
            got=" ".join(str(error).split())[:200] or type(error).__name__,
            where=str(path),
            todo="remove the file and train again: the labels are kept elsewhere",
        ) from None
    return Model(
        learner,
        tuple(kept["classes"]),
        kept["temperature"],
        kept["number"],
        kept["checked"],
        kept["margins"],
        kept["guesses"],
    )


def columns_of(classes: Classes, ids: NDArray[np.int64]) -> Tensor:
    """Column of each id among the active classes, int64."""
    place = {cls: at for at, cls in enumerate(classes.ids)}
    return torch.tensor([place[int(cls)] for cls in ids], dtype=torch.int64)
