"""How far a long training came, in a file beside the study, until the training is done."""

import io
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

import pauca
from pauca.errors import DataError, StoreError
from pauca.files import read_bytes, read_tensors

__all__ = ["EVERY", "FileCheckpoint"]

EVERY = 60.0
"""Seconds between two savings."""

_DAMAGED = "what was kept of a training is damaged"


class FileCheckpoint:
    """A file that is whole at any moment: a new one takes the place of the old one at once.

    A file that another version of pauca or torch wrote is left alone and written anew, since no two
    versions promise the same numbers.

    Args:
        path: The file; its folder is made when it is needed. None: nothing is kept.
        every: Seconds between two savings.
    """

    def __init__(self, path: Path | None, every: float | None = None) -> None:
        self._path = path
        self._every = EVERY if every is None else every
        self._began = self._last = time.monotonic()
        self.before = 0.0
        """Seconds of the work that was cut off and is gone on with."""

    def load(self) -> Mapping[str, Any] | None:
        """What was saved last, or None.

        Raises:
            StoreError: the file is damaged.
        """
        self._began = self._last = time.monotonic()
        if self._path is None or not self._path.exists():
            return None
        what, todo = _DAMAGED, "remove the file; the training then begins anew"
        try:
            found = read_tensors(read_bytes(self._path, what, todo), self._path, what, todo)
        except DataError as error:
            raise StoreError(what, got=error.got, where=self._path, todo=todo) from None
        versions, seconds, state = (
            found.get(key) if isinstance(found, dict) else None
            for key in ("versions", "seconds", "state")
        )
        if not isinstance(state, dict) or not isinstance(seconds, float) or versions is None:
            raise StoreError(what, got="a file of another form", where=self._path, todo=todo)
        if versions != _versions():
            self.before = 0.0
            return None
        self.before = seconds
        return state

    def due(self) -> bool:
        """Whether the last saving is long enough ago."""
        return self._path is not None and time.monotonic() - self._last >= self._every

    def save(self, state: Mapping[str, Any]) -> None:
        """Keep this state; after a kill the file holds it whole, or the one before.

        Raises:
            StoreError: it cannot be written.
        """
        if self._path is None:
            return
        now = time.monotonic()
        kept = {
            "versions": _versions(),
            "seconds": self.before + now - self._began,
            "state": dict(state),
        }
        draft = self._path.with_suffix(f".{os.getpid()}.part")
        packed = io.BytesIO()  # torch turns the error of a full disk into one that does not say so
        torch.save(kept, packed)
        try:
            self._path.parent.mkdir(exist_ok=True)
            with draft.open("wb", buffering=0) as file:
                _write(file, packed.getbuffer())
                os.fsync(file.fileno())
            os.replace(draft, self._path)
        except OSError as error:
            raise StoreError(
                "what a training did so far cannot be kept",
                got=error.strerror,
                where=self._path,
                todo="check that the disk has room, then go on with `pauca resume`",
            ) from None
        self._last = time.monotonic()

    def remove(self) -> None:
        """Remove the file and what a kill left beside it, and the folder if nothing else is there.

        An empty folder may be gone already, by another worker's hand.
        """
        if self._path is None or not self._path.parent.exists():
            return
        for left in (self._path, *self._path.parent.glob(f"{self._path.stem}.*.part")):
            left.unlink(missing_ok=True)
        with suppress(OSError):
            self._path.parent.rmdir()


def _write(file: io.FileIO, data: memoryview) -> None:
    while data:
        data = data[file.write(data) :]


def _versions() -> dict[str, str]:
    return {"pauca": pauca.__version__, "torch": str(torch.__version__)}
