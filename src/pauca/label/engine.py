"""The part of a project that chooses, learns and predicts; one at a time, whoever asks."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pauca.errors import InputError
from pauca.label.atomic import SUMS, check_sums, keep_sums
from pauca.label.book import Book, Training
from pauca.label.choosing import Situation, choose, sample_size
from pauca.label.classes import Classes
from pauca.label.duplicates import (
    duplicates_file,
    find_groups,
    members_of,
    read_groups,
    write_groups,
)
from pauca.label.fitting import FIT
from pauca.label.items import ANEW
from pauca.label.labels import Disagreement, Labels, labels_of
from pauca.label.locking import FolderLock
from pauca.label.model import MODEL, Model, columns_of, load_model, make_for, save_model
from pauca.label.parts import LivePool, PoolKeeper, files_of, open_pool
from pauca.label.settings import ProjectSettings
from pauca.label.training import Fitted, Material, assess, fit
from pauca.learners import AbstractLearner
from pauca.learners.base import Progress
from pauca.strategies import AbstractStrategy, strategies

__all__ = ["Engine", "Predictions", "check_files"]

_BLOCK = 2**22  # features that are predicted from at once


@dataclass(frozen=True, eq=False)
class Predictions:
    """What the model says of n items.

    Args:
        item: int64 [n].
        cls: Id of the likeliest class of each, int64 [n].
        confidence: Its calibrated probability, float64 [n].
        probs: Those of all classes as they stand, float64 [n, c].
    """

    item: NDArray[np.int64]
    cls: NDArray[np.int64]
    confidence: NDArray[np.float64]
    probs: NDArray[np.float64]


class Engine:
    """Chooses batches, trains and predicts for one project.

    Args:
        folder: The project's.
        settings: The project's.
        book: The account.
    """

    def __init__(self, folder: Path, settings: ProjectSettings, book: Book) -> None:
        self.folder, self.settings, self.book = folder, settings, book
        self._pools = PoolKeeper(self._open_pool, book)
        self._choosing = FolderLock(folder / "choosing.lock")
        self._training = FolderLock(folder / "training.lock")
        self._lock = RLock()
        self._model: tuple[tuple[int, int], Model] | None = None
        self._groups: NDArray[np.int32] | None = None

    def _open_pool(self) -> LivePool:
        def check(additions: int) -> None:
            check_files(self.folder, self.settings.duplicates, additions)

        return open_pool(self.folder, self.settings, self.book, check)

    @property
    def pool(self) -> LivePool:
        """The pool as it is now; ask after the account was read, and all its items are there."""
        return self._pools.now

    @property
    def choosing(self) -> FolderLock:
        """Held while a batch is chosen, and while the pool changes."""
        return self._choosing

    @property
    def features(self) -> Tensor:
        """Of all items, those that were removed among them, float32 [n, d]."""
        return self.pool.features

    @property
    def n(self) -> int:
        """Numbers of items, those that were removed among them."""
        return self.pool.n

    @property
    def labels(self) -> Labels:
        """One class an item."""
        return labels_of(*self.book.moment())

    @cached_property
    def strategy(self) -> AbstractStrategy:
        """The project's."""
        settings = {k: v for k, v in self.settings.strategy.items() if k != "name"}
        return strategies.make(self.settings.strategy["name"], settings)

    def learner(self, classes: Classes) -> AbstractLearner:
        """A new one of the project's kind, for these classes."""
        d = self.features.shape[1]
        return make_for(self.settings.learner, d, classes.names, self.settings.device)

    def fill(self, missing: Callable[[], int]) -> int:
        """Choose as many items as are missing and put them into the queue; how many were added.

        Args:
            missing: Asked once nobody else chooses.
        """
        with self._choosing.held():
            k = missing()
            if k < 1:
                return 0
            standing, classes = self.book.moment()
            now = self.situation(labels_of(standing, classes), classes)
            picks = choose(now, k, self.strategy, lambda: self.learner(classes))
            return self.book.ask(picks, now.round) if picks else 0

    def situation(self, labels: Labels, classes: Classes) -> Situation:
        """All that the next choice depends on."""
        asked, round_ = self.book.asked()
        closed, pool = self.book.closed(), self.pool
        return Situation(
            x=pool.features,
            labelled=labels.item,
            y=columns_of(classes, labels.cls),
            c=len(classes),
            closed=closed,
            asked=asked,
            round=round_,
            seed=self.settings.seed,
            share=self.settings.random_share,
            candidates=self.settings.candidates,
            cold_labels=self.settings.cold_labels,
            groups=self.known_groups(),
            order=pool.order,
        )

    def train(self, *, assessed: bool, progress: Progress | None) -> Training:
        """Train on the labels so far, calibrate, and keep model and findings.

        Raises:
            InputError: fewer than two classes, or no label.
        """
        with self._training.held():
            additions = self.pool.version.additions
            check_files(self.folder, self.settings.duplicates, additions, whole=True)
            standing, classes = self.book.moment()
            labels = labels_of(standing, classes)
            _check(labels, classes)
            data = self._material(labels, classes)

            def make() -> AbstractLearner:
                return self.learner(classes)

            fitted = fit(data, make, progress)
            record: dict[str, Any] = {"temperature": fitted.temperature}
            if assessed:
                record["assessment"] = assess(data, fitted, make).plain()
            number = self.book.keep_training(standing.last, labels.m, record)
            model = _model_of(fitted, number, labels, data.y, classes)
            save_model(self.folder, model, self.settings.learner)
            return self.book.trainings()[-1]

    @property
    def model(self) -> Model | None:
        """The model of the last training, whichever process trained it; None before."""
        path = self.folder / MODEL
        with self._lock:
            try:
                told = path.stat()
            except OSError:
                return None
            stamp = (told.st_mtime_ns, told.st_ino)
            if self._model is None or self._model[0] != stamp:
                classes = self.book.classes()
                found = load_model(self.folder, self.settings.device, self.features, classes)
                if found is None:
                    return None
                self._model = (stamp, found)
            return self._model[1]

    @property
    def stale(self) -> bool:
        """Whether answers came or went since the last training, or its model is missing.

        It is where a process was killed between the two, or where somebody removed the file.
        """
        trainings, model = self.book.trainings(), self.model
        if not trainings or model is None or model.number != trainings[-1].seq:
            return self.book.last() > 0
        last = trainings[-1]
        return self.book.last() > last.last or self.book.changed() > last.at

    def predict(self, items: Sequence[int] | None) -> Iterator[Predictions]:
        """What the model says of these items, in blocks; of all without a label or flag if None.

        Raises:
            InputError: no model was trained yet.
        """
        model = self.model
        if model is None:
            raise InputError("no model was trained yet", todo="train first: `pauca label train`")
        if not len(self.book.classes()):
            raise InputError("there is no class to predict", todo="add classes, then train again")
        wanted = np.asarray(items, dtype=np.int64) if items is not None else self._unlabelled()
        classes, features = self.book.classes(), self.features
        ids = np.array(classes.ids, dtype=np.int64)
        size = max(1, _BLOCK // features.shape[1])
        for low in range(0, len(wanted), size):
            part = wanted[low : low + size]
            probs = model.probabilities(features[torch.from_numpy(part)], classes)
            best = probs.max(1)
            likeliest = ids[best.indices.numpy()]
            yield Predictions(part, likeliest, best.values.numpy(), probs.numpy())

    def suggestions(self, items: Sequence[int]) -> dict[int, tuple[int, float]]:
        """Likeliest class and its calibrated confidence, for each item; nothing without a model."""
        if not len(items) or self.model is None or not len(self.book.classes()):
            return {}
        return {
            item: (cls, sure)
            for part in self.predict(items)
            for item, cls, sure in zip(
                part.item.tolist(), part.cls.tolist(), part.confidence.tolist(), strict=True
            )
        }

    def duplicates(self, progress: Progress | None = None) -> NDArray[np.int32]:
        """The group of near-duplicates of each item; found once, and kept on the disk."""
        groups = self.known_groups()
        if groups is None:
            groups = find_groups(self.features, self.settings.duplicates, progress=progress)
            with self._choosing.held():  # an addition keeps digests too
                write_groups(self.folder, self.settings.duplicates, groups)
            self._groups = groups
        return groups

    def known_groups(self) -> NDArray[np.int32] | None:
        """The groups, if they were found already."""
        n = self.n
        with self._lock:
            if self._groups is None or len(self._groups) != n:
                self._groups = read_groups(self.folder, self.settings.duplicates, n)
            return self._groups

    def open_duplicates(self, item: int) -> tuple[int, ...]:
        """Other members of the item's group that nobody has answered or was asked for."""
        groups = self.known_groups()
        if groups is None:
            return ()
        fellows = members_of(groups, item)
        closed = self.book.closed_among(fellows)
        return tuple(each for each in fellows if each not in closed)

    def relabels(self, k: int) -> list[Disagreement]:
        """Labelled items that are most worth a second look."""
        labels, margins = self.labels, self._margins()
        found = [
            (-entropy, margins.get(item, (2.0, -1))[0], item)
            for item, entropy in zip(labels.item.tolist(), labels.entropy.tolist(), strict=True)
        ]
        # an item that all agree on, and the model too, is not worth it
        worth = sorted(each for each in found if each[0] < 0 or each[1] < 0)[:k]
        answers = self._answers_of([item for *_, item in worth])
        return [
            Disagreement(item, -low, answers[item], *margins.get(item, (None, None)))
            for low, _, item in worth
        ]

    def _margins(self) -> Mapping[int, tuple[float, int]]:
        """Cross-validated margin and guess, of the items that the model knows."""
        model = self.model
        if model is None:
            return {}
        columns = (model.checked.tolist(), model.margins.tolist(), model.guesses.tolist())
        return {item: (margin, cls) for item, margin, cls in zip(*columns, strict=True)}

    def _answers_of(self, items: Sequence[int]) -> dict[int, dict[str, int]]:
        standing = self.book.standing()
        found: dict[int, dict[str, int]] = {item: {} for item in items}
        for item, person, cls in zip(
            standing.item.tolist(), standing.person, standing.cls.tolist(), strict=True
        ):
            if item in found and cls >= 0:
                found[item][person] = cls
        return found

    def _unlabelled(self) -> NDArray[np.int64]:
        labels, pool = self.labels, self.pool
        free = np.ones(pool.n, dtype=np.bool_)
        free[labels.item] = False
        free[sorted(labels.flagged)] = False
        free[pool.removed] = False
        return np.flatnonzero(free)

    def sample(self) -> NDArray[np.int64]:
        """The random sample of the pool: items in the random order that were all asked for.

        It ends where something was not asked for yet (another share or seed since, items that were
        added): of what comes after it the strategy chose a part, and only that has labels. It also
        ends before an item that waits where the reason has to do with what it is: it was added and
        nobody has looked at it, or its class was deleted.
        """
        asked, _ = self.book.asked()
        closed, pool = self.book.closed(), self.pool
        sample = pool.order[: sample_size(self.settings.random_share, asked, len(pool.order))]
        ends = ~np.isin(sample, closed) | np.isin(sample, self.book.unheard(pool.base))
        return sample[: np.flatnonzero(ends)[0]] if ends.any() else sample

    def _material(self, labels: Labels, classes: Classes) -> Material:
        sample = self.sample()
        return Material(
            x=self.features[torch.from_numpy(labels.item)],
            y=columns_of(classes, labels.cls),
            random=np.isin(labels.item, sample),
            given=labels.given,
            c=len(classes),
            folds=self.settings.folds,
            seed=self.settings.seed,
        )


def check_files(folder: Path, threshold: float, additions: int = 0, *, whole: bool = False) -> None:
    """Refuse a project whose items, features or groups of duplicates are not as they were written.

    Args:
        folder: The project's.
        threshold: From which items count as duplicates.
        additions: How often items were added.
        whole: Read all of them, and keep the digests of a project that has none yet; else only what
            changed since the last look.

    Raises:
        DataError: a file is damaged; it says how to make it anew.
    """
    groups = duplicates_file(folder, threshold).name
    again = "remove it: it is made anew when duplicates are asked for"
    todo = {**dict.fromkeys((*files_of(additions), FIT), ANEW), groups: again}
    check_sums(folder, todo, whole=whole)
    if whole and not (folder / SUMS).exists():
        keep_sums(folder, (name for name in todo if (folder / name).is_file()))


def _check(labels: Labels, classes: Classes) -> None:
    if len(classes) < 2:
        raise InputError(
            "there is nothing to tell apart",
            expected="at least two classes",
            got=", ".join(classes.names) or "none",
            todo="add classes: `pauca label classes PROJECT --add NAME`",
        )
    if not labels.m:
        raise InputError("nothing is labelled yet", todo="label some items first")


def _model_of(fitted: Fitted, number: int, labels: Labels, y: Tensor, classes: Classes) -> Model:
    """The model, with the margins of its cross-validation."""
    ids, probs = torch.tensor(classes.ids), fitted.probs
    if probs is None:
        checked, margins, guesses = ids[:0], torch.empty(0, dtype=torch.float64), ids[:0]
    else:
        others = probs.scatter(1, y[:, None], -1.0).amax(1)
        margins = probs.gather(1, y[:, None])[:, 0] - others
        checked, guesses = torch.from_numpy(labels.item), ids[probs.argmax(1)]
    return Model(fitted.learner, classes.ids, fitted.temperature, number, checked, margins, guesses)
