"""The plainest picture of means: a dot and its interval, alone or one line each."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pauca.report.estimates import Estimate
from pauca.report.style import Look, figure, short

__all__ = ["Dots", "bar", "dot_plot", "key_line", "spread"]

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


def spread(found: Estimate) -> tuple[float, float]:
    """Ends to draw: of the interval, or the mean itself where there is none."""
    return (found.low, found.high) if found.known else (found.mean, found.mean)


def bar(
    axes: Axes,
    at: float,
    found: Estimate,
    look: Look,
    *,
    flat: bool = True,
    filled: bool = True,
    scale: float = 1.0,
) -> None:
    """A mean with its interval, lying (``flat``) at height ``at`` or standing at place ``at``."""
    if found.n == 0:
        return
    ends, mean, places = [scale * end for end in spread(found)], scale * found.mean, [at, at]
    x, y = (ends, places) if flat else (places, ends)
    axes.plot(x, y, color=look.colour, linewidth=1.7, zorder=3, solid_capstyle="butt")
    point = (mean, at) if flat else (at, mean)
    axes.plot(
        [point[0]],
        [point[1]],
        marker=look.marker,
        markersize=6,
        linestyle="none",
        color=look.colour,
        markerfacecolor=look.colour if filled else "white",
        markeredgewidth=1.1,
        zorder=4,
    )


def key_line(look: Look, *, filled: bool = True, line: bool = False) -> Line2D:
    """What stands in a legend for a look."""
    return Line2D(
        [],
        [],
        color=look.colour,
        marker=look.marker,
        linestyle=look.line if line else "none",
        markerfacecolor=look.colour if filled else "white",
        markersize=6,
    )
