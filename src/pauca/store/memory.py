"""A store that lives in this process alone: for tests, notebooks and rehearsals."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from threading import RLock
from typing import Any

from pauca.store.base import AbstractStore
from pauca.store.codec import decode, encode
from pauca.store.records import Run, RunSpec
from pauca.store.rules import check_owned, refuse_blob, refuse_meta, refuse_missing

__all__ = ["MemoryStore"]


class MemoryStore(AbstractStore):
    """Keeps everything in dictionaries; safe between threads."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._meta: dict[str, str] = {}
        self._runs: dict[str, Run] = {}
        self._records: dict[str, list[str]] = {}
        self._blobs: dict[str, dict[str, bytes]] = {}

    def put_meta(self, key: str, value: Any) -> None:
        """Keep a JSON value of the whole study, once."""
        text = encode(value, f"meta {key!r}")
        with self._lock:
            known = self._meta.setdefault(key, text)
        if known != text:
            refuse_meta(key, known, text)

    def meta(self) -> Mapping[str, Any]:
        """Every JSON value of the study."""
        with self._lock:
            return {key: decode(text, f"meta {key!r}") for key, text in self._meta.items()}

    def add(self, specs: Sequence[RunSpec]) -> int:
        """Add what is not there yet."""
        plain = [_plain(spec) for spec in specs]
        with self._lock:
            before = len(self._runs)
            for spec in plain:
                self._runs.setdefault(spec.id, Run(spec, "pending"))
                self._records.setdefault(spec.id, [])
                self._blobs.setdefault(spec.id, {})
            return len(self._runs) - before

    def claim(self, owner: str) -> Run | None:
        """Take the next pending run."""
        with self._lock:
            for run_id, run in self._runs.items():
                if run.status == "pending":
                    started = time.time() if run.started is None else run.started
                    self._set(run_id, status="running", owner=owner, started=started)
                    return self.run(run_id)
        return None

    def append(
        self, run_id: str, owner: str, record: Mapping[str, Any], blobs: Mapping[str, bytes]
    ) -> None:
        """Add one finished round, all or nothing."""
        text = encode(dict(record), f"a round of run {run_id}")
        with self._lock:
            self._check(run_id, owner)
            taken = blobs.keys() & self._blobs[run_id].keys()
            if taken:
                refuse_blob(run_id, taken)
            self._records[run_id].append(text)
            self._blobs[run_id] |= {name: bytes(data) for name, data in blobs.items()}

    def finish(self, run_id: str, owner: str) -> None:
        """Mark done."""
        with self._lock:
            self._check(run_id, owner)
            self._set(run_id, status="done", owner=None, ended=time.time())

    def fail(self, run_id: str, owner: str, error: str) -> None:
        """Mark failed."""
        with self._lock:
            self._check(run_id, owner)
            self._set(run_id, status="failed", owner=None, error=error, ended=time.time())

    def requeue(
        self,
        *,
        running: bool = False,
        failed: bool = False,
        owner: str | None = None,
        only: Sequence[str] | None = None,
    ) -> int:
        """Put running or failed runs back to pending."""
        with self._lock:
            found = [
                run_id
                for run_id, run in self._runs.items()
                if (only is None or run_id in only)
                and (
                    (running and run.status == "running" and owner in (None, run.owner))
                    or (failed and run.status == "failed")
                )
            ]
            for run_id in found:
                self._set(run_id, status="pending", owner=None, error=None, ended=None)
            return len(found)

    def runs(self) -> tuple[Run, ...]:
        """Every run, in order of adding."""
        with self._lock:
            return tuple(map(self.run, self._runs))

    def run(self, run_id: str) -> Run:
        """One run with its rounds."""
        with self._lock:
            if run_id not in self._runs:
                refuse_missing(run_id)
            rounds = [decode(text, f"run {run_id}") for text in self._records[run_id]]
            run = self._runs[run_id]
            return replace(run, spec=_plain(run.spec), rounds=tuple(rounds))

    def blob(self, run_id: str, name: str) -> bytes:
        """The bytes kept under this name."""
        with self._lock:
            known = self._blobs.get(run_id) or {}
            if name not in known:
                refuse_missing(run_id, name if run_id in self._runs else None)
            return known[name]

    def blobs(self, run_id: str) -> tuple[str, ...]:
        """Names of a run's blobs, sorted."""
        with self._lock:
            if run_id not in self._runs:
                refuse_missing(run_id)
            return tuple(sorted(self._blobs[run_id]))

    def close(self) -> None:
        """Nothing to let go of."""

    def _check(self, run_id: str, owner: str) -> None:
        if run_id not in self._runs:
            refuse_missing(run_id)
        run = self._runs[run_id]
        check_owned(run_id, run.status, run.owner, owner)

    def _set(self, run_id: str, **changes: Any) -> None:
        self._runs[run_id] = replace(self._runs[run_id], **changes)


def _plain(spec: RunSpec) -> RunSpec:
    """The same spec as it comes back from any store: plain values, shared with nobody."""
    text = encode(dict(spec.settings), f"settings of run {spec.id}")
    return replace(spec, settings=decode(text, spec.id))
