"""Excitation and inhibition of members and other units, weights inside and between ensembles."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pauca.report.dots import bar, key_line
from pauca.report.emergence.nets import Material, Net
from pauca.report.emergence.plate import Plate, Row, grid, name_panel, net_looks
from pauca.report.emergence.values import array, dig, over, slug, two
from pauca.report.estimates import ANYWHERE, SHARE, Estimate
from pauca.report.style import INK, Look, legend_below, plain, styled
from pauca.report.tables import Cell, Column, Table, cell
from pauca.report.words import share

__all__ = [
    "Inhibition",
    "draw_histograms",
    "draw_inhibition",
    "histograms_plate",
    "inhibition_record",
    "inhibition_row",
    "inhibition_table",
]

Floats = NDArray[np.float64]

_MEMBERS, _OTHERS = "#D55E00", "#7f7f7f"
_INSIDE, _BETWEEN = "#0072B2", "#E69F00"


@dataclass(frozen=True, eq=False)
class Inhibition:
    """One layer of one net.

    Args:
        net: Label.
        layer: Name.
        members: Share of inhibition in the drive of a unit by a class whose ensemble it is in.
        others: The same for other live units.
        bias: Share of the bias, members.
        accuracy: {what is taken away: accuracy}: nothing, negative weights, as many positive ones,
            as many at random.
        effect: Cliff's delta of weights inside ensembles against between them; no value where it
            does not apply.
        shares: (edges, members, others): counts of the share of inhibition, summed over
            repetitions; None where nothing was kept.
        weights: (edges, inside, between): counts of weights of the first repetition; or None.
    """

    net: str
    layer: str
    members: Estimate
    others: Estimate
    bias: Estimate
    accuracy: dict[str, Estimate]
    effect: Estimate
    shares: tuple[Floats, Floats, Floats] | None
    weights: tuple[Floats, Floats, Floats] | None


def inhibition_record(net: Net) -> tuple[Inhibition, ...]:
    """One for each layer of which anything was kept."""
    return tuple(
        one for layer in net.layers if (one := _layer(net, layer)).members.n or one.accuracy
    )


def _layer(net: Net, layer: str) -> Inhibition:
    def at(*path: str) -> Estimate:
        return over(net.at("inhibition", layer, *path).values(), SHARE)

    accuracy = {name: at("ablation", name) for name in ("base", "negative", "positive", "random")}
    return Inhibition(
        net.label,
        layer,
        at("inhibition", "members"),
        at("inhibition", "others"),
        at("bias_share", "members"),
        {name: e for name, e in accuracy.items() if e.n},
        over(net.at("inhibition", layer, "inside_between", "delta").values(), ANYWHERE),
        _counts(net, layer, "histogram", "members", "others", whole=True),
        _counts(net, layer, "weights", "inside", "between", whole=False),
    )


def _counts(
    net: Net, layer: str, part: str, first: str, second: str, *, whole: bool
) -> tuple[Floats, Floats, Floats] | None:
    """Histograms summed over repetitions (``whole``), or of the first: edges may differ."""
    found: tuple[Floats, Floats, Floats] | None = None
    for _, record in sorted(net.records.items()):
        held = dig(record, "inhibition", layer, part)
        edges = np.asarray(dig(held, "edges") or (), dtype=np.float64)
        a, b = (
            (array(dig(held, name), len(edges) - 1) for name in (first, second) if len(edges))
            if len(edges) > 1
            else (np.zeros(0), np.zeros(0))
        )
        if not len(a) or np.isnan(a).any() or np.isnan(b).any():
            continue
        if found is None:
            found = edges, a, b
        elif whole and np.array_equal(edges, found[0]):
            found = edges, found[1] + a, found[2] + b
    return found


def draw_inhibition(records: Sequence[Inhibition], material: Material) -> Figure:
    """Left: share of inhibition; right: accuracy without weights. Rows: net and layer."""
    style = net_looks(material.nets)
    names = [plain(f"{one.net}, {one.layer}") for one in records]
    with styled():
        drawing, axes = grid(1, 2, 4.0, 1.1 + 0.3 * len(records), sharey=True)
        left, right = axes[0]
        for at, one in enumerate(records):
            look = Look(style[one.net].colour, "o", "solid")
            bar(left, at - 0.12, _per_cent(one.members), look)
            bar(left, at + 0.12, _per_cent(one.others), look, filled=False)
            for place, (name, shape) in enumerate(_SHAPES.items()):
                if name in one.accuracy:
                    found = _per_cent(one.accuracy[name])
                    bar(right, at + 0.17 * (place - 1.5), found, shape)
        left.set_yticks(range(len(names)), names)
        left.set_ylim(len(names) - 0.5, -0.5)
        left.set_xlabel("inhibition in the drive\nof a unit (%)")
        name_panel(left, "Filled: members; open: other units")
        right.set_xlabel("test accuracy (%)")
        name_panel(right, "Weights taken away")
        for panel in (left, right):
            panel.grid(visible=False, axis="y")
        legend_below(drawing, [key_line(look) for look in _SHAPES.values()], list(_WORDS.values()))
    return drawing


_SHAPES = {
    "base": Look(INK, "|", "solid"),
    "negative": Look("#D55E00", "v", "solid"),
    "positive": Look("#0072B2", "^", "solid"),
    "random": Look("#7f7f7f", "X", "solid"),
}
_WORDS = {
    "base": "none",
    "negative": "all negative",
    "positive": "as many positive",
    "random": "as many at random",
}


def _per_cent(e: Estimate) -> Estimate:
    return Estimate(100 * e.mean, 100 * e.low, 100 * e.high, e.n)


def inhibition_row(records: Sequence[Inhibition], material: Material) -> Row:
    """The figure, its numbers and its words."""
    frame = pd.DataFrame(
        [
            (one.net, one.layer, name, e.mean, e.low, e.high, e.n)
            for one in records
            for name, e in (
                ("inhibition, members", one.members),
                ("inhibition, others", one.others),
                ("bias share, members", one.bias),
                ("delta inside/between", one.effect),
                *((f"accuracy, {what}", e) for what, e in one.accuracy.items()),
            )
            if e.n
        ],
        columns=["net", "layer", "measure", "mean", "low", "high", "n"],
    )
    how = (
        "Left: which part of what drives a unit, while its class is shown, is inhibition; an"
        " ensemble is a set of units that inhibition spares if filled dots lie left of open ones."
        " Right: accuracy when all negative weights of the layer are set to zero, beside as many"
        " others. Bars: 95\u202f% intervals over repetitions."
    )
    plate = Plate("inhibition", "Inhibition by layer", draw_inhibition(records, material), frame)
    return Row("Inhibition", how, (plate,))


def draw_histograms(records: Sequence[Inhibition]) -> Figure:
    """Columns are layers: share of inhibition above, weights below."""
    lines = [any(r.shares for r in records), any(r.weights for r in records)]
    with styled():
        drawing, axes = grid(sum(lines), len(records), 2.8, 2.0, sharex="row")
        rows = iter(axes)
        handles: list[tuple[Look, str]] = []
        if lines[0]:
            row = next(rows)
            for panel, one in zip(row, records, strict=True):
                _steps(panel, one.shares, (_MEMBERS, _OTHERS))
                panel.set_title(plain(one.layer))
                panel.set_xlabel("share of inhibition (0 to 1)")
            row[0].set_ylabel("density of units")
            handles += [(_line(_MEMBERS), "members"), (_line(_OTHERS), "other live units")]
        if lines[1]:
            row = next(rows)
            for panel, one in zip(row, records, strict=True):
                _steps(panel, one.weights, (_INSIDE, _BETWEEN))
                panel.set_xlabel("weight from the layer below")
            row[0].set_ylabel("density of weights")
            handles += [(_line(_INSIDE), "weights inside"), (_line(_BETWEEN), "weights between")]
        keys = [key_line(look, line=True) for look, _ in handles]
        legend_below(drawing, keys, [word for _, word in handles])
    return drawing


def _line(colour: str) -> Look:
    return Look(colour, "", "solid")


def _steps(
    axes: Axes, counts: tuple[Floats, Floats, Floats] | None, colours: tuple[str, str]
) -> None:
    axes.grid(visible=False)
    axes.set_yticks([])
    if counts is None:
        axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", color="#6b6b6b")
        return
    edges = counts[0]
    for values, colour in zip(counts[1:], colours, strict=True):
        total = values.sum() * np.diff(edges).mean()
        axes.stairs(values / total if total else values, edges, color=colour, linewidth=1.6)


def histograms_plate(records: Sequence[Inhibition]) -> Plate | None:
    """Histograms of one net; None without any."""
    if not any(r.shares or r.weights for r in records):
        return None
    rows = [
        (r.layer, measure, low, high, who, count)
        for r in records
        for measure, names, counts in (
            ("share of inhibition", ("members", "others"), r.shares),
            ("weight", ("inside", "between"), r.weights),
        )
        if counts is not None
        for who, values in zip(names, counts[1:], strict=True)
        for low, high, count in zip(counts[0][:-1], counts[0][1:], values, strict=True)
    ]
    frame = pd.DataFrame(rows, columns=["layer", "measure", "from", "to", "units", "count"])
    net = records[0].net
    return Plate(
        f"inhibition-{slug(net)}",
        f"Inhibition and weights by layer: {net}",
        draw_histograms(records),
        frame,
    )


def inhibition_table(records: Sequence[Inhibition]) -> Table:
    """The same numbers as a table."""
    columns = (
        Column("Net", numeric=False),
        Column("Layer", numeric=False),
        Column("Inhibition, members", "% of the drive"),
        Column("Inhibition, others", "% of the drive"),
        Column("Inside against between", "weights, Cliff's delta"),
        *(
            Column(f"Without {word}" if word != "none" else "All weights", "accuracy, %")
            for word in _WORDS.values()
        ),
    )
    cells = tuple(
        (
            Cell(one.net),
            Cell(one.layer),
            cell(one.members, share),
            cell(one.others, share),
            cell(one.effect, two),
            *(cell(one.accuracy.get(name), share) for name in _WORDS),
        )
        for one in records
    )
    return Table("Inhibition", columns, cells)
