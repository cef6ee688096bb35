"""Factor plots: what the level of a setting does to every strategy."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pauca.report.areas import areas_record
from pauca.report.dots import bar, key_line
from pauca.report.estimates import Estimate, estimate
from pauca.report.labels import flatten, name_of
from pauca.report.style import SOFT, Look, legend_below, looks, plain, short, styled
from pauca.report.view import BASELINE, Group
from pauca.report.words import join, signed, some, with_interval

__all__ = ["Effect", "FactorRecord", "draw_factor", "factor_words", "factors_of"]

_ITEMS = ("data.name", "data.path", "pool.unknown")
"""Settings that decide which test items there are."""
_LINES = 9
"""At most this many strategies are told apart as lines."""
_LEVELS = 7
"""At most this many levels are told apart by colour and marker."""
_LETTERS = 44
"""At most so many letters of names of levels stand side by side."""
_ROW = 0.8  # of a row, over which levels are spread
_CLOSE = 0.35  # of the way to the next level, over which strategies are spread


@dataclass(frozen=True)
class Effect:
    """One strategy at every level.

    Args:
        label: Of the strategy.
        name: Of the strategy.
        areas: Area under the budget curve at each level, over repetitions.
        against: The same, less random's; None for random, and without it.
        spans: Area at the last level less that at the first, paired by repetition.
    """

    label: str
    name: str
    areas: tuple[Estimate, ...]
    against: tuple[Estimate, ...] | None
    spans: Estimate


@dataclass(frozen=True)
class FactorRecord:
    """One factor; whatever else was crossed is averaged over within each repetition.

    Args:
        name: Of the setting.
        levels: In order.
        effects: In the study's order of strategies.
        same_items: Whether all levels have the same data, so that their areas can be compared.
    """

    name: str
    levels: tuple[str, ...]
    effects: tuple[Effect, ...]
    same_items: bool = True


@dataclass(frozen=True)
class _Values:
    """Of one group: {strategy: {repetition: area}}, and the same less random's."""

    areas: Mapping[str, Mapping[int, float]]
    against: Mapping[str, Mapping[int, float]]


def factors_of(groups: Sequence[Group]) -> tuple[FactorRecord, ...]:
    """Every setting in which these groups differ.

    Settings that change together are one factor, and so are those that no two groups differ in by
    one alone (a start and what only that start has). A setting that follows from another one, such
    as the budget where every data set has its own, is none.
    """
    if len(groups) < 2:
        return ()
    flat = [flatten(group.settings) for group in groups]
    held = [_values(group) for group in groups]
    keys = dict.fromkeys(key for each in flat for key in each)
    parts: dict[tuple[int, ...], list[str]] = {}
    for key in keys:
        values = [str(each.get(key)) for each in flat]
        kinds = list(dict.fromkeys(values))
        if len(kinds) > 1:
            parts.setdefault(tuple(kinds.index(value) for value in values), []).append(key)
    names = {series.label: series.name for group in groups for series in group.series}
    own = {at: named for at, named in parts.items() if not any(_follows(at, o) for o in parts)}
    loose = [places for places in own if not _crossed(flat, places)]
    found = []
    for places, named in own.items():
        if len(loose) < 2 or places not in loose:
            found.append(_factor(names, held, flat, places, [_told(named)], named))
        elif places == loose[0]:
            rows = list(zip(*loose, strict=True))
            joint = [list(dict.fromkeys(rows)).index(row) for row in rows]
            every = [key for at in loose for key in own[at]]
            heads = [_told(own[at]) for at in loose]
            found.append(_factor(names, held, flat, tuple(joint), heads, every))
    return tuple(each for each in found if each is not None)


def _follows(places: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether the level of another setting, which has more of them, says what the level is."""
    return len(set(zip(places, other, strict=True))) == max(other) + 1 > max(places) + 1


def _told(keys: Sequence[str]) -> str:
    """The key that tells most: a name, rather than the settings that follow from it."""
    return min(keys, key=lambda k: (not k.endswith("name"), len(k)))


def _crossed(flat: Sequence[Mapping[str, Any]], places: tuple[int, ...]) -> bool:
    """Whether at every level there is a group that differs from one of each other in it alone."""
    rests = _rests(flat, places)
    at_level = [{r for r, p in zip(rests, places, strict=True) if p == at} for at in set(places)]
    return bool(set.intersection(*at_level))


def _factor(
    names: Mapping[str, str],
    values: Sequence[_Values],
    flat: Sequence[Mapping[str, Any]],
    places: tuple[int, ...],
    heads: Sequence[str],
    keys: Sequence[str],
) -> FactorRecord | None:
    """The factor of settings ``keys``, of which ``heads`` name it and its levels."""
    levels = [_level(flat[places.index(at)], heads) for at in range(max(places) + 1)]
    order = sorted(range(len(levels)), key=lambda at: _rank(levels[at], at))
    rests = _rests(flat, places)
    effects = []
    for label, name in names.items():
        at_level = _matched([label in v.areas for v in values], values, places, rests, order)
        by_level = [_mean([v.areas.get(label, {}) for v in held]) for held in at_level]
        if not all(by_level):
            continue
        less = [_mean([v.against.get(label, {}) for v in held]) for held in at_level]
        both = sorted(by_level[0].keys() & by_level[-1].keys())
        effects.append(
            Effect(
                label,
                name,
                tuple(estimate(list(each.values())) for each in by_level),
                tuple(estimate(list(e.values())) for e in less) if all(less) else None,
                estimate([by_level[-1][r] - by_level[0][r] for r in both]),
            )
        )
    if not effects:
        return None
    title = _title([head.removesuffix(".name").rpartition("active.")[2] for head in heads])
    shown = tuple(_shown(levels[at]) for at in order)
    same = not any(k in _ITEMS for k in keys)
    return FactorRecord(title, shown, tuple(effects), same)


def _level(settings: Mapping[str, Any], heads: Sequence[str]) -> Any:
    if len(heads) == 1:
        return settings.get(heads[0])
    there = [settings[head] for head in heads if settings.get(head) is not None]
    return ", ".join(map(_shown, there)) or None


def _title(heads: Sequence[str]) -> str:
    """What the names have in common, whole words; all of them where they have nothing."""
    words = [head.split(".") for head in heads]
    common = list(itertools.takewhile(lambda same: len(set(same)) == 1, zip(*words, strict=False)))
    return ".".join(word[0] for word in common) or join(heads)


def _rests(flat: Sequence[Mapping[str, Any]], places: Sequence[int]) -> list[tuple[str, ...]]:
    """Of each group, what its level does not say."""
    levels = len(set(places))
    keys = dict.fromkeys(key for each in flat for key in each)
    columns = [[str(each.get(key)) for each in flat] for key in keys]
    free = [c for c in columns if len(set(zip(places, c, strict=True))) > levels]
    return [tuple(c[at] for c in free) for at in range(len(flat))]


def _matched(
    held: Sequence[bool],
    values: Sequence[_Values],
    places: Sequence[int],
    rests: Sequence[tuple[str, ...]],
    order: Sequence[int],
) -> list[list[_Values]]:
    """Groups at each level, of those with a strategy, that differ in nothing but the level.

    Where there are none, as in a design that is not crossed, all groups of each level.
    """
    at_level = [
        {rests[i]: values[i] for i, p in enumerate(places) if p == at and held[i]} for at in order
    ]
    common = set.intersection(*(set(by_rest) for by_rest in at_level))
    if common:
        kept = [rest for rest in dict.fromkeys(rests) if rest in common]
        return [[by_rest[rest] for rest in kept] for by_rest in at_level]
    return [[v for v, p in zip(values, places, strict=True) if p == at] for at in order]


def draw_factor(record: FactorRecord, style: Mapping[str, Look]) -> Figure:
    """Left the area at each level, right the same less random's.

    Many strategies at a few levels have a row each, the highest on top; levels have the colours.

    Args:
        record: What to draw.
        style: Look of each strategy.
    """
    if len(record.effects) > _LINES and len(record.levels) <= _LEVELS:
        return _draw_rows(record)
    against = any(effect.against for effect in record.effects)
    with styled():
        drawing = Figure(figsize=(8.6 if against else 4.6, 3.4), layout="constrained")
        panels = drawing.subplots(1, 2 if against else 1, squeeze=False)[0]
        handles = [
            _draw(panels[0], place, len(record.effects), effect.areas, style[effect.label])
            for place, effect in enumerate(record.effects)
        ]
        panels[0].set_ylabel("area under the budget curve (%)")
        if against:
            for place, effect in enumerate(record.effects):
                if effect.against:
                    _draw(
                        panels[1], place, len(record.effects), effect.against, style[effect.label]
                    )
            panels[1].axhline(0, color=SOFT, linewidth=1.2, zorder=1)
            panels[1].set_ylabel("less random's (points)")
        names = [short(level, 30) for level in record.levels]
        tilted = {"rotation": 25, "ha": "right", "rotation_mode": "anchor"}
        for axes in panels:
            axes.set_xticks(range(len(names)), names)
            if sum(map(len, names)) > _LETTERS:
                axes.set_xticklabels(names, **tilted)
            axes.set_xlabel(plain(record.name))
            axes.grid(visible=False, axis="x")
        legend_below(drawing, handles, [effect.label for effect in record.effects])
    return drawing


def _draw_rows(record: FactorRecord) -> Figure:
    effects = sorted(record.effects, key=_height, reverse=True)
    found = {"area under the budget curve (%)": [effect.areas for effect in effects]}
    if any(effect.against for effect in effects):
        found["less random's (points)"] = [effect.against or () for effect in effects]
    many = len(record.levels)
    style = list(looks([str(at) for at in range(many)]).values())
    with styled():
        size = (0.6 + 4.0 * len(found), 1.4 + 0.3 * len(effects))
        drawing = Figure(figsize=size, layout="constrained")
        panels = drawing.subplots(1, len(found), squeeze=False, sharey=True)[0]
        for axes, (title, rows) in zip(panels, found.items(), strict=True):
            for place, row in enumerate(rows):
                for at, each in enumerate(row):
                    shift = _ROW * (at - (many - 1) / 2) / many
                    bar(axes, place + shift, each, style[at], scale=100)
            axes.set_xlabel(title)
            axes.grid(visible=False, axis="y")
        if len(found) > 1:
            panels[1].axvline(0, color=SOFT, linewidth=1.2, zorder=1)
        panels[0].set_yticks(range(len(effects)), [short(effect.label) for effect in effects])
        panels[0].set_ylim(len(effects) - 0.4, -0.6)
        said = [short(f"{plain(record.name)} {level}", 40) for level in record.levels]
        legend_below(drawing, [key_line(look) for look in style], said)
    return drawing


def _height(effect: Effect) -> float:
    """Mean over levels of the difference to random, 0 for random; of the area without a random."""
    if effect.name == BASELINE:
        return 0.0
    return float(np.mean([each.mean for each in effect.against or effect.areas]))


def factor_words(record: FactorRecord) -> tuple[str, ...]:
    """What the factor does to random choice, and where strategies gain or lose by it."""
    gains = _gains(record)
    return (*(_changes(record) if record.same_items else ()), *([gains] if gains else []))


def _changes(record: FactorRecord) -> tuple[str, ...]:
    """From the first level to the last; of many levels without an order, each for random choice."""
    if len(record.levels) > 2 and not all(map(_is_number, record.levels)):
        return tuple(
            "Area of random choice: "
            + ", ".join(
                f"{level} {with_interval(area)}"
                for level, area in zip(record.levels, effect.areas, strict=True)
            )
            + "."
            for effect in record.effects
            if effect.name == BASELINE
        )
    first, last = record.levels[0], record.levels[-1]
    told = [e for e in record.effects if e.spans.sign]
    said = []
    for effect in record.effects:
        if effect.name == "random" and effect.spans.known:
            said.append(
                f"From {record.name} {first} to {last} random choice changes by"
                f" {with_interval(effect.spans, signed, ' points')}."
            )
    rises = [e.label for e in told if e.spans.sign > 0]
    falls = [e.label for e in told if e.spans.sign < 0]
    parts = [
        *([f"higher at {last} for {some(rises)}"] if rises else []),
        *([f"lower for {some(falls)}"] if falls else []),
    ]
    if parts:
        said.append(f"The area is {'; '.join(parts)} (paired 95\u202f% intervals, one each).")
    elif any(e.spans.known for e in record.effects):
        said.append(f"No strategy's area is told apart between {first} and {last}.")
    return tuple(said)


def _gains(record: FactorRecord) -> str:
    """Which strategies are above random at every level, and for which it depends on the level."""
    signs = {
        effect.label: {each.sign for each in effect.against}
        for effect in record.effects
        if effect.against and all(each.known for each in effect.against)
    }
    kinds = {
        "above random at every level": [k for k, found in signs.items() if found == {1}],
        "below at every level": [k for k, found in signs.items() if found == {-1}],
        "above at one and below at another": [k for k, found in signs.items() if found >= {1, -1}],
    }
    parts = [f"{kind}: {some(labels)}" for kind, labels in kinds.items() if labels]
    if not parts:
        return ""
    said = "; ".join(parts)
    return f"{said[0].upper()}{said[1:]} (95\u202f% intervals, one each)."


def _values(group: Group) -> _Values:
    record = areas_record(group)
    return _Values(
        {row.label: dict(row.values) for row in record.rows},
        {row.label: dict(row.differences) for row in record.rows if row.differences},
    )


def _mean(parts: Sequence[Mapping[int, float]]) -> dict[int, float]:
    """Mean over settings of each repetition that all of them have."""
    if not parts or not all(parts):
        return {}
    common = sorted(set.intersection(*(set(part) for part in parts)))
    return {r: float(np.mean([part[r] for part in parts])) for r in common}


def _draw(axes: Axes, place: int, many: int, found: Sequence[Estimate], look: Look) -> Any:
    spread = _CLOSE * (place / max(many - 1, 1) - 0.5)
    x = [at + spread for at in range(len(found))]
    for at, each in zip(x, found, strict=True):
        if each.known:
            span = [100 * each.low, 100 * each.high]
            axes.plot([at, at], span, color=look.colour, linewidth=1.6, alpha=0.8)
    (line,) = axes.plot(
        x,
        [100 * each.mean for each in found],
        linewidth=1.2,
        markersize=6,
        **look.drawn,
    )
    return line


def _is_number(level: str) -> bool:
    return level.replace(".", "", 1).replace("e-", "", 1).isdigit()


def _rank(level: Any, at: int) -> tuple[int, float, int]:
    """Numbers by size, everything else in the study's order."""
    if isinstance(level, int | float) and not isinstance(level, bool):
        return 0, float(level), at
    return 1, 0.0, at


def _shown(level: Any) -> str:
    if isinstance(level, Mapping):
        return name_of(level)
    return "none" if level is None else str(level)
