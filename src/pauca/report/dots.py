"""The plainest picture of a few means: one line each, a dot, its interval, every repetition."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pauca.report.estimates import Estimate
from pauca.report.style import Look, figure, short

__all__ = ["Dots", "dot_plot"]

_SINGLE = 200
"""Single repetitions are drawn for at most this many a line."""


@dataclass(frozen=True)
class Dots:
    """One line: a mean with its interval, as fractions; drawn in per cent."""

    label: str
    found: Estimate
    single: tuple[float, ...]
    look: Look


def dot_plot(lines: Sequence[Dots]) -> tuple[Figure, Axes]:
    """The lines from top to bottom; call within ``styled``."""
    drawing, axes = figure(5.0, 1.25 + 0.42 * len(lines))
    for place, line in enumerate(lines):
        _draw(axes, place, line)
    axes.set_yticks(range(len(lines)), [short(line.label) for line in lines])
    axes.set_ylim(len(lines) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.margins(x=0.08)
    return drawing, axes


def _draw(axes: Axes, place: int, line: Dots) -> None:
    colour = line.look.colour
    single = [100 * value for value in line.single[:_SINGLE]]
    axes.plot(
        single,
        [place + 0.24] * len(single),
        linestyle="none",
        marker="|",
        markersize=6,
        color=colour,
        alpha=0.8,
    )
    if line.found.known:
        span = [100 * line.found.low, 100 * line.found.high]
        axes.plot(span, [place, place], color=colour, linewidth=2.2, solid_capstyle="butt")
    axes.plot(
        [100 * line.found.mean],
        [place],
        marker=line.look.marker,
        color=colour,
        markersize=8,
        markeredgecolor="white",
        markeredgewidth=0.7,
    )
