"""Labels saved against random choice, and labels for a share of what all labels give."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from matplotlib.figure import Figure

from pauca.metrics import LabelSaving, ShareReached, label_saving, labels_for_share
from pauca.report.comparison.blocks import Blocks
from pauca.report.style import SOFT, Look, figure, short, styled
from pauca.report.tables import Cell, Column, Table
from pauca.report.words import join
from pauca.rng import generator_from

__all__ = [
    "SavingsRecord",
    "draw_savings",
    "saving_words",
    "savings_record",
    "shares_table",
]

_DRAWS = 2000
_FEW = 6
"""Repetitions below which a bootstrap interval is too narrow to be shown as one."""


@dataclass(frozen=True)
class SavingsRecord:
    """Label saving of every strategy but random.

    Args:
        names: Largest saving first.
        savings: Of each.
        repetitions: Behind them.
    """

    names: tuple[str, ...]
    savings: tuple[LabelSaving, ...]
    repetitions: int

    @property
    def known(self) -> bool:
        """Whether there are repetitions enough for an interval."""
        return self.repetitions >= _FEW


def savings_record(found: Blocks) -> SavingsRecord | None:
    """Savings at the highest accuracy that both reach; None without random or a second round."""
    base = found.group.baseline
    if base is None or base.label not in found.names or len(found.labels) < 2:
        return None
    theirs = found.of(base.label)
    pairs = [
        (
            name,
            label_saving(
                found.labels,
                found.of(name),
                theirs,
                generator=generator_from(at),
                draws=_DRAWS,
            ),
        )
        for at, name in enumerate(found.names)
        if name != base.label
    ]
    pairs.sort(key=lambda pair: -pair[1].common.ratio)
    return SavingsRecord(
        tuple(name for name, _ in pairs), tuple(s for _, s in pairs), len(found.repetitions)
    )


def draw_savings(record: SavingsRecord, style: Mapping[str, Look]) -> Figure:
    """Labels that random needs for each label of the strategy, with intervals; 1 is a tie.

    Args:
        record: What to draw.
        style: Look of each strategy.
    """
    with styled():
        drawing, axes = figure(5.0, 1.25 + 0.36 * len(record.names))
        top = max(s.common.ratio for s in record.savings)
        for place, (name, saving) in enumerate(zip(record.names, record.savings, strict=True)):
            one, look = saving.common, style[name]
            if record.known:
                high = min(one.high, 1.6 * max(top, 1.0))
                axes.plot(
                    [one.low, high],
                    [place, place],
                    color=look.colour,
                    linewidth=2.2,
                    solid_capstyle="butt",
                )
                if one.high > high:
                    axes.plot([high], [place], marker=">", color=look.colour, markersize=6)
            axes.plot([one.ratio], [place], marker=look.marker, color=look.colour, markersize=8)
        axes.axvline(1, color=SOFT, linewidth=1.2, zorder=1)
        axes.set_yticks(range(len(record.names)), [short(name) for name in record.names])
        axes.set_ylim(len(record.names) - 0.4, -0.6)
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("labels that random needs for each label asked for")
        axes.set_title("costs labels  |  saves labels", loc="center", color=SOFT)
    return drawing


def saving_words(record: SavingsRecord) -> tuple[str, ...]:
    """Which strategies save labels, as far as intervals tell."""
    if not record.known:
        return (f"{record.repetitions} repetitions are too few for an interval of a saving.",)
    told = dict(zip(record.names, (s.common for s in record.savings), strict=True))
    saves = [
        f"{name} {100 * one.saved:.0f}\u202f% [{_percent(one.low)}, {_percent(one.high)}]"
        for name, one in told.items()
        if one.low > 1
    ]
    costs = [name for name, one in told.items() if one.high < 1]
    rest = len(told) - len(saves) - len(costs)
    said = []
    if saves:
        more = f" and {len(saves) - 4} more" if len(saves) > 4 else ""
        said.append(f"Labels saved for the same accuracy: {join(saves[:4])}{more}.")
    if costs:
        said.append(f"Need more labels than random: {join(costs)}.")
    if rest:
        said.append(f"For {rest} of {len(told)} the interval holds a tie with random.")
    said.append("These intervals stand for one strategy each; they are not corrected for many.")
    return tuple(said)


def shares_table(found: Blocks, full: Mapping[int, float]) -> Table | None:
    """Labels for 90, 95 and 99 % of what the learner reaches with all labels of the pool."""
    both = [r for r in found.repetitions if r in full]
    if not both:
        return None
    rows = [found.repetitions.index(r) for r in both]
    whole = [full[r] for r in both]
    records = {
        name: labels_for_share(found.labels, found.of(name)[rows], whole) for name in found.names
    }
    shares = [each.share for each in next(iter(records.values()))]
    columns = (
        Column("Strategy", numeric=False),
        *(Column(f"{100 * s:.0f}\u202f% of full", "labels, median") for s in shares),
    )
    lines = tuple(
        (Cell(name), *(_reached(each) for each in record)) for name, record in records.items()
    )
    mean = sum(whole) / len(whole)
    notes = (
        f"Full: the same learner trained on every label of the pool, {100 * mean:.1f}\u202f% on"
        f" average over {len(whole)} repetitions. A median counts repetitions that did not get"
        " there within the budget as later (Kaplan-Meier); brackets: 95\u202f% interval, by order"
        " statistics.",
    )
    return Table("Labels for a share of full-data accuracy", columns, lines, notes)


def _reached(each: ShareReached) -> Cell:
    if each.median is None:
        return Cell("beyond the budget", f"{each.reached} of {each.n} got there")
    interval = ""
    if each.low is not None:
        high = "beyond" if each.high is None else f"{each.high:,}"
        interval = f"[{each.low:,}, {high}], "
    return Cell(f"{each.median:,}", f"{interval}{each.reached} of {each.n}")


def _percent(ratio: float) -> str:
    if math.isinf(ratio):
        return "no bound"
    return f"{100 * (1 - 1 / ratio):.0f}"
