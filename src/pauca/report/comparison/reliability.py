"""Reliability diagrams: whether learners are as often right as they are sure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from pauca.report.dots import key_line, spread
from pauca.report.estimates import SHARE, Estimate, estimate
from pauca.report.parts import Picture, as_svg
from pauca.report.style import SOFT, Look, legend_below, looks, short, styled
from pauca.report.tables import Cell, Column, Table, cell
from pauca.report.view import Group
from pauca.report.words import join, signed, some

__all__ = [
    "LINES",
    "Line",
    "Panel",
    "Point",
    "ReliabilityRecord",
    "draw_reliability",
    "reliability_picture",
    "reliability_record",
    "reliability_table",
    "reliability_words",
]

_LEAST = 20
"""A bin counts in a repetition in which it holds so many items; half of them have to."""
LINES = 7
"""At most this many lines are told apart in a panel."""
_PANELS = 12
"""At most this many panels are drawn."""
_COLUMNS = 4
_SIDES = (3.0, 2.2)
"""Inches of a panel: of up to two, and of more."""
_LETTERS = 56
"""Of a label in a legend that are shown."""
_MARKS = (3.0, 10.0)


@dataclass(frozen=True)
class Point:
    """One bin of confidence.

    Args:
        confidence: Mean over repetitions of the mean confidence of its items.
        accuracy: Share of them that is right.
        share: Of all items, mean over repetitions.
    """

    confidence: float
    accuracy: Estimate
    share: float


@dataclass(frozen=True)
class Line:
    """One learner in one panel.

    Args:
        label: Of its group.
        points: The least sure first.
        gap: Mean confidence less accuracy; above 0 is surer than right.
        ece: Expected calibration error over 15 bins of equal width.
    """

    label: str
    points: tuple[Point, ...]
    gap: Estimate
    ece: Estimate


@dataclass(frozen=True)
class Panel:
    """One strategy, or one model, under every learner."""

    label: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class ReliabilityRecord:
    """Reliability after the last training of every finished run.

    Args:
        panels: In the study's order.
        labels: Labels of lines, in the study's order.
    """

    panels: tuple[Panel, ...]
    labels: tuple[str, ...]


def reliability_record(groups: Sequence[Group]) -> ReliabilityRecord | None:
    """One panel a series and one line a group; None where no run says how sure it was."""
    found: dict[str, list[Line]] = {}
    for group in groups:
        for series in group.series:
            bins = [run.rounds[-1].get("calibration") for _, run in series.done]
            held = [each for each in bins if each]
            if held:
                found.setdefault(series.label, []).append(_line(group.title, held))
    if not found:
        return None
    there = {line.label for lines in found.values() for line in lines}
    panels = tuple(Panel(label, tuple(lines)) for label, lines in found.items())
    return ReliabilityRecord(panels, tuple(g.title for g in groups if g.title in there))


def draw_reliability(record: ReliabilityRecord) -> Figure:
    """Accuracy against confidence, a panel a series; the diagonal is right as often as sure."""
    panels = record.panels[:_PANELS]
    columns = min(_COLUMNS, len(panels))
    rows = math.ceil(len(panels) / columns)
    side = _SIDES[len(panels) > 2]
    style = looks(record.labels)
    with styled():
        longest = max(map(len, record.labels)) if len(record.labels) > 1 else 0
        width = max(0.7 + side * columns, 0.9 + 0.085 * min(longest, _LETTERS))
        size = (width, 0.6 + (side + 0.25) * rows)
        drawing = Figure(figsize=size, layout="constrained")
        FigureCanvasSVG(drawing)
        grid = drawing.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
        for at, axes in enumerate(grid.flat):
            if at < len(panels):
                _draw(axes, panels[at], style)
                below = at + columns >= len(panels)
                axes.tick_params(labelbottom=below)
                axes.set_xlabel("mean confidence (%)" if below else "")
                axes.set_ylabel("" if at % columns else "right (%)")
            else:
                axes.set_visible(False)
        grid[0, 0].set_xlim(0, 1.03)
        grid[0, 0].set_ylim(0, 1.03)
        grid[0, 0].set_xticks([0, 0.5, 1], ["0", "50", "100"])
        grid[0, 0].set_yticks([0, 0.5, 1], ["0", "50", "100"])
        if len(record.labels) > 1:
            keys = [key_line(style[label], line=True) for label in record.labels]
            legend_below(drawing, keys, record.labels)
    return drawing


def reliability_words(record: ReliabilityRecord) -> tuple[str, ...]:
    """Which learner is surer than right, and which is less sure."""
    said = []
    for label in record.labels:
        signs = {
            panel.label: line.gap.sign
            for panel in record.panels
            for line in panel.lines
            if line.label == label
        }
        parts = [
            f"{words} with {_named([name for name, sign in signs.items() if sign == side], signs)}"
            for side, words in ((1, "surer than right"), (-1, "less sure than right"))
            if side in signs.values()
        ]
        if parts:
            said.append(f"{label}: {join(parts)} (95\u202f% intervals, one each).")
    return tuple(said)


def reliability_table(record: ReliabilityRecord, first: str = "Strategy") -> Table:
    """Mean confidence less accuracy, and the expected calibration error, of every line."""
    several = len(record.labels) > 1
    columns = (
        *([Column("Setting", numeric=False)] if several else []),
        Column(first, numeric=False),
        Column("Mean confidence less accuracy", "points"),
        Column("ECE", "calibration error, lower is better, %"),
    )
    rows = tuple(
        (
            *([Cell(label)] if several else []),
            Cell(panel.label),
            cell(line.gap, signed),
            cell(line.ece),
        )
        for label in record.labels
        for panel in record.panels
        for line in panel.lines
        if line.label == label
    )
    notes = (
        "After the last training, on test items. Above zero: surer than right; below: less sure."
        " ECE: the mean over 15 bins of confidence of how far accuracy is off; 0 is calibrated.",
    )
    return Table("As sure as right?", columns, rows, notes)


def reliability_picture(
    groups: Sequence[Group], key: str, first: str = "Strategy"
) -> tuple[tuple[Picture, ...], tuple[Table, ...]]:
    """The diagram and the table; nothing where there is nothing to show.

    Args:
        groups: One line each.
        key: Put in front of ids of the figure.
        first: What a panel is, for the table.
    """
    record = reliability_record(groups) if len(groups) <= LINES else None
    if record is None:
        return (), ()
    says = reliability_words(record)
    svg = as_svg(draw_reliability(record), f"{key}l", " ".join(says))
    how = (
        "Test items after the last training, in 15 bins of how sure the learner is of its answer."
        " On the diagonal it is right as often as it is sure; below, less often. Larger marks hold"
        f" more items; a bin counts where it holds {_LEAST} or more, and is drawn if it does so in"
        " half of the repetitions. Bars: 95\u202f% intervals over these."
    )
    if len(record.panels) > _PANELS:
        how += f" The first {_PANELS} of {len(record.panels)}; the table has all."
    return (
        (Picture("As sure as right?", (svg,), how, says, wide=len(record.panels) > 2),),
        (reliability_table(record, first),),
    )


def _line(label: str, held: Sequence[Sequence[Mapping[str, Any]]]) -> Line:
    every = [{int(b["bin"]): b for b in bins} for bins in held]
    total = [sum(b["items"] for b in bins) for bins in held]
    points = []
    for place in sorted({place for bins in every for place in bins}):
        there = [
            (bins[place], of)
            for bins, of in zip(every, total, strict=True)
            if place in bins and bins[place]["items"] >= _LEAST
        ]
        if 2 * len(there) < len(every):
            continue
        sure = sum(b["confidence"] for b, _ in there) / len(there)
        right = estimate([b["accuracy"] for b, _ in there], SHARE)
        share = sum(b["items"] / of for b, of in there) / len(every)
        points.append(Point(sure, right, share))
    gaps = [
        sum(b["items"] * (b["confidence"] - b["accuracy"]) for b in bins) / of
        for bins, of in zip(held, total, strict=True)
    ]
    errors = estimate(
        [
            sum(b["items"] * abs(b["confidence"] - b["accuracy"]) for b in bins) / of
            for bins, of in zip(held, total, strict=True)
        ],
        SHARE,
    )
    return Line(label, tuple(points), estimate(gaps, (-1.0, 1.0)), errors)


def _draw(axes: Axes, panel: Panel, style: Mapping[str, Look]) -> None:
    axes.plot([0, 1], [0, 1], color=SOFT, linewidth=1, linestyle=(0, (1, 2)), zorder=1)
    for line in panel.lines:
        look = style[line.label]
        x = [point.confidence for point in line.points]
        y = [point.accuracy.mean for point in line.points]
        axes.plot(x, y, color=look.colour, linestyle=look.line, linewidth=1.2, zorder=2)
        for point in line.points:
            ends = spread(point.accuracy)
            axes.plot([point.confidence] * 2, ends, color=look.colour, linewidth=1.2, zorder=3)
            axes.plot(
                [point.confidence],
                [point.accuracy.mean],
                marker=look.marker,
                color=look.colour,
                markersize=_MARKS[0] + (_MARKS[1] - _MARKS[0]) * math.sqrt(point.share),
                markeredgecolor="white",
                markeredgewidth=0.5,
                zorder=4,
            )
    axes.set_title(short(panel.label, 26))


def _named(names: Sequence[str], of: Mapping[str, int]) -> str:
    if len(names) == len(of) > 1:
        return "both" if len(of) == 2 else f"all {len(of)}"
    return some(names)
