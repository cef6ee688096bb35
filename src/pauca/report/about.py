"""What was run: settings, versions, seeds, times, the command, and what went wrong."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any

from pauca.report.tables import Cell, Column, Table
from pauca.report.view import StudyView, flatten

__all__ = ["Failure", "command", "failures", "provenance_table", "settings_table", "state_words"]

_ERRORS = 20
"""At most this many different errors are shown in full."""
_CLASSES = 20
"""At most this many classes are named."""
_LONGEST = 6000
"""At most this many characters of one error, its end."""


@dataclass(frozen=True)
class Failure:
    """Runs that failed in the same way.

    Args:
        what: Last line of the error.
        text: The error of the first of them, with its traceback.
        runs: Which runs: series and repetition.
    """

    what: str
    text: str
    runs: tuple[str, ...]


def settings_table(view: StudyView) -> Table:
    """Every setting of the study, defaults included."""
    rows = tuple(
        (Cell(key), Cell(_shown(value))) for key, value in flatten(view.settings).items() if key
    )
    return Table(
        "Settings", (Column("Setting", numeric=False), Column("Value", numeric=False)), rows
    )


def provenance_table(view: StudyView) -> Table:
    """Versions and machine, seeds, and when the work was done."""
    facts = {**_times(view), **_seeds(view), **_data(view), **_machine(view.provenance)}
    for later in map(_machine, view.resumes):
        changed = {k: v for k, v in later.items() if k in facts and v != facts[k]}
        facts |= {f"{k}, after a stop": v for k, v in changed.items()}
    rows = tuple((Cell(str(key)), Cell(_shown(value))) for key, value in facts.items() if key)
    columns = (Column("What", numeric=False), Column("Value", numeric=False))
    return Table("Versions, machine, seeds, times", columns, rows)


def _machine(provenance: Mapping[str, Any]) -> dict[str, Any]:
    return flatten({k: v for k, v in provenance.items() if k not in ("command", "started")})


def command(view: StudyView) -> str:
    """The command that makes this study, or an empty text where it was not recorded."""
    held = view.provenance.get("command")
    if isinstance(held, list | tuple):
        program = PurePath(str(held[0])).name if held else ""
        first = ["python", "-m", "pauca"] if program == "__main__.py" else [program]
        return shlex.join([*first, *map(str, held[1:])])
    return str(held or "")


def failures(view: StudyView) -> tuple[Failure, ...]:
    """What went wrong, equal errors once, in order of the runs."""
    found: dict[str, list[tuple[str, str]]] = {}
    for group in view.groups:
        for series in group.series:
            for repetition, run in series.runs:
                if run.status == "failed":
                    text = (run.error or "no error was recorded").strip()
                    run_name = f"{series.label}, repetition {repetition + 1}"
                    found.setdefault(_what(text), []).append((run_name, text))
    return tuple(
        Failure(what, held[0][1][-_LONGEST:], tuple(name for name, _ in held))
        for what, held in list(found.items())[:_ERRORS]
    )


def state_words(view: StudyView) -> str:
    """How far the study is, in one sentence; empty when every run is done."""
    count = {
        word: sum(run.status == word for run in view.runs)
        for word in ("done", "running", "failed", "pending")
    }
    if count["done"] == len(view.runs) and view.runs:
        return ""
    if not view.runs:
        return "This study has no runs yet."
    rest = [f"{number} {word}" for word, number in count.items() if number and word != "done"]
    return (
        f"This report is of an unfinished study: {count['done']} of {len(view.runs)} runs are done"
        f" ({', '.join(rest)}). Every number below is of what is there."
    )


def _what(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return (lines[-1].strip() if lines else text)[:400]


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple) and not any(isinstance(v, Mapping | list) for v in value):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def _data(view: StudyView) -> dict[str, object]:
    """Facts of the data set; its classes by number, or by name where they are few."""
    facts = {
        f"data.{key}": value
        for key, value in view.data.items()
        if value not in ([], None) and key != "section"
    }
    classes = view.data.get("classes") or ()
    if len(classes) > _CLASSES:
        facts["data.classes"] = len(classes)
    return facts


def _seeds(view: StudyView) -> dict[str, object]:
    settings = [run.spec.settings for run in view.runs]
    seeds = sorted({s["study_seed"] for s in settings if "study_seed" in s}, key=str)
    repetitions = {int(s["repetition"]) for s in settings if "repetition" in s}
    return {
        "study seed": ", ".join(map(str, seeds)) or "not recorded",
        "repetitions": f"{len(repetitions)}, each with random streams of its own"
        + (" (results.csv counts them from 0)" if repetitions else ""),
    }


def _times(view: StudyView) -> dict[str, object]:
    started = [run.started for run in view.runs if run.started is not None]
    ended = [run.ended for run in view.runs if run.ended is not None]
    work = sum(
        run.ended - run.started
        for run in view.runs
        if run.started is not None and run.ended is not None
    )
    if not started:
        return {"begun": "not yet"}
    times: dict[str, object] = {"begun": _moment(min(started))}
    if ended:
        times["last run ended"] = _moment(max(ended))
        times["from first to last"] = _duration(max(ended) - min(started))
        times["work, summed over runs"] = _duration(work)
    if view.resumes:
        times["gone on with after a stop"] = f"{len(view.resumes)} times"
    return times


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _duration(seconds: float) -> str:
    whole = round(max(seconds, 0))
    hours, minutes = whole // 3600, whole % 3600 // 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {whole % 60} s" if minutes else f"{seconds:.1f} s"
