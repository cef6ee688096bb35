"""Results as one wide tidy table for other programs: one row per round of a cell."""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from pauca.errors import StoreError, UsageError
from pauca.report.frame import measures
from pauca.report.labels import flatten
from pauca.report.view import number
from pauca.store import Run, SqliteStore

__all__ = ["FORMATS", "export_frame", "export_study"]

FORMATS = (".csv", ".parquet")
"""Endings of the files that can be written."""

_FIRST = ("run", "kind", "status", "strategy.name", "learner.name")
_ALWAYS = frozenset({"strategy.name", "learner.name"})
_COUNTS = ("repetition", "round", "labels")
_WHOLE = ("steps", "companion_steps")


def export_frame(runs: Iterable[Run]) -> pd.DataFrame:
    """One row per finished round (kind ``active``) or model, in the study's order.

    Columns: ``run``, ``kind``, ``status``; ``strategy.name``, ``learner.name`` and every further
    setting that takes more than one value, by its dotted name; ``repetition`` and ``round``
    (from 0), ``labels``; then every measure: metrics by their own names, ``hoyer.<layer>.<part>``,
    ``silent.<layer>.<part>``, ``seconds.<part>``, ``steps``. What a row does not have is missing.

    Args:
        runs: Of a study, or of several.
    """
    runs = list(runs)
    settings = {run.spec.id: _settings(run) for run in runs}
    varying = _varying(settings.values())
    rows = []
    for run in runs:
        own = {name: settings[run.spec.id].get(name) for name in varying}
        head = {"run": run.spec.id, "kind": run.spec.kind, "status": run.status, **own}
        for record in run.rounds:
            rows.append(
                {
                    **head,
                    "repetition": int(run.spec.settings.get("repetition", 0)),
                    "round": int(record.get("round", 0)),
                    "labels": int(record.get("labels", 0)),
                    **{name: number(value) for name, value in measures(record)},
                }
            )
    return _ordered(pd.DataFrame(rows), varying)


def export_study(folder: Path | str, out: Path | str) -> int:
    """Write the table of a study to a file, whole or not at all; returns its number of rows.

    Numbers are written in full precision; what is missing is empty in a CSV file.

    Raises:
        UsageError: the file's ending is neither .csv nor .parquet.
        StoreError: there is no study in the folder, or the file cannot be written.
    """
    out = Path(out)
    if out.suffix not in FORMATS:
        raise UsageError(
            "the table has no such format",
            expected="a file ending in .csv or .parquet",
            got=out.name,
            where="--out",
            todo="name such a file",
        )
    with SqliteStore(Path(folder) / "study.db", readonly=True) as store:
        frame = export_frame(store.runs())
    draft = out.with_name(f"{out.name}.part")
    try:
        if out.suffix == ".csv":
            frame.to_csv(draft, index=False, lineterminator="\n", encoding="utf-8")
        else:
            frame.to_parquet(draft, index=False)
        os.replace(draft, out)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise StoreError(
            "the table cannot be written",
            got=error.strerror or str(error),
            where=out,
            todo="check that the folder exists, that you may write to it and that the disk has "
            "room",
        ) from None
    return len(frame)


def _settings(run: Run) -> dict[str, Any]:
    """Flat, its repetition left out; a list is JSON text."""
    flat = flatten({k: v for k, v in run.spec.settings.items() if k != "repetition"})
    return {name: _plain(value) for name, value in flat.items()}


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | bool | int | float):
        return value
    return json.dumps(value, sort_keys=True)


def _varying(settings: Iterable[Mapping[str, Any]]) -> list[str]:
    """Settings that take more than one value where they are there, in order of appearance."""
    values: dict[str, set[str]] = {}
    for one in settings:
        for name, value in one.items():
            values.setdefault(name, set()).add(json.dumps(value))
    return [name for name, seen in values.items() if len(seen) > 1 or name in _ALWAYS]


def _ordered(frame: pd.DataFrame, varying: list[str]) -> pd.DataFrame:
    heads = [*_FIRST, *(name for name in varying if name not in _FIRST), *_COUNTS]
    for name in heads:
        if name not in frame:
            frame[name] = pd.Series(dtype="int64" if name in _COUNTS else "object")
    frame = frame[[*heads, *(name for name in frame.columns if name not in heads)]]
    whole = {name: "Int64" for name in _WHOLE if name in frame}
    texts = {name: "string" for name in varying if _has_kinds(frame[name])}
    return frame.astype({**whole, **texts})


def _has_kinds(column: "pd.Series[Any]") -> bool:
    """Whether values of several types stand in one column, which parquet does not know."""
    kinds = {float if type(value) is int else type(value) for value in column if value is not None}
    return len(kinds - {type(pd.NA)}) > 1
