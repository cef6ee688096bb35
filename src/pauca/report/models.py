"""Models side by side: accuracy and sparsity of each layer, with intervals over repetitions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pauca.report.dots import Dots, dot_plot
from pauca.report.estimates import COUNT, SHARE, Estimate, estimate
from pauca.report.style import INK, Look, figure, legend_below, looks, plain, styled
from pauca.report.view import Group, Series, number

__all__ = ["LayerRow", "ModelRow", "ModelsRecord", "draw_accuracy", "draw_hoyer", "models_record"]

_SHOWN = 8
"""At most this many models in the picture of sparsity; the table has all."""


@dataclass(frozen=True)
class LayerRow:
    """One layer of one model; Hoyer sparsity is a mean over items that are not silent, in [0, 1].

    Args:
        layer: Name of the layer.
        neutral: Hoyer sparsity with the neutral label shown.
        true: with the true label shown.
        true_correct: with the true label shown, correctly classified items only (as published).
        dead: Units that are silent for every test item (neutral label).
        silent: Test items for which every unit is silent (neutral label).
    """

    layer: str
    neutral: Estimate
    true: Estimate
    true_correct: Estimate
    dead: Estimate
    silent: Estimate


@dataclass(frozen=True)
class ModelRow:
    """One model over all repetitions that finished."""

    label: str
    name: str
    planned: int
    accuracy: Estimate
    values: tuple[float, ...]
    layers: tuple[LayerRow, ...]

    @property
    def reads_label(self) -> bool:
        """Whether it matters which label is shown: the net takes it as part of its input."""
        pairs = [(row.neutral.mean, row.true.mean) for row in self.layers]
        return any(abs(a - b) > 1e-9 for a, b in pairs)


@dataclass(frozen=True)
class ModelsRecord:
    """What the table and the figures of the models show.

    Args:
        title: The group's title.
        labels: How many labels the models were trained on; None before one has finished.
        rows: Highest mean accuracy first.
    """

    title: str
    labels: int | None
    rows: tuple[ModelRow, ...]

    @property
    def finished(self) -> tuple[ModelRow, ...]:
        """Models with at least one finished repetition."""
        return tuple(row for row in self.rows if row.accuracy.n or row.layers)


def models_record(group: Group, layers: Mapping[str, Sequence[str]] | None = None) -> ModelsRecord:
    """Accuracy and sparsity of a group of models.

    Args:
        group: Of kind ``model``.
        layers: Layer names of each label, input side first, where known; a store may not keep the
            order of names.
    """
    rows = [_row(series, (layers or {}).get(series.label)) for series in group.series]
    rows.sort(key=lambda row: -row.accuracy.mean if row.accuracy.n else 1.0)
    spent = [r["labels"] for s in group.series for _, run in s.done for r in run.rounds]
    return ModelsRecord(group.title, max(spent, default=None), tuple(rows))


def draw_accuracy(record: ModelsRecord, order: tuple[str, ...] = ()) -> Figure:
    """Test accuracy of each model: dot, interval, every repetition."""
    rows = [row for row in record.finished if row.accuracy.n]
    with styled():
        style = _looks(record, order)
        dots = [Dots(row.label, row.accuracy, row.values, style[row.label]) for row in rows]
        drawing, axes = dot_plot(dots)
        axes.set_xlabel("test accuracy (%)")
    return drawing


def draw_hoyer(record: ModelsRecord, order: tuple[str, ...] = ()) -> Figure:
    """Hoyer sparsity against layer: filled for the neutral label, open for the true one."""
    rows = [row for row in record.finished if row.layers][:_SHOWN]
    with styled():
        drawing, axes = figure(5.0, 3.3)
        style = _looks(record, order)
        for place, row in enumerate(rows):
            shift = 0.5 * (place - (len(rows) - 1) / 2) / max(len(rows), 3)
            _draw_layers(axes, row, style[row.label], shift)
        _name_layers(axes, rows)
        axes.set_ylim(-0.03, 1.03)
        axes.set_ylabel("Hoyer sparsity (0 to 1)")
        axes.set_xlabel("layer, input side first")
        handles, labels = _legend(rows, style)
        legend_below(drawing, handles, labels)
    return drawing


def _looks(record: ModelsRecord, order: tuple[str, ...]) -> dict[str, Look]:
    return looks(order or tuple(row.label for row in record.rows))


def _draw_layers(axes: Axes, row: ModelRow, look: Look, shift: float) -> None:
    at = [depth + shift for depth in range(len(row.layers))]
    neutral = [layer.neutral for layer in row.layers]
    axes.plot(at, [e.mean for e in neutral], color=look.colour, linestyle=look.line, lw=1.4)
    _draw_points(axes, at, neutral, look, filled=True)
    if row.reads_label:
        beside = [x + 0.06 for x in at]
        _draw_points(axes, beside, [layer.true for layer in row.layers], look, filled=False)


def _draw_points(
    axes: Axes, at: Sequence[float], found: Sequence[Estimate], look: Look, *, filled: bool
) -> None:
    for x, one in zip(at, found, strict=True):
        if one.known:
            axes.plot([x, x], [one.low, one.high], color=look.colour, linewidth=1.6, zorder=3)
        axes.plot(
            [x],
            [one.mean],
            marker=look.marker,
            markersize=7,
            color=look.colour,
            markerfacecolor=look.colour if filled else "white",
            markeredgewidth=1.3,
            zorder=4,
        )


def _name_layers(axes: Axes, rows: Sequence[ModelRow]) -> None:
    deepest = max(rows, key=lambda row: len(row.layers))
    names = [layer.layer for layer in deepest.layers]
    same = all([layer.layer for layer in row.layers] == names[: len(row.layers)] for row in rows)
    ticks = [plain(name) if same else str(depth) for depth, name in enumerate(names, start=1)]
    axes.set_xticks(range(len(names)), ticks)
    axes.set_xlim(-0.5, len(names) - 0.5)
    axes.grid(visible=False, axis="x")


def _legend(rows: Sequence[ModelRow], style: Mapping[str, Look]) -> tuple[list[Line2D], list[str]]:
    handles = [
        Line2D(
            [],
            [],
            color=style[row.label].colour,
            linestyle=style[row.label].line,
            marker=style[row.label].marker,
        )
        for row in rows
    ]
    labels = [row.label for row in rows]
    if any(row.reads_label for row in rows):
        handles.append(Line2D([], [], color=INK, linestyle="none", marker="o"))
        handles.append(
            Line2D([], [], color=INK, linestyle="none", marker="o", markerfacecolor="white")
        )
        labels += ["neutral label", "true label"]
    return handles, labels


def _row(series: Series, order: Sequence[str] | None) -> ModelRow:
    records = [run.rounds[-1] for _, run in series.done if run.rounds]
    accuracy = [number((record.get("metrics") or {}).get("accuracy")) for record in records]
    found = estimate(accuracy, SHARE)
    return ModelRow(
        label=series.label,
        name=series.name,
        planned=len(series.runs),
        accuracy=found,
        values=tuple(value for value in accuracy if value == value),
        layers=tuple(_layer(layer, records) for layer in _layer_names(records, order)),
    )


def _layer_names(records: Sequence[Mapping[str, Any]], order: Sequence[str] | None) -> list[str]:
    known = list(dict.fromkeys(name for record in records for name in record.get("hoyer") or {}))
    first = [name for name in order or () if name in known]
    return first + [name for name in known if name not in first]


def _layer(layer: str, records: Sequence[Mapping[str, Any]]) -> LayerRow:
    def over(part: str, key: str) -> Estimate:
        values = [((record.get(part) or {}).get(layer) or {}).get(key) for record in records]
        return estimate([number(value) for value in values], SHARE if part == "hoyer" else COUNT)

    return LayerRow(
        layer,
        over("hoyer", "neutral"),
        over("hoyer", "true"),
        over("hoyer", "true_correct"),
        over("silent", "dead_units"),
        over("silent", "silent_samples"),
    )
