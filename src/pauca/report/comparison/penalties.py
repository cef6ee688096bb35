"""The pairwise penalty matrix: who beats whom, in how many settings."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from pauca.metrics import penalty_matrix
from pauca.report.comparison.blocks import Blocks
from pauca.report.comparison.grids import draw_grid
from pauca.report.words import join

__all__ = ["PenaltiesRecord", "draw_penalties", "penalties_record", "penalty_words"]


@dataclass(frozen=True)
class PenaltiesRecord:
    """Wins of each strategy over each other one.

    Args:
        names: Least beaten first, [m].
        matrix: Row i, column j: settings in which i beats j, a budget counting its share, [m, m].
        beaten: Mean of each column, [m].
        settings: How many settings there are.
        repetitions: Fewest repetitions of a setting.
    """

    names: tuple[str, ...]
    matrix: tuple[tuple[float, ...], ...]
    beaten: tuple[float, ...]
    settings: int
    repetitions: int


def penalties_record(found: Sequence[Blocks]) -> PenaltiesRecord | None:
    """Wins over all settings with the same strategies; None with fewer than two repetitions.

    The initial set is the same for all, so the first budget is left out.
    """
    names = found[0].names
    few = min(len(each.repetitions) for each in found)
    if few < 2 or any(each.names != names for each in found):
        return None
    tables = [each.curves[:, :, 1:] for each in found if len(each.labels) > 1]
    if len(tables) != len(found):
        return None
    wins = penalty_matrix(tables)
    order = np.argsort(wins.beaten, kind="stable")
    matrix = np.array(wins.matrix)[np.ix_(order, order)]
    return PenaltiesRecord(
        tuple(names[i] for i in order),
        tuple(map(tuple, matrix.tolist())),
        tuple(wins.beaten[i] for i in order),
        wins.settings,
        few,
    )


def draw_penalties(record: PenaltiesRecord) -> Figure:
    """Row beats column, as shades and numbers; least beaten first."""
    return draw_grid(
        record.names,
        np.array(record.matrix),
        rows="beats ...",
        columns="... is beaten",
        scale="settings" if record.settings > 1 else "share of budgets",
        form=lambda value: f"{value:.1f}" if value else "0",
        most=float(record.settings),
    )


def penalty_words(record: PenaltiesRecord) -> tuple[str, ...]:
    """Who is beaten least and most."""
    least = record.beaten[0]
    first = [n for n, b in zip(record.names, record.beaten, strict=True) if b - least < 1e-9]
    of = f"of {record.settings} settings" if record.settings > 1 else "of the budgets"
    return (
        f"Beaten least: {join(first[:4])}{' and more' if len(first) > 4 else ''}, in"
        f" {least:.2f} {of} on average over rivals; most: {record.names[-1]},"
        f" {record.beaten[-1]:.2f}.",
        "Each of these is an uncorrected test at 5\u202f%: of strategies that are alike, about one"
        " in forty comparisons counts as a win for each side.",
    )
