"""Categories left out of training: do ensembles form, whom do they resemble, are they noticed?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pauca.report.dots import bar, key_line
from pauca.report.emergence.nets import Material, Unseen
from pauca.report.emergence.plate import CHANCE, Plate, Row, grid, name_panel
from pauca.report.emergence.values import array, dig, named, over, slug, two
from pauca.report.estimates import ANYWHERE, SHARE, Estimate, estimate
from pauca.report.style import Look, legend_below, plain, styled
from pauca.report.tables import Cell, Column, Table, cell
from pauca.report.words import share

__all__ = [
    "Formation",
    "draw_formation",
    "draw_shared",
    "formation_record",
    "formation_row",
    "scores_table",
    "shared_plate",
    "shared_record",
]

_PARTS = {
    "left-out": ("category left out", Look("#0072B2", "o", "solid")),
    "seen": ("a seen category", Look("#009E73", "^", "solid")),
    "noise": ("noise", Look("#D55E00", "v", "solid")),
    "null": ("random groups, seen items", Look("#E69F00", "D", "solid")),
    "untrained": ("left out, untrained net", Look("#7f7f7f", "X", "solid")),
}


@dataclass(frozen=True)
class Formation:
    """How well an ensemble comes out again in halves of the items of class k, never trained on.

    Args:
        net: Label.
        layer: Name.
        depth: 0 is next to the input.
        definition: Of the ensembles.
        k: Class left out.
        jaccard: {group: Jaccard index of two halves}; ``null`` are random groups of seen items,
            ``untrained`` the same category in a net as it starts.
        chance: What random sets of those sizes share.
        size: Units of the ensemble.
        formed: Share of splits in which both halves had one.
    """

    net: str
    layer: str
    depth: int
    definition: str
    k: int
    jaccard: dict[str, Estimate]
    chance: Estimate
    size: Estimate
    formed: Estimate


def formation_record(
    material: Material, net: Unseen, definition: str = "selective"
) -> tuple[Formation, ...]:
    """Every class left out and every layer."""
    start = material.start_of(net)
    return tuple(
        _formation(net, start, layer, depth, definition, k)
        for depth, layer in enumerate(net.layers)
        for k in net.left_out
    )


def _formation(
    net: Unseen, start: Unseen | None, layer: str, depth: int, definition: str, k: int
) -> Formation:
    def get(of: Unseen, group: str, name: str) -> Estimate:
        values = of.of_class(k, "formation", of.own, layer, definition, group, name)
        return over(values.values(), SHARE if name != "size" else ANYWHERE)

    jaccard = {group: get(net, group, "jaccard") for group in ("left-out", "seen", "noise")}
    jaccard["null"] = get(net, "left-out", "null_jaccard")
    if start is not None:
        jaccard["untrained"] = get(start, "left-out", "jaccard")
    return Formation(
        net.label,
        layer,
        depth,
        definition,
        k,
        jaccard,
        get(net, "left-out", "chance"),
        get(net, "left-out", "size"),
        get(net, "left-out", "formed"),
    )


def draw_formation(records: Sequence[Formation], classes: Sequence[str] = ()) -> Figure:
    """Rows are nets, columns layers; classes left out along the axis."""
    nets = list(dict.fromkeys(r.net for r in records))
    depths = sorted({r.depth for r in records})
    left = sorted({r.k for r in records})
    used = [p for p in _PARTS if any(r.jaccard.get(p, _NONE).n for r in records)]
    with styled():
        width = max(2.6, 0.8 + 0.33 * len(left))
        drawing, axes = grid(len(nets), len(depths), width, 2.5, sharey=True, sharex=True)
        for one in records:
            panel = axes[nets.index(one.net)][depths.index(one.depth)]
            at = left.index(one.k)
            for place, part in enumerate(used):
                x = at + (place - (len(used) - 1) / 2) * 0.7 / max(len(used), 1)
                found = one.jaccard.get(part, _NONE)
                bar(panel, x, found, _PARTS[part][1], flat=False)
            panel.plot([at - 0.42, at + 0.42], [one.chance.mean] * 2, color=CHANCE, lw=2, zorder=2)
            name_panel(panel, one.net, one.layer)
        for panel in axes.ravel():
            panel.set_xticks(range(len(left)), [named(classes, k)[:11] for k in left], rotation=90)
            panel.set_ylim(-0.03, 1.03)
            panel.grid(visible=False, axis="x")
        for row in axes:
            row[0].set_ylabel("Jaccard, two halves")
        for panel in axes[-1]:
            panel.set_xlabel("category left out")
        handles = [key_line(_PARTS[p][1]) for p in used] + [key_line(Look(CHANCE, "_", "solid"))]
        legend_below(drawing, handles, [*(_PARTS[p][0] for p in used), "random sets"])
    return drawing


_NONE = Estimate(math.nan, math.nan, math.nan, 0)


def formation_row(records: Sequence[Formation], material: Material) -> Row:
    """The figure, its numbers and its words."""
    frame = pd.DataFrame(
        [
            (
                *(one.net, one.layer, one.definition, named(material.classes, one.k), name),
                *(e.mean, e.low, e.high, e.n),
            )
            for one in records
            for name, e in (
                *((f"jaccard {part}", e) for part, e in one.jaccard.items()),
                ("chance", one.chance),
                ("size", one.size),
                ("formed", one.formed),
            )
            if e.n
        ],
        columns=["net", "layer", "definition", "left_out", "measure", "mean", "low", "high", "n"],
    )
    how = (
        "A net that never saw a category is shown it. Its items are halved many times, and the"
        " ensembles of both halves compared: 1 is the same units, 0 none in common. Grey strokes:"
        " random sets of the same sizes. Only a category that beats noise, random groups of seen"
        " items and an untrained net has an ensemble that the training made. Bars: 95\u202f%"
        " intervals over repetitions."
    )
    plate = Plate(
        "unseen-formation",
        "Ensembles of categories never seen",
        draw_formation(records, material.classes),
        frame,
    )
    return Row("Does an ensemble form for a category never seen?", how, (plate,))


def shared_record(
    net: Unseen, layer: str, c: int, definition: str = "selective"
) -> NDArray[np.float64]:
    """Observed over expected units shared with each seen class, summed over repetitions, [c, c].

    Row: the class left out. NaN where it was not left out, and where nothing was expected.
    """
    observed, expected = np.zeros((c, c)), np.zeros((c, c))
    for (k, _), record in net.records.items():
        seen = [int(s) for s in record.get("seen") or () if int(s) < c]
        place = ("shared", net.own, layer, definition)
        both = [array(dig(record, *place, part), len(seen)) for part in ("observed", "expected")]
        if 0 <= k < c and not np.isnan(both).any():
            observed[k, seen] += both[0]
            expected[k, seen] += both[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(expected > 0, observed / expected, np.nan)


def draw_shared(
    tables: dict[str, NDArray[np.float64]], rows: Sequence[int], classes: Sequence[str] = ()
) -> Figure:
    """One panel a layer; rows are classes left out, columns seen classes."""
    c = next(iter(tables.values())).shape[1]
    with styled():
        drawing, axes = grid(1, len(tables), 1.6 + 0.2 * c, 1.5 + 0.2 * len(rows))
        names = [plain(named(classes, k)[:11]) for k in range(c)]
        image: Any = None
        for place, (layer, ratio) in enumerate(tables.items()):
            panel = axes[0][place]
            with np.errstate(divide="ignore"):
                colour = np.clip(np.log2(ratio[list(rows)]), -2.5, 2.5)
            image = panel.imshow(
                colour,
                cmap=mpl.colormaps["PuOr_r"].with_extremes(bad="#c9c9c9"),
                vmin=-2,
                vmax=2,
            )
            panel.set_title(plain(layer))
            panel.set_xticks(range(c), names, rotation=90, fontsize=8)
            own = [names[k] for k in rows] if place == 0 else [""] * len(rows)
            panel.set_yticks(range(len(rows)), own, fontsize=8)
            panel.set_xlabel("seen category")
            panel.grid(visible=False)
            panel.tick_params(length=0)
        axes[0][0].set_ylabel("left out")
        colours = drawing.colorbar(image, ax=axes, shrink=0.8, extend="both", pad=0.015)
        colours.set_ticks([-2, -1, 0, 1, 2], labels=["¼", "½", "1", "2", "4"])
        colours.set_label("shared units,\nobserved / expected", fontsize=9)
        colours.outline.set_visible(False)
    return drawing


def shared_plate(material: Material, net: Unseen, definition: str = "selective") -> Plate | None:
    """The figure and its numbers; None where nothing was kept."""
    c = material.count or 1 + max(net.left_out, default=0)
    tables = {layer: shared_record(net, layer, c, definition) for layer in net.layers}
    if not tables or all(np.isnan(table).all() for table in tables.values()):
        return None
    frame = pd.DataFrame(
        [
            (layer, definition, named(material.classes, i), named(material.classes, j), table[i, j])
            for layer, table in tables.items()
            for i in net.left_out
            for j in range(c)
            if not math.isnan(table[i, j])
        ],
        columns=["layer", "definition", "left_out", "seen", "ratio"],
    )
    return Plate(
        f"unseen-shared-{slug(net.label)}",
        f"Units that a category never seen shares with seen ones: {net.label}",
        draw_shared(tables, net.left_out, material.classes),
        frame,
    )


def scores_table(records: Sequence[Formation], material: Material) -> Table:
    """Formation, class by class, in numbers."""
    columns = (
        Column("Net", numeric=False),
        Column("Left out", numeric=False),
        Column("Layer", numeric=False),
        Column("Units", "of its ensemble"),
        Column("Both halves had one", "% of splits"),
        Column("Jaccard of halves", "0 to 1"),
        Column("Random sets", "by chance"),
        Column("Noise", "Jaccard"),
        Column("Random groups", "Jaccard"),
        Column("Untrained net", "Jaccard"),
    )
    cells = tuple(
        (
            Cell(one.net),
            Cell(named(material.classes, one.k)),
            Cell(one.layer),
            cell(one.size, lambda v: f"{v:,.1f}"),
            cell(one.formed, share),
            cell(one.jaccard["left-out"], two),
            cell(one.chance, two),
            cell(one.jaccard["noise"], two),
            cell(one.jaccard["null"], two),
            cell(one.jaccard.get("untrained", estimate([])), two),
        )
        for one in records
    )
    return Table("Every category left out, class by class", columns, cells)
