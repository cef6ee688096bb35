"""A model to take away: one file that predicts on new items, without the project it came from."""

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import pauca
from pauca.errors import CapabilityError, DataError, InputError, PaucaError
from pauca.files import pack, read_bytes, unpack
from pauca.label.atomic import new_file
from pauca.label.fitting import FitState, read_fit
from pauca.label.intake import Fresh, part_of
from pauca.label.model import class_probabilities, make_for
from pauca.label.pool import PoolOptions
from pauca.label.reading import read_fresh
from pauca.learners import AbstractLearner

if TYPE_CHECKING:
    from pauca.label.project import Project

__all__ = ["Predictor", "load"]

_FORMAT, _VERSION = "pauca label model", 1
_WHAT = "the model cannot be read"
_TODO = "export it again: `pauca label export PROJECT --format model --out FILE`"
_SHOWN = 12


@dataclass(frozen=True, eq=False)
class Head:
    """What was learned on features.

    Args:
        learner: Trained.
        choice: Its name and settings.
        names: Of its columns.
        places: Class of each of its columns; -1 for none.
        temperature: Of its probabilities.
    """

    learner: AbstractLearner
    choice: Mapping[str, Any]
    names: tuple[str, ...]
    places: tuple[int, ...]
    temperature: float

    def plain(self) -> dict[str, Any]:
        """Plain values and tensors."""
        return {
            "learner": dict(self.choice),
            "state": self.learner.state(),
            "names": list(self.names),
            "places": list(self.places),
            "temperature": self.temperature,
        }

    @classmethod
    def of(cls, plain: Mapping[str, Any], d: int, c: int, device: str) -> "Head":
        """From what ``plain`` gave.

        Raises:
            Exception: whatever values of another form lead to.
        """
        names, places = tuple(plain["names"]), tuple(plain["places"])
        temperature = plain["temperature"]
        fine = (
            len(names) == len(places) >= 2
            and all(isinstance(name, str) for name in names)
            and all(type(place) is int and -1 <= place < c for place in places)
            and type(temperature) is float
            and 0 < temperature < math.inf
        )
        if not fine:
            raise ValueError("names, places or temperature of another form")
        learner = make_for(plain["learner"], d, names, device)
        learner.load_state(plain["state"])
        return cls(learner, plain["learner"], names, places, temperature)


class Predictor:
    """Classes and calibrated probabilities of new items: texts, images, rows or embeddings.

    ``pauca label export PROJECT --format model --out FILE`` writes one, ``pauca.label.load(FILE)``
    reads it; the project and its data are not needed. It passes for a fitted classifier of
    scikit-learn: it has ``classes_``, ``predict``, ``predict_proba`` and ``score``, clones as
    itself, and joblib and skops keep it. It is never trained again.

    Items are a list of texts; of paths of images, PIL images or arrays; of rows as dicts or lists;
    a DataFrame; an array of vectors or of images; a ``datasets.Dataset``.

    Attributes:
        classes_: Names of the classes, [c].
        kind: image, text, table or embedding.
        facts: What is known of the training: labels, accuracy with its interval, when, ...
    """

    _estimator_type = "classifier"

    def __init__(
        self,
        fit: FitState,
        head: Head,
        classes: Sequence[str],
        facts: Mapping[str, Any],
        device: str = "cpu",
    ) -> None:
        self.fitted, self.head, self.device = fit, head, device
        self.facts = dict(facts)
        self.classes_: NDArray[np.str_] = np.array(list(classes), dtype=np.str_)
        self.kind = fit.intake.kind

    @classmethod
    def of(cls, project: "Project") -> Self:
        """The model that a project has now.

        Raises:
            InputError: no model was trained yet.
            DataError: what the features were fitted to is not kept, or damaged.
        """
        model = project.model
        if model is None:
            raise InputError("no model was trained yet", todo="train first: `pauca label train`")
        classes, settings = project.classes, project.settings
        head = Head(
            model.learner,
            model.choice,
            tuple(model.learner.task.classes),
            model.places(classes),
            model.temperature,
        )
        fit = read_fit(project.folder)
        if fit.d != model.learner.task.shape[0]:
            raise DataError(
                "what was fitted on the items is that of other features",
                expected=f"{model.learner.task.shape[0]} numbers an item",
                got=fit.d,
                where=project.folder,
                todo="put back the file that was made with the project",
            )
        return cls(fit, head, classes.names, _facts(project), settings.device)

    def save(self, path: Path | str, *, force: bool = False) -> None:
        """Write it as one file, which ``load`` reads.

        Raises:
            UsageError: the file is there already.
        """
        with new_file(Path(path), force=force) as draft:
            draft.write_bytes(self.packed())

    def packed(self) -> bytes:
        """The bytes of the file."""
        return pack(
            {
                "format": _FORMAT,
                "version": _VERSION,
                "classes": self.classes_.tolist(),
                "facts": self.facts,
                "fit": self.fitted.plain(),
                "head": self.head.plain(),
            }
        )

    @classmethod
    def unpacked(cls, raw: bytes, where: object, device: str, encoder: Path | None = None) -> Self:
        """From the bytes of a file; see ``load``."""
        plain = unpack(raw, where, _WHAT, _TODO)
        try:
            if plain["format"] != _FORMAT or plain["version"] != _VERSION:
                raise ValueError(f"{plain['format']!r:.60} of version {plain['version']!r:.20}")
            classes, facts = plain["classes"], plain["facts"]
            if not _are_classes(classes) or not isinstance(facts, Mapping):
                raise ValueError("classes or facts of another form")
            fit = FitState.of(plain["fit"])
            fit = fit if encoder is None else fit.at(encoder)
            head = Head.of(plain["head"], fit.d, len(classes), device)
            made = cls(fit, head, classes, facts, device)
            fit.check()
            made._probabilities(torch.zeros(1, fit.d))
            made.describe()
        except Exception as error:  # values of another form may lead to any
            got = f"{error.what}: {error.got}" if isinstance(error, PaucaError) else repr(error)
            raise DataError(
                _WHAT,
                expected=f"a model that pauca {pauca.__version__} exported",
                got=" ".join(got.split())[:300],
                where=where,
                todo=_TODO,
            ) from None
        return made

    def predict(self, items: Any) -> NDArray[np.str_]:
        """Name of the likeliest class of each item, [n].

        Raises:
            InputError: none of what items can be.
            DataError: items of another kind or form than those of the pool.
        """
        found: NDArray[np.str_] = self.classes_[self.predict_proba(items).argmax(1)]
        return found

    def predict_proba(self, items: Any) -> NDArray[np.float64]:
        """Calibrated probabilities in the order of ``classes_``, float64 [n, c].

        Raises:
            InputError: none of what items can be.
            DataError: items of another kind or form than those of the pool.
        """
        if hasattr(items, "__len__") and not isinstance(items, str | bytes) and not len(items):
            return np.empty((0, len(self.classes_)))
        parts = list(self.blocks(self.fitted.intake.read(part_of(items, self.fitted.intake))))
        return np.concatenate(parts)

    def read(self, path: Path, options: PoolOptions | None = None) -> tuple[list[str], Fresh]:
        """Ids and items of a file or a folder of images; see ``read_fresh``."""
        before = self.facts.get("read")
        known = before if isinstance(before, Mapping) else {}
        return read_fresh(path, options or PoolOptions(), self.fitted.intake, known)

    def blocks(self, fresh: Fresh) -> Iterator[NDArray[np.float64]]:
        """Probabilities of items that were read, block by block."""
        for block in fresh.blocks():
            yield self._probabilities(self.fitted.features(block, self.device)).numpy()

    def describe(self) -> str:
        """What the model is, what it was trained on and how good it is, in a few lines."""
        facts, choice = self.facts, self.fitted.choice
        names = ", ".join(self.classes_[:_SHOWN])
        more = f" and {len(self.classes_) - _SHOWN} more" if len(self.classes_) > _SHOWN else ""
        settings = ", ".join(f"{key} {value}" for key, value in choice.items() if key != "name")
        lines = [
            f"model {facts.get('model', '')} of project {facts.get('project', '')!r}, made "
            f"{facts.get('trained', '')} by pauca {facts.get('pauca', '')}",
            f"items: {self.kind}; {self._reads()}",
            f"classes: {names}{more}",
            f"features: {choice['name']}{f' ({settings})' if settings else ''}, {self.fitted.d} "
            "numbers an item",
            f"learner: {self.head.choice['name']}, temperature {self.head.temperature:.2f}",
            f"labels: {facts.get('labels', 'not known')}",
            f"accuracy: {_said(facts.get('accuracy'))}",
        ]
        return "\n".join(lines)

    def to_onnx(self, path: Path | str, *, force: bool = False) -> None:
        """Write scaling and head as an ONNX graph; see ``pauca.label.onnx``.

        Raises:
            CapabilityError: a head that is no chain of linear layers; the package onnx is missing.
            UsageError: the file is there already.
        """
        from pauca.label.onnx import write_onnx

        write_onnx(self, Path(path), force=force)

    def score(self, items: Any, y: Sequence[str], sample_weight: Any = None) -> float:
        """Share of items whose class is the one that is given."""
        right = self.predict(items) == np.asarray(y).astype(np.str_)
        return float(np.average(right, weights=sample_weight))

    def fit(self, items: Any, y: Any = None) -> Self:
        """Not possible: a model that was taken away stays as it is.

        Raises:
            CapabilityError: always.
        """
        raise CapabilityError(
            "a model that was taken away is not trained again",
            expected="predict, predict_proba, score",
            got="fit",
            todo="label more and train in the project; in a pipeline of scikit-learn put it into "
            "sklearn.frozen.FrozenEstimator",
        )

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """None: nothing about it can be chosen."""
        return {}

    def set_params(self, **params: Any) -> Self:
        """Itself, where nothing is set.

        Raises:
            InputError: it has no parameters.
        """
        if params:
            raise InputError(
                "the model has no parameters", got=", ".join(params), todo="leave them out"
            )
        return self

    def __sklearn_clone__(self) -> Self:
        """Itself: there is nothing to train anew."""
        return self

    def __sklearn_is_fitted__(self) -> bool:
        """Always."""
        return True

    def __sklearn_tags__(self) -> Any:
        """A classifier of whatever items it reads."""
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags

        return Tags(
            estimator_type="classifier",
            target_tags=TargetTags(required=False),
            classifier_tags=ClassifierTags(),
            input_tags=InputTags(two_d_array=self.kind in ("table", "embedding"),
                                 string=self.kind == "text"),
        )  # fmt: skip

    def __getstate__(self) -> dict[str, Any]:
        """The bytes of the file."""
        return {"packed": np.frombuffer(self.packed(), np.uint8), "device": self.device}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        """From these bytes, checked as a file is."""
        raw = bytes(np.asarray(state["packed"], np.uint8))
        self.__dict__.update(vars(type(self).unpacked(raw, "a pickled model", state["device"])))

    def __repr__(self) -> str:
        """In one line."""
        return f"Predictor({self.kind}, {len(self.classes_)} classes, {self.fitted.d} features)"

    def _probabilities(self, x: Tensor) -> Tensor:
        head = self.head
        return class_probabilities(
            head.learner, x, head.temperature, head.places, len(self.classes_)
        )

    def _reads(self) -> str:
        plain = self.fitted.intake.plain()
        if self.kind == "text":
            return f"texts, in tables the columns {', '.join(map(repr, plain['columns']))}"
        if self.kind == "image":
            form = plain["form"]
            return f"images read at {form['height']} x {form['width']}, {form['mode']}"
        names = [repr(each["name"]) for each in plain["columns"]]
        if not names:
            return f"vectors of {plain['d']} numbers"
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        return f"columns {', '.join(names[:_SHOWN])}{more}"


def load(path: Path | str, *, device: str = "cpu", encoder: Path | str | None = None) -> Predictor:
    """A model that was taken away, ready to predict; nothing in the file is run.

    Args:
        path: The file that ``pauca label export --format model`` wrote.
        device: Where to compute.
        encoder: Folder of the backbone of features ``transformers``, where it lies elsewhere now;
            it has to be the same one.

    Raises:
        DataError: there is no such file; it is damaged, or no model.
    """
    where = Path(os.path.expanduser(path))
    raw = read_bytes(where, _WHAT, "check the path, or " + _TODO)
    return Predictor.unpacked(raw, where, device, None if encoder is None else Path(encoder))


def _facts(project: "Project") -> dict[str, Any]:
    """What is known of the training, and of where the model is from."""
    model, settings = project.model, project.settings
    assert model is not None
    found = next(each for each in project.trainings() if each.seq == model.number)
    assessed = [each for each in project.trainings() if "assessment" in each.record]
    told = assessed[-1] if assessed else None
    accuracy = None if told is None else told.record["assessment"]["accuracy"]
    return {
        "project": settings.name,
        "source": Path(settings.source.path).name,
        "model": model.version,
        "labels": found.labels,
        "trained": datetime.fromtimestamp(found.at, UTC).isoformat(timespec="seconds"),
        "accuracy": None
        if told is None or accuracy is None
        else {**accuracy, "labels": told.labels},
        "read": dict(settings.source.read or {}),
        "pauca": pauca.__version__,
    }


def _said(accuracy: Any) -> str:
    if accuracy is None:
        return "not known: `pauca label train` tells it from 20 random items with a label on"
    low, high = accuracy["low"], accuracy["high"]
    return (
        f"{100 * accuracy['value']:.1f} % ({100 * low:.1f} to {100 * high:.1f}), cross-validated "
        f"on {accuracy['n']} random items with {accuracy['labels']} labels"
    )


def _are_classes(classes: Any) -> bool:
    return (
        isinstance(classes, list)
        and len(classes) > 1
        and all(isinstance(name, str) for name in classes)
        and len(set(classes)) == len(classes)
    )
