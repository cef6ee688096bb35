"""The folder of a study: which files it has, and who may write to it."""

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pauca.errors import StoreError
from pauca.store import SqliteStore

__all__ = ["StudyFolder"]


class StudyFolder:
    """Paths within a study's folder, its store and its lock.

    Args:
        path: The folder; need not be there yet.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.database = self.path / "study.db"
        self.study = self.path / "study.toml"
        self.lock = self.path / "study.lock"

    def make(self) -> None:
        """Make the folder.

        Raises:
            StoreError: it cannot be made.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                "the folder cannot be made",
                got=error.strerror,
                where=self.path,
                todo="name another one with --out",
            ) from None

    def store(self, *, create: bool = False, readonly: bool = False) -> SqliteStore:
        """The study's store.

        Raises:
            StoreError: there is none, or it is damaged.
        """
        return SqliteStore(self.database, create=create, readonly=readonly)

    def keep_text(self, text: str) -> None:
        """Keep the study file as it was run; whole or not at all, and only once.

        Raises:
            StoreError: it cannot be written.
        """
        if not self.study.exists():
            draft = self.study.with_suffix(".toml.part")
            with self._writing():
                draft.write_text(text, encoding="utf-8")
                os.replace(draft, self.study)

    @contextmanager
    def held(self, patience: float = 1.0) -> Iterator[None]:
        """Be the only one that runs this study, until this process ends in whatever way.

        Args:
            patience: Seconds to try, for ``busy`` takes the lock for a moment too.

        Raises:
            StoreError: another process runs it.
        """
        with self._file() as file:
            end = time.monotonic() + patience
            while not _lock(file, fcntl.LOCK_EX):
                if time.monotonic() > end:
                    raise StoreError(
                        "another process is running this study",
                        got=_holder(file),
                        where=self.path,
                        todo=f"wait for it, or end it; `pauca status {self.path}` shows how far "
                        "it is",
                    )
                time.sleep(0.05)
            self._sign(file)
            yield

    def busy(self) -> bool:
        """Whether a process is running this study now."""
        if not self.lock.is_file():
            return False
        try:
            file = self.lock.open("r")
        except OSError:
            return False
        with file:
            return not _lock(file, fcntl.LOCK_SH)

    def _sign(self, file: IO[str]) -> None:
        """Write down who holds the lock, for those who are refused."""
        holder = {"process": os.getpid(), "host": socket.gethostname(), "since": time.time()}
        with self._writing():
            file.truncate(0)
            os.write(file.fileno(), json.dumps(holder).encode())  # nothing is left in a buffer

    def _file(self) -> IO[str]:
        with self._writing():
            return self.lock.open("a+", encoding="utf-8")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(
                "the study's folder may not be written",
                got=error.strerror,
                where=self.path,
                todo="check that the folder exists, that you may write to it and that the disk "
                "has room; what was finished is kept",
            ) from None


def _lock(file: IO[str], how: int) -> bool:
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(file: IO[str]) -> str:
    try:
        file.seek(0)
        held = json.load(file)
        since = time.strftime("%Y-%m-%d %H:%M", time.localtime(held["since"]))
        return f"process {held['process']} on {held['host']}, since {since}"
    except (ValueError, KeyError, TypeError):
        return "an unknown process"
