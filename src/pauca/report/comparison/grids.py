"""Square tables as pictures: every strategy against every other one."""

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from pauca.metrics.arrays import Floats
from pauca.report.style import figure, short, styled

__all__ = ["draw_grid"]

_WRITTEN = 24
"""Numbers are written into the squares of at most this many strategies."""
_SHADES = LinearSegmentedColormap.from_list("shades", ["#ffffff", "#303030"])


def draw_grid(
    names: Sequence[str],
    values: Floats,
    *,
    rows: str,
    columns: str,
    scale: str,
    form: Callable[[float], str],
    most: float | None = None,
) -> Figure:
    """Values [m, m] as grey squares, darker for more, the numbers in them; no diagonal.

    Args:
        names: Of rows and columns, [m].
        values: From 0 up.
        rows: What a row is.
        columns: What a column is.
        scale: What the shade says.
        form: A value as text.
        most: Value of the darkest shade; the largest value if left out.
    """
    m = len(names)
    shown = np.array(values, dtype=float)
    np.fill_diagonal(shown, np.nan)
    top = most or float(np.nanmax(shown, initial=0.0)) or 1.0
    side = 0.36 * m
    with styled():
        drawing, axes = figure(2.6 + side, 2.0 + side)
        image = axes.imshow(shown, cmap=_SHADES, vmin=0, vmax=top, aspect="equal")
        texts = [short(name, 26) for name in names]
        axes.set_xticks(range(m), texts, rotation=60, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(m), texts)
        axes.set_xlabel(columns)
        axes.set_ylabel(rows)
        axes.grid(visible=False)
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
        if m <= _WRITTEN:
            for i, j in np.argwhere(np.isfinite(shown)):
                value = float(shown[i, j])
                colour = "white" if value > 0.6 * top else "#222222"
                axes.text(j, i, form(value), ha="center", va="center", fontsize=7.5, color=colour)
        bar = drawing.colorbar(image, ax=axes, shrink=min(1.0, 2.2 / max(side, 0.1)), pad=0.02)
        bar.set_label(scale)
        bar.outline.set_visible(False)
    return drawing
