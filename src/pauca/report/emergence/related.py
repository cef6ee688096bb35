"""Do related classes share units: named groups, and Mantel tests against looks and confusions."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pauca.analysis import group_contrast
from pauca.report.dots import bar, key_line
from pauca.report.emergence.nets import Material, Net
from pauca.report.emergence.plate import CHANCE, Plate, Row, grid, net_looks
from pauca.report.emergence.sharing import Sharing
from pauca.report.emergence.values import named, over, two
from pauca.report.estimates import COUNT, Estimate, estimate
from pauca.report.style import INK, Look, legend_below, plain, styled
from pauca.report.tables import Cell, Column, Table, cell
from pauca.report.words import join
from pauca.rng import generator_from

__all__ = [
    "CORRELATION",
    "Contrast",
    "Relation",
    "contrast_record",
    "draw_related",
    "related_row",
    "related_table",
    "relations_record",
]

CORRELATION = (-1.0, 1.0)
"""Range of a correlation."""
_DRAWS = 9999


@dataclass(frozen=True)
class Contrast:
    """Observed over expected overlap of pairs within groups of classes and between them.

    Args:
        net: Label.
        layer: Name.
        definition: Of the ensembles.
        within: {repetition: mean ratio over pairs of one group}; 1 is chance.
        between: {repetition: over all other pairs}.
        p: Share of ways to put the classes into groups of these sizes that give at least this
            mean difference; one-sided.
        ways: How many ways it rests on.
    """

    net: str
    layer: str
    definition: str
    within: dict[int, float]
    between: dict[int, float]
    p: float
    ways: int

    @property
    def difference(self) -> dict[int, float]:
        """{repetition: within less between}."""
        both = self.within.keys() & self.between.keys()
        return {r: self.within[r] - self.between[r] for r in sorted(both)}


@dataclass(frozen=True)
class Relation:
    """Mantel: do pairs of classes that share units look alike, or get confused?

    Args:
        net: Label.
        layer: Name.
        definition: Of the ensembles.
        pixels: {repetition: correlation with the likeness of mean images}.
        confusion: {repetition: correlation with confusions}.
        low_p: Repetitions with p < .05, of pixels and of confusion.
    """

    net: str
    layer: str
    definition: str
    pixels: dict[int, float]
    confusion: dict[int, float]
    low_p: tuple[int, int]


def contrast_record(sharing: Sharing, related: Sequence[Sequence[int]]) -> Contrast | None:
    """Of one layer; None where the groups say nothing: no pair within one, or none between."""
    c = sharing.ratios.shape[1]
    own = _numbers(related, c)
    if not _tells(own):
        return None
    found = group_contrast(
        sharing.ratios, own, draws=_DRAWS, generator=generator_from(_seed(sharing))
    )
    each = [_means(ratio, own) for ratio in sharing.ratios]
    pairs = dict(zip(sharing.repetitions, each, strict=True))
    return Contrast(
        sharing.net,
        sharing.layer,
        sharing.definition,
        {r: a for r, (a, _) in pairs.items() if not math.isnan(a)},
        {r: b for r, (_, b) in pairs.items() if not math.isnan(b)},
        found.p_above,
        found.relabellings,
    )


def _seed(sharing: Sharing) -> int:
    """Of the relabellings; the same page twice draws the same ones."""
    return sum(map(ord, f"{sharing.net}/{sharing.layer}/{sharing.definition}"))


def _numbers(related: Sequence[Sequence[int]], c: int) -> list[int]:
    """Group of each class; a class in none is a group of its own."""
    own = [len(related) + k for k in range(c)]
    for number, group in enumerate(related):
        for k in group:
            if 0 <= k < c:
                own[k] = number
    return own


def _tells(own: Sequence[int]) -> bool:
    sizes = {n: own.count(n) for n in set(own)}
    return len(sizes) > 1 and max(sizes.values(), default=0) > 1


def _means(ratio: NDArray[Any], own: Sequence[int]) -> tuple[float, float]:
    """Mean over defined pairs within groups, and between them; NaN without any."""
    inside: list[float] = []
    outside: list[float] = []
    for i in range(len(own)):
        for j in range(i + 1, len(own)):
            if not math.isnan(ratio[i, j]):
                (inside if own[i] == own[j] else outside).append(float(ratio[i, j]))
    return _average(inside), _average(outside)


def _average(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def relations_record(net: Net, layer: str, definition: str) -> Relation | None:
    """Stored Mantel tests of one layer; None where there is none."""
    place = ("relations", net.own, layer, definition)
    pixels = net.at(*place, "pixels", "correlation")
    confusion = net.at(*place, "confusion", "correlation")
    if not pixels and not confusion:
        return None
    counts = [sum(p < 0.05 for p in net.at(*place, part, "p").values()) for part in _PARTS]
    return Relation(net.label, layer, definition, pixels, confusion, (counts[0], counts[1]))


_PARTS = ("pixels", "confusion")


def draw_related(
    contrasts: Sequence[Contrast], relations: Sequence[Relation], material: Material
) -> Figure:
    """Left: ratio within groups and between; right: Mantel correlations. Rows: net and layer."""
    places = list(
        dict.fromkeys([(x.net, x.layer) for x in contrasts] + [(x.net, x.layer) for x in relations])
    )
    style = net_looks(material.nets)
    panels = [bool(contrasts), bool(relations)]
    with styled():
        drawing, axes = grid(
            1, sum(panels), 4.2 if all(panels) else 5.6, 1.0 + 0.3 * len(places), sharey=True
        )
        free = list(axes[0])
        handles, names = [], []
        if contrasts:
            panel = free.pop(0)
            _contrasts(panel, contrasts, places, style)
            handles += [key_line(_shape("o")), key_line(_shape("o"), filled=False)]
            names += ["pairs within a group", "pairs of different groups"]
        if relations:
            panel = free.pop(0)
            _relations(panel, relations, places, style)
            handles += [key_line(_shape("D")), key_line(_shape("^"), filled=False)]
            names += ["with likeness of images", "with confusions"]
        axes[0][0].set_yticks(range(len(places)), [plain(f"{n}, {la}") for n, la in places])
        axes[0][0].set_ylim(len(places) - 0.5, -0.5)
        legend_below(drawing, handles, names)
    return drawing


def _shape(marker: str) -> Look:
    return Look(INK, marker, "solid")


def _contrasts(
    panel: Axes,
    contrasts: Sequence[Contrast],
    places: Sequence[tuple[str, str]],
    style: Mapping[str, Look],
) -> None:
    panel.axvline(1, color=CHANCE, linewidth=1.4, zorder=1)
    for one in contrasts:
        at = places.index((one.net, one.layer))
        look = Look(style[one.net].colour, "o", "solid")
        bar(panel, at - 0.12, over(one.within.values(), COUNT), look)
        bar(panel, at + 0.12, over(one.between.values(), COUNT), look, filled=False)
    panel.set_xlabel("shared units,\nobserved / expected")
    panel.set_title("Related classes")
    panel.grid(visible=False, axis="y")


def _relations(
    panel: Axes,
    relations: Sequence[Relation],
    places: Sequence[tuple[str, str]],
    style: Mapping[str, Look],
) -> None:
    panel.axvline(0, color=CHANCE, linewidth=1.4, zorder=1)
    for one in relations:
        at = places.index((one.net, one.layer))
        colour = style[one.net].colour
        bar(panel, at - 0.12, over(one.pixels.values(), CORRELATION), Look(colour, "D", "solid"))
        bar(
            panel,
            at + 0.12,
            over(one.confusion.values(), CORRELATION),
            Look(colour, "^", "solid"),
            filled=False,
        )
    panel.set_xlabel("Mantel correlation (\u22121 to 1)")
    panel.set_title("All pairs of classes")
    panel.grid(visible=False, axis="y")


def related_row(
    contrasts: Sequence[Contrast], relations: Sequence[Relation], material: Material
) -> Row:
    """The figure of the deciding definition, its numbers and its words."""
    rows: list[tuple[object, ...]] = []
    for one in contrasts:
        for name, values in (("within", one.within), ("between", one.between)):
            rows.append(
                (one.net, one.layer, one.definition, name, *_four(over(values.values(), COUNT)))
            )
    for other in relations:
        for name, values in (("pixels", other.pixels), ("confusion", other.confusion)):
            found = over(values.values(), CORRELATION)
            rows.append((other.net, other.layer, other.definition, f"mantel {name}", *_four(found)))
    columns = ["net", "layer", "definition", "measure", "mean", "low", "high", "n"]
    frame = pd.DataFrame(rows, columns=columns)
    how = (
        "Units that two classes share, over what random sets of their sizes would share (1, grey):"
        f" {_groups_words(material)}. "
        if contrasts
        else ""
    ) + (
        "Mantel: do pairs that share more units look more alike, or get confused more? 0 is no"
        " relation. 95\u202f% intervals over repetitions."
    )
    plate = Plate(
        "related",
        "Shared units of related classes",
        draw_related(contrasts, relations, material),
        frame,
    )
    return Row("Related classes", how, (plate,))


def _groups_words(material: Material) -> str:
    groups = [join([named(material.classes, k) for k in group]) for group in material.related]
    return "related are " + "; ".join(groups)


def _four(found: Estimate) -> tuple[float, float, float, int]:
    return found.mean, found.low, found.high, found.n


def related_table(contrasts: Sequence[Contrast]) -> Table:
    """Ratios within groups and between, by net, layer and definition."""
    columns = (
        Column("Net", numeric=False),
        Column("Layer", numeric=False),
        Column("Definition", numeric=False),
        Column("Within groups", "observed / expected"),
        Column("Between groups", "observed / expected"),
        Column("Difference", "by repetition"),
        Column("p", "classes put into groups anew"),
    )
    cells = tuple(
        (
            Cell(one.net),
            Cell(one.layer),
            Cell(one.definition),
            cell(over(one.within.values(), COUNT), two),
            cell(over(one.between.values(), COUNT), two),
            cell(estimate(list(one.difference.values())), two),
            Cell("\u2013" if math.isnan(one.p) else f"{one.p:.4f}", f"of {one.ways:,} ways"),
        )
        for one in contrasts
    )
    notes = ("1 is what random sets of the same sizes share. Live units only, no answer shown.",)
    return Table("Units shared within groups of related classes", columns, cells, notes)
