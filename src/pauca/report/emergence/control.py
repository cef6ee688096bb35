"""Is it the image or the label? Nets that read a label, asked without it and against it."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pauca.report.dots import bar, key_line
from pauca.report.emergence.nets import Material, Net
from pauca.report.emergence.plate import CHANCE, Plate, Row, grid, name_panel
from pauca.report.emergence.values import over, two
from pauca.report.estimates import SHARE, Estimate
from pauca.report.style import Look, legend_below, plain, styled
from pauca.report.tables import Cell, Column, Table, cell
from pauca.report.words import join

__all__ = ["ControlRow", "control_record", "control_rows", "control_table", "draw_control"]

_AUC = {
    "true": ("true label", Look("#000000", "o", "solid")),
    "neutral": ("neutral label", Look("#0072B2", "s", "solid")),
    "wrong_image": ("wrong label, image's class", Look("#009E73", "^", "solid")),
    "wrong_label": ("wrong label, label's class", Look("#D55E00", "v", "solid")),
}
_SETS = {
    "neutral_true": ("image without the answer", Look("#56B4E9", "D", "solid")),
    "blank": ("answer without an image", Look("#E69F00", "P", "solid")),
}
_BESIDE = 3
"""Nets beside each other."""


@dataclass(frozen=True)
class ControlRow:
    """One layer of one net; ensembles defined under the true label, means over classes.

    Args:
        net: Label.
        layer: Name.
        depth: 0 is next to the input.
        definition: Rule by which units belong.
        auc: How well the ensemble's mean activity tells its class, [0, 1], .5 by chance: under
            the true and the neutral label, and under wrong labels for the image's class and for
            the label shown.
        sets: Jaccard index with the ensemble under the true label: of the ensemble under the
            neutral label, and of the units that a blank image with the label alone makes active.
        chance: What random sets of those sizes would have.
    """

    net: str
    layer: str
    depth: int
    definition: str
    auc: dict[str, Estimate]
    sets: dict[str, Estimate]
    chance: dict[str, Estimate]


def control_record(material: Material, definition: str = "selective") -> tuple[ControlRow, ...]:
    """Every layer of every net that has the control."""
    return tuple(
        row
        for net in material.nets
        for depth, layer in enumerate(net.layers)
        if any((row := _row(net, layer, depth, definition)).auc[name].n for name in _AUC)
    )


def _row(net: Net, layer: str, depth: int, definition: str) -> ControlRow:
    def auc(name: str) -> Estimate:
        return over(net.at("label_control", layer, "auc", definition, name).values(), SHARE)

    def sets(part: str, name: str) -> Estimate:
        place = ("blank",) if part == "blank" else (part, definition)
        return over(net.at("label_control", layer, *place, name).values(), SHARE)

    return ControlRow(
        net=net.label,
        layer=layer,
        depth=depth,
        definition=definition,
        auc={name: auc(name) for name in _AUC},
        sets={part: sets(part, "jaccard") for part in _SETS},
        chance={part: sets(part, "chance") for part in _SETS},
    )


def draw_control(rows: Sequence[ControlRow]) -> Figure:
    """One column a net of one row's group: AUC by layer above, Jaccard indices below."""
    nets = list(dict.fromkeys(row.net for row in rows))
    with styled():
        drawing, axes = grid(2, len(nets), 9.0 / max(len(nets), 2), 2.4, sharey="row")
        for column, net in enumerate(nets):
            _draw_net(axes[:, column], [row for row in rows if row.net == net])
        axes[0][0].set_ylabel("AUC of its mean activity")
        axes[0][0].set_ylim(0, 1.03)
        axes[1][0].set_ylabel("Jaccard with the\nensemble, true label")
        axes[1][0].set_ylim(-0.03, 1.03)
        kinds = [*_AUC.values(), *_SETS.values(), ("chance", Look(CHANCE, "_", "solid"))]
        legend_below(drawing, [key_line(look) for _, look in kinds], [name for name, _ in kinds])
    return drawing


def _draw_net(panels: Sequence[Axes], rows: Sequence[ControlRow]) -> None:
    above, below = panels
    for at, row in enumerate(rows):
        for place, (name, (_, look)) in enumerate(_AUC.items()):
            bar(above, at + 0.14 * (place - 1.5), row.auc[name], look, flat=False)
        for place, (part, (_, look)) in enumerate(_SETS.items()):
            x = at + 0.24 * (place - 0.5)
            chance = row.chance[part].mean
            below.plot([x], [chance], "_", color=CHANCE, ms=11, mew=2.2, zorder=2)
            bar(below, x, row.sets[part], look, flat=False)
    above.axhline(0.5, color=CHANCE, linewidth=1.4, zorder=1)
    name_panel(above, rows[0].net)
    for panel in panels:
        panel.set_xticks(range(len(rows)), [plain(row.layer) for row in rows])
        panel.set_xlim(-0.5, len(rows) - 0.5)
        panel.grid(visible=False, axis="x")


def control_rows(rows: Sequence[ControlRow]) -> tuple[Row, ...]:
    """The figure, its numbers and its words; a few nets beside each other, more of them below."""
    frame = pd.DataFrame(
        [
            (row.net, row.layer, row.definition, name, e.mean, e.low, e.high, e.n)
            for row in rows
            for name, e in (
                *((f"auc {name}", e) for name, e in row.auc.items()),
                *((f"jaccard {name}", e) for name, e in row.sets.items()),
                *((f"chance {name}", e) for name, e in row.chance.items()),
            )
        ],
        columns=["net", "layer", "definition", "measure", "mean", "low", "high", "n"],
    )
    how = (
        "Ensembles are found while the true label is shown. Above: does an ensemble still answer to"
        " its class when the neutral label (blue) or a wrong one is shown? Under wrong labels,"
        " green above red: it follows the image; red above green: it follows the label. Below: the"
        " ensemble is compared with the one found under the neutral label (image without the"
        " answer) and with the units that a blank image with the label makes active (answer without"
        " an image). Bars: 95\u202f% intervals over repetitions."
    )
    nets = list(dict.fromkeys(row.net for row in rows))
    parts = [nets[at : at + _BESIDE] for at in range(0, len(nets), _BESIDE)]
    return tuple(
        Row(
            "" if number else "Image or label?",
            "" if number else how,
            (
                Plate(
                    f"label-control-{number + 1}" if number else "label-control",
                    f"Label control: {join(part)}",
                    draw_control([row for row in rows if row.net in part]),
                    frame[frame["net"].isin(part)],
                ),
            ),
        )
        for number, part in enumerate(parts)
    )


def control_table(rows: Sequence[ControlRow]) -> Table:
    """The same numbers as a table."""
    columns = (
        Column("Net", numeric=False),
        Column("Layer", numeric=False),
        *(Column(name, "AUC") for name, _ in _AUC.values()),
        *(Column(name, "Jaccard; chance below") for name, _ in _SETS.values()),
    )
    cells = tuple(
        (
            Cell(row.net if row.depth == 0 else ""),
            Cell(row.layer),
            *(cell(row.auc[name], two) for name in _AUC),
            *(
                Cell(
                    cell(row.sets[part], two).text,
                    f"{cell(row.sets[part], two).sub}; {cell(row.chance[part], two).text}",
                )
                for part in _SETS
            ),
        )
        for row in rows
    )
    notes = (f"Definition: {rows[0].definition}. Means over classes, then over repetitions.",)
    return Table("Label control", columns, cells, notes)
