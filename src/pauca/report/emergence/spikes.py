"""Mean activity of every unit for a few classes, members of the class's ensemble marked."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from pauca.report.emergence.arrays import Arrays
from pauca.report.emergence.nets import Material, Net
from pauca.report.emergence.plate import Plate, grid
from pauca.report.emergence.values import named, slug
from pauca.report.style import legend_below, plain, styled

__all__ = ["Spikes", "draw_spikes", "spikes_plate", "spikes_record"]

_MEMBER = "#D55E00"
_OTHER = "#9a9a9a"
_CLASSES = 3
DEFINITION = "mean-ratio-1"


@dataclass(frozen=True, eq=False)
class Spikes:
    """Mean activity of one layer of one net, no answer shown.

    Args:
        net: Label.
        layer: Name.
        repetition: Which it was taken from.
        definition: Of the members.
        classes: Numbers of the classes shown, k of them.
        units: Unit of each column, int64 [u]: by the class with the highest mean, the strongest
            first; units that are never active last.
        means: float64 [k, u], columns in that order.
        members: bool [k, u], likewise.
    """

    net: str
    layer: str
    repetition: int
    definition: str
    classes: tuple[int, ...]
    units: NDArray[np.int64]
    means: NDArray[np.float64]
    members: NDArray[np.bool_]


def spikes_record(
    net: Net, arrays: Arrays, definition: str = DEFINITION, classes: Sequence[int] | None = None
) -> tuple[Spikes, ...]:
    """One a layer, of the lowest repetition that has arrays; empty where none has."""
    for repetition in sorted(net.records):
        found = [_layer(net, arrays, repetition, la, definition, classes) for la in net.layers]
        if any(found):
            return tuple(one for one in found if one is not None)
    return ()


def _layer(
    net: Net,
    arrays: Arrays,
    repetition: int,
    layer: str,
    definition: str,
    classes: Sequence[int] | None,
) -> Spikes | None:
    means = arrays.means(net, repetition, layer)
    members = arrays.members(net, repetition, layer, definition)
    if means is None or members is None:
        return None
    chosen = tuple(range(min(_CLASSES, len(means)))) if classes is None else tuple(classes)
    order = unit_order(means)
    rows = list(chosen)
    return Spikes(
        net.label,
        layer,
        repetition,
        definition,
        chosen,
        order,
        means[rows][:, order],
        members[rows][:, order],
    )


def unit_order(means: NDArray[np.float64]) -> NDArray[np.int64]:
    """Units by the class with their highest mean, strongest first, silent ones last, int64 [u]."""
    strength, preferred = means.max(0), means.argmax(0)
    preferred = np.where(strength > 0, preferred, len(means))
    return np.lexsort((-strength, preferred)).astype(np.int64)


def draw_spikes(records: Sequence[Spikes], classes: Sequence[str] = ()) -> Figure:
    """Rows are classes, columns layers; one stroke a unit, members in red."""
    shown = records[0].classes
    with styled():
        drawing, axes = grid(len(shown), len(records), 3.3, 1.35)
        for column, record in enumerate(records):
            top = float(record.means.max(initial=0)) or 1.0
            for row, k in enumerate(shown):
                panel = axes[row][column]
                _strokes(panel, record.means[row], record.members[row], top)
                if column == 0:
                    panel.set_ylabel(plain(named(classes, k)[:12]))
                if row == 0:
                    panel.set_title(plain(record.layer))
                if row == len(shown) - 1:
                    panel.set_xlabel("units, by preferred class")
        drawing.supylabel("mean activity", fontsize=10)
        handles = [Line2D([], [], color=c, linewidth=2) for c in (_MEMBER, _OTHER)]
        legend_below(drawing, handles, ["members of the class's ensemble", "other units"])
    return drawing


def _strokes(
    axes: Axes, means: NDArray[np.float64], members: NDArray[np.bool_], top: float
) -> None:
    at = np.arange(len(means))
    for chosen, colour in ((~members, _OTHER), (members, _MEMBER)):
        axes.vlines(at[chosen], 0, means[chosen], color=colour, lw=0.8, rasterized=True)
    axes.set_ylim(0, 1.05 * top)
    axes.set_xlim(-1, len(means))
    axes.set_xticks([])
    axes.grid(visible=False)
    axes.text(
        0.99,
        0.97,
        f"{int(members.sum())} of {len(members)} units",
        transform=axes.transAxes,
        ha="right",
        va="top",
        fontsize=8.5,
    )


def spikes_plate(records: Sequence[Spikes], material: Material) -> Plate:
    """The figure and every mean that is drawn."""
    frame = pd.concat(
        [
            pd.DataFrame(
                {
                    "layer": record.layer,
                    "class": named(material.classes, k),
                    "unit": record.units,
                    "mean": np.round(record.means[row], 5),
                    "member": record.members[row].astype(int),
                }
            )
            for record in records
            for row, k in enumerate(record.classes)
        ],
        ignore_index=True,
    )
    net = records[0].net
    return Plate(
        f"spikes-{slug(net)}",
        f"Mean activity of units by class: {net}",
        draw_spikes(records, material.classes),
        frame,
    )
