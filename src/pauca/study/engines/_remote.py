"""What runs elsewhere under Ray: the clerk, who alone opens the store, and the workers.

Plain classes: the engine makes actors of them, so that nothing here imports Ray before it must.
"""

import os
import socket
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch

import pauca
from pauca.errors import PaucaError, RunError, StoreError
from pauca.store import AbstractStore, Run, RunSpec, SqliteStore
from pauca.store.codec import decode
from pauca.study.provenance import data_facts, data_sets
from pauca.study.settings import FEATURES
from pauca.study.work import Event, Load, keeper, work_through

__all__ = ["Clerk", "Order", "RemoteStore", "Worker", "versions"]

_PAUSE = 0.5  # seconds between two lines about a cell's progress
News = tuple[Event, str, float, str]


@dataclass(frozen=True)
class Order:
    """What a worker is told.

    Args:
        owner: Under which name it claims.
        threads: Threads that it may use.
        imports: Modules that it imports first.
        path: Folder of the study, as the driver sees it.
        mark: What stands in the study's lock, by which a worker knows whether it sees the folder.
        data_folder: The driver's PAUCA_DATA, for a worker that has none of its own.
        versions: Of what computes, on the driver.
    """

    owner: str
    threads: int
    imports: tuple[str, ...]
    path: str
    mark: str
    data_folder: str | None
    versions: Mapping[str, str]


@dataclass(frozen=True)
class _Refused:
    """An error as a value: Ray would make another class of one that is raised."""

    error: PaucaError


class Clerk:
    """Lives where the study's folder is, and does to the store what workers ask for.

    Args:
        database: Of the study.
    """

    def __init__(self, database: str) -> None:
        self._store = SqliteStore(database, create=False)
        self._news: list[News] = []

    def ask(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Call this method of the store; a refusal comes back as a value."""
        try:
            return getattr(self._store, name)(*args, **kwargs)
        except PaucaError as error:
            return _Refused(error)

    def tell(self, *news: Any) -> None:
        """Keep what happened until the driver asks."""
        self._news.append(news)

    def news(self) -> list[News]:
        """What happened since the last time."""
        news, self._news = self._news, []
        return news

    def close(self) -> None:
        """Let go of the store."""
        self._store.close()


class RemoteStore(AbstractStore):
    """The study's store, as a worker has it: every call is the clerk's, done when it returns.

    Args:
        clerk: Handle of the actor.
        folder: The study's, if it is seen from here.
    """

    def __init__(self, clerk: Any, folder: Path | None = None) -> None:
        self._clerk = clerk
        self._folder = folder

    @property
    def folder(self) -> Path | None:
        """The study's, if it is seen from here: long trainings leave there how far they are."""
        return self._folder

    def put_meta(self, key: str, value: Any) -> None:
        """Keep a JSON value of the whole study, once."""
        self._ask("put_meta", key, value)

    def meta(self) -> Mapping[str, Any]:
        """Every JSON value of the study."""
        found: Mapping[str, Any] = self._ask("meta")
        return found

    def add(self, specs: Sequence[RunSpec]) -> int:
        """Add what is not there yet."""
        return int(self._ask("add", specs))

    def claim(self, owner: str) -> Run | None:
        """Take the next pending run."""
        run: Run | None = self._ask("claim", owner)
        return run

    def append(
        self, run_id: str, owner: str, record: Mapping[str, Any], blobs: Mapping[str, bytes]
    ) -> None:
        """Add one finished round with its blobs, all or nothing."""
        self._ask("append", run_id, owner, record, blobs)

    def finish(self, run_id: str, owner: str) -> None:
        """Mark done."""
        self._ask("finish", run_id, owner)

    def fail(self, run_id: str, owner: str, error: str) -> None:
        """Mark failed."""
        self._ask("fail", run_id, owner, error)

    def requeue(
        self,
        *,
        running: bool = False,
        failed: bool = False,
        owner: str | None = None,
        only: Sequence[str] | None = None,
    ) -> int:
        """Put running or failed runs back to pending."""
        return int(self._ask("requeue", running=running, failed=failed, owner=owner, only=only))

    def runs(self) -> tuple[Run, ...]:
        """Every run, in order of adding."""
        found: tuple[Run, ...] = self._ask("runs")
        return found

    def run(self, run_id: str) -> Run:
        """One run with its rounds."""
        found: Run = self._ask("run", run_id)
        return found

    def blob(self, run_id: str, name: str) -> bytes:
        """The bytes kept under this name."""
        return bytes(self._ask("blob", run_id, name))

    def blobs(self, run_id: str) -> tuple[str, ...]:
        """Names of a run's blobs, sorted."""
        return tuple(self._ask("blobs", run_id))

    def close(self) -> None:
        """Nothing: the clerk is the engine's."""

    def tell(self, *news: Any) -> None:
        """Tell the driver, without waiting."""
        self._clerk.tell.remote(*news)

    def _ask(self, name: str, *args: Any, **kwargs: Any) -> Any:
        import ray

        try:
            answer = ray.get(self._clerk.ask.remote(name, *args, **kwargs))
        except ray.exceptions.RayError as error:
            raise StoreError(
                "the process that keeps the study's store cannot be reached",
                got=str(error).splitlines()[0],
                todo="go on with `pauca resume`: what was finished is kept",
            ) from None
        if isinstance(answer, _Refused):
            raise answer.error
        return answer


class Worker:
    """Does cells until none is pending, on whichever machine it is.

    Args:
        clerk: Handle of the actor that keeps the store.
        order: What it is told.
    """

    def __init__(self, clerk: Any, order: Order) -> None:
        self._order = order
        self._last = 0.0
        self._store = RemoteStore(clerk, _seen(order))

    def work(self) -> PaucaError | None:
        """Return when nothing is pending; what stops the whole study comes back as a value."""
        try:
            self._begin()
            work_through(self._store, self._order.owner, self._announce, self._loader())
        except PaucaError as error:
            return error
        return None

    def _begin(self) -> None:
        """Become like a local worker.

        Raises:
            RunError: this machine has other versions than the driver, or lacks a module.
        """
        torch.set_num_threads(self._order.threads)
        if self._order.data_folder is not None:
            os.environ.setdefault("PAUCA_DATA", self._order.data_folder)
        here = versions()
        other = [name for name in here if here[name] != self._order.versions.get(name)]
        if other:
            raise RunError(
                "a machine of the cluster has other versions, so its results would not be the same",
                expected=", ".join(f"{name} {self._order.versions.get(name)}" for name in other),
                got=", ".join(f"{name} {here[name]}" for name in other),
                where=_here(),
                todo="install the same versions on every machine",
            )
        for module in self._order.imports:
            try:
                import_module(module)
            except Exception as error:
                raise RunError(
                    f"a machine of the cluster cannot import {module!r}",
                    got=traceback.format_exception_only(error)[-1].strip(),
                    where=_here(),
                    todo="install it there, or put it on PYTHONPATH before `ray start`",
                ) from None

    def _loader(self) -> Load:
        """Gives data sets; those of the study are read at once and must be the driver's.

        Raises:
            PaucaError: one cannot be read here.
            StoreError: one has other values here.
        """
        load = keeper()
        for facts in data_sets(self._store.meta()):
            section = decode(facts["section"], "section [data]")
            section.pop(FEATURES, None)
            try:
                dataset = load(section)
            except PaucaError as error:
                raise error.at(f"{_here()}, which reads the data from its own PAUCA_DATA") from None
            expected, got = facts["fingerprint"], data_facts(dataset)["fingerprint"]
            if expected != got:
                raise StoreError(
                    f"the data set {dataset.name!r} is another one on a machine of the cluster",
                    expected=f"fingerprint {expected}",
                    got=f"fingerprint {got}",
                    where=_here(),
                    todo="put the same data there, and check its PAUCA_DATA",
                )
        return load

    def _announce(self, event: Event, run_id: str, fraction: float, what: str) -> None:
        now = time.monotonic()
        if event == "part" and now - self._last < _PAUSE:
            return
        self._last = now
        self._store.tell(event, run_id, fraction, what)


def versions() -> dict[str, str]:
    """Of what decides the last bit of a result."""
    return {"pauca": pauca.__version__, "torch": str(torch.__version__), "numpy": np.__version__}


def _here() -> str:
    return f"machine {socket.gethostname()}"


def _seen(order: Order) -> Path | None:
    """The study's folder, if it is seen from here: on the same machine, or on a shared disk."""
    folder = Path(order.path)
    try:
        same = (folder / "study.lock").read_text(encoding="utf-8") == order.mark
    except OSError:
        return None
    return folder if same else None
