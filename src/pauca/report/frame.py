"""Results as one tidy table: one row per run, round and metric."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from pauca.report.view import Group, Series, StudyView, flatten, number

__all__ = ["COLUMNS", "measures", "study_frame", "write_csv"]

COLUMNS = (
    "run",
    "kind",
    "group",
    "series",
    "repetition",
    "status",
    "round",
    "labels",
    "metric",
    "value",
)
"""Columns of the table. ``series`` is the strategy (kind active) or the model (kind model);
``metric`` is a measure's own name, or ``seconds.train``, ``memory.query.host`` (MiB), ``steps``,
``companion_steps``, ``hoyer.<layer>.neutral``, ``openset.precision``,
``openset.novelty.<score>.auroc``, ``stopping.kappa``, ``follow.<layer>.selective.size``,
``discovery.adjusted_rand``."""

_MEASURED = ("metrics", "hoyer", "silent", "openset", "stopping", "follow", "seconds", "memory")


def study_frame(view: StudyView) -> pd.DataFrame:
    """The tidy table of a study, in order of group, series, repetition and round."""
    rows = [row for group in view.groups for series in group.series for row in _rows(group, series)]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.astype({"repetition": "int64", "round": "int64", "labels": "int64"})


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write whole or not at all; numbers in full precision, ``nan`` spelled out."""
    draft = path.with_suffix(path.suffix + ".part")
    frame.to_csv(draft, index=False, lineterminator="\n", na_rep="nan", encoding="utf-8")
    os.replace(draft, path)


def _rows(group: Group, series: Series) -> Iterator[tuple[object, ...]]:
    for repetition, run in series.runs:
        head = (run.spec.id, group.kind, group.title, series.label, repetition, run.status)
        for record in run.rounds:
            at = (int(record.get("round", 0)), int(record.get("labels", 0)))
            for metric, value in measures(record):
                yield (*head, *at, metric, number(value))


def measures(record: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """Every measure of a round's record, by its name in the table."""
    for part in _MEASURED:
        values = record.get(part)
        if isinstance(values, Mapping) and values:
            prefix = "" if part == "metrics" else part
            yield from flatten(values, prefix).items()
    discovery = record.get("discovery")
    if isinstance(discovery, Mapping):
        told = {key: value for key, value in discovery.items() if key != "proposals"}
        yield from flatten(told, "discovery").items()
    for name in ("steps", "companion_steps"):
        if name in record:
            yield name, record[name]
