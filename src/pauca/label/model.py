"""What was learned from the labels, with probabilities that mean what they say."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pauca.data.augment import Pipeline
from pauca.data.dataset import Task
from pauca.errors import DataError, PaucaError, UsageError
from pauca.features.base import device_of
from pauca.files import read_bytes, read_tensors
from pauca.label.atomic import new_file
from pauca.label.classes import Classes
from pauca.learners import AbstractLearner, learners

__all__ = [
    "MODEL",
    "Model",
    "class_probabilities",
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
_KEPT = frozenset(
    {"learner", "state", "classes", "names", "d", "temperature", "number"}
    | {"checked", "margins", "guesses"}
)


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
        choice: Name and settings of the learner.
    """

    learner: AbstractLearner
    classes: tuple[int, ...]
    temperature: float
    number: int
    checked: Tensor
    margins: Tensor
    guesses: Tensor
    choice: Mapping[str, Any] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """Name and number, as in ``probe-3``."""
        return f"{self.learner.name}-{self.number}"

    def probabilities(self, x: Tensor, classes: Classes) -> Tensor:
        """Calibrated probabilities of the classes as they stand now, float64 [n, c].

        A class that was merged gives its probability to the one that it became; one that was added
        after the training has none; that of a deleted one is shared out among the others.
        """
        return class_probabilities(
            self.learner, x, self.temperature, self.places(classes), len(classes)
        )

    def places(self, classes: Classes) -> tuple[int, ...]:
        """Place of the class that each column has become, among these; -1 where there is none."""
        place = {cls: at for at, cls in enumerate(classes.ids)}
        return tuple(place.get(classes.root(cls), -1) for cls in self.classes)


def class_probabilities(
    learner: AbstractLearner, x: Tensor, temperature: float, places: Sequence[int], c: int
) -> Tensor:
    """Calibrated probabilities of c classes, float64 [n, c].

    Args:
        learner: Trained.
        x: Features, [n, d].
        temperature: By which its probabilities are tempered.
        places: Class of each of its columns; -1 for none: what it has is shared out among others.
        c: How many classes.
    """
    probs = learner.outputs(x, torch.arange(len(x))).mean_probs.cpu().double()
    probs = tempered(probs, temperature)
    kept = [at for at, place in enumerate(places) if place >= 0]
    found = torch.zeros(len(x), c, dtype=torch.float64)
    if not kept:
        return found + 1 / max(1, c)
    into = torch.tensor([places[at] for at in kept])
    found.index_add_(1, into, probs[:, kept])
    if len(kept) == len(places):
        return found
    return found / found.sum(1, keepdim=True).clamp_min(torch.finfo(torch.float64).tiny)


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
    return learners.make(choice["name"], settings, task=task, device=device)


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


def load_model(folder: Path, device: str, features: Tensor, classes: Classes) -> Model | None:
    """The model of a project, or None before the first training.

    The file holds a sum of each of its parts, which is checked.

    Args:
        folder: The project's.
        device: Where to compute.
        features: The project's, [n, d].
        classes: The project's, as they stand.

    Raises:
        DataError: the file is damaged, or the model of another project.
    """
    path = folder / MODEL
    if not path.exists():
        return None
    what = "the model cannot be read"
    todo = f"train again: `pauca label train {folder}`; where there is no answer yet, remove it"
    if not path.is_file():
        todo = f"remove what is there, then train again: `pauca label train {folder}`"
    kept = read_tensors(read_bytes(path, what, todo), path, what, todo)
    try:
        return _model_of(kept, device, features, classes)
    except PaucaError as error:
        got = f"{error.what}: {error.got}"
    except Exception as error:  # a learner may raise anything when its state is of another form
        got = f"{type(error).__name__}: {error}"
    raise DataError(
        what,
        expected="a model that this version of pauca trained for this project",
        got=" ".join(got.split())[:300],
        where=path,
        todo=todo,
    )


def _model_of(kept: Any, device: str, features: Tensor, classes: Classes) -> Model:
    """The model from what was kept, each part of it checked.

    Raises:
        PaucaError: what the learner refuses.
        ValueError: a part is missing, or not as it should be.
    """
    if not isinstance(kept, dict) or not kept.keys() >= _KEPT:
        missing = _KEPT - (kept.keys() if isinstance(kept, dict) else set())
        raise ValueError(f"no {', '.join(sorted(missing))}")
    n, d = features.shape
    ids, names = kept["classes"], kept["names"]
    columns = [kept["checked"], kept["margins"], kept["guesses"]]
    right = {
        "d": type(kept["d"]) is int and kept["d"] == d,
        "classes": all(type(cls) is int and cls in classes.roots for cls in ids),
        "names": len(ids) == len(names) and all(isinstance(name, str) for name in names),
        "temperature": type(kept["temperature"]) is float
        and math.isfinite(kept["temperature"])
        and kept["temperature"] > 0,
        "number": type(kept["number"]) is int and kept["number"] > 0,
        "checked": all(
            isinstance(x, Tensor) and x.dim() == 1 and x.dtype == dtype and len(x) <= n
            for x, dtype in zip(columns, (torch.int64, torch.float64, torch.int64), strict=True)
        )
        and len({len(x) for x in columns}) == 1,
    }
    wrong = [name for name, fine in right.items() if not fine]
    if wrong:
        raise ValueError(f"{', '.join(wrong)} of another form or of another project")
    learner = make_for(kept["learner"], d, names, device)
    learner.load_state(kept["state"])
    choice = kept["learner"]
    return Model(learner, tuple(ids), kept["temperature"], kept["number"], *columns, choice)


def columns_of(classes: Classes, ids: NDArray[np.int64]) -> Tensor:
    """Column of each id among the active classes, int64."""
    place = {cls: at for at, cls in enumerate(classes.ids)}
    return torch.tensor([place[int(cls)] for cls in ids], dtype=torch.int64)
