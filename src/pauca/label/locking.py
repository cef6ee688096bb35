"""One thread of one process at a time."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from pauca.errors import StoreError

__all__ = ["FolderLock"]


class FolderLock:
    """A lock that threads and processes share; it is let go when the process ends in whatever way.

    Args:
        path: The file that stands for it.
        patience: Seconds to wait for another.
    """

    def __init__(self, path: Path, patience: float = 600.0) -> None:
        self.path, self.patience = path, patience
        self._thread = Lock()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Be the only one within.

        Raises:
            StoreError: another one did not come to an end, or the file may not be written.
        """
        if not self._thread.acquire(timeout=self.patience):
            raise self._busy()
        try:
            try:
                file = self.path.open("a+")
            except OSError as error:
                raise StoreError(
                    "the project's folder may not be written",
                    got=error.strerror,
                    where=self.path.parent,
                    todo="free some space, check who may write there, or copy the project",
                ) from None
            with file:
                end = time.monotonic() + self.patience
                while not _taken(file.fileno()):
                    if time.monotonic() > end:
                        raise self._busy()
                    time.sleep(0.02)
                yield
        finally:
            self._thread.release()

    def _busy(self) -> StoreError:
        return StoreError(
            "another process is at work on this project",
            where=self.path,
            todo="wait for it, or end it",
        )


def _taken(number: int) -> bool:
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
