"""Is a category never seen noticed as new, and is it learned from a few examples?"""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from pauca.report.dots import bar, key_line
from pauca.report.emergence.nets import Material, Unseen
from pauca.report.emergence.plate import CHANCE, Plate, grid, name_panel, net_looks, unit_axis
from pauca.report.emergence.values import dig, over
from pauca.report.estimates import SHARE, Estimate
from pauca.report.style import Look, legend_below, plain, styled
from pauca.report.view import number

__all__ = ["few_shot", "few_shot_plate", "novelty_plate", "scores"]

_ORDER = ("overlap", "energy", "confidence")
"""Scores in this order; a name may go on with the layer it is read from."""


def scores(net: Unseen) -> dict[str, Estimate]:
    """AUROC of each novelty score: mean over classes, interval over repetitions."""
    names = {name for record in net.records.values() for name in record.get("novelty") or {}}
    return {name: _over_classes(net, "novelty", name) for name in sorted(names, key=_place)}


def _place(score: str) -> tuple[int, str]:
    kind = score.split(",")[0]
    return _ORDER.index(kind) if kind in _ORDER else len(_ORDER), score


def few_shot(net: Unseen, part: str = "few_shot") -> dict[tuple[str, int], Estimate]:
    """{(method, examples): accuracy}, mean over classes, interval over repetitions.

    Args:
        net: Trained without each class in turn.
        part: ``few_shot``: on all classes; ``few_shot_left_out``: on the one left out.
    """
    held = [r.get(part) or {} for r in net.records.values()]
    shots = sorted({n for one in held for n in one}, key=int)
    methods = dict.fromkeys(m for one in held for by_method in one.values() for m in by_method)
    return {(m, int(n)): _over_classes(net, part, n, m) for m in methods for n in shots}


def _over_classes(net: Unseen, *path: str) -> Estimate:
    """The number at this place, or the first of several, its own interval left aside."""

    def first(record: Mapping[str, Any]) -> float:
        value = dig(record, *path)
        if isinstance(value, list | tuple):
            return number(value[0]) if value else math.nan
        return number(value)

    return over(net.over_classes(first).values(), SHARE)


def few_shot_plate(material: Material, part: str = "few_shot") -> Plate | None:
    """Naming from a few examples: accuracy against examples, one panel a net."""
    found = {net.label: few_shot(net, part) for net in material.unseen}
    found = {label: held for label, held in found.items() if any(e.n for e in held.values())}
    if not found:
        return None
    methods = list(dict.fromkeys(m for held in found.values() for m, _ in held))
    lines = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")
    style = {m: Look(lines[i % 5], "osD^v"[i % 5], "solid") for i, m in enumerate(methods)}
    with styled():
        drawing, axes = grid(1, len(found), 2.7, 2.6, sharey=True)
        for panel, (label, held) in zip(axes[0], found.items(), strict=True):
            shots = sorted({n for _, n in held})
            for m in methods:
                places = [shots.index(n) + 0.08 * methods.index(m) for n in shots if (m, n) in held]
                known = [held[m, n] for n in shots if (m, n) in held]
                panel.plot(places, [100 * e.mean for e in known], color=style[m].colour, lw=1.2)
                for at, e in zip(places, known, strict=True):
                    bar(panel, at, _scaled(e), style[m], flat=False)
            panel.set_xticks(range(len(shots)), [str(n) for n in shots])
            name_panel(panel, label)
            panel.set_xlabel("examples of each class")
        axes[0][0].set_ylabel(f"accuracy (%)\n{_ITEMS[part]}")
        legend_below(drawing, [key_line(style[m]) for m in methods], methods)
    frame = pd.DataFrame(
        [
            (label, m, n, e.mean, e.low, e.high, e.n)
            for label, held in found.items()
            for (m, n), e in held.items()
        ],
        columns=["net", "method", "examples", "mean", "low", "high", "n"],
    )
    alt = f"Accuracy of naming from a few examples, {_ITEMS[part]}"
    return Plate(part.replace("_", "-"), alt, drawing, frame)


_ITEMS = {"few_shot": "all classes", "few_shot_left_out": "class left out"}


def _scaled(e: Estimate) -> Estimate:
    return Estimate(100 * e.mean, 100 * e.low, 100 * e.high, e.n)


def novelty_plate(material: Material) -> Plate | None:
    """AUROC of each novelty score, one line a net."""
    found = {net.label: scores(net) for net in material.unseen}
    found = {label: held for label, held in found.items() if any(e.n for e in held.values())}
    if not found:
        return None
    style = net_looks(material.unseen)
    kept = {s for held in found.values() for s, e in held.items() if e.n}
    used = sorted(kept, key=_place)
    with styled():
        drawing, axes = grid(1, len(used), 2.6, 1.0 + 0.36 * len(found), sharey=True, sharex=True)
        for panel, score in zip(axes[0], used, strict=True):
            panel.axvline(0.5, color=CHANCE, linewidth=1.4, zorder=1)
            for at, (label, held) in enumerate(found.items()):
                if score in held:
                    bar(panel, at, held[score], style[label])
            panel.set_title(plain(score))
            panel.set_xlabel("AUROC (0.5 is chance)")
            panel.grid(visible=False, axis="y")
        axes[0][0].set_yticks(range(len(found)), [plain(label) for label in found])
        axes[0][0].set_ylim(len(found) - 0.5, -0.5)
        for panel in axes[0]:
            unit_axis(panel)
    frame = pd.DataFrame(
        [
            (label, score, e.mean, e.low, e.high, e.n)
            for label, held in found.items()
            for score, e in held.items()
            if e.n
        ],
        columns=["net", "score", "mean", "low", "high", "n"],
    )
    return Plate("novelty", "How well a category never seen is told from seen ones", drawing, frame)
