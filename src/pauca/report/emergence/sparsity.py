"""How sparse each layer of each net is, beside the numbers on record of the published code."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pauca.report.dots import bar, key_line
from pauca.report.emergence.nets import Material, Net
from pauca.report.emergence.plate import Plate, Row, grid, net_looks, unit_axis
from pauca.report.emergence.published import SOURCE, accuracy_on_record, hoyer_on_record
from pauca.report.emergence.values import over, three
from pauca.report.estimates import COUNT, SHARE, Estimate
from pauca.report.style import INK, Look, legend_below, plain, styled
from pauca.report.tables import Cell, Column, Table, cell
from pauca.report.words import share

__all__ = [
    "INDICES",
    "SparseRow",
    "draw_sparsity",
    "indices_table",
    "sparsity_record",
    "sparsity_row",
    "sparsity_table",
]

INDICES: Mapping[str, tuple[str, str, tuple[float, float]]] = {
    "gini": ("Gini", "0 to 1", SHARE),
    "treves_rolls_population": ("Treves-Rolls, population", "0 to 1", SHARE),
    "treves_rolls_lifetime": ("Treves-Rolls, lifetime", "0 to 1", SHARE),
    "fraction_active": ("Active units", "share", SHARE),
    "participation_ratio": ("Participation ratio", "dimensions", COUNT),
    "dead_units": ("Dead units", "never active", COUNT),
    "silent_samples": ("Silent items", "no unit active", COUNT),
}
"""Other indices of sparsity: name, unit, range."""


@dataclass(frozen=True)
class SparseRow:
    """Sparsity of one layer of one net, over repetitions.

    Args:
        net: Label.
        layer: Name.
        depth: 0 is next to the input.
        own: Hoyer sparsity of all items, no answer shown, in [0, 1].
        published: With the true label shown (where the net reads one), correct items only.
        record: What single runs of the published code gave for the latter; empty if unknown.
        accuracy: On test items.
        reads_label: Whether a label is part of what the net reads.
        untrained: Whether it is a net as it starts.
        indices: Other indices, no answer shown.
    """

    net: str
    layer: str
    depth: int
    own: Estimate
    published: Estimate
    record: tuple[float, ...]
    accuracy: Estimate
    reads_label: bool
    untrained: bool
    indices: Mapping[str, Estimate]


def sparsity_record(material: Material) -> tuple[SparseRow, ...]:
    """One row for each layer of each net, in the study's order."""
    return tuple(
        _row(material.data, net, layer, depth)
        for net in material.nets
        for depth, layer in enumerate(net.layers)
    )


def _row(data: str, net: Net, layer: str, depth: int) -> SparseRow:
    shown = "true" if net.reads_label else net.own
    published = net.at("sparsity", shown, layer, "hoyer", "correct")
    old = net.at("hoyer", layer, "true_correct")
    record = hoyer_on_record(data, net.family, depth) if net.as_published else ()
    return SparseRow(
        net=net.label,
        layer=layer,
        depth=depth,
        own=over(net.hoyer(layer).values(), SHARE),
        published=over((published or old).values(), SHARE),
        record=record,
        accuracy=over(net.accuracy.values(), SHARE),
        reads_label=net.reads_label,
        untrained=net.untrained,
        indices={
            name: over(_index(net, layer, name).values(), span)
            for name, (_, _, span) in INDICES.items()
        },
    )


def _index(net: Net, layer: str, name: str) -> dict[int, float]:
    place = ("sparsity", net.own, layer, name)
    return net.at(*place, "all") or net.at(*place)


def sparsity_table(rows: Sequence[SparseRow], material: Material) -> Table:
    """Hoyer sparsity of each layer beside the numbers on record."""
    columns = (
        Column("Net", numeric=False),
        Column("Accuracy", "%"),
        Column("Layer", "input side first", numeric=False),
        Column("Hoyer, no answer shown", "neutral label, all items"),
        Column("Hoyer, as published", "true label, correct items"),
        Column("On record", "single runs"),
        Column("Less the record", "our mean \u2212 theirs"),
    )
    families = {net.label: net.family for net in material.nets if net.as_published}
    cells = [_cells(row, material.data, families.get(row.net, "")) for row in rows]
    notes = (
        "Mean and 95\u202f% Student-t interval over repetitions. Hoyer sparsity of one item is 0"
        " when all units are equally active and 1 when a single one is.",
        f"On record: {SOURCE}. They are trained longer than most studies can, so a difference is"
        " not an error of either.",
        "Nets that read no label have one condition for both columns; in one, all items count, in"
        " the other correct ones.",
    )
    return Table("Hoyer sparsity by layer", columns, tuple(cells), notes)


def _cells(row: SparseRow, data: str, family: str) -> tuple[Cell, ...]:
    first = row.depth == 0
    band = accuracy_on_record(data, family)
    sub = f"on record {_band(band)}" if band else ""
    accuracy = cell(row.accuracy)
    shown = Cell(accuracy.text, "; ".join(filter(None, (accuracy.sub, sub))))
    repetitions = f"{row.own.n} repetition{'' if row.own.n == 1 else 's'}"
    gap = row.published.mean - sum(row.record) / len(row.record) if row.record else math.nan
    return (
        Cell(row.net, repetitions) if first else Cell(""),
        shown if first else Cell(""),
        Cell(row.layer),
        cell(row.own, three),
        cell(row.published, three),
        Cell(", ".join(map(three, row.record)) or "\u2013"),
        Cell("\u2013" if math.isnan(gap) else f"{gap:+.3f}".replace("-", "\u2212")),
    )


def _band(band: tuple[float, float]) -> str:
    low, high = (share(v).removesuffix(".0") for v in band)
    return low if low == high else f"{low} to {high}"


def indices_table(rows: Sequence[SparseRow]) -> Table:
    """The other indices of sparsity, no answer shown."""
    columns = (
        Column("Net", numeric=False),
        Column("Layer", numeric=False),
        *(Column(title, hint) for title, hint, _ in INDICES.values()),
    )
    forms = {"dead_units": _count, "silent_samples": _count, "participation_ratio": _count}
    cells = tuple(
        (
            Cell(row.net if row.depth == 0 else ""),
            Cell(row.layer),
            *(cell(row.indices[name], forms.get(name, three)) for name in INDICES),
        )
        for row in rows
    )
    notes = (
        "No answer shown (neutral label, or none), all test items; mean and 95\u202f% interval over"
        " repetitions. A layer may be sparse only because many of its units are dead.",
    )
    return Table("Other indices of sparsity", columns, cells, notes)


def _count(value: float) -> str:
    return f"{value:,.1f}".replace("-", "\u2212")


def draw_sparsity(rows: Sequence[SparseRow], material: Material) -> Figure:
    """One panel a layer: dots with intervals, and what single published runs gave."""
    depths = sorted({row.depth for row in rows})
    labels = [n.label for n in material.nets if any(r.net == n.label for r in rows)]
    with styled():
        drawing, axes = grid(
            1, len(depths), 2.6, 1.2 + 0.42 * len(labels), sharey=True, sharex=True
        )
        style = net_looks(material.nets)
        for depth, panel in zip(depths, axes[0], strict=True):
            for row in (row for row in rows if row.depth == depth):
                at = labels.index(row.net)
                bar(panel, at - 0.14, row.own, style[row.net])
                if row.reads_label:
                    bar(panel, at + 0.14, row.published, style[row.net], filled=False)
                height = at + (0.14 if row.reads_label else 0)
                panel.plot(
                    row.record, [height] * len(row.record), "|", ms=13, mew=2, color=INK, zorder=5
                )
            panel.set_title(plain(next(row.layer for row in rows if row.depth == depth)))
            panel.grid(visible=False, axis="y")
            panel.set_xlabel("Hoyer sparsity (0 to 1)")
        axes[0][0].set_yticks(range(len(labels)), [plain(label) for label in labels])
        axes[0][0].set_ylim(len(labels) - 0.5, -0.5)
        for panel in axes[0]:
            unit_axis(panel)
        _legend(drawing, any(row.reads_label for row in rows), any(row.record for row in rows))
    return drawing


def _legend(drawing: Figure, reads: bool, record: bool) -> None:
    dot = Look(INK, "o", "solid")
    handles = [key_line(dot)]
    names = ["no answer shown, all items"]
    if reads:
        handles.append(key_line(dot, filled=False))
        names.append("true label shown, correct items")
    if record:
        handles.append(
            Line2D([], [], marker="|", markersize=13, mew=2, linestyle="none", color=INK)
        )
        names.append("published code, single runs")
    legend_below(drawing, handles, names)


def sparsity_row(rows: Sequence[SparseRow], material: Material) -> Row:
    """The figure, its numbers and its words."""
    columns = ["net", "layer", "measure", "mean", "low", "high", "n"]
    frame = pd.DataFrame(
        [
            (row.net, row.layer, name, e.mean, e.low, e.high, e.n)
            for row in rows
            for name, e in (
                ("hoyer", row.own),
                ("hoyer, true label, correct items", row.published),
                *(("on record", Estimate(v, math.nan, math.nan, 1)) for v in row.record),
                *row.indices.items(),
            )
        ],
        columns=columns,
    )
    how = (
        "Each dot is the mean over repetitions, each bar its 95\u202f% interval. Filled: nothing"
        " of the answer is shown. Further right: fewer units carry the activity. An untrained net"
        " says what the architecture gives by itself."
    )
    plate = Plate("sparsity", "Hoyer sparsity of each layer", draw_sparsity(rows, material), frame)
    return Row("Sparsity of each layer", how, (plate,))
