"""How many units are needed: accuracy while fewer and fewer are kept."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from pauca.report.dots import key_line, spread
from pauca.report.emergence.nets import Material, Net
from pauca.report.emergence.plate import Plate, Row, grid, name_panel
from pauca.report.emergence.values import dig, over
from pauca.report.estimates import SHARE, Estimate
from pauca.report.style import Look, legend_below, styled
from pauca.report.view import number

__all__ = ["Curve", "draw_pruning", "pruning_record", "pruning_row"]

_ORDERS = {
    "least-active": Look("#0072B2", "o", "solid"),
    "least-selective": Look("#D55E00", "s", (0, (5, 1.5))),
    "random": Look("#555555", "X", (0, (1, 1.2))),
}


@dataclass(frozen=True)
class Curve:
    """Accuracy of one net against the share of units kept.

    Args:
        net: Label.
        order: Which units go first.
        kept: Share of all units, in [0, 1], falling.
        accuracy: At each of them.
    """

    net: str
    order: str
    kept: tuple[float, ...]
    accuracy: tuple[Estimate, ...]


def pruning_record(net: Net) -> tuple[Curve, ...]:
    """One for each order that was tried."""
    orders = dict.fromkeys(
        o for record in net.records.values() for o in record.get("pruning") or {}
    )
    shown = [o for o in _ORDERS if o in orders] + [o for o in orders if o not in _ORDERS]
    return tuple(_curve(net, order) for order in shown)


def _curve(net: Net, order: str) -> Curve:
    values: dict[float, list[float]] = {}
    for record in net.records.values():
        held = dig(record, "pruning", order) or {}
        kept = [number(k) for k in held.get("kept") or ()]
        for k, accuracy in zip(kept, held.get("accuracy") or (), strict=False):
            values.setdefault(k / max(kept), []).append(number(accuracy))
    at = tuple(sorted(values, reverse=True))
    return Curve(net.label, order, at, tuple(over(values[k], SHARE) for k in at))


def draw_pruning(curves: Sequence[Curve]) -> Figure:
    """One panel a net, one line an order."""
    nets = list(dict.fromkeys(c.net for c in curves))
    columns = min(len(nets), 3)
    orders = list(dict.fromkeys(c.order for c in curves))
    style = {o: _ORDERS.get(o, Look("#CC79A7", "D", "solid")) for o in orders}
    with styled():
        drawing, axes = grid(-(-len(nets) // columns), columns, 3.2, 2.5, sharey=True)
        for panel in axes.ravel()[len(nets) :]:
            panel.set_visible(False)
        for panel, net in zip(axes.ravel(), nets, strict=False):
            for curve in (c for c in curves if c.net == net):
                look = style[curve.order]
                x = [100 * k for k in curve.kept]
                panel.plot(
                    x,
                    [100 * e.mean for e in curve.accuracy],
                    color=look.colour,
                    linestyle=look.line,
                    marker=look.marker,
                    markersize=4.5,
                )
                ends = [spread(e) for e in curve.accuracy]
                low, high = [100 * a for a, _ in ends], [100 * b for _, b in ends]
                panel.fill_between(x, low, high, color=look.colour, alpha=0.15, linewidth=0)
            panel.set_xscale("log")
            panel.set_xticks([100, 50, 20, 10, 5, 2, 1], ["100", "50", "20", "10", "5", "2", "1"])
            panel.minorticks_off()
            panel.set_xlim(110, max(0.8, 90 * min(k for c in curves for k in c.kept if k > 0)))
            name_panel(panel, net)
            panel.set_xlabel("units kept (%)")
        for row in axes:
            row[0].set_ylabel("test accuracy (%)")
        legend_below(drawing, [key_line(style[o], line=True) for o in orders], orders)
    return drawing


def pruning_row(material: Material) -> Row | None:
    """The figure, its numbers and its words; None without any curve."""
    curves = [c for net in material.trained() for c in pruning_record(net) if c.kept]
    if not curves:
        return None
    frame = pd.DataFrame(
        [
            (c.net, c.order, k, e.mean, e.low, e.high, e.n)
            for c in curves
            for k, e in zip(c.kept, c.accuracy, strict=True)
        ],
        columns=["net", "first_removed", "kept", "accuracy", "low", "high", "n"],
    )
    how = (
        "Units are taken away, from left to right, until few are left; the line says which go"
        " first. Flat: that part of the net was not needed. Bands: 95\u202f% intervals over"
        " repetitions."
    )
    plate = Plate("pruning", "Accuracy while units are removed", draw_pruning(curves), frame)
    return Row("How many units are needed?", how, (plate,))
