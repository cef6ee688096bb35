"""Tables and text for people, JSON for programs."""

import json
import shlex
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pauca.progress import clock, percent

if TYPE_CHECKING:
    from pauca.study import Preview, Result, StudySettings, StudyStatus

__all__ = [
    "describe",
    "show_blocks",
    "show_failed",
    "show_json",
    "show_preview",
    "show_rows",
    "show_status",
]

_STATES = ("done", "running", "interrupted", "pending", "failed")


def show_json(value: Any) -> None:
    """On standard output, indented."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def show_rows(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """A table with one line a row."""
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(_text(row[column]) for column in columns))
    _console().print(table)


def show_blocks(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str], below: Mapping[str, str]
) -> None:
    """A line of columns a row, the last one wrapped; below it, longer texts behind their labels.

    Args:
        rows: What to show.
        columns: Keys of the row's first line.
        below: Labels of the lines that follow, and their keys.
    """
    console = _console()
    shown = [dict(zip(columns, columns, strict=True)), *rows]
    widths = [max(len(_text(row[column])) for row in shown) for column in columns[:-1]]
    for row in shown:
        line = Table.grid(padding=(0, 1))
        for width in widths:
            line.add_column(width=width, no_wrap=True)
        line.add_row(*(_text(row[column]) for column in columns), style="bold")
        console.print(line)
        if row is shown[0]:
            continue
        more = Table.grid(padding=(0, 1))
        more.add_column(width=2 + max(map(len, below)), no_wrap=True)
        for label, key in below.items():
            more.add_row(f"  {label}", _text(row[key]))
        console.print(more)


def show_preview(found: "Preview") -> None:
    """What a study would do, one line for cells that differ in their repetition alone."""
    console = _console()
    rows = [
        {
            "kind": each.kind,
            "cell": each.label,
            "levels": each.levels or None,
            "repetitions": each.cells,
            "rounds": each.rounds,
            "labels": each.labels,
            "time each": "not known" if each.seconds is None else _about(each.seconds),
        }
        for each in found.alike
    ]
    columns = [name for name in rows[0] if any(row[name] is not None for row in rows)]
    show_rows(rows, columns)
    rounds = sum(each.cells * each.rounds for each in found.alike)
    console.print(f"{found.name}: {found.cells:,} cells, {rounds:,} rounds")
    if found.seconds is not None:
        workers = f"{found.workers} worker{'s' if found.workers > 1 else ''}"
        console.print(
            f"about {clock(found.seconds)} on {workers} of this machine, by the pace that was seen "
            f"in {clock(found.tried)} of trying"
        )
    for each in found.alike:
        if each.error:
            console.print(f"{each.label} failed when it was tried: {each.error}", style="red")


def _about(seconds: float) -> str:
    return f"{seconds:.2g} s" if seconds < 10 else clock(seconds)


def show_status(status: "StudyStatus", *, errors: bool) -> None:
    """How far a study is, one line for each kind of cell, then what failed."""
    console = _console()
    counts = ", ".join(f"{n} {state}" for state, n in _ordered(status.counts))
    part = f" (part {status.part})" if status.part else ""
    console.print(f"{status.name}{part}: {counts or 'nothing planned yet'}")
    if len(status.kinds) > 1:
        for kind, known in status.kinds.items():
            said = ", ".join(f"{n} {state}" for state, n in _ordered(known))
            console.print(f"  {kind}: {said}")
    left = "not known yet" if status.left is None else f"about {clock(status.left)}"
    done = f"{percent(status.fraction)} of the rounds finished"
    if status.working:
        console.print(f"being worked on, {done}; time left {left}")
    elif set(status.counts) & {"pending", "interrupted"}:
        console.print(f"not being worked on, {done}; time left for one worker {left}")
        console.print(f"go on with: pauca resume {shlex.quote(status.folder)}")
    for run in status.runs:
        if run.status in ("running", "interrupted"):
            far = f"{run.rounds} of {run.rounds_in_all} rounds ({percent(run.fraction)})"
            console.print(f"{run.status}: {run.label}: {far} in {clock(run.seconds)}")
    groups: dict[tuple[str, str], list[Any]] = {}
    for run in status.runs:
        groups.setdefault((run.kind, run.label.rpartition(", ")[0]), []).append(run)
    rows = [
        {
            "kind": kind,
            "cell": label,
            "rounds": f"{sum(r.rounds for r in runs)}/{sum(r.rounds_in_all for r in runs)}",
            "time": clock(sum(r.seconds for r in runs)),
            "state": ", ".join(f"{n} {s}" for s, n in _ordered(Counter(r.status for r in runs))),
        }
        for (kind, label), runs in groups.items()
    ]
    if rows:
        show_rows(rows, ("kind", "cell", "rounds", "time", "state"))
    for run in status.runs:
        if run.error:
            said = f"failed: {run.label} (cell {run.id[:8]}): {_last(run.error)}"
            console.print(Text(said, style="red"))
            if errors:
                console.print(Text(run.error))


def show_failed(result: "Result") -> None:
    """What failed, and what to do, on standard error."""
    from pauca.study.watch import label_of

    console = Console(stderr=True, soft_wrap=True, highlight=False)
    console.print(Text(f"error: {len(result.failed)} cells failed", style="bold red"))
    for run in result.failed:
        console.print(Text(f"  {label_of(run)}: {_last(run.error or '')}"))
    console.print(
        f"  what to do: `pauca status {result.folder} --errors` shows where; "
        f"`pauca resume {result.folder} --failed` tries them again, with --cell ID one of them",
        markup=False,
    )


def describe(study: "StudySettings") -> str:
    """What a study does, in a few sentences."""
    said = []
    if study.active:
        asked = study.active
        said.append(
            f"{_names(asked.strategies)} choose what to have labelled, from {asked.initial} labels "
            f"to {asked.budget} by {asked.query} a round, for a {asked.learner['name']} learner, "
            f"{asked.repetitions} repetitions each."
        )
    if study.models:
        said.append(
            f"{_names(study.models.learners)} learn from all labels and are looked into, "
            f"{study.models.repetitions} repetitions each."
        )
    data = study.data.get("name") or study.data["path"]
    return "\n".join([f"{study.name}, on the data set {data}:", *said])


def _names(choices: Sequence[Mapping[str, Any]]) -> str:
    *most, last = (str(choice["name"]) for choice in choices)
    return f"{', '.join(most)} and {last}" if most else last


def _ordered(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return [(state, counts[state]) for state in _STATES if counts.get(state)]


def _last(error: str) -> str:
    """The line of a traceback that says what happened, or the first of another text."""
    lines = error.strip().splitlines() or [""]
    return lines[-1] if lines[0].startswith("Traceback") else lines[0]


def _text(value: Any) -> Text:
    if value is None or value == []:
        return Text("-")
    return Text(", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value))


def _console() -> Console:
    """As wide as the terminal; wide enough for a line a row elsewhere."""
    width = None if sys.stdout.isatty() else 200
    return Console(width=width, highlight=False, markup=False)
