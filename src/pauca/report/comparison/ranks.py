"""Mean ranks with the critical difference: which strategies can be told apart at all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from scipy.stats import rankdata

from pauca.metrics import cliques, friedman, nemenyi
from pauca.report.comparison.blocks import Blocks
from pauca.report.style import SOFT, Look, figure, short, styled
from pauca.report.words import join

__all__ = ["RanksRecord", "draw_ranks", "rank_words", "ranks_record"]

_ALPHA = 0.05
_NAMED = 3
"""At most this many strategies are named that are not told apart from the first."""


@dataclass(frozen=True)
class RanksRecord:
    """Ranks of the areas under the budget curve, 1 the best.

    Args:
        names: Best mean rank first, [m].
        mean_ranks: [m].
        critical: Nemenyi's critical difference at 5 %.
        p: Of Friedman's test in Iman and Davenport's form.
        groups: Positions of strategies that are not told apart, each (first, last).
        blocks: Repetitions that were ranked.
        settings: Over how many settings each of them was averaged.
    """

    names: tuple[str, ...]
    mean_ranks: tuple[float, ...]
    critical: float
    p: float
    groups: tuple[tuple[int, int], ...]
    blocks: int
    settings: int

    @property
    def differ(self) -> bool:
        """Whether Friedman's test says that not all strategies are alike."""
        return self.p < _ALPHA


def ranks_record(found: Sequence[Blocks]) -> RanksRecord | None:
    """Ranks within repetitions; None with fewer than two of them.

    Settings of one repetition share their beginnings, so they are no blocks of their own: there a
    strategy counts with its mean rank over settings.

    Args:
        found: One or more settings with the same strategies.
    """
    names = found[0].names
    common = sorted(set.intersection(*(set(each.repetitions) for each in found)))
    if len(common) < 2:
        return None
    if len(found) == 1:
        values = found[0].areas.T  # [blocks, m]
    else:
        rows = [[each.repetitions.index(r) for r in common] for each in found]
        ranked = [rankdata(e.areas[:, r], axis=0) for e, r in zip(found, rows, strict=True)]
        values = np.mean(ranked, axis=0).T
    test, after = friedman(values), nemenyi(values)
    order = np.argsort(after.mean_ranks, kind="stable")
    ranks = [after.mean_ranks[i] for i in order]
    told = cliques(ranks, after.critical_difference)
    return RanksRecord(
        tuple(names[i] for i in order),
        tuple(ranks),
        after.critical_difference,
        test.f_p,
        tuple((min(each), max(each)) for each in told if len(each) > 1),
        len(common),
        len(found),
    )


def draw_ranks(record: RanksRecord, style: Mapping[str, Look]) -> Figure:
    """One line a strategy, best on top; bars at the right join those that are not told apart.

    Args:
        record: What to draw.
        style: Look of each strategy.
    """
    m = len(record.names)
    with styled():
        drawing, axes = figure(5.6, 1.3 + 0.3 * m)
        for place, (name, rank) in enumerate(zip(record.names, record.mean_ranks, strict=True)):
            look = style[name]
            axes.plot([1, rank], [place, place], color="#d8d8d8", linewidth=1, zorder=1)
            axes.plot([rank], [place], marker=look.marker, color=look.colour, markersize=7)
        best = record.mean_ranks[0]
        axes.axvspan(best, best + record.critical, color="#0072B2", alpha=0.08, linewidth=0)
        step = 0.028 * max(m - 1, 1)
        edge = max(float(m), best + record.critical)
        for at, (first, last) in enumerate(record.groups):
            x = edge + (1 + at % 8) * step
            axes.plot([x, x], [first - 0.25, last + 0.25], color=SOFT, linewidth=3, clip_on=False)
        axes.set_yticks(range(m), [short(name) for name in record.names])
        axes.set_ylim(m - 0.4, -0.6)
        axes.set_xlim(0.8, edge + 9 * step)
        axes.set_xticks([x for x in axes.get_xticks() if 1 <= x <= m])
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("mean rank of the area (1 is the best)")
    return drawing


def rank_words(record: RanksRecord) -> tuple[str, ...]:
    """What the ranks allow to be said."""
    m = len(record.names)
    over = f"{record.blocks} repetitions"
    if record.settings > 1:
        over += f", ranks averaged over {record.settings} settings"
    p = "below .001" if record.p < 0.001 else f"{record.p:.3f}".lstrip("0")
    if not record.differ:
        return (
            f"Over {over}, ranks do not show that the {m} strategies differ at all (Friedman,"
            f" Iman-Davenport: p {p}); the order of the list may be chance.",
        )
    best, worst = record.names[0], record.names[-1]
    top = [end for start, end in record.groups if start == 0]
    alike = record.names[1 : max(top, default=0) + 1]
    said = (
        f"Over {over}, not all strategies are alike (Friedman, Iman-Davenport: p {p}). Mean ranks"
        f" that differ by less than {record.critical:.2f} are not told apart (Nemenyi, 5\u202f%)."
    )
    if not alike:
        return said, f"{best} ranks above every other strategy."
    if len(alike) == m - 1:
        return said, f"Even so, {best} is not told apart from {worst}."
    named = join(alike) if len(alike) <= _NAMED else f"the next {len(alike)} of {m}"
    return said, f"{best} comes first, not told apart from {named}."
