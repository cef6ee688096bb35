"""What happens while people label: batches are chosen, models trained, near-duplicates found."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, Lock, Thread
from typing import Any

from pauca.errors import PaucaError
from pauca.label.project import Project
from pauca.label.records import Version

__all__ = ["Work", "Working"]

_FRESH = 1.0  # seconds for which a status counts as new


@dataclass(frozen=True)
class Working:
    """What is going on.

    Args:
        choosing: Whether a batch is being chosen.
        training: Whether a model is being trained.
        fraction: How much of that is done, or None.
        error: Why the last of these broke off, in words, or None.
        next_in: Answers until the next training, or None where it does not come by itself.
    """

    choosing: bool
    training: bool
    fraction: float | None
    error: str | None
    next_in: int | None


class _Ended(Exception):
    """The server ends, and with it what goes on beside it."""


@dataclass(frozen=True)
class _Told:
    """A status that was worked out: until when it counts as new, and of what."""

    until: float
    names: tuple[str, ...]
    place: tuple[int, Version, int]
    found: dict[str, Any]


class Work:
    """Keeps a queue filled and a model fresh, in threads that no answer waits for.

    Args:
        project: Whose.
        every: Answers after which the model is trained again; 0 for never.
        copies: Whether near-duplicates are looked for.
    """

    def __init__(self, project: Project, *, every: int | None = None, copies: bool = True) -> None:
        self.project = project
        self.every = project.settings.batch if every is None else every
        self._wanted: dict[str, Event] = {"choose": Event(), "train": Event()}
        self._at_work: set[str] = set()
        self._errors: dict[str, str] = {}
        self._fraction: float | None = None
        self._nothing_at: tuple[int, Version] | None = None  # where nothing more was chosen
        self._told: _Told | None = None
        self._lock, self._status = Lock(), Lock()
        self._trained = self._known()
        self._end = False
        jobs: dict[str, Callable[[], None]] = {"choose": self._choose, "train": self._train}
        self._threads = [Thread(target=self._loop, args=job, daemon=True) for job in jobs.items()]
        if copies:
            self._threads.append(Thread(target=self._find_copies, daemon=True))

    def start(self) -> None:
        """Begin: a batch, and a model where there are answers that it does not know."""
        for thread in self._threads:
            thread.start()
        self.choose()
        self.answered()

    def stop(self, patience: float = 10.0) -> None:
        """Let go; what is under way is given up at its next step, since nothing of it is needed."""
        self._end = True
        for wanted in self._wanted.values():
            wanted.set()
        until = time.monotonic() + patience
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    @property
    def at_work(self) -> bool:
        """Whether a thread has not ended."""
        return any(thread.is_alive() for thread in self._threads)

    def choose(self) -> bool:
        """See to it that a batch is chosen; False where nothing is left to choose."""
        if self._nothing_at is not None and self._nothing_at == self._place:
            return False
        self._wanted["choose"].set()
        return True

    def train(self) -> None:
        """See to it that the model is trained."""
        self._wanted["train"].set()

    def answered(self) -> None:
        """An answer came: train where it is due."""
        if self.every and self.last - self._trained >= self.every:
            self.train()

    @property
    def last(self) -> int:
        """Place of the last event of the account, 0 without one."""
        found = self.project.history(most=1)
        return found[0].event.seq if found else 0

    @property
    def _place(self) -> tuple[int, Version]:
        """Place of the last event, and how often the pool has changed."""
        return self.last, self.project.version

    @property
    def next_in(self) -> int | None:
        """Events until the next training that comes by itself."""
        if not self.every:
            return None
        return max(0, self.every - (self.last - self._trained))

    @property
    def now(self) -> Working:
        """What is going on."""
        with self._lock:
            training, choosing = "train" in self._at_work, self._busy("choose")
            error = next(iter(self._errors.values()), None)
            fraction = self._fraction if training else None
        return Working(choosing, training or self._busy("train"), fraction, error, self.next_in)

    def status(self) -> dict[str, Any]:
        """How far the project is, as plain values; worked out at most once a second."""
        with self._status:
            names = self.project.classes.names
            place = (*self._place, len(self.project.trainings()))
            told = self._told
            if told is not None and told.names == names:  # a change of classes is seen at once
                fresh = time.monotonic() < told.until
                if fresh or told.place == place:
                    return told.found
            found = self.project.status().plain()
            self._told = _Told(time.monotonic() + _FRESH, names, place, found)
            return found

    def _busy(self, name: str) -> bool:
        return name in self._at_work or self._wanted[name].is_set()

    def _loop(self, name: str, job: Callable[[], None]) -> None:
        wanted = self._wanted[name]
        while True:
            wanted.wait()
            if self._end:
                return
            with self._lock:
                self._at_work.add(name)
                wanted.clear()
            try:
                job()
                found = None
            except _Ended:
                return
            except PaucaError as error:
                found = str(error)
            except Exception as error:  # whatever it is, labelling goes on
                found = f"{type(error).__name__}: {error}"
            with self._lock:
                self._at_work.discard(name)
                self._errors.pop(name, None)
                if found is not None:
                    self._errors[name] = found

    def _choose(self) -> None:
        at = self._place
        self._nothing_at = None if self.project.refill() else at

    def _train(self) -> None:
        if len(self.project.classes) < 2 or not self.project.labels.m:
            return  # nothing to tell apart yet
        self._fraction = 0.0

        def told(fraction: float) -> None:
            self._goes_on(fraction)
            self._fraction = fraction

        self.project.train(progress=told)
        self._trained = self._known()

    def _known(self) -> int:
        """Place of the last event that the last training knew."""
        trainings = self.project.trainings()
        return trainings[-1].last if trainings else 0

    def _goes_on(self, fraction: float) -> None:
        if self._end:
            raise _Ended

    def _find_copies(self) -> None:
        try:
            self.project.duplicates(self._goes_on)
        except _Ended:
            return
        except Exception as error:  # labelling goes on without
            with self._lock:
                self._errors["copies"] = f"near-duplicates were not looked for: {error}"
