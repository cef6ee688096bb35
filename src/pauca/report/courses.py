"""How Forward-Forward layers learned: goodness, separation and accuracy against epochs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pauca.report.estimates import COUNT, SHARE, Estimate, estimate
from pauca.report.style import INK, Look, figure, legend_below, looks, styled
from pauca.report.view import Group, Series, number

__all__ = ["Course", "LayerCourse", "courses", "draw_goodness", "draw_told"]

_LAYERS = 6
"""At most this many layers are drawn: the first ones."""
_KEYS = ("goodness_positive", "goodness_negative", "separation", "accuracy", "dead_units")
_RANGES = {"separation": SHARE, "accuracy": SHARE}


@dataclass(frozen=True)
class LayerCourse:
    """One layer while it learned; means over the repetitions that finished.

    Args:
        layer: From 1, input side first.
        epochs: Passes over the items so far in which it learned, increasing.
        positive: Mean goodness of positives since the epoch before.
        negative: Mean goodness of negatives.
        separation: Part of the negatives whose goodness is below their positive's.
        accuracy: Of the layer by itself, on training items; without labels all unknown.
        dead: Units that answered to no positive since the epoch before.
    """

    layer: int
    epochs: tuple[float, ...]
    positive: tuple[Estimate, ...]
    negative: tuple[Estimate, ...]
    separation: tuple[Estimate, ...]
    accuracy: tuple[Estimate, ...]
    dead: tuple[Estimate, ...]


@dataclass(frozen=True)
class Course:
    """One model.

    Args:
        label: Of its series.
        repetitions: How many finished.
        layers: Input side first.
    """

    label: str
    repetitions: int
    layers: tuple[LayerCourse, ...]

    @property
    def labelled(self) -> bool:
        """Whether it learned labels, so that each layer has an accuracy."""
        return any(one.n for layer in self.layers for one in layer.accuracy)


def courses(group: Group) -> tuple[Course, ...]:
    """How the models of a group learned whose layers have goodness, in the study's order.

    Args:
        group: Of kind ``model``.
    """
    found = [_course(series) for series in group.series]
    return tuple(course for course in found if course.layers)


def draw_goodness(course: Course) -> Figure:
    """Goodness of positives (whole lines) and negatives (broken) of each layer."""
    with styled():
        drawing, axes = figure(4.4, 2.9)
        for layer, look in _drawn(course):
            _line(axes, layer.epochs, layer.positive, look, dashed=False)
            _line(axes, layer.epochs, layer.negative, look, dashed=True)
        axes.set_ylabel("goodness")
        _frame(drawing, axes, course, ("positives", "negatives"))
    return drawing


def draw_told(course: Course) -> Figure:
    """Accuracy of each layer by itself (whole lines) and separation (broken), in per cent."""
    with styled():
        drawing, axes = figure(4.4, 2.9)
        for layer, look in _drawn(course):
            if course.labelled:
                _line(axes, layer.epochs, layer.accuracy, look, dashed=False, factor=100)
            _line(axes, layer.epochs, layer.separation, look, dashed=True, factor=100)
        axes.set_ylabel("% of training items")
        words = ("accuracy", "separation") if course.labelled else ("", "separation")
        _frame(drawing, axes, course, words)
    return drawing


def _course(series: Series) -> Course:
    histories = [run.rounds[-1].get("history") or () for _, run in series.done if run.rounds]
    runs = [_by_layer(history) for history in histories]
    numbers = sorted({layer for run in runs for layer in run})
    layers = tuple(_layer(layer, [run[layer] for run in runs if layer in run]) for layer in numbers)
    return Course(series.label, sum(bool(run) for run in runs), layers)


def _by_layer(history: Sequence[Mapping[str, Any]]) -> dict[int, dict[float, Mapping[str, Any]]]:
    """{layer: {epoch: record}} of the records that have a goodness."""
    found: dict[int, dict[float, Mapping[str, Any]]] = {}
    for record in history:
        if "layer" in record and "goodness_positive" in record:
            epochs = found.setdefault(int(record["layer"]), {})
            epochs[number(record.get("epoch"))] = record
    return found


def _layer(layer: int, runs: Sequence[Mapping[float, Mapping[str, Any]]]) -> LayerCourse:
    epochs = tuple(sorted({epoch for run in runs for epoch in run}))
    columns = [
        tuple(
            estimate(
                [number(run[epoch].get(key)) for run in runs if epoch in run],
                _RANGES.get(key, COUNT),
            )
            for epoch in epochs
        )
        for key in _KEYS
    ]
    return LayerCourse(layer, epochs, *columns)


def _drawn(course: Course) -> list[tuple[LayerCourse, Look]]:
    layers = course.layers[:_LAYERS]
    style = looks([str(layer.layer) for layer in layers])
    return [(layer, style[str(layer.layer)]) for layer in layers]


def _line(
    axes: Axes,
    epochs: Sequence[float],
    found: Sequence[Estimate],
    look: Look,
    *,
    dashed: bool,
    factor: float = 1.0,
) -> None:
    low = [factor * (e.low if e.known else e.mean) for e in found]
    high = [factor * (e.high if e.known else e.mean) for e in found]
    axes.fill_between(epochs, low, high, color=look.colour, alpha=0.13, linewidth=0)
    axes.plot(
        epochs,
        [factor * e.mean for e in found],
        color=look.colour,
        linestyle="dashed" if dashed else "solid",
        linewidth=1.5,
        marker=look.marker,
        markersize=4,
        markevery=max(1, len(epochs) // 6),
        markeredgecolor="white",
        markeredgewidth=0.4,
    )


def _frame(drawing: Figure, axes: Axes, course: Course, words: tuple[str, str]) -> None:
    axes.set_xlabel("epochs in which the layer learned")
    axes.set_xlim(left=0)
    handles, labels = [], []
    for layer, look in _drawn(course):
        handles.append(Line2D([], [], color=look.colour, marker=look.marker, markersize=5))
        labels.append(f"layer {layer.layer}")
    for word, dashed in zip(words, (False, True), strict=True):
        if word:
            line = Line2D([], [], color=INK, linestyle="dashed" if dashed else "solid")
            handles.append(line)
            labels.append(word)
    legend_below(drawing, handles, labels)
