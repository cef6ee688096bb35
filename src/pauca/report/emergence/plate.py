"""A figure with the numbers behind it, and what stands around it on a page."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from textwrap import wrap
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from pauca.report.emergence.nets import Net, Unseen
from pauca.report.style import Look, looks, plain, raw_svg
from pauca.report.tables import Table

__all__ = [
    "CHANCE",
    "DPI",
    "Part",
    "Plate",
    "Row",
    "grid",
    "name_panel",
    "net_looks",
    "unit_axis",
]

DPI = 250
"""Of what is an image inside a figure."""
CHANCE = "#8c8c8c"
"""Colour of what chance gives."""


@dataclass(frozen=True, eq=False)
class Plate:
    """One figure.

    Args:
        name: Of its files, without an ending.
        alt: What it shows, for those who cannot see it.
        drawing: The figure.
        frame: Every number that is drawn, one row each.
    """

    name: str
    alt: str
    drawing: Figure
    frame: pd.DataFrame

    @cached_property
    def svg(self) -> str:
        """The figure as the text of an SVG file."""
        text = raw_svg(self.drawing, DPI)
        # places are settled: a second file need not work them out again
        self.drawing.set_layout_engine("none")
        return text


@dataclass(frozen=True, eq=False)
class Row:
    """Figures side by side.

    Args:
        title: Heading; empty where the row goes on with what is above.
        how: How to read them.
        plates: The figures.
        each: Whether it is one of several of the same kind, so that its name has to be shown.
        folded: Whether it has to be opened to be seen.
    """

    title: str
    how: str
    plates: tuple[Plate, ...]
    each: bool = False
    folded: bool = False


@dataclass(frozen=True, eq=False)
class Part:
    """One section: figures, then tables, then tables to be opened.

    Args:
        title: Heading.
        lead: What it is about.
        rows: Figures.
        tables: In sight.
        folded: To be opened.
    """

    title: str
    lead: str
    rows: tuple[Row, ...] = ()
    tables: tuple[Table, ...] = ()
    folded: tuple[Table, ...] = ()


def grid(rows: int, columns: int, width: float, height: float, **share: Any) -> tuple[Figure, Any]:
    """An empty figure with [rows, columns] axes, each of this size in inches; within ``styled``."""
    drawing = Figure(figsize=(width * columns, height * rows), layout="constrained")
    FigureCanvasSVG(drawing)
    axes = drawing.subplots(rows, columns, squeeze=False, **share)
    return drawing, np.asarray(axes, dtype=object)


def name_panel(panel: Axes, *lines: str, most: int = 26) -> None:
    """A heading above a panel; lines are wrapped, or they would meet the next panel's."""
    parts = [part for line in lines for part in wrap(plain(line), most)]
    panel.set_title("\n".join(parts), fontsize=9.5)


def net_looks(nets: Sequence[Net | Unseen]) -> dict[str, Look]:
    """A look for each net, in the study's order; what was never trained is grey."""
    trained = [net.label for net in nets if not net.untrained]
    found = looks(trained)
    for place, net in enumerate([n for n in nets if n.untrained]):
        found[net.label] = Look("#7f7f7f", "X" if place == 0 else "Pd*"[place % 3], "solid")
    return found


def unit_axis(axes: Axes) -> None:
    """A lying axis from 0 to 1 whose numbers do not run into those of the next panel."""
    axes.set_xlim(-0.02, 1.02)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "", "0.5", "", "1"])
