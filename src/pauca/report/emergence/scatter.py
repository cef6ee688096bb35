"""Accuracy against sparsity, with the learning rate as colour: the confound in one picture."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib as mpl
import pandas as pd
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from pauca.report.dots import key_line, spread
from pauca.report.emergence.nets import Material, Net
from pauca.report.emergence.plate import Plate, Row, grid, unit_axis
from pauca.report.emergence.values import over
from pauca.report.estimates import SHARE, Estimate
from pauca.report.style import INK, Look, legend_below, plain, styled

__all__ = ["Point", "draw_scatter", "scatter_record", "scatter_row"]

_MARKERS = {"forward-forward": "o", "bp-ff": "s", "backprop": "^"}


@dataclass(frozen=True)
class Point:
    """One layer of one trained net.

    Args:
        net: Label.
        family: Name of the learner.
        layer: Name.
        depth: 0 is next to the input.
        rate: Learning rate; NaN where unknown.
        hoyer: Sparsity of all items, no answer shown.
        accuracy: On test items.
        kind: Where it was trained: ``emergence`` or ``model``.
    """

    net: str
    family: str
    layer: str
    depth: int
    rate: float
    hoyer: Estimate
    accuracy: Estimate
    kind: str


def scatter_record(material: Material) -> tuple[Point, ...]:
    """Every layer of every trained net of the study."""
    kinds = (("emergence", material.trained()), ("model", material.models))
    points = (
        _point(net, layer, depth, kind)
        for kind, nets in kinds
        for net in nets
        for depth, layer in enumerate(net.layers)
    )
    return tuple(p for p in points if p.hoyer.n and p.accuracy.n)


def _point(net: Net, layer: str, depth: int, kind: str) -> Point:
    return Point(
        net.label,
        net.family,
        layer,
        depth,
        net.rate,
        over(net.hoyer(layer).values(), SHARE),
        over(net.accuracy.values(), SHARE),
        kind,
    )


def draw_scatter(points: Sequence[Point]) -> Figure:
    """One panel a layer; marker: learner; colour: learning rate, on a log scale."""
    depths = sorted({p.depth for p in points})
    families = list(dict.fromkeys(p.family for p in points))
    marker = {f: _MARKERS.get(f, "DPv*X"[i % 5]) for i, f in enumerate(families)}
    rates = [p.rate for p in points if p.rate > 0]
    low, high = (min(rates), max(rates)) if rates else (1e-4, 1e-2)
    norm = LogNorm(low / 1.5, high * 1.5)
    colours = mpl.colormaps["viridis"]
    with styled():
        drawing, axes = grid(1, len(depths), 3.0, 3.1, sharey=True, sharex=True)
        for depth, panel in zip(depths, axes[0], strict=True):
            for p in (p for p in points if p.depth == depth):
                colour = colours(norm(p.rate)) if p.rate > 0 else "#bbbbbb"
                x, y = spread(p.hoyer), spread(p.accuracy)
                panel.plot(x, [100 * p.accuracy.mean] * 2, color=colour, lw=1.2, zorder=2)
                panel.plot([p.hoyer.mean] * 2, [100 * v for v in y], color=colour, lw=1.2, zorder=2)
                panel.plot(
                    [p.hoyer.mean],
                    [100 * p.accuracy.mean],
                    marker[p.family],
                    color=colour,
                    ms=9,
                    mec=INK,
                    mew=0.7,
                    zorder=3,
                )
            panel.set_title(plain(next(p.layer for p in points if p.depth == depth)))
            panel.set_xlabel("Hoyer sparsity (0 to 1)")
        for panel in axes[0]:
            unit_axis(panel)
        axes[0][0].set_ylabel("test accuracy (%)")
        scale = drawing.colorbar(
            mpl.cm.ScalarMappable(norm, colours), ax=axes, pad=0.015, shrink=0.9
        )
        scale.ax.minorticks_off()
        used = sorted(set(rates)) or [low]
        scale.set_ticks(used, labels=[f"{rate:g}" for rate in used])
        scale.set_label("learning rate")
        scale.outline.set_visible(False)
        keys = [key_line(Look(INK, marker[f], "solid"), filled=False) for f in families]
        legend_below(drawing, keys, families)
    return drawing


def scatter_row(material: Material) -> Row | None:
    """The figure, its numbers and its words; None without a point."""
    points = scatter_record(material)
    if not points:
        return None
    frame = pd.DataFrame(
        [
            (
                *(p.net, p.family, p.layer, "" if math.isnan(p.rate) else p.rate, p.kind),
                *(p.hoyer.mean, p.hoyer.low, p.hoyer.high, p.hoyer.n),
                *(p.accuracy.mean, p.accuracy.low, p.accuracy.high, p.accuracy.n),
            )
            for p in points
        ],
        columns=[
            *("net", "learner", "layer", "rate", "kind"),
            *("hoyer", "hoyer_low", "hoyer_high", "hoyer_n"),
            *("accuracy", "accuracy_low", "accuracy_high", "accuracy_n"),
        ],
    )
    how = (
        "Each mark is one trained net; bars are 95\u202f% intervals over repetitions. If the same"
        " learner moves to the right as its colour changes, its sparsity is a matter of the"
        " learning rate. Further up and right: accurate and sparse."
    )
    plate = Plate("accuracy-sparsity", "Accuracy against sparsity", draw_scatter(points), frame)
    return Row("Accuracy against sparsity", how, (plate,))
