"""What every engine is: it works on the pending runs of a store until there is none."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from pauca.registry import Registry
from pauca.store import SqliteStore
from pauca.study.checking import check_device
from pauca.study.watch import Watch

__all__ = ["AbstractEngine", "Job", "engines", "thread_limits"]

engines: Registry["AbstractEngine"] = Registry("engine", "pauca.study.engines", "engines")
"""Every engine by name; a new file in this package that registers one is found by itself."""


@dataclass(frozen=True)
class Job:
    """What an engine is given.

    Args:
        store: The study's store; nobody else works on it.
        watch: Told what happens.
        workers: How many cells at once; 0 for one after the other in this very process; None, for
            an elastic engine: as many as there is room for.
        threads: Threads of each worker.
        imports: Modules that every worker imports first (they register strategies, learners, ...).
    """

    store: SqliteStore
    watch: Watch
    workers: int | None
    threads: int
    imports: tuple[str, ...] = ()


class AbstractEngine(ABC):
    """Works on a study. However many workers, wherever they are: the results are the same.

    Class attributes:
        name: Lower case with hyphens.
        summary: One sentence on what it is.
        elastic: Whether it finds out by itself how many cells have room, where nobody says.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    elastic: ClassVar[bool] = False

    def check(self, device: str) -> None:
        """Refuse what cannot work, before anything is written.

        Args:
            device: Of the study; it has to be here, unless the engine's workers are elsewhere.

        Raises:
            UsageError: the device is not there, something is not installed, or the engine's
                settings do not fit.
        """
        check_device(device)

    @abstractmethod
    def work(self, job: Job) -> None:
        """Return when nothing is pending or running.

        When it is interrupted, or raises, no worker of it is left.

        Raises:
            RunError: workers die before they can begin.
            StoreError: the store refuses to keep more.
        """


def thread_limits(threads: int) -> dict[str, str]:
    """Environment of a process whose libraries may use so many threads."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    return dict.fromkeys(names, str(threads))
