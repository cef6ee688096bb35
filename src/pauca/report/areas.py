"""How good a strategy is over the whole budget, and how it stands against random choice."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from pauca.metrics import area_under_budget_curve, holm, wilcoxon
from pauca.report.curves import points
from pauca.report.dots import Dots, dot_plot
from pauca.report.estimates import ANYWHERE, RANGES, Estimate, estimate, paired, paired_p
from pauca.report.style import SOFT, Look, looks, styled
from pauca.report.view import Group, Series

__all__ = ["CLAIM", "AreaRow", "AreasRecord", "areas_record", "draw_areas"]

_ALPHA = 0.05
CLAIM = 20
"""Repetitions from which a difference may be claimed."""


@dataclass(frozen=True)
class AreaRow:
    """One strategy over all repetitions that finished.

    Args:
        label: Its name.
        name: Name of the strategy.
        planned: Repetitions planned.
        area: Area under the budget curve.
        final: Measure at the last round.
        difference: Area minus random's, paired by repetition; None without random, and for random.
        differences: (repetition, difference) behind it.
        p: Two-sided p of the paired t test, adjusted by Holm for the strategies compared; NaN
            where there is none.
        rank_p: The same of Wilcoxon's signed-rank test.
        values: (repetition, area).
    """

    label: str
    name: str
    planned: int
    area: Estimate
    final: Estimate
    difference: Estimate | None
    differences: tuple[tuple[int, float], ...]
    p: float
    rank_p: float
    values: tuple[tuple[int, float], ...]

    @property
    def verdict(self) -> int:
        """+1 above random, -1 below, 0 undecided: the sign of a difference that survives Holm.

        The signed-rank test decides, which asks for no bell curve; with fewer than ``CLAIM``
        repetitions it can hardly say anything, and the t test gives an indication.
        """
        if self.difference is None:
            return 0
        decides = self.rank_p if self.difference.n >= CLAIM else self.p
        return self.difference.sign if decides < _ALPHA else 0


@dataclass(frozen=True)
class AreasRecord:
    """What the table and the figure of areas show.

    Args:
        title: The group's title.
        metric: Name of the measure.
        baseline: Label of random choice, or None.
        rows: Highest mean area first; strategies without a finished repetition last.
    """

    title: str
    metric: str
    baseline: str | None
    rows: tuple[AreaRow, ...]

    @property
    def compared(self) -> tuple[AreaRow, ...]:
        """Rows that have a difference to random, largest first."""
        found = [row for row in self.rows if row.difference is not None and row.difference.n]
        return tuple(sorted(found, key=lambda row: -_mean(row.difference)))


def areas_record(group: Group, metric: str = "accuracy") -> AreasRecord:
    """Areas, final values and paired differences of a group; only finished repetitions count."""
    baseline = group.baseline
    areas = {series.label: _areas(series, metric) for series in group.series}
    against = areas[baseline.label] if baseline is not None else {}
    pairs = {
        series.label: paired(areas[series.label], against)
        for series in group.series
        if baseline is not None and series.label != baseline.label
    }
    adjusted = holm([paired_p([d for _, d in pair]) for pair in pairs.values()]).tolist()
    p = dict(zip(pairs, adjusted, strict=True))
    ranked = holm([_signed_rank_p([d for _, d in pair]) for pair in pairs.values()]).tolist()
    rank_p = dict(zip(pairs, ranked, strict=True))
    rows = [
        _row(
            series,
            metric,
            areas[series.label],
            pairs.get(series.label),
            (p.get(series.label), rank_p.get(series.label)),
        )
        for series in group.series
    ]
    rows.sort(key=lambda row: -row.area.mean if row.area.n else math.inf)
    return AreasRecord(group.title, metric, baseline.label if baseline else None, tuple(rows))


def draw_areas(record: AreasRecord, order: tuple[str, ...] = ()) -> Figure:
    """Dots with intervals, one line a strategy: the difference to random, or the area without it.

    Args:
        record: What to draw.
        order: Every label in the study's order, so that looks agree with the learning curves.
    """
    against = bool(record.compared)
    rows = record.compared or tuple(row for row in record.rows if row.area.n)
    labels = order or tuple(row.label for row in record.rows)
    names = {row.label: row.name for row in record.rows}
    with styled():
        style = looks(labels, [names.get(label, label) for label in labels])
        dots = [_dots(row, against, style[row.label]) for row in rows]
        drawing, axes = dot_plot(dots)
        axes.set_xlabel("area under the budget curve (%)")
        if against:
            axes.axvline(0, color=SOFT, linewidth=1.2, zorder=1)
            axes.set_xlabel("area minus random's (percentage points)")
            axes.set_title("below random  |  above random", loc="center", color=SOFT)
    return drawing


def _dots(row: AreaRow, against: bool, look: Look) -> Dots:
    if against and row.difference is not None:
        return Dots(row.label, row.difference, tuple(d for _, d in row.differences), look)
    return Dots(row.label, row.area, tuple(v for _, v in row.values), look)


def _mean(found: Estimate | None) -> float:
    return -math.inf if found is None or math.isnan(found.mean) else found.mean


def _signed_rank_p(differences: Sequence[float]) -> float:
    known = [d for d in differences if not math.isnan(d)]
    return wilcoxon(known, [0.0] * len(known)).p if len(known) > 1 else math.nan


def _areas(series: Series, metric: str) -> dict[int, float]:
    finished = {repetition for repetition, _ in series.done}
    return {
        repetition: _area(by_labels)
        for repetition, by_labels in points(series, metric).items()
        if repetition in finished
    }


def _area(by_labels: dict[int, float]) -> float:
    """Area of one run; NaN where a value is missing."""
    if not by_labels or any(math.isnan(v) for v in by_labels.values()):
        return math.nan
    return float(area_under_budget_curve(list(by_labels), list(by_labels.values())))


def _row(
    series: Series,
    metric: str,
    areas: dict[int, float],
    pairs: tuple[tuple[int, float], ...] | None,
    p: tuple[float | None, float | None],
) -> AreaRow:
    curves = points(series, metric)
    last = [list(curves[r].values())[-1] for r, _ in series.done if curves[r]]
    known = tuple((r, v) for r, v in areas.items() if not math.isnan(v))
    return AreaRow(
        label=series.label,
        name=series.name,
        planned=len(series.runs),
        area=estimate(list(areas.values()), RANGES.get(metric, ANYWHERE)),
        final=estimate(last, RANGES.get(metric, ANYWHERE)),
        difference=None if pairs is None else estimate([d for _, d in pairs]),
        differences=tuple((r, d) for r, d in pairs or () if not math.isnan(d)),
        p=math.nan if p[0] is None else p[0],
        rank_p=math.nan if p[1] is None else p[1],
        values=known,
    )
