"""Tables of a report as plain values: what stands in each cell, before any markup."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pauca.report.areas import CLAIM, AreaRow, AreasRecord
from pauca.report.comparison.ranks import RanksRecord
from pauca.report.estimates import ANYWHERE, COUNT, RANGES, SHARE, Estimate, estimate
from pauca.report.models import LayerRow, ModelsRecord
from pauca.report.view import Group, Series, StudyView, number
from pauca.report.words import fitting, share, signed

__all__ = [
    "Cell",
    "Column",
    "Table",
    "areas_table",
    "cell",
    "cost_table",
    "layers_table",
    "measures_table",
    "states_table",
]

DASH = "\u2013"

_MEASURES = {
    "accuracy": "higher is better, %",
    "balanced_accuracy": "mean recall over classes, higher is better, %",
    "worst_group": "accuracy of the worst group, higher is better, %",
    "worst_group_accuracy": "higher is better, %",
    "macro_f1": "higher is better, %",
    "nll": "negative log-likelihood, nats, lower is better",
    "brier": "0 to 2, lower is better",
    "ece": "calibration error, lower is better, %",
}
_PER_CENT = frozenset(name for name, span in RANGES.items() if span == SHARE)


@dataclass(frozen=True)
class Cell:
    """One cell: a value and, smaller, its interval or a remark."""

    text: str
    sub: str = ""


@dataclass(frozen=True)
class Column:
    """A heading, its unit or direction, and whether its cells are numbers."""

    title: str
    hint: str = ""
    numeric: bool = True


@dataclass(frozen=True)
class Table:
    """A table: a caption, columns, rows of cells, remarks below."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()


def cell(found: Estimate | None, form: Callable[[float], str] = share) -> Cell:
    """A mean with its interval; says how many values were missing."""
    if found is None or found.n == 0:
        return Cell(DASH, f"{found.missing} missing" if found and found.missing else "")
    form = fitting(found, form)
    sub = f"[{form(found.low)}, {form(found.high)}]" if found.known else "no interval"
    if found.missing:
        sub += f", {found.missing} missing"
    return Cell(form(found.mean), sub)


def areas_table(record: AreasRecord, ranks: RanksRecord | None = None) -> Table:
    """Areas, final accuracy, ranks and differences to random; highest area first."""
    places = {} if ranks is None else dict(zip(ranks.names, ranks.mean_ranks, strict=True))
    columns = (
        Column("Strategy", numeric=False),
        Column("Repetitions", "finished"),
        *([Column("Mean rank", "1 is best")] if places else []),
        Column("Area under budget curve", "%"),
        Column("Accuracy at the end", "%"),
        Column("Area minus random\u2019s", "points, paired"),
        Column("p", "paired t, Holm"),
        Column("p", "signed ranks, Holm"),
        Column("Reading", numeric=False),
    )
    rows = tuple(_area_cells(row, record, places) for row in record.rows)
    notes = ["Mean and 95\u202f% Student-t interval over finished repetitions."]
    if record.compared:
        notes.append(
            "Differences are taken within each repetition, which starts from the same labels and"
            " the same weights. The intervals stand for one comparison each; p and reading allow"
            f" for all of them. From {CLAIM} repetitions on the signed-rank test (Wilcoxon) decides"
            " the reading, below that the t test indicates it."
        )
    if any(row.area.n + row.area.missing < row.planned for row in record.rows):
        notes.append(
            "Not every repetition has finished: rows may rest on different repetitions, so compare"
            " the paired differences rather than the means."
        )
    return Table("Over the whole budget", columns, rows, tuple(notes))


def cost_table(group: Group) -> Table:
    """Seconds and optimiser steps of each series."""
    active = group.kind == "active"
    unit = "s a round" if active else "s"
    columns = [
        Column("Strategy" if active else "Model", numeric=False),
        Column("Training", unit),
        *([Column("Query", unit)] if active else []),
        Column("Evaluation", unit),
        Column("Optimiser steps", "a round" if active else "in all"),
        Column("One repetition", "s in all"),
    ]
    rows = [_cost_cells(series, active=active) for series in group.series]
    if any(_memory(series) for series in group.series):
        columns.append(Column("Memory of a query", "MiB at its peak, more than before"))
        rows = [
            (*row, cell(estimate(_memory(series), COUNT), _mib))
            for row, series in zip(rows, group.series, strict=True)
        ]
    if _companions(group):
        columns.append(Column("Steps of the companion", "a round, in addition"))
        rows = [
            (*row, _steps_cell(series, "companion_steps"))
            for row, series in zip(rows, group.series, strict=True)
        ]
    notes = ["Wall-clock time on the machine below; mean and 95\u202f% interval over repetitions."]
    if not _equal_steps(group):
        notes.append(
            "The number of optimiser steps differs between rows: part of a difference in accuracy"
            " may be more training."
        )
    return Table("Cost", tuple(columns), tuple(rows), tuple(notes))


def measures_table(group: Group) -> Table | None:
    """Every measure of the last round but accuracy; None when there is none."""
    lasts = {s.label: [run.rounds[-1] for _, run in s.done if run.rounds] for s in group.series}
    names = dict.fromkeys(
        name for records in lasts.values() for r in records for name in r.get("metrics") or {}
    )
    shown = [n for n in _MEASURES if n in names] + [n for n in names if n not in _MEASURES]
    shown = [name for name in shown if name != "accuracy"]
    if not shown:
        return None
    first = Column("Strategy" if group.kind == "active" else "Model", numeric=False)
    columns = (first, *(Column(_readable(name), _MEASURES.get(name, "")) for name in shown))
    rows = tuple(
        (Cell(label), *(cell(_last(records, name), _form(name)) for name in shown))
        for label, records in lasts.items()
    )
    where = "last round" if group.kind == "active" else "test items"
    return Table(f"Other measures, {where}", columns, rows)


def layers_table(record: ModelsRecord) -> Table:
    """Accuracy of each model and Hoyer sparsity, dead units and silent items of each layer."""
    columns = (
        Column("Model", numeric=False),
        Column("Accuracy", "%"),
        Column("Layer", "input side first", numeric=False),
        Column("Hoyer, neutral label", "0 to 1"),
        Column("Hoyer, true label", "0 to 1"),
        Column("Hoyer, true label, correct items", "as published"),
        Column("Dead units", "silent for all test items"),
        Column("Silent items", "no unit active"),
    )
    rows = []
    for row in record.rows:
        accuracy = cell(row.accuracy)
        head = Cell(row.label, f"{row.accuracy.n} of {row.planned} repetitions")
        if not row.layers:
            rows.append((head, accuracy, *[Cell(DASH)] * 6))
        for place, layer in enumerate(row.layers):
            start = (head, accuracy) if place == 0 else (Cell(""), Cell(""))
            rows.append((*start, *_layer_cells(layer)))
    notes = (
        "Mean and 95\u202f% Student-t interval over finished repetitions. Hoyer sparsity of one"
        " item is 0 when all units are equally active and 1 when a single one is.",
        "A silent item has no Hoyer sparsity: it is left out of the mean, and counted here (neutral"
        " label). A layer may also be sparse only because many of its units are dead.",
    )
    return Table("Accuracy and sparsity by layer", columns, tuple(rows), notes)


def states_table(view: StudyView) -> Table:
    """How many runs are done, running, failed and pending, by series."""
    words = ("done", "running", "failed", "pending")
    columns = (
        Column("Runs of", numeric=False),
        *(Column(word) for word in words),
    )
    several = len(view.groups) > 1
    rows = tuple(
        (
            Cell(series.label, group.title if several else ""),
            *(Cell(str(sum(run.status == word for _, run in series.runs))) for word in words),
        )
        for group in view.groups
        for series in group.series
    )
    return Table("State of the runs", columns, rows)


def _area_cells(row: AreaRow, record: AreasRecord, places: Mapping[str, float]) -> tuple[Cell, ...]:
    finished = row.area.n + row.area.missing
    known = row.difference is not None and row.difference.n > 0
    return (
        Cell(row.label),
        Cell(str(finished), f"of {row.planned}"),
        *([Cell(f"{places[row.label]:.2f}" if row.label in places else DASH)] if places else []),
        cell(row.area),
        cell(row.final),
        cell(row.difference, signed) if known else Cell(DASH),
        Cell(_p(row.p)),
        Cell(_p(row.rank_p)),
        Cell(_reading(row, record)),
    )


def _reading(row: AreaRow, record: AreasRecord) -> str:
    if row.label == record.baseline:
        return "baseline"
    if row.difference is None or not row.difference.known:
        return DASH
    return {1: "above random", -1: "below random", 0: "not told apart"}[row.verdict]


def _p(value: float) -> str:
    if math.isnan(value):
        return DASH
    return "<\u202f0.001" if value < 0.001 else f"{value:.3f}"


def _cost_cells(series: Series, *, active: bool) -> tuple[Cell, ...]:
    runs = [run.rounds for _, run in series.runs if run.rounds]
    done = [run.rounds for _, run in series.done if run.rounds]
    totals = [sum(number(v) for r in rounds for v in _seconds(r).values()) for rounds in done]
    parts = ["train", "query", "evaluate"] if active else ["train", "evaluate"]
    return (
        Cell(series.label),
        *(cell(estimate([_mean_seconds(r, part) for r in runs], COUNT), _time) for part in parts),
        _steps_cell(series, "steps"),
        cell(estimate(totals, COUNT), _time),
    )


def _memory(series: Series) -> list[float]:
    """Most that any query of a repetition needed, by repetition; none where it is not known."""
    peaks = [
        [number(r["memory"]["query"]["host"]) for r in run.rounds if _has_peak(r)]
        for _, run in series.runs
    ]
    return [max(found) for found in peaks if found]


def _has_peak(record: Mapping[str, Any]) -> bool:
    memory = record.get("memory")
    query = memory.get("query") if isinstance(memory, Mapping) else None
    return isinstance(query, Mapping) and "host" in query


def _mib(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def _seconds(record: Mapping[str, Any]) -> Mapping[str, Any]:
    found = record.get("seconds")
    return found if isinstance(found, Mapping) else {}


def _mean_seconds(rounds: Sequence[Mapping[str, Any]], part: str) -> float:
    """Mean over rounds; rounds that asked nothing have no query."""
    if part == "query":
        rounds = [record for record in rounds if record.get("asked")]
    values = [number(_seconds(record).get(part)) for record in rounds]
    return sum(values) / len(values) if values else math.nan


def _mean_steps(rounds: Sequence[Mapping[str, Any]], key: str) -> float:
    return sum(number(record.get(key)) for record in rounds) / len(rounds)


def _steps_cell(series: Series, key: str) -> Cell:
    steps = [_mean_steps(run.rounds, key) for _, run in series.runs if run.rounds]
    return cell(estimate(steps, COUNT), _whole)


def _equal_steps(group: Group) -> bool:
    found = {
        round(_mean_steps(run.rounds, "steps") + _added(run.rounds), 6)
        for series in group.series
        for _, run in series.done
        if run.rounds
    }
    return len({steps for steps in found if not math.isnan(steps)}) < 2


def _added(rounds: Sequence[Mapping[str, Any]]) -> float:
    """Steps of a companion; none where there is no companion."""
    steps = _mean_steps(rounds, "companion_steps")
    return 0.0 if math.isnan(steps) else steps


def _companions(group: Group) -> bool:
    rounds = [r for s in group.series for _, run in s.runs for r in run.rounds]
    return any(number(record.get("companion_steps")) > 0 for record in rounds)


def _last(records: Sequence[Mapping[str, Any]], name: str) -> Estimate:
    values = [number((record.get("metrics") or {}).get(name)) for record in records]
    return estimate(values, RANGES.get(name, ANYWHERE))


def _layer_cells(layer: LayerRow) -> tuple[Cell, ...]:
    return (
        Cell(layer.layer),
        cell(layer.neutral, _three),
        cell(layer.true, _three),
        cell(layer.true_correct, _three),
        cell(layer.dead, _count),
        cell(layer.silent, _count),
    )


def _form(name: str) -> Callable[[float], str]:
    return share if name in _PER_CENT else _three


def _readable(name: str) -> str:
    return {"nll": "NLL", "brier": "Brier", "ece": "ECE", "macro_f1": "Macro F1"}.get(
        name, name.replace("_", " ").capitalize()
    )


def _three(value: float) -> str:
    return f"{value:.3f}".replace("-", "\u2212")


def _count(value: float) -> str:
    return f"{value:,.1f}".replace("-", "\u2212")


def _whole(value: float) -> str:
    return f"{value:,.0f}".replace("-", "\u2212")


def _time(value: float) -> str:
    """Seconds with three significant digits."""
    if abs(value) >= 100:
        return _whole(value)
    return f"{value:.3g}".replace("-", "\u2212")
