"""What becomes of a run whose worker died: it is taken up again, until it has cost too many."""

from collections import Counter

from pauca.store import Run
from pauca.study.engines.base import Job

__all__ = ["ATTEMPTS", "Deaths"]

ATTEMPTS = 3
"""Workers that a run may cost without one more round kept."""


class Deaths:
    """Keeps account of workers that died, by the run that they held.

    A death after a round was kept begins a new account: machines that come and go may be lost any
    number of times, while a cell that kills its worker is given up.

    Args:
        job: Whose runs they are.
        attempts: Deaths of one run without progress after which it is given up.
    """

    def __init__(self, job: Job, attempts: int) -> None:
        self._job = job
        self._attempts = attempts
        self._deaths: Counter[tuple[str, int]] = Counter()

    def died(self, owner: str, end: str, log: str = "") -> int:
        """Put back, or give up, what this owner held; returns how many runs that were."""
        held = [run for run in self._job.store.runs() if run.owner == owner]
        for run in held:
            self._bereft(run, owner, end, log)
        return len(held)

    def _bereft(self, run: Run, owner: str, end: str, log: str) -> None:
        at = (run.spec.id, len(run.rounds))
        self._deaths[at] += 1
        if self._deaths[at] < self._attempts:
            self._job.store.requeue(running=True, owner=owner)
            self._job.watch.lost(run.spec.id, end)
            return
        what = f"given up after {self._attempts} tries: {end}"
        self._job.store.fail(run.spec.id, owner, f"{what}\n{log}".strip())
        self._job.watch.heard("failed", run.spec.id, 1.0, what)
