"""Do nets from other seeds have the same ensembles, once their units are matched?"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pauca.analysis import seed_stability
from pauca.report.emergence.arrays import Arrays
from pauca.report.emergence.nets import Material, Net
from pauca.report.emergence.values import two
from pauca.report.tables import Cell, Column, Table
from pauca.rng import generator_from

__all__ = ["DRAWS", "NETS", "Stability", "stability_record", "stability_table"]

NETS = 3
"""Repetitions compared: matching units costs their number to the third power."""
DRAWS = 2
"""Times the matching is done again with shuffled profiles."""
_UNITS = 1200
"""Wider layers are left out, since matching them takes minutes."""


@dataclass(frozen=True)
class Stability:
    """Ensembles of the first layer over seeds; means over classes and pairs of nets.

    Args:
        net: Label.
        layer: Name.
        jaccard: Jaccard index of a class's ensembles in two nets, units matched, in [0, 1].
        shuffled: The same after matching to shuffled profiles: what a match alone makes.
        chance: What a random match gives.
        nets: How many nets.
        draws: Shuffles.
    """

    net: str
    layer: str
    jaccard: float
    shuffled: float
    chance: float
    nets: int
    draws: int


def stability_record(net: Net, arrays: Arrays, definition: str = "selective") -> Stability | None:
    """Of the first layer of the first repetitions; None with fewer than two, or a wide layer."""
    if not net.layers:
        return None
    layer = net.layers[0]
    profiles: list[NDArray[Any]] = []
    members: list[NDArray[Any]] = []
    for repetition in sorted(net.records):
        means = arrays.means(net, repetition, layer)
        sets = arrays.members(net, repetition, layer, definition)
        if means is not None and sets is not None and len(members) < NETS:
            profiles.append(means)
            members.append(sets)
    if len(members) < 2 or members[0].shape[1] > _UNITS or not any(m.any() for m in members):
        return None
    found = seed_stability(profiles, members, draws=DRAWS, generator=generator_from(0))
    return Stability(
        net.label,
        layer,
        _mean(found.jaccard.observed),
        _mean(found.jaccard.mean),
        _mean(found.chance),
        len(members),
        DRAWS,
    )


def _mean(values: object) -> float:
    x = np.asarray(values, dtype=np.float64)
    return float(np.nanmean(x)) if np.isfinite(x).any() else float("nan")


def stability_table(material: Material, arrays: Arrays) -> Table | None:
    """Stability over seeds of every trained net; None where there is none."""
    records = [one for net in material.trained() if (one := stability_record(net, arrays))]
    if not records:
        return None
    columns = (
        Column("Net", numeric=False),
        Column("Layer", numeric=False),
        Column("Same units in other seeds", "Jaccard, units matched"),
        Column("Shuffled profiles", "what a match alone makes"),
        Column("Random match", "by chance"),
        Column("Nets"),
    )
    cells = tuple(
        (
            Cell(one.net),
            Cell(one.layer),
            Cell(two(one.jaccard)),
            Cell(two(one.shuffled)),
            Cell(two(one.chance)),
            Cell(str(one.nets), f"{one.draws} draws"),
        )
        for one in records
    )
    notes = (
        "Definition: selective. Units of two nets are matched one to one by their mean activity for"
        f" each class. The number to beat is that of shuffled profiles ({DRAWS} draws): matching"
        " selective units to selective ones makes nets look alike by itself. First layer, at most"
        f" {NETS} nets, layers of up to {_UNITS:,} units, no interval: it costs the number of units"
        " to the third power.",
    )
    return Table("Stability over seeds", columns, cells, notes)
