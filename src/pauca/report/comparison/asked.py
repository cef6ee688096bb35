"""What strategies asked for: how varied, how redundant, how alike, and what it looks like."""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pauca.metrics import class_entropy, overlap_matrix
from pauca.metrics.arrays import Floats
from pauca.report.comparison.blocks import short
from pauca.report.comparison.grids import draw_grid
from pauca.report.estimates import Estimate, estimate
from pauca.report.style import plain, styled
from pauca.report.tables import Cell as TableCell
from pauca.report.tables import Column, Table, cell
from pauca.report.view import Group, number
from pauca.report.words import join
from pauca.store.base import AbstractStore
from pauca.store.records import Run

__all__ = [
    "PICKS",
    "AskedRow",
    "Overlap",
    "Picks",
    "asked_rows",
    "asked_table",
    "draw_overlap",
    "draw_picks",
    "overlap_of",
    "overlap_words",
    "read_picks",
]

PICKS = "picks.npz"
"""Name under which a run keeps pictures of what it asked for first."""


@dataclass(frozen=True)
class AskedRow:
    """What one strategy asked for after the initial set, over finished repetitions.

    Args:
        label: Of the strategy.
        balance: Entropy of the classes asked for over that of equal shares, in [0, 1].
        duplicates: Share of what was asked that equals an item labelled before, in [0, 1].
    """

    label: str
    balance: Estimate
    duplicates: Estimate


def asked_rows(group: Group, classes: int) -> tuple[AskedRow, ...]:
    """Balance and redundancy of every strategy.

    Args:
        group: Of kind active.
        classes: How many the data set has.
    """
    return tuple(
        AskedRow(
            series.label,
            estimate([_balance(run, classes) for _, run in series.done], (0.0, 1.0)),
            estimate([_duplicates(run) for _, run in series.done], (0.0, 1.0)),
        )
        for series in group.series
        if series.done
    )


def asked_table(rows: Sequence[AskedRow]) -> Table | None:
    """The rows as a table; None where there are none."""
    if not rows:
        return None
    columns = (
        Column("Strategy", numeric=False),
        Column("Class balance", "entropy over its maximum, %"),
        Column("Duplicates", "of items labelled before, %"),
    )
    lines = tuple((TableCell(row.label), cell(row.balance), cell(row.duplicates)) for row in rows)
    notes = (
        "Of what was asked for after the initial set. Balance is 100\u202f% when every class was"
        " asked for equally often; a pool that is itself unbalanced gives random choice less."
        " A duplicate equals an earlier item in every number.",
    )
    return Table("What was asked for", columns, lines, notes)


@dataclass(frozen=True, eq=False)
class Overlap:
    """How far strategies asked for the same items.

    Args:
        names: [m].
        mean: Jaccard index of all that was asked for after the initial set, [m, m].
        chance: Of two random choices of as many items.
        repetitions: Behind it.
    """

    names: tuple[str, ...]
    mean: Floats
    chance: float
    repetitions: int


def overlap_of(group: Group, pool: int | None) -> Overlap | None:
    """Overlap over the repetitions that all finished; None with fewer than two strategies.

    Args:
        group: Of kind active.
        pool: Items of the pool, if known.
    """
    held = [series for series in group.series if series.done]
    if len(held) < 2:
        return None
    common = sorted(set.intersection(*(set(dict(series.done)) for series in held)))
    if not common:
        return None
    picks = [[_asked(dict(series.done)[r]) for r in common] for series in held]
    if not all(each for of in picks for each in of):
        return None
    found = overlap_matrix(picks)
    k = float(np.mean([len(each) for of in picks for each in of]))
    chance = math.nan if pool is None else k / (2 * pool - k)
    mean = np.array([[each.mean for each in row] for row in found])
    return Overlap(tuple(s.label for s in held), mean, chance, len(common))


def draw_overlap(record: Overlap) -> Figure:
    """Overlap of every two strategies."""
    return draw_grid(
        record.names,
        100 * record.mean,
        rows="",
        columns="",
        scale="same items (%)",
        form=lambda value: f"{value:.0f}",
    )


def overlap_words(record: Overlap) -> tuple[str, ...]:
    """Which strategies ask for the same, and what chance would give."""
    m = len(record.names)
    pairs = sorted(
        ((record.mean[i, j], i, j) for i in range(m) for j in range(i + 1, m)), reverse=True
    )
    top = [
        f"{record.names[i]} and {record.names[j]} ({100 * value:.0f}\u202f%)"
        for value, i, j in pairs[:3]
    ]
    said = f"Most alike: {join(top)}"
    if not math.isnan(record.chance):
        said += f"; two random choices share about {100 * record.chance:.1f}\u202f%"
    return (f"{said}. Items asked for by both, of those asked for by either.",)


@dataclass(frozen=True, eq=False)
class Picks:
    """The first items that a strategy asked for in one repetition.

    Args:
        label: Of the strategy.
        items: uint8 [k, channels, h, w].
        answers: Their labels, [k].
        repetition: Which one.
    """

    label: str
    items: NDArray[np.uint8]
    answers: tuple[int, ...]
    repetition: int


def read_picks(store: AbstractStore, group: Group) -> tuple[Picks, ...]:
    """Pictures kept by the first repetition of each strategy, where there are any."""
    found = []
    for series in group.series:
        for repetition, run in series.runs:
            if PICKS in store.blobs(run.spec.id):
                with np.load(io.BytesIO(store.blob(run.spec.id, PICKS))) as held:
                    items, answers = held["items"], held["answers"]
                found.append(Picks(series.label, items, tuple(answers.tolist()), repetition))
                break
    return tuple(found)


def draw_picks(picks: Sequence[Picks], classes: Sequence[str]) -> Figure:
    """One row a strategy: the items of its first query, in order of asking."""
    most = max(len(each.items) for each in picks)
    named = bool(classes) and max(map(len, classes)) <= 12
    with styled():
        size = (2.2 + 0.62 * most, 0.4 + (0.8 if named else 0.66) * len(picks))
        drawing = Figure(figsize=size, layout="constrained")
        panels = drawing.subplots(len(picks), most, squeeze=False)
        texts = short([each.label for each in picks], 24)
        for row, (each, text) in enumerate(zip(picks, texts, strict=True)):
            for column in range(most):
                axes = panels[row, column]
                axes.set_axis_off()
                if column >= len(each.items):
                    continue
                axes.imshow(_picture(each.items[column]), cmap="gray", vmin=0, vmax=255)
                if named:
                    axes.set_title(
                        plain(classes[each.answers[column]]), fontsize=7, loc="center", pad=1.5
                    )
            panels[row, 0].text(
                -0.25,
                0.5,
                plain(text),
                transform=panels[row, 0].transAxes,
                ha="right",
                va="center",
                fontsize=9,
            )
    return drawing


def _picture(item: NDArray[np.uint8]) -> Any:
    return item[0] if len(item) == 1 else np.moveaxis(item[:3], 0, -1)


def _asked(run: Run) -> list[int]:
    return [int(i) for record in run.rounds for i in record.get("asked") or ()]


def _balance(run: Run, classes: int) -> float:
    answers = [int(y) for record in run.rounds for y in record.get("answers") or ()]
    if not answers or classes < 2:
        return math.nan
    return class_entropy(answers, classes) / math.log(classes)


def _duplicates(run: Run) -> float:
    """Mean over what was asked of all rounds, each round counting as many items as it asked."""
    rounds = [record for record in run.rounds if record.get("asked")]
    counts = [len(record["asked"]) for record in rounds]
    shares = [number(record.get("duplicates")) for record in rounds]
    if not counts:
        return math.nan
    return sum(c * s for c, s in zip(counts, shares, strict=True)) / sum(counts)
