"""What every cell is: one run of a study, done round by round so that a kill costs one at most."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from pauca.data import Dataset
from pauca.registry import Registry
from pauca.store import AbstractStore, Run
from pauca.study.checkpoint import FileCheckpoint
from pauca.study.settings import FEATURES

__all__ = ["AbstractCell", "Desk", "cells"]

cells: Registry["AbstractCell"] = Registry("kind of cell", "pauca.study.cells", "cells")
"""Every kind of cell; a new file in pauca/study/cells/ that registers one is found by itself."""


class Desk:
    """Where one cell is done: its run, the data, and the only way to keep a round.

    Args:
        run: As it was claimed.
        owner: Who claimed it.
        store: Where its rounds go.
        load: Gives the data set of these settings.
        report: Told which fraction of the cell is done, and in a few words how it goes.
    """

    def __init__(
        self,
        run: Run,
        owner: str,
        store: AbstractStore,
        load: Callable[[Mapping[str, Any]], Dataset],
        report: Callable[[float, str], None],
    ) -> None:
        self.run = run
        self._report = report
        self._owner = owner
        self._store = store
        self._load = load
        folder = None if store.folder is None else store.folder / "checkpoints"
        self.checkpoint = FileCheckpoint(None if folder is None else folder / f"{run.spec.id}.pt")
        """Where a long training leaves how far it came, until its round is kept."""

    def report(self, fraction: float, how: str = "") -> None:
        """Tell which fraction of the cell is done, and in a few words how it goes."""
        self._report(fraction, how)

    @property
    def settings(self) -> Mapping[str, Any]:
        """Everything that decides the cell's result."""
        return self.run.spec.settings

    def dataset(self, *, features: bool = True) -> Dataset:
        """The data set of the cell.

        Args:
            features: Whether frozen features stand in the items' place, where the study says so.
        """
        data = self.settings["data"]
        return self._load(data if features else {k: v for k, v in data.items() if k != FEATURES})

    def blob(self, name: str) -> bytes:
        """What an earlier round kept under this name."""
        return self._store.blob(self.run.spec.id, name)

    def keep(self, record: Mapping[str, Any], blobs: Mapping[str, bytes] | None = None) -> None:
        """Keep a finished round; from now on it never changes."""
        self._store.append(self.run.spec.id, self._owner, record, blobs or {})


class AbstractCell(ABC):
    """One kind of work. It knows from ``desk.run.rounds`` what was done before and goes on there.

    Whether it was cut off in between must not change a bit of what it keeps, times excepted.

    Class attributes:
        kind: Lower case with hyphens; what ``RunSpec.kind`` says.
    """

    kind: ClassVar[str]

    @abstractmethod
    def work(self, desk: Desk) -> None:
        """Do all rounds that are not done yet, keeping each as it is finished."""

    @abstractmethod
    def rounds(self, settings: Mapping[str, Any]) -> int:
        """How many rounds the cell has in all."""

    @abstractmethod
    def label(self, settings: Mapping[str, Any]) -> str:
        """What to call it in a line of progress, its repetition left out."""
