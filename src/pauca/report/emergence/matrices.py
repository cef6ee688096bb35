"""What breaks when an ensemble is silenced, and what follows when half of one is driven."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pauca.report.dots import bar
from pauca.report.emergence.nets import Material, Net
from pauca.report.emergence.plate import CHANCE, Plate, Row, grid, net_looks
from pauca.report.emergence.values import array, dig, mean, named, over, slug, two
from pauca.report.estimates import Estimate
from pauca.report.style import plain, styled
from pauca.report.tables import Cell, Column, Table, cell
from pauca.report.words import signed

__all__ = [
    "Effects",
    "dominance_row",
    "dominance_table",
    "draw_dominance",
    "draw_effects",
    "effects_plate",
    "effects_record",
    "largest",
]

Floats = NDArray[np.float64]

PARTS = {
    "lesions, same size": ("lesions", ("by_size",)),
    "lesions, same size and activity": ("lesions", ("by_activity",)),
    "drive, units of the next layer": ("drive", ("units",)),
    "drive, answers": ("drive", ("answers",)),
}
"""Experiment: (where it is stored, which comparison)."""
UNITS = "drive, units of the next layer"
"""Its effects are in units of activity, all others are shares of items."""


@dataclass(frozen=True, eq=False)
class Effects:
    """Effect of ensemble j (row) on class k (column), beyond that of random sets.

    Args:
        net: Label.
        place: Layer, or two layers with ``>`` between.
        part: Experiment, one of ``PARTS``.
        excess: Mean over repetitions of the effect less that of random sets, float64 [c, c].
        n: Repetitions.
        own: {repetition: mean of the diagonal}.
        others: {repetition: mean elsewhere}.
    """

    net: str
    place: str
    part: str
    excess: Floats
    n: int
    own: dict[int, float]
    others: dict[int, float]

    @property
    def difference(self) -> dict[int, float]:
        """{repetition: own class less others}: how far an ensemble matters to its own class."""
        both = self.own.keys() & self.others.keys()
        return {r: self.own[r] - self.others[r] for r in sorted(both)}


def effects_record(net: Net, part: str) -> tuple[Effects, ...]:
    """One for each layer (or pair of layers) that was tried, in the order of layers."""
    where, path = PARTS[part]
    tried = dict.fromkeys(p for record in net.records.values() for p in record.get(where) or {})
    order = sorted(tried, key=lambda p: [_place(net, la) for la in p.split(">")])
    found = (_effects(net, place, part, (where, place, *path)) for place in order)
    return tuple(one for one in found if one is not None)


def _place(net: Net, layer: str) -> int:
    return net.layers.index(layer) if layer in net.layers else len(net.layers)


def _effects(net: Net, place: str, part: str, path: tuple[str, ...]) -> Effects | None:
    tables = {}
    for repetition, record in net.records.items():
        stored = dig(record, *path, "excess")
        c = len(stored) if isinstance(stored, list) else 0
        table = array(stored, c, c)
        if c and not np.isnan(table).all():
            tables[repetition] = table
    if not tables:
        return None
    own = {r: mean(t.diagonal().tolist()) for r, t in tables.items()}
    off = ~np.eye(len(next(iter(tables.values()))), dtype=bool)
    others = {r: mean(t[off].tolist()) for r, t in tables.items()}
    stack = np.stack(list(tables.values()))
    known = ~np.isnan(stack)
    with np.errstate(invalid="ignore"):
        average = np.where(known, stack, 0).sum(0) / known.sum(0)
    return Effects(
        net.label,
        place,
        part,
        average,
        len(tables),
        {r: v for r, v in own.items() if not math.isnan(v)},
        {r: v for r, v in others.items() if not math.isnan(v)},
    )


def largest(records: Iterable[Effects]) -> float:
    """The largest effect of all, as a share, for one scale of colours; .05 at least."""
    tops = [float(np.nanmax(np.abs(r.excess))) for r in records]
    return max([*tops, 0.05])


def draw_effects(records: Sequence[Effects], classes: Sequence[str], top: float) -> Figure:
    """One panel a layer: rows are ensembles, columns the classes they are asked about."""
    c = len(records[0].excess)
    lesion = records[0].part.startswith("lesions")
    with styled():
        size = 1.8 + 0.16 * c
        drawing, axes = grid(1, len(records), size, size + 0.3)
        names = [plain(named(classes, k)[:11]) for k in range(c)]
        for panel, one in zip(axes[0], records, strict=True):
            image = panel.imshow(
                100 * one.excess,
                cmap=mpl.colormaps["RdBu_r"].with_extremes(bad="#e6e6e6"),
                vmin=-100 * top,
                vmax=100 * top,
            )
            panel.set_title(plain(one.place.replace(">", " \u2192 ")))
            panel.set_xticks(range(c), names, rotation=90, fontsize=8)
            first = panel is axes[0][0]
            panel.set_yticks(range(c), names if first else [""] * c, fontsize=8)
            panel.grid(visible=False)
            panel.tick_params(length=0)
            panel.set_xlabel("class asked" if lesion else "class that follows")
        axes[0][0].set_ylabel("ensemble silenced" if lesion else "half ensemble driven")
        bar_of = drawing.colorbar(image, ax=axes, shrink=0.8, pad=0.015)
        unit = "accuracy lost beyond\nrandom sets (points)" if lesion else _FOLLOWS
        bar_of.set_label(unit, fontsize=9)
        bar_of.outline.set_visible(False)
    return drawing


_FOLLOWS = "answers gained beyond\nrandom sets (points)"


def effects_plate(records: Sequence[Effects], material: Material, top: float) -> Plate:
    """The figure, its colours from -top to top, and every cell of it."""
    frame = pd.DataFrame(
        [
            (
                *(r.place, r.part, named(material.classes, j), named(material.classes, k)),
                *(r.excess[j, k], r.n),
            )
            for r in records
            for j in range(len(r.excess))
            for k in range(len(r.excess))
        ],
        columns=["place", "experiment", "ensemble", "class", "excess", "n"],
    )
    net, part = records[0].net, records[0].part
    return Plate(
        f"{slug(part)}-{slug(net)}",
        f"{part.capitalize()}: {net}",
        draw_effects(records, material.classes, top),
        frame,
    )


def draw_dominance(records: Sequence[Effects], material: Material) -> Figure:
    """Effect on an ensemble's own class less that on others: one panel an experiment."""
    parts = [p for p in PARTS if p != UNITS and any(r.part == p for r in records)]
    style = net_looks(material.nets)
    groups = [[p for p in parts if p.startswith(w)] for w in ("lesions", "drive")]
    shown = [group for group in groups if group]
    rows = [list(dict.fromkeys((r.net, r.place) for r in records if r.part in g)) for g in shown]
    with styled():
        drawing, axes = grid(1, len(shown), 5.0, 1.1 + 0.3 * max(map(len, rows)))
        for panel, group, places in zip(axes[0], shown, rows, strict=True):
            panel.axvline(0, color=CHANCE, linewidth=1.4, zorder=1)
            for one in (r for r in records if r.part in group):
                second = group.index(one.part) > 0
                at = places.index((one.net, one.place)) + (0.13 if second else -0.13)
                found = over(one.difference.values())
                bar(panel, at, _points(found), style[one.net], filled=not second)
            labels = [plain(f"{net}, {p.replace('>', ' → ')}") for net, p in places]
            panel.set_yticks(range(len(places)), labels, fontsize=8.5)
            panel.set_ylim(len(places) - 0.5, -0.5)
            panel.grid(visible=False, axis="y")
            panel.set_title("Silenced" if group[0].startswith("lesions") else "Half driven")
            panel.set_xlabel(_AXES[group[0].split(",")[0]], fontsize=9)
    return drawing


_AXES = {
    "lesions": "own class less others\n(points of accuracy lost)",
    "drive": "own class less others\n(points of answers\ngained)",
}


def _points(e: Estimate) -> Estimate:
    return Estimate(100 * e.mean, 100 * e.low, 100 * e.high, e.n)


def dominance_row(records: Sequence[Effects], material: Material) -> Row:
    """The figure, its numbers and its words."""
    frame = pd.DataFrame(
        [
            (r.net, r.place, r.part, name, e.mean, e.low, e.high, e.n)
            for r in records
            for name, e in (
                ("own", over(r.own.values())),
                ("others", over(r.others.values())),
                ("difference", over(r.difference.values())),
            )
        ],
        columns=["net", "place", "experiment", "measure", "mean", "low", "high", "n"],
    )
    how = (
        "Right of zero: an ensemble matters to its own class more than to others, beyond what"
        " random sets of other units do. Filled: sets of the same size; open: also about as active."
        " Bars: 95\u202f% intervals over repetitions."
    )
    plate = Plate("dominance", "Own class against others", draw_dominance(records, material), frame)
    return Row("Is an ensemble needed for its own class?", how, (plate,))


def dominance_table(records: Sequence[Effects]) -> Table:
    """Effects on the own class, on others, and the difference."""
    columns = (
        Column("Net", numeric=False),
        Column("Layer", numeric=False),
        Column("Experiment", numeric=False),
        Column("Own class", "beyond random sets"),
        Column("Other classes", "beyond random sets"),
        Column("Difference", "by repetition"),
    )
    cells = tuple(
        (
            Cell(r.net),
            Cell(r.place.replace(">", " \u2192 ")),
            Cell(r.part),
            *(
                cell(over(held.values()), two if r.part == UNITS else signed)
                for held in (r.own, r.others, r.difference)
            ),
        )
        for r in records
    )
    notes = (
        "Lesions: points of accuracy lost. Drive: points of answers gained; for units of the next"
        " layer, change of their mean activity.",
    )
    return Table("Lesions and drive", columns, cells, notes)
