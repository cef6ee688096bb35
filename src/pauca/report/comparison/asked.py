"""What strategies asked for: how varied, how redundant, how alike, and what it looks like."""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pauca.metrics import class_entropy, overlap_matrix
from pauca.metrics.arrays import Floats
from pauca.report.comparison.grids import draw_grid
from pauca.report.estimates import Estimate, estimate
from pauca.report.style import figure, plain, short, styled
from pauca.report.tables import Cell, Column, Table, cell
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
_NONE = "none"


@dataclass(frozen=True)
class AskedRow:
    """What one strategy asked for after the initial set, over finished repetitions.

    Args:
        label: Of the strategy.
        balance: Entropy of the classes asked for over that of equal shares, in [0, 1]; of an open
            pool, of the known ones.
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
    lines = tuple((Cell(row.label), cell(row.balance), cell(row.duplicates)) for row in rows)
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
        answers: Their labels, [k]; below 0 for one that is of no known class.
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
    """One row a strategy: the items of its first query, in order of asking.

    Args:
        picks: Of one data set; at least one.
        classes: Names of the classes; written above the items where they are short.
    """
    most = max(len(each.items) for each in picks)
    high, wide = picks[0].items.shape[2:]
    named = bool(classes) and max(map(len, classes)) <= 12
    step = (high + max(2, round((0.3 if named else 0.08) * high)), wide + max(1, wide // 12))
    sheet = np.full((step[0] * len(picks), step[1] * most, 3), 255, np.uint8)
    with styled():
        drawing, axes = figure(2.0 + 0.62 * most, 0.3 + 0.62 * len(picks) * step[0] / step[1])
        for row, each in enumerate(picks):
            for column, (item, answer) in enumerate(zip(each.items, each.answers, strict=True)):
                top, left = (row + 1) * step[0] - high, column * step[1]
                sheet[top : top + high, left : left + wide] = _colours(item)
                if named:
                    at = (left + wide / 2, top - 0.06 * high)
                    name = classes[answer] if answer >= 0 else _NONE
                    axes.text(*at, plain(name), ha="center", va="bottom", fontsize=7)
        axes.imshow(sheet, interpolation="nearest")
        places = [(row + 1) * step[0] - high / 2 for row in range(len(picks))]
        axes.set_yticks(places, [short(each.label, 24) for each in picks])
        axes.set_xticks([])
        axes.tick_params(length=0)
        axes.grid(visible=False)
        for spine in axes.spines.values():
            spine.set_visible(False)
    return drawing


def _colours(item: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 [channels, h, w] -> [h, w, 3]."""
    shown = np.repeat(item, 3, axis=0) if len(item) == 1 else item[:3]
    return np.moveaxis(shown, 0, -1)


def _asked(run: Run) -> list[int]:
    return [int(i) for record in run.rounds for i in record.get("asked") or ()]


def _balance(run: Run, classes: int) -> float:
    answers = [int(y) for record in run.rounds for y in record.get("answers") or () if y >= 0]
    known = run.rounds[0].get("known") if run.rounds else None
    classes = classes if known is None else len(known)
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
