"""Follows a study while it is worked on, and tells the display."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pauca.progress import AbstractDisplay, Part, Snapshot, Work, time_left
from pauca.store import Run, RunSpec
from pauca.store.codec import canonical
from pauca.study.cells import cells
from pauca.study.work import Event

__all__ = ["Watch", "group_of", "label_of", "seconds_of"]


@dataclass
class _Followed:
    label: str
    group: str
    state: Literal["pending", "running", "done", "failed"]
    fraction: float
    before: float  # seconds of its rounds that were done when it was claimed
    since: float = 0.0
    how: str = ""

    @property
    def part(self) -> Part:
        return Part(f"{self.label} ({self.how})" if self.how else self.label, self.fraction)

    def work(self, now: float) -> Work:
        spent = self.before + (now - self.since if self.state == "running" else 0.0)
        state = "done" if self.state == "failed" else self.state
        return Work(self.group, state, 0.0 if self.state == "failed" else spent, self.fraction)


class Watch:
    """Keeps account of what is done, running and failed.

    Args:
        title: Name of the study.
        runs: All of its runs, as stored.
        workers: How many work at once.
        display: Where to show it.
    """

    def __init__(
        self, title: str, runs: Sequence[Run], workers: int, display: AbstractDisplay
    ) -> None:
        self._title = title
        self._workers = workers
        self._display = display
        self._began = time.monotonic()
        self._runs = {run.spec.id: _followed(run) for run in runs}

    def heard(self, event: Event, run_id: str, fraction: float, what: str = "") -> None:
        """Something happened to a run."""
        run, now = self._runs[run_id], time.monotonic()
        if event == "claimed":
            run.state, run.since = "running", now
        elif event in ("done", "failed"):
            run.before += now - run.since
            run.state = "done" if event == "done" else "failed"
        run.fraction, run.how = fraction, what if event == "part" else ""
        if event == "failed":
            self._display.say(f"failed: {run.label}: {what}")
        self.tick()

    def lost(self, run_id: str, what: str) -> None:
        """A run's worker died; it waits again."""
        run = self._runs[run_id]
        run.state = "pending"
        self._display.say(f"{run.label}: {what}; it is taken up again")

    def manned(self, workers: int) -> None:
        """So many work at once from now on; the time left depends on it."""
        self._workers = max(1, workers)

    def say(self, line: str) -> None:
        """Show a line that stays."""
        self._display.say(line)

    def tick(self) -> None:
        """Show how far the study is now."""
        self._display.show(self.snapshot())

    def snapshot(self) -> Snapshot:
        """How far the study is now."""
        now = time.monotonic()
        runs = self._runs.values()
        return Snapshot(
            title=self._title,
            total=len(runs),
            done=sum(run.state == "done" for run in runs),
            failed=sum(run.state == "failed" for run in runs),
            running=tuple(run.part for run in runs if run.state == "running"),
            elapsed=now - self._began,
            left=time_left([run.work(now) for run in runs], self._workers),
        )


def label_of(run: Run) -> str:
    """What to call a run: ``margin, repetition 2`` (repetitions count from 1 for people)."""
    cell = cells.make(run.spec.kind, {})
    return f"{cell.label(run.spec.settings)}, repetition {run.spec.settings['repetition'] + 1}"


def group_of(spec: RunSpec) -> str:
    """One text for cells that differ in their repetition alone: they take about the same time."""
    own = {key: value for key, value in spec.settings.items() if key != "repetition"}
    return canonical({"kind": spec.kind, "settings": own})


def seconds_of(run: Run) -> float:
    """Seconds that the finished rounds of a run took."""
    return sum(sum(_numbers(record.get("seconds", {}))) for record in run.rounds)


def _followed(run: Run) -> _Followed:
    cell = cells.make(run.spec.kind, {})
    settings = run.spec.settings
    state = "pending" if run.status == "running" else run.status
    done = len(run.rounds) / max(1, cell.rounds(settings))
    return _Followed(label_of(run), group_of(run.spec), state, done, seconds_of(run))


def _numbers(seconds: Any) -> list[float]:
    return [float(value) for value in seconds.values()]
