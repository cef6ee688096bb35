"""The one place where progress and log lines are shown.

On a terminal a live display; anywhere else a plain line every few seconds. Work that takes time
calls ``say`` and hands a ``Snapshot`` to the display it was given; it never writes by itself.
"""

import logging
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TextIO

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = [
    "AbstractDisplay",
    "LiveDisplay",
    "Part",
    "PlainDisplay",
    "SilentDisplay",
    "Snapshot",
    "Work",
    "clock",
    "display_for",
    "percent",
    "say",
    "time_left",
]

_LOG = logging.getLogger("pauca")


@dataclass(frozen=True)
class Part:
    """Something under way: what it is, and which fraction of it is done (0 to 1)."""

    label: str
    fraction: float


@dataclass(frozen=True)
class Snapshot:
    """How far the work is.

    Args:
        title: What is being done.
        total: Number of cells.
        done: Cells that ended well.
        failed: Cells that failed.
        running: Cells under way.
        elapsed: Seconds since this process began to work.
        left: Estimated seconds left, or None while nothing is known.
    """

    title: str
    total: int
    done: int
    failed: int = 0
    running: tuple[Part, ...] = ()
    elapsed: float = 0.0
    left: float | None = None

    @property
    def fraction(self) -> float:
        """Share of the work that is done, cells under way counted in part, in [0, 1]."""
        parts = sum(part.fraction for part in self.running)
        return min(1.0, (self.done + self.failed + parts) / max(1, self.total))

    @property
    def line(self) -> str:
        """The snapshot in one line of text."""
        counts = f"{self.done} of {self.total} cells done"
        counts += f", {self.failed} failed" if self.failed else ""
        parts = [f"{self.title}: {percent(self.fraction)}", counts]
        if self.running:
            parts.append(
                "running " + "; ".join(f"{p.label} {percent(p.fraction)}" for p in self.running)
            )
        return ", ".join([*parts, f"{clock(self.elapsed)} so far", self.left_text])

    @property
    def left_text(self) -> str:
        """The time left, in words."""
        return "time left not known yet" if self.left is None else f"about {clock(self.left)} left"


class AbstractDisplay(ABC):
    """Shows progress while it is entered; ``say`` puts a line above it."""

    _entered: ClassVar[list["AbstractDisplay"]] = []

    def __enter__(self) -> Self:
        """Begin to show; lines said anywhere go here from now on."""
        self._entered.append(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        self._entered.remove(self)

    @abstractmethod
    def show(self, snapshot: Snapshot) -> None:
        """Show how far the work is; cheap to call often."""

    @abstractmethod
    def say(self, line: str) -> None:
        """Show a line that stays."""

    @staticmethod
    def current() -> "AbstractDisplay | None":
        """The display entered last, if any."""
        entered = AbstractDisplay._entered
        return entered[-1] if entered else None


class SilentDisplay(AbstractDisplay):
    """Shows nothing; lines go to the log named ``pauca``."""

    def show(self, snapshot: Snapshot) -> None:
        """Nothing."""

    def say(self, line: str) -> None:
        """To the log."""
        _LOG.info(line)


class PlainDisplay(AbstractDisplay):
    """One line every few seconds, for files and pipes.

    Args:
        stream: Where to; standard error unless given.
        every: Least seconds between two lines of progress.
    """

    def __init__(self, stream: TextIO | None = None, every: float = 5.0) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._every = every
        self._last = time.monotonic()
        self._shown = ""

    def show(self, snapshot: Snapshot) -> None:
        """A line, if the last one is old enough."""
        now = time.monotonic()
        if now - self._last >= self._every and snapshot.line != self._shown:
            self._last, self._shown = now, snapshot.line
            self.say(snapshot.line)

    def say(self, line: str) -> None:
        """The line at once."""
        self._stream.write(f"{line}\n")
        self._stream.flush()


class LiveDisplay(AbstractDisplay):
    """A bar with what is running, drawn anew a few times a second, for terminals.

    Args:
        stream: Where to; standard error unless given.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        from rich.console import Console
        from rich.live import Live

        self._console = Console(file=stream, stderr=stream is None)
        self._live = Live(
            console=self._console, transient=True, refresh_per_second=4, redirect_stdout=False
        )

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._live.start()
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        """Stop drawing and leave the terminal clean."""
        super().__exit__(*error)
        self._live.stop()

    def show(self, snapshot: Snapshot) -> None:
        """Draw this from now on."""
        self._live.update(_drawn(snapshot))

    def say(self, line: str) -> None:
        """A line above the bar."""
        self._console.print(line, markup=False, highlight=False)


def display_for(stream: TextIO | None = None) -> AbstractDisplay:
    """The display that suits the stream (standard error unless given)."""
    target = sys.stderr if stream is None else stream
    return LiveDisplay(target) if target.isatty() else PlainDisplay(target)


def say(line: str) -> None:
    """Show a line in the display under way; without one, to the log named ``pauca``."""
    display = AbstractDisplay.current()
    if display is None:
        _LOG.info(line)
    else:
        display.say(line)


def percent(fraction: float) -> str:
    """Whole percents, rounded down: 100 % is said when everything is done, and not before."""
    return f"{int(100 * fraction + 1e-9)}%"


def clock(seconds: float) -> str:
    """Seconds as people say them: ``45 s``, ``3 min 05 s``, ``2 h 10 min``."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


@dataclass(frozen=True)
class Work:
    """A piece of work, for the estimate.

    Args:
        group: Pieces of one group take about the same time.
        state: pending, running or done.
        seconds: Time spent on it so far.
        fraction: Share of it that is done.
    """

    group: str
    state: Literal["pending", "running", "done"]
    seconds: float = 0.0
    fraction: float = 0.0


def time_left(pieces: Sequence[Work], workers: int) -> float | None:
    """Seconds until all pieces are done, or None while there is nothing to judge by.

    A group's pieces take as long as those of it that are done did; before one is, as long as those
    under way will at their present pace; a group not begun yet, as long as the mean of the others.
    No estimate is below the longest single piece.
    """
    known = _times(pieces)
    if not known:
        return None
    usual = sum(known.values()) / len(known)
    rest = [
        known.get(piece.group, usual) * (1 - piece.fraction)
        for piece in pieces
        if piece.state != "done"
    ]
    return max([sum(rest) / max(1, workers), *rest], default=0.0)


def _times(pieces: Sequence[Work]) -> dict[str, float]:
    """Seconds of one piece, by group, where something is known."""
    seen: dict[str, list[float]] = {}
    paces: dict[str, list[float]] = {}
    for piece in pieces:
        if piece.state == "done" and piece.seconds > 0:
            seen.setdefault(piece.group, []).append(piece.seconds)
        elif piece.fraction > 0.02 and piece.seconds > 0:
            paces.setdefault(piece.group, []).append(piece.seconds / piece.fraction)
    return {group: sum(times) / len(times) for group, times in {**paces, **seen}.items()}


def _drawn(snapshot: Snapshot) -> "RenderableType":
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    head = Table.grid(padding=(0, 1))
    counts = f"{snapshot.done} of {snapshot.total}"
    failed = Text(f"{snapshot.failed} failed" if snapshot.failed else "", style="red")
    bar = ProgressBar(total=1.0, completed=snapshot.fraction, width=30)
    times = f"{clock(snapshot.elapsed)} so far, {snapshot.left_text}"
    head.add_row(Text(snapshot.title, style="bold"), bar, counts, failed, times)
    parts = Table.grid(padding=(0, 1))
    for part in snapshot.running:
        parts.add_row(" ", Text(part.label), percent(part.fraction))
    return Group(head, parts)
