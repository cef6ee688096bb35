"""Which classes share units: observed over expected, over repetitions, with significance."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pauca.analysis import combine_overlaps, dendrogram, jaccard_distances, overlap
from pauca.analysis.combined import CombinedOverlap
from pauca.analysis.trees import Dendrogram
from pauca.report.emergence.arrays import Arrays
from pauca.report.emergence.nets import Material, Net
from pauca.report.emergence.plate import Plate, grid
from pauca.report.emergence.values import named, slug
from pauca.report.style import plain, styled

__all__ = [
    "BOTH",
    "Sharing",
    "draw_sharing",
    "draw_trees",
    "sharing_plate",
    "sharing_record",
    "trees_plate",
]

BOTH = ("selective", "mean-ratio-1")
"""Definitions for which sharing is shown: the one that decides, and a published one."""
_ALPHA = 0.05
_NAME = 11
_REACH = 2.0
"""Colours go from 1/4 to 4 times chance."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sharing:
    """Shared units of one layer of one net, no answer shown, among live units.

    Args:
        net: Label.
        layer: Name.
        definition: Of the ensembles.
        repetitions: Whose arrays are there, r of them.
        ratios: Observed over expected of each repetition, float64 [r, c, c]; NaN where an ensemble
            is empty, and on the diagonal.
        combined: Means, intervals and tests over them.
        distances: Jaccard distances, mean over repetitions, float64 [c, c].
        tree: Average linkage of these.
    """

    net: str
    layer: str
    definition: str
    repetitions: tuple[int, ...]
    ratios: Floats
    combined: CombinedOverlap[NDArray[Any]]
    distances: Floats
    tree: Dendrogram[NDArray[Any]] | None


def sharing_record(net: Net, layer: str, definition: str, arrays: Arrays) -> Sharing | None:
    """Over all repetitions whose arrays are there; None where there is none."""
    found = {}
    for repetition in sorted(net.records):
        members = arrays.members(net, repetition, layer, definition)
        live = arrays.live(net, repetition, layer)
        if members is not None:
            whole = np.ones(members.shape[1], dtype=bool) if live is None else live
            # a unit that is never active may be in an ensemble of those unlike the others
            found[repetition] = members, whole | members.any(0)
    if not found:
        return None
    overlaps = [overlap(members, among=among) for members, among in found.values()]
    distances = _mean([jaccard_distances(members) for members, _ in found.values()])
    return Sharing(
        net.label,
        layer,
        definition,
        tuple(found),
        np.stack([np.asarray(one.ratio, dtype=np.float64) for one in overlaps]),
        combine_overlaps(overlaps),
        distances,
        _tree(distances),
    )


def _mean(tables: Sequence[Floats]) -> Floats:
    stack = np.stack(tables)
    known = ~np.isnan(stack)
    with np.errstate(invalid="ignore"):
        found: Floats = np.where(known, stack, 0).sum(0) / known.sum(0)
    return found


def _tree(distances: Floats) -> Dendrogram[NDArray[Any]] | None:
    """None where single pairs have no distance, as where two ensembles never existed together."""
    own = ~np.isnan(distances.diagonal())
    if own.sum() < 2 or np.isnan(distances[np.ix_(own, own)]).any():
        return None
    return dendrogram(distances)


def draw_sharing(records: Sequence[Sharing], classes: Sequence[str] = ()) -> Figure:
    """Rows are definitions, columns layers; colour is log2 of observed over expected."""
    definitions = list(dict.fromkeys(r.definition for r in records))
    layers = list(dict.fromkeys(r.layer for r in records))
    c = records[0].ratios.shape[1]
    size = 2.3 + 0.11 * c
    with styled():
        drawing, axes = grid(len(definitions), len(layers), size, size - 0.35)
        image: Any = None
        for record in records:
            row, column = definitions.index(record.definition), layers.index(record.layer)
            panel = axes[row][column]
            image = _matrix(panel, record)
            panel.set_title(plain(f"{record.layer}, {record.definition}"), fontsize=9.5)
            names = [plain(named(classes, k)[:_NAME]) for k in range(c)]
            panel.set_yticks(range(c), names if column == 0 else [""] * c, fontsize=8)
            bottom = row == len(definitions) - 1
            panel.set_xticks(range(c), names if bottom else [""] * c, rotation=90, fontsize=8)
        colours = drawing.colorbar(image, ax=axes, shrink=0.75, extend="both", pad=0.015)
        colours.set_ticks([-2, -1, 0, 1, 2], labels=["¼", "½", "1", "2", "4"])
        colours.set_label("shared units, observed / expected")
        colours.outline.set_visible(False)
    return drawing


def _matrix(axes: Axes, record: Sharing) -> Any:
    """The mean ratio of each pair; marks where it is surely not chance."""
    ratio = np.asarray(record.combined.ratio)
    with np.errstate(divide="ignore"):
        colour = np.clip(np.log2(ratio), -_REACH - 0.5, _REACH + 0.5)
    image = axes.imshow(
        colour,
        cmap=mpl.colormaps["PuOr_r"].with_extremes(bad="#c9c9c9"),
        vmin=-_REACH,
        vmax=_REACH,
    )
    new, these = np.asarray(record.combined.q), np.asarray(record.combined.q_pooled)
    for i, j in zip(*np.nonzero((new < _ALPHA) | (these < _ALPHA)), strict=True):
        dark = abs(colour[i, j]) > 1.2
        kind = "o" if new[i, j] < _ALPHA else "."
        size = 3.6 if kind == "o" else 2.4
        axes.plot([j], [i], kind, ms=size, color="white" if dark else "#222222", mew=0)
    axes.grid(visible=False)
    axes.tick_params(length=0)
    return image


def sharing_plate(records: Sequence[Sharing], material: Material) -> Plate:
    """The figure and one row a pair of classes."""
    frame = pd.DataFrame(
        [row for record in records for row in _pairs(record, material.classes)],
        columns=[
            *("layer", "definition", "class", "other", "ratio", "low", "high", "pooled_ratio"),
            *("q", "q_pooled", "n"),
        ],
    )
    net = records[0].net
    return Plate(
        f"sharing-{slug(net)}",
        f"Shared units of classes, observed over expected: {net}",
        draw_sharing(records, material.classes),
        frame,
    )


def _pairs(record: Sharing, classes: Sequence[str]) -> list[tuple[object, ...]]:
    found = record.combined
    i, j = np.triu_indices(record.ratios.shape[1], 1)
    tables = (found.ratio, found.low, found.high, found.pooled_ratio, found.q, found.q_pooled)
    return [
        (
            record.layer,
            record.definition,
            named(classes, int(a)),
            named(classes, int(b)),
            *(float(np.asarray(table)[a, b]) for table in tables),
            int(np.asarray(found.defined)[a, b]),
        )
        for a, b in zip(i, j, strict=True)
    ]


def draw_trees(records: Sequence[Sharing], classes: Sequence[str] = ()) -> Figure:
    """One tree a layer and definition: the further left two classes join, the more they share."""
    drawn = [r for r in records if r.tree is not None]
    definitions = list(dict.fromkeys(r.definition for r in drawn))
    layers = list(dict.fromkeys(r.layer for r in drawn))
    c = drawn[0].ratios.shape[1]
    with styled():
        drawing, axes = grid(len(definitions), len(layers), 3.1, 0.8 + 0.19 * c)
        for panel in axes.ravel():
            panel.set_visible(False)
        for record in drawn:
            panel = axes[definitions.index(record.definition)][layers.index(record.layer)]
            panel.set_visible(True)
            _branches(panel, record, classes)
    return drawing


def _branches(axes: Axes, record: Sharing, classes: Sequence[str]) -> None:
    tree = record.tree
    assert tree is not None
    kept = [int(k) for k in np.asarray(tree.classes)]
    leaves = [int(k) for k in np.asarray(tree.leaves)]
    height = {kept.index(k): float(place) for place, k in enumerate(leaves)}
    depth = dict.fromkeys(height, 0.0)
    for row, (a, b, distance, _) in enumerate(np.asarray(tree.linkage)):
        first, second = int(a), int(b)
        x = [depth[first], distance, distance, depth[second]]
        y = [height[first], height[first], height[second], height[second]]
        axes.plot(x, y, color="#222222", linewidth=1.2, solid_joinstyle="miter")
        node = len(kept) + row
        height[node], depth[node] = (height[first] + height[second]) / 2, float(distance)
    faithful = "" if np.isnan(tree.faithful) else f" ({tree.faithful:.2f})"
    axes.set_title(plain(f"{record.layer}, {record.definition}{faithful}"), fontsize=9)
    names = [plain(named(classes, k)[:_NAME]) for k in leaves]
    axes.set_yticks(range(len(leaves)), names, fontsize=8)
    axes.set_xlim(0, 1.03)
    axes.set_xlabel("mean Jaccard distance", fontsize=9)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)


def trees_plate(records: Sequence[Sharing], material: Material) -> Plate | None:
    """The trees and the distances behind them; None where there is no tree."""
    drawn = [r for r in records if r.tree is not None]
    if not drawn:
        return None
    frame = pd.DataFrame(
        [
            (r.layer, r.definition, named(material.classes, i), named(material.classes, j), d)
            for r in drawn
            for i, row in enumerate(r.distances)
            for j, d in enumerate(row)
            if j > i
        ],
        columns=["layer", "definition", "class", "other", "jaccard_distance"],
    )
    net = drawn[0].net
    return Plate(
        f"tree-{slug(net)}",
        f"Classes by the units they share: {net}",
        draw_trees(drawn, material.classes),
        frame,
    )
