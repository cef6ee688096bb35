"""Activation walls: samples grouped by class against units, as in the source paper.

Reference: Tosato et al., TMLR 2025 (arXiv 2305.18353), figure 1.
"""

import io
import math
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pauca.errors import StoreError
from pauca.report.style import SOFT, plain, styled
from pauca.report.view import Group, Series
from pauca.store.base import AbstractStore

__all__ = ["BLOB", "Wall", "draw_wall", "read_walls", "wall"]

BLOB = "walls.npz"
"""Name of the arrays that a run of kind ``model`` keeps."""

_UNITS = 1000
"""At most this many units are drawn, evenly taken from all; the numbers are of all."""
_NAME = 10
"""At most this many characters of a class name."""
_TICKS = 13
"""At most this many class names beside a wall."""


@dataclass(frozen=True, eq=False)
class Wall:
    """Activity of one layer for samples grouped by class.

    Args:
        model: Label of the model.
        layer: Name of the layer.
        repetition: Which repetition it was taken from.
        activity: float32 [n, u], rows by class; of at most 1,000 units.
        labels: int64 [n], increasing.
        units: Number of units of the layer.
        top: Activity drawn in black: the 99th percentile of what is above zero.
        active: Mean share of units above zero for one sample, in [0, 1].
        dead: Units that are silent (not above zero) for every sample shown.
        between: Share of the units' variance over samples that lies between classes, in [0, 1];
            NaN where nothing varies.
        chance: What that share is on average when samples are shuffled over classes, (c-1)/(n-1).
        broken: Number of values that are not finite.
        classes: Names of the classes; empty where they have none.
    """

    model: str
    layer: str
    repetition: int
    activity: NDArray[np.float32]
    labels: NDArray[np.int64]
    units: int
    top: float
    active: float
    dead: int
    between: float
    chance: float
    broken: int
    classes: tuple[str, ...] = ()


def read_walls(
    store: AbstractStore, group: Group, most: int, classes: Sequence[str] = ()
) -> dict[str, tuple[Wall, ...]]:
    """{model: one wall a layer} of the lowest finished repetition, for the first ``most`` models.

    Raises:
        StoreError: the arrays of a run cannot be read.
    """
    found: dict[str, tuple[Wall, ...]] = {}
    for series in group.series:
        if len(found) == most:
            break
        walls = _of_series(store, series, classes)
        if walls:
            found[series.label] = walls
    return found


def wall(
    model: str,
    layer: str,
    activity: NDArray[np.floating],
    labels: NDArray[np.integer],
    repetition: int = 0,
    classes: Sequence[str] = (),
) -> Wall:
    """The record of one layer.

    Args:
        model: Label of the model.
        layer: Name of the layer.
        activity: [n, u].
        labels: [n]; rows are put in order of class, otherwise as given.
        repetition: Which repetition it was taken from.
        classes: Names of the classes, where there are any.
    """
    order = np.argsort(labels, kind="stable")
    x = np.asarray(activity, dtype=np.float32).reshape(len(labels), -1)[order]
    y = np.asarray(labels, dtype=np.int64)[order]
    finite = np.isfinite(x)
    above = x[finite & (x > 0)]
    units = x.shape[1]
    shown = np.linspace(0, units - 1, _UNITS).round().astype(int) if units > _UNITS else slice(None)
    return Wall(
        model=model,
        layer=layer,
        repetition=repetition,
        activity=x[:, shown],
        labels=y,
        units=units,
        top=float(np.percentile(above, 99)) if above.size else 1.0,
        active=float((x > 0).mean()) if x.size else math.nan,
        dead=int((~(x > 0).any(axis=0)).sum()),
        between=_between(np.where(finite, x, 0).astype(np.float64), y),
        chance=(len(np.unique(y)) - 1) / (len(y) - 1) if len(y) > 1 else math.nan,
        broken=int((~finite).sum()),
        classes=tuple(classes),
    )


def draw_wall(record: Wall) -> Figure:
    """One panel: rows are samples grouped by class, columns units, dark is active."""
    with styled():
        drawing = Figure(figsize=(3.9, 3.0))
        names = _class_names(record)
        left = 0.12 + 0.021 * max(map(len, names.values()), default=0)
        axes = drawing.add_axes((left, 0.1, 0.83 - left, 0.8))
        finite = np.isfinite(record.activity)
        drawn = axes.imshow(
            np.where(finite, record.activity, np.nan),
            cmap=mpl.colormaps["gray_r"].with_extremes(bad="#D55E00"),
            vmin=float(np.where(finite, record.activity, 0).min(initial=0)),
            vmax=record.top,
            aspect="auto",
            extent=(0, record.activity.shape[1], len(record.labels), 0),
        )
        _class_ticks(axes, record.labels, names)
        few = record.activity.shape[1] < record.units
        shown = f"{record.activity.shape[1]:,} of {record.units:,}" if few else f"{record.units:,}"
        axes.set_xlabel(f"unit ({shown})")
        axes.set_xticks([])
        axes.set_title(plain(record.layer))
        bar = drawing.colorbar(drawn, cax=drawing.add_axes((0.85, 0.1, 0.025, 0.8)), extend="max")
        bar.ax.set_title("activity", color=SOFT, fontsize=8, loc="center")
        bar.ax.tick_params(labelsize=8)
        bar.outline.set_visible(False)
    return drawing


def _class_names(record: Wall) -> dict[int, str]:
    """What stands beside the rows of each class."""
    present = [int(c) for c in np.unique(record.labels)]
    named = len(record.classes) > max(present, default=-1)
    return {c: plain(record.classes[c][:_NAME]) if named else str(c) for c in present}


def _class_ticks(axes: Axes, labels: NDArray[np.int64], names: Mapping[int, str]) -> None:
    classes, starts, counts = np.unique(labels, return_index=True, return_counts=True)
    for start in starts[1:]:
        axes.axhline(start, color="#0072B2", linewidth=0.35, alpha=0.7)
    step = -(-len(classes) // _TICKS)
    middles = (starts + counts / 2)[::step]
    axes.set_yticks(middles, [names[int(c)] for c in classes[::step]])
    axes.tick_params(axis="y", length=0)
    axes.set_ylabel("samples, by class")
    axes.grid(visible=False)


def _between(x: NDArray[np.float64], y: NDArray[np.int64]) -> float:
    """Between-class sum of squares over the total one, summed over units."""
    if not len(y):
        return math.nan
    mean = x.mean(axis=0)
    total = float(((x - mean) ** 2).sum())
    if total == 0:
        return math.nan
    parts = ((x[y == c].mean(axis=0) - mean, int((y == c).sum())) for c in np.unique(y))
    return float(sum(size * float((shift**2).sum()) for shift, size in parts)) / total


def _of_series(store: AbstractStore, series: Series, classes: Sequence[str]) -> tuple[Wall, ...]:
    for repetition, run in series.done:
        if BLOB in store.blobs(run.spec.id):
            arrays = _arrays(store.blob(run.spec.id, BLOB), run.spec.id)
            labels = arrays["labels"]
            return tuple(
                wall(series.label, layer, values, labels, repetition, classes)
                for layer, values in arrays.items()
                if layer != "labels"
            )
    return ()


def _arrays(data: bytes, run_id: str) -> Mapping[str, NDArray[Any]]:
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as held:
            arrays = {name: held[name] for name in held.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise _damaged(run_id, str(error)) from None
    n = len(arrays.get("labels", ()))
    if n == 0 or any(len(values) != n for values in arrays.values()):
        raise _damaged(run_id, "no labels, or arrays of another length")
    return arrays


def _damaged(run_id: str, got: str) -> StoreError:
    return StoreError(
        "the activation walls of a run cannot be read",
        expected=f"{BLOB} with labels [n] and one [n, units] array a layer",
        got=got,
        where=f"run {run_id}",
        todo="the store is damaged; run the study again in a new folder",
    )
