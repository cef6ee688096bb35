"""Activation walls of the nets of an emergence study, as figures with their numbers."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from pauca.report.emergence.nets import Material
from pauca.report.emergence.plate import Plate, Row
from pauca.report.emergence.values import named, slug
from pauca.report.view import StudyView
from pauca.report.walls import Wall, draw_wall, read_walls
from pauca.store.base import AbstractStore

__all__ = ["wall_rows"]


def wall_rows(
    store: AbstractStore, view: StudyView, material: Material, most: int
) -> Iterator[Row]:
    """One row a net, one wall a layer, of one repetition.

    Raises:
        StoreError: the arrays of a run cannot be read.
    """
    labels = {net.series: net.label for net in material.nets}
    groups = [g for g in view.kind("emergence") if g.title == material.title]
    how = (
        "Each row is one test item, items of one class together; each column is one unit, in the"
        " net's own order. Dark is active: a column that is dark in one class only is a unit of"
        " that class. One repetition; nets that read a label are shown the true one."
    )
    found = [item for g in groups for item in read_walls(store, g, most, material.classes).items()]
    for place, (series, walls) in enumerate(found):
        net = labels.get(series, series)
        plates = tuple(_plate(net, wall) for wall in walls)
        first = place == 0
        folded = not first and net.endswith(", untrained")
        title = f"Activation walls: {net}"
        yield Row(title, how if first else "", plates, folded=folded)


def _plate(net: str, wall: Wall) -> Plate:
    drawing = draw_wall(wall)
    values = np.round(wall.activity.astype(np.float64), 3)
    frame = pd.DataFrame(values, columns=[f"column {u}" for u in range(values.shape[1])])
    frame.insert(0, "class", [named(wall.classes, int(y)) for y in wall.labels])
    name = f"wall-{slug(net)}-{slug(wall.layer)}"
    return Plate(name, f"Activation wall: {net}, {wall.layer}", drawing, frame)
