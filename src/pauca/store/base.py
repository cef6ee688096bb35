"""What every store is: an append-only account of runs, safe against a kill at any moment."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

from pauca.store.records import Run, RunSpec

__all__ = ["AbstractStore"]


class AbstractStore(ABC):
    """Runs, their rounds and their arrays.

    pending -> running -> done | failed; a running run whose owner is gone, or a failed one, may
    go back to pending with its finished rounds kept. A done run never changes again. Every write is
    one transaction: after a kill it is there whole, or not at all. A write by anyone but the run's
    owner is refused, so a straggler cannot spoil what was handed to another.

    Class attributes:
        shared: Whether a pickled copy, in this process or another, opens the same account.
    """

    shared: ClassVar[bool] = False

    @property
    def folder(self) -> Path | None:
        """Where files that are needed for a while may lie beside the account, if anywhere."""
        return None

    @abstractmethod
    def put_meta(self, key: str, value: Any) -> None:
        """Keep a JSON value of the whole study; an equal value may be put again.

        Raises:
            StoreError: the key holds another value already.
        """

    @abstractmethod
    def meta(self) -> Mapping[str, Any]:
        """Every JSON value of the study."""

    @abstractmethod
    def add(self, specs: Sequence[RunSpec]) -> int:
        """Add runs as pending, in this order, but not those already there; returns how many."""

    @abstractmethod
    def claim(self, owner: str) -> Run | None:
        """Take the next pending run, in order of adding, and mark it running; None if none is."""

    @abstractmethod
    def append(
        self, run_id: str, owner: str, record: Mapping[str, Any], blobs: Mapping[str, bytes]
    ) -> None:
        """Add one finished round with its named blobs, all or nothing.

        Raises:
            StoreError: the run is not running, or not by this owner; a blob name is taken.
        """

    @abstractmethod
    def finish(self, run_id: str, owner: str) -> None:
        """Mark done; from now on the run never changes."""

    @abstractmethod
    def fail(self, run_id: str, owner: str, error: str) -> None:
        """Mark failed with what went wrong; finished rounds stay."""

    @abstractmethod
    def requeue(
        self,
        *,
        running: bool = False,
        failed: bool = False,
        owner: str | None = None,
        only: Sequence[str] | None = None,
    ) -> int:
        """Put runs back to pending, their rounds kept; returns how many.

        Args:
            running: Running ones, whose owners are known to be gone.
            failed: Failed ones, to try them again.
            owner: Of the running ones, only those of this owner.
            only: Of all of these, only the runs with these ids.
        """

    @abstractmethod
    def runs(self) -> tuple[Run, ...]:
        """Every run with its rounds, in order of adding."""

    @abstractmethod
    def run(self, run_id: str) -> Run:
        """One run.

        Raises:
            StoreError: no such run.
        """

    @abstractmethod
    def blob(self, run_id: str, name: str) -> bytes:
        """The bytes kept under this name.

        Raises:
            StoreError: no such run or name.
        """

    @abstractmethod
    def blobs(self, run_id: str) -> tuple[str, ...]:
        """Names of a run's blobs, sorted."""

    @abstractmethod
    def close(self) -> None:
        """Let go of files; safe to call twice."""

    def __enter__(self) -> Self:
        """Use as a context."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()
