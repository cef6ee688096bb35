"""How far a study is, read from its folder, whether or not it is being worked on."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pauca.progress import Work, time_left
from pauca.store import Run
from pauca.study.cells import cells
from pauca.study.folder import StudyFolder
from pauca.study.watch import group_of, label_of, seconds_of

__all__ = ["RunStatus", "StudyStatus", "study_status"]


@dataclass(frozen=True)
class RunStatus:
    """How far one run is.

    Args:
        id: Of the run.
        label: What it is.
        kind: active or model.
        status: pending, running, interrupted, done or failed.
        rounds: Finished rounds.
        rounds_in_all: Rounds when it is done.
        seconds: Time that its finished rounds took.
        error: What went wrong, with its traceback, when failed.
    """

    id: str
    label: str
    kind: str
    status: str
    rounds: int
    rounds_in_all: int
    seconds: float
    error: str | None

    @property
    def fraction(self) -> float:
        """Share of its rounds that are finished, in [0, 1]."""
        return 1.0 if self.status == "done" else min(1.0, self.rounds / self.rounds_in_all)


@dataclass(frozen=True)
class StudyStatus:
    """How far a study is.

    Args:
        name: Of the study.
        folder: Where it is.
        working: Whether a process works on it now.
        runs: Every run.
        left: Estimated seconds left with as many workers as are at work now, or with one; None
            where nothing is known.
        part: Which share of the study the folder holds (``2/3``), if not all of it.
    """

    name: str
    folder: str
    working: bool
    runs: tuple[RunStatus, ...]
    left: float | None
    part: str | None = None

    @property
    def counts(self) -> dict[str, int]:
        """Number of runs by status."""
        return dict(Counter(run.status for run in self.runs))

    @property
    def kinds(self) -> dict[str, dict[str, int]]:
        """Number of runs by kind and status."""
        found: dict[str, Counter[str]] = {}
        for run in self.runs:
            found.setdefault(run.kind, Counter())[run.status] += 1
        return {kind: dict(counts) for kind, counts in found.items()}

    @property
    def fraction(self) -> float:
        """Share of all rounds that are finished, in [0, 1]; a failed cell counts as done."""
        parts = [1.0 if run.status == "failed" else run.fraction for run in self.runs]
        return sum(parts) / max(1, len(parts))

    def plain(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "name": self.name,
            "folder": self.folder,
            "working": self.working,
            "part": self.part,
            "counts": self.counts,
            "kinds": self.kinds,
            "fraction": self.fraction,
            "seconds_left": self.left,
            "runs": [vars(run) for run in self.runs],
        }


def study_status(folder: Path | str) -> StudyStatus:
    """How far the study of a folder is; nothing is changed.

    Raises:
        StoreError: there is no study.
    """
    place = StudyFolder(folder)
    working = place.busy()
    with place.store(readonly=True) as store:
        runs, meta = store.runs(), store.meta()
        workers = max(1, sum(run.status == "running" for run in runs))
        return StudyStatus(
            name=meta.get("study", {}).get("name", "not begun"),
            folder=str(place.path),
            working=working,
            runs=tuple(_status(run, working) for run in runs),
            left=time_left([_work(run) for run in runs], workers),
            part=meta.get("part"),
        )


def _status(run: Run, working: bool) -> RunStatus:
    return RunStatus(
        id=run.spec.id,
        label=label_of(run),
        kind=run.spec.kind,
        status="interrupted" if run.status == "running" and not working else run.status,
        rounds=len(run.rounds),
        rounds_in_all=_rounds(run),
        seconds=round(seconds_of(run), 3),
        error=run.error,
    )


def _work(run: Run) -> Work:
    label = group_of(run.spec)
    if run.status in ("done", "failed"):
        return Work(label, "done", seconds_of(run) if run.status == "done" else 0.0, 1.0)
    return Work(label, "running", seconds_of(run), len(run.rounds) / _rounds(run))


def _rounds(run: Run) -> int:
    return max(1, cells.make(run.spec.kind, {}).rounds(run.spec.settings))
