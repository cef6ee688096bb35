"""Learning curves: a measure against labels spent, with its interval over repetitions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from pauca.report.estimates import ANYWHERE, RANGES, Estimate, estimate
from pauca.report.style import Look, figure, legend_below, looks, styled
from pauca.report.view import Group, Series, number

__all__ = ["Curve", "CurvesRecord", "curves_record", "draw_curves", "points"]

_FAINT = 20
"""Single repetitions are drawn for at most this many a series ..."""
_CROWD = 2
"""... and for at most this many series: beyond, they hide the means."""
_COLOURED = 8
"""At most this many series are told apart; the others are grey."""


@dataclass(frozen=True)
class Curve:
    """One series.

    Args:
        label: Its name.
        name: Name of the strategy.
        labels: Labels spent, increasing.
        estimates: Mean and interval at each, over the repetitions that came so far.
        runs: One (labels, values) a repetition.
    """

    label: str
    name: str
    labels: tuple[int, ...]
    estimates: tuple[Estimate, ...]
    runs: tuple[tuple[tuple[int, ...], tuple[float, ...]], ...]


@dataclass(frozen=True)
class CurvesRecord:
    """What the figure of learning curves shows.

    Args:
        title: The group's title.
        metric: Name of the measure.
        repetitions: How many are planned.
        curves: In the study's order; series without a finished round are left out.
    """

    title: str
    metric: str
    repetitions: int
    curves: tuple[Curve, ...]


def points(series: Series, metric: str = "accuracy") -> dict[int, dict[int, float]]:
    """{repetition: {labels spent: value}} of every round that is there.

    Args:
        series: Of a group of kind active.
        metric: Name of a measure of the predictions, or the way to another number of a record, such
            as ``follow/layer1/hoyer``.
    """
    way = metric.split("/") if "/" in metric else ["metrics", metric]
    return {
        repetition: {int(record["labels"]): _value(record, way) for record in run.rounds}
        for repetition, run in series.runs
    }


def _value(record: Any, way: Sequence[str]) -> float:
    for step in way:
        record = record.get(step) if isinstance(record, Mapping) else None
    return number(record)


def curves_record(group: Group, metric: str = "accuracy") -> CurvesRecord:
    """Mean and interval of ``metric`` at each number of labels, for each series of a group."""
    curves = [_curve(series, metric) for series in group.series]
    kept = tuple(curve for curve in curves if curve.labels)
    return CurvesRecord(group.title, metric, group.repetitions, kept)


def draw_curves(
    record: CurvesRecord, bold: Sequence[str] | None = None, full: Estimate | None = None
) -> Figure:
    """Mean lines with bands; single repetitions as faint lines where few series leave room.

    Args:
        record: What to draw; at least one curve.
        bold: Labels to draw in colour where there are more series than can be told apart.
        full: What the learner reaches with every label of the pool.
    """
    with styled():
        drawing, axes = figure(5.0, 3.5)
        style = looks([c.label for c in record.curves], [c.name for c in record.curves])
        chosen = _chosen(record, bold)
        crowded = len(chosen) > _CROWD
        for curve in record.curves:
            if curve.label not in chosen:
                mean = [e.mean for e in curve.estimates]
                axes.plot(curve.labels, mean, color="#bdbdbd", linewidth=0.9, zorder=1)
        handles = [
            _draw(axes, curve, style[curve.label], place, faint=0 if crowded else _FAINT)
            for place, curve in enumerate(record.curves)
            if curve.label in chosen
        ]
        if full is not None and full.n:
            _ceiling(axes, full)
        _frame(axes, record)
        legend_below(drawing, handles, chosen)
    return drawing


def _chosen(record: CurvesRecord, bold: Sequence[str] | None) -> list[str]:
    labels = [curve.label for curve in record.curves]
    if len(labels) <= _COLOURED:
        return labels
    wanted = set(list(bold or labels)[:_COLOURED])
    return [label for label in labels if label in wanted]


def _curve(series: Series, metric: str) -> Curve:
    runs = [by_labels for by_labels in points(series, metric).values() if by_labels]
    at = tuple(sorted({m for by_labels in runs for m in by_labels}))
    found = tuple(
        estimate([r[m] for r in runs if m in r], RANGES.get(metric, ANYWHERE)) for m in at
    )
    lines = tuple((tuple(r), tuple(r.values())) for r in runs)
    return Curve(series.label, series.name, at, found, lines)


def _draw(axes: Axes, curve: Curve, look: Look, place: int, *, faint: int) -> Line2D:
    for at, values in curve.runs[:faint]:
        axes.plot(at, values, color=look.colour, linewidth=0.6, alpha=0.22, zorder=2)
    low = [e.low if e.known else e.mean for e in curve.estimates]
    high = [e.high if e.known else e.mean for e in curve.estimates]
    axes.fill_between(curve.labels, low, high, color=look.colour, alpha=0.13, linewidth=0)
    (line,) = axes.plot(
        curve.labels,
        [e.mean for e in curve.estimates],
        linewidth=1.8,
        markersize=5.5,
        zorder=4 + place,
        **look.drawn,
    )
    return line


def _ceiling(axes: Axes, full: Estimate) -> None:
    axes.axhline(full.mean, color="#222222", linewidth=1.1, linestyle=(0, (1, 2)), zorder=1)
    if full.known:
        axes.axhspan(full.low, full.high, color="#222222", alpha=0.06, linewidth=0)
    axes.annotate(
        "all labels of the pool",
        (0.01, full.mean),
        xycoords=("axes fraction", "data"),
        xytext=(0, 2),
        textcoords="offset points",
        ha="left",
        va="bottom",
        fontsize=8.5,
        color="#555555",
    )


def _frame(axes: Axes, record: CurvesRecord) -> None:
    axes.set_xlabel("labels spent")
    axes.set_ylabel("test accuracy (%)" if record.metric == "accuracy" else record.metric)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    if record.metric == "accuracy":
        axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{100 * y:.4g}"))
        low, high = axes.get_ylim()
        axes.set_ylim(max(low, -0.02), min(high, 1.02))
