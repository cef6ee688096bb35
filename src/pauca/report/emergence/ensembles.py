"""Ensembles by every definition: how large, and whether test items give the same ones."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from pauca.report.dots import bar, key_line
from pauca.report.emergence.nets import Material, Net
from pauca.report.emergence.plate import CHANCE, Plate, Row, grid, unit_axis
from pauca.report.emergence.values import over, three, two
from pauca.report.estimates import COUNT, SHARE, Estimate
from pauca.report.style import Look, legend_below, plain, styled
from pauca.report.tables import Cell, Column, Table, cell

__all__ = [
    "DEFINITIONS",
    "EnsembleRow",
    "draw_ensembles",
    "ensembles_record",
    "ensembles_row",
    "ensembles_table",
]

DEFINITIONS = {
    "selective": "more active for the class than for others",
    "mean-ratio-1": "mean over twice that of other units (published)",
    "mean-ratio-2": "mean over three times that of other units",
    "ks-mean": "distributed unlike other units (published)",
    "off": "less active for the class than for others",
}
_LOOKS = {
    "selective": Look("#0072B2", "o", "solid"),
    "mean-ratio-1": Look("#D55E00", "s", "solid"),
    "mean-ratio-2": Look("#E69F00", "D", "solid"),
    "ks-mean": Look("#009E73", "^", "solid"),
    "off": Look("#CC79A7", "v", "solid"),
}


@dataclass(frozen=True)
class EnsembleRow:
    """Ensembles of one layer by one definition, no answer shown; means over classes.

    Args:
        net: Label.
        layer: Name.
        depth: 0 is next to the input.
        definition: Rule by which units belong.
        size: Units of an ensemble.
        jaccard: Ensembles of training items against those of test items, in [0, 1].
        chance: What random sets of their sizes would have.
        shuffled: Members of all classes under shuffled labels over those found; NaN if unknown.
        halves: Jaccard index of ensembles of two halves of the items; NaN if unknown.
    """

    net: str
    layer: str
    depth: int
    definition: str
    size: Estimate
    jaccard: Estimate
    chance: Estimate
    shuffled: Estimate
    halves: Estimate


def ensembles_record(material: Material) -> tuple[EnsembleRow, ...]:
    """Every net, layer and definition of which there is anything."""
    return tuple(
        row
        for net in material.nets
        for depth, layer in enumerate(net.layers)
        for definition in DEFINITIONS
        if (row := _row(net, layer, depth, definition)).size.n
    )


def _row(net: Net, layer: str, depth: int, definition: str) -> EnsembleRow:
    place = ("ensembles", net.own, layer, definition)
    null = ("nulls", net.own, layer, definition)
    observed, shuffled = net.at(*null, "observed"), net.at(*null, "shuffled")
    shares = {r: shuffled[r] / n for r, n in observed.items() if n > 0 and r in shuffled}
    return EnsembleRow(
        net=net.label,
        layer=layer,
        depth=depth,
        definition=definition,
        size=over(net.at(*place, "size").values(), COUNT),
        jaccard=over(net.at(*place, "jaccard").values(), SHARE),
        chance=over(net.at(*place, "chance").values(), SHARE),
        shuffled=over(shares.values(), COUNT),
        halves=over(
            net.at("reliability", net.own, layer, definition, "split_half").values(), SHARE
        ),
    )


def ensembles_table(rows: Sequence[EnsembleRow]) -> Table:
    """Sizes and reliability by definition."""
    columns = (
        Column("Net", numeric=False),
        Column("Layer", numeric=False),
        Column("Definition", numeric=False),
        Column("Units of an ensemble", "mean over classes"),
        Column("Again on test items", "Jaccard, 0 to 1"),
        Column("Random sets", "Jaccard by chance"),
        Column("Shuffled labels", "members, share of those found"),
        Column("Again in the other half", "Jaccard, 0 to 1"),
    )
    cells = []
    last = ("", "")
    for row in rows:
        place = (row.net, row.layer)
        head = (
            Cell(row.net if row.net != last[0] else ""),
            Cell(row.layer if place != last else ""),
        )
        last = place
        cells.append(
            (
                *head,
                Cell(row.definition),
                cell(row.size, _count),
                cell(row.jaccard, two),
                cell(row.chance, two),
                cell(row.shuffled, three),
                cell(row.halves, two),
            )
        )
    notes = (
        "No answer shown; mean and 95\u202f% interval over repetitions of means over classes.",
    )
    return Table("Ensembles by definition", columns, tuple(cells), notes)


def _count(value: float) -> str:
    return f"{value:,.1f}".replace("-", "\u2212")


def draw_ensembles(rows: Sequence[EnsembleRow]) -> Figure:
    """One panel a layer: Jaccard index by net and definition, chance as a grey stroke."""
    depths = sorted({row.depth for row in rows})
    nets = list(dict.fromkeys(row.net for row in rows))
    used = [d for d in DEFINITIONS if any(row.definition == d for row in rows)]
    with styled():
        drawing, axes = grid(1, len(depths), 2.6, 1.0 + 0.75 * len(nets), sharey=True, sharex=True)
        for depth, panel in zip(depths, axes[0], strict=True):
            for row in (row for row in rows if row.depth == depth):
                shift = (used.index(row.definition) - (len(used) - 1) / 2) * 0.75 / len(used)
                at = nets.index(row.net) + shift
                panel.plot([row.chance.mean], [at], "|", color=CHANCE, ms=9, mew=2.2, zorder=2)
                bar(panel, at, row.jaccard, _LOOKS[row.definition])
            for edge in range(1, len(nets)):
                panel.axhline(edge - 0.5, color="#cccccc", linewidth=0.6)
            panel.set_title(plain(next(row.layer for row in rows if row.depth == depth)))
            panel.grid(visible=False, axis="y")
            panel.set_xlabel("Jaccard, train and test")
        axes[0][0].set_yticks(range(len(nets)), [plain(net) for net in nets])
        axes[0][0].set_ylim(len(nets) - 0.5, -0.5)
        for panel in axes[0]:
            unit_axis(panel)
        handles = [key_line(_LOOKS[d]) for d in used] + [key_line(Look(CHANCE, "|", "solid"))]
        legend_below(drawing, handles, [*used, "random sets"])
    return drawing


def ensembles_row(rows: Sequence[EnsembleRow]) -> Row:
    """The figure, its numbers and its words."""
    frame = pd.DataFrame(
        [
            (row.net, row.layer, row.definition, name, e.mean, e.low, e.high, e.n)
            for row in rows
            for name, e in (
                ("size", row.size),
                ("jaccard", row.jaccard),
                ("chance", row.chance),
                ("shuffled share", row.shuffled),
                ("split half", row.halves),
            )
            if not math.isnan(e.mean)
        ],
        columns=["net", "layer", "definition", "measure", "mean", "low", "high", "n"],
    )
    how = (
        "Ensembles found on training items against those found on test items: 1 is the same units,"
        " 0 none in common; means over classes, 95\u202f% intervals over repetitions. Grey strokes:"
        " random sets of the same sizes. A dot at its grey stroke is no ensemble. "
        + "; ".join(f"{name}: {what}" for name, what in DEFINITIONS.items())
        + "."
    )
    plate = Plate("ensembles", "Train and test agreement of ensembles", draw_ensembles(rows), frame)
    return Row("Would the same ensembles come out again?", how, (plate,))
