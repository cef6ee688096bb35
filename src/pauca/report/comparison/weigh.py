"""Pictures and tables that weigh strategies against each other, within a setting and across."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pauca.metrics import repetitions_needed, smallest_effect
from pauca.report.areas import AreasRecord
from pauca.report.comparison.arriving import together_pictures
from pauca.report.comparison.asked import (
    asked_rows,
    asked_table,
    draw_overlap,
    draw_picks,
    overlap_of,
    overlap_words,
    read_picks,
)
from pauca.report.comparison.blocks import Blocks, blocks
from pauca.report.comparison.factors import FactorRecord, draw_factor, factor_words, factors_of
from pauca.report.comparison.noticed import noticed_picture
from pauca.report.comparison.penalties import draw_penalties, penalties_record, penalty_words
from pauca.report.comparison.ranks import RanksRecord, draw_ranks, rank_words, ranks_record
from pauca.report.comparison.reliability import LINES, reliability_picture
from pauca.report.comparison.savings import (
    draw_savings,
    saving_words,
    savings_record,
    shares_table,
)
from pauca.report.parts import Picture, Section, as_svg
from pauca.report.style import Look, looks
from pauca.report.tables import Table
from pauca.report.view import Group, StudyView
from pauca.store.base import AbstractStore

__all__ = [
    "Across",
    "Weighed",
    "across",
    "across_section",
    "across_words",
    "power_words",
    "within",
]

_FACTORS = 8
"""At most this many factors are drawn."""
_HALF_A_POINT = 0.005
_SUMMED = 3
"""At most this many factors are spoken of in the summary."""


@dataclass(frozen=True)
class Weighed:
    """What is shown of a group besides its curves and areas.

    Args:
        ranks: Mean ranks, if there are any.
        pictures: In order.
        tables: In order.
    """

    ranks: RanksRecord | None
    pictures: tuple[Picture, ...]
    tables: tuple[Table, ...]


@dataclass(frozen=True)
class Across:
    """All settings of a study together.

    Args:
        groups: The settings.
        alike: Those that have the strategies of the first; none if there are fewer than two.
        ranks: Over these.
        factors: In which the settings differ.
    """

    groups: tuple[Group, ...]
    alike: tuple[Blocks, ...]
    ranks: RanksRecord | None
    factors: tuple[FactorRecord, ...]


def within(
    store: AbstractStore,
    view: StudyView,
    group: Group,
    areas: AreasRecord,
    full: Mapping[int, float],
    key: str,
    *,
    drawn: bool,
) -> Weighed:
    """Ranks, savings, penalties and what was asked for, of one setting.

    Args:
        store: Holds pictures of what was asked for.
        view: The study.
        group: The setting.
        areas: Its areas.
        full: What the learner reaches with every label of the pool, by repetition.
        key: Put in front of ids of its figures.
        drawn: Whether to draw at all.
    """
    found = blocks(group)
    facts = view.data_of(group)
    classes = [str(name) for name in facts.get("classes") or ()]
    ranks = None if found is None else ranks_record([found])
    tables = [asked_table(asked_rows(group, len(classes)))]
    pictures: list[Picture] = []
    if found is not None:
        tables.insert(0, shares_table(found, full))
        if drawn:
            style = _looks([group])
            pictures += _weighed([found], ranks, style, key)
            pictures += _saved(found, areas, style, key)
    if drawn:
        pictures += _asked(store, group, facts.get("train"), classes, key)
        if not 1 < len(view.kind("active")) <= LINES:  # else all settings together show these
            pictures += noticed_picture([group], key)
            drawings, numbers = reliability_picture([group], key)
            pictures += drawings
            tables += numbers
    return Weighed(ranks, tuple(pictures), tuple(t for t in tables if t is not None))


def across(view: StudyView) -> Across | None:
    """What the settings of a study with factors have in common; None where there is one only."""
    groups = view.kind("active")
    if len(groups) < 2:
        return None
    found = [each for each in map(blocks, groups) if each is not None]
    alike = tuple(each for each in found if each.names == found[0].names)
    if len(alike) < 2:
        return Across(groups, (), None, factors_of(groups))
    return Across(groups, alike, ranks_record(alike), factors_of(groups))


def across_section(found: Across) -> Section:
    """Ranks and penalties over all settings, the factors, then whether learners are calibrated."""
    style = _looks(found.groups)
    pictures = list(_weighed(found.alike, found.ranks, style, "x")) if found.alike else []
    for place, factor in enumerate(found.factors[:_FACTORS]):
        says = factor_words(factor)
        svg = as_svg(draw_factor(factor, style), f"x{place}f", " ".join(says))
        how = (
            "Mean over repetitions with 95\u202f% intervals; whatever else was crossed at every"
            " level is averaged over within each repetition. Left: what strategy and level give"
            " together; areas over different budgets, or on other test items, are not the same"
            " measure. Right: what the strategy adds to random choice at that level."
        )
        pictures.append(Picture(f"Factor: {factor.name}", (svg,), how, says, wide=True))
    pictures += together_pictures(found.groups, "x")
    pictures += noticed_picture(found.groups, "x")
    drawings, tables = reliability_picture(found.groups, "x")
    lead = f"{len(found.groups)} settings{_alike(found)}."
    return Section("All settings together", lead, (*pictures, *drawings), tables)


def _alike(found: Across) -> str:
    names = {tuple(series.label for series in group.series) for group in found.groups}
    if len(names) == 1:
        return " of the same strategies"
    if found.ranks is None:
        return ", not all of the same strategies"
    return f", {len(found.alike)} of them of the same strategies, which are ranked"


def across_words(found: Across) -> tuple[str, ...]:
    """What all settings together allow to be said, in a few sentences."""
    said = () if found.ranks is None else (" ".join(rank_words(found.ranks)),)
    told = [(each.name, " ".join(factor_words(each))) for each in found.factors[:_SUMMED]]
    return (*said, *(f"Factor {name}: {words}" for name, words in told if words))


def power_words(record: AreasRecord) -> str:
    """What the repetitions at hand can show, and how many half a point would take."""
    spreads = [
        float(np.std([d for _, d in row.differences], ddof=1))
        for row in record.compared
        if len(row.differences) > 2
    ]
    sd = float(np.median(spreads)) if spreads else 0.0
    if not sd > 0:
        return ""
    n = min(len(row.differences) for row in record.compared)
    alpha = 0.05 / len(record.compared)
    seen = 100 * smallest_effect(sd, n, alpha=alpha)
    wanted = repetitions_needed(sd, _HALF_A_POINT, alpha=alpha)
    return (
        f"With the spread seen here, {n} repetitions show a difference of {seen:.2g} points or more"
        f" four times in five (Bonferroni for {len(record.compared)} comparisons); half a point"
        f" would take {wanted:,} repetitions."
    )


def _looks(groups: Sequence[Group]) -> dict[str, Look]:
    """Of every strategy, as in the learning curves."""
    names = {series.label: series.name for group in groups for series in group.series}
    return looks(list(names), list(names.values()))


def _weighed(
    found: Sequence[Blocks], ranks: RanksRecord | None, style: Mapping[str, Look], key: str
) -> Iterator[Picture]:
    if ranks is not None and len(ranks.names) > 2:
        says = rank_words(ranks)
        how = (
            "Mean rank over repetitions, best on top. Shaded: within the critical difference of the"
            " best. Bars at the right join strategies that are not told apart."
        )
        svg = as_svg(draw_ranks(ranks, style), f"{key}r", " ".join(says))
        yield Picture("Ranks", (svg,), how, says)
    penalties = penalties_record(found)
    if penalties is not None and len(penalties.names) > 2:
        says = penalty_words(penalties)
        svg = as_svg(draw_penalties(penalties), f"{key}p", " ".join(says))
        how = (
            "How often the row's strategy is significantly better than the column's, a budget"
            " counting its share. Dark rows win, dark columns lose."
        )
        yield Picture("Who beats whom", (svg,), how, says)


def _saved(
    found: Blocks, areas: AreasRecord, style: Mapping[str, Look], key: str
) -> Iterator[Picture]:
    savings = savings_record(found)
    if savings is None:
        return
    says = saving_words(savings)
    svg = as_svg(draw_savings(savings, style), f"{key}s", " ".join(says))
    how = (
        "At the highest accuracy that both reach: labels that random choice needs for each label"
        " that the strategy asks for."
    )
    if savings.known:
        how += " Bars: 95\u202f% bootstrap intervals over repetitions."
    yield Picture("Labels saved", (svg,), how, (*says, power_words(areas)))


def _asked(
    store: AbstractStore, group: Group, pool: object, classes: Sequence[str], key: str
) -> Iterator[Picture]:
    size = (group.settings.get("pool") or {}).get("size") or pool
    overlap = overlap_of(group, size if isinstance(size, int) else None)
    if overlap is not None:
        says = overlap_words(overlap)
        svg = as_svg(draw_overlap(overlap), f"{key}o", " ".join(says))
        how = "Share of items that two strategies both asked for, over the whole budget."
        yield Picture("Do strategies ask for the same?", (svg,), how, says)
    picks = read_picks(store, group)
    if picks:
        alt = "The first items that each strategy asked for"
        svg = as_svg(draw_picks(picks, classes), f"{key}i", alt)
        how = (
            f"The first query after the initial set in repetition {picks[0].repetition + 1}, in"
            " order of asking, with the answers."
        )
        yield Picture("What was asked for first", (svg,), how, (), wide=True)
