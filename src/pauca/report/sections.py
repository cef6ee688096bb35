"""The parts of a page: pictures, tables and sentences of each group of runs."""

from collections.abc import Iterator, Mapping, Sequence

from markupsafe import Markup

from pauca.report.areas import AreasRecord, areas_record, draw_areas
from pauca.report.comparison.arriving import arriving_tables, followed_pictures
from pauca.report.comparison.blocks import upper_bound
from pauca.report.comparison.reliability import reliability_picture
from pauca.report.comparison.weigh import Across, across_section, within
from pauca.report.courses import Course, courses, draw_goodness, draw_told
from pauca.report.curves import curves_record, draw_curves
from pauca.report.estimates import SHARE, estimate
from pauca.report.models import ModelsRecord, draw_accuracy, draw_hoyer, models_record
from pauca.report.parts import Picture, Section, as_svg, counted
from pauca.report.tables import Table, areas_table, cost_table, layers_table, measures_table
from pauca.report.view import Group, StudyView
from pauca.report.walls import Wall, draw_wall, read_walls
from pauca.report.words import (
    accuracy_words,
    area_words,
    course_words,
    curve_words,
    hoyer_words,
    wall_words,
)
from pauca.store.base import AbstractStore

__all__ = ["sections"]

_GROUPS = 12
"""Pictures are made for at most this many groups of one kind; tables for all."""
_WALLS = 12
"""Activation walls are made for at most this many models of a group."""


def sections(store: AbstractStore, view: StudyView, together: Across | None) -> Iterator[Section]:
    """Comparisons of strategies first, then models, then their activation walls.

    Walls of a study of emergence stand with its ensembles, not here.

    Args:
        store: What the report is of.
        view: The same, put in order.
        together: All comparisons together, where there are several.
    """
    classes = [str(name) for name in view.data.get("classes") or ()]
    if together is not None:
        yield across_section(together)
    for place, group in enumerate(view.kind("active")):
        yield _active(store, view, group, f"a{place}", drawn=place < _GROUPS)
    for place, group in enumerate(view.kind("model")):
        yield from _models(store, group, classes, f"m{place}", drawn=place < _GROUPS)
    for place, group in enumerate(view.kind("emergence")):
        yield from _models(store, group, classes, f"e{place}", drawn=place < _GROUPS, walls=False)


def _active(
    store: AbstractStore, view: StudyView, group: Group, key: str, *, drawn: bool
) -> Section:
    areas = areas_record(group)
    full = upper_bound(view, group)
    weighed = within(store, view, group, areas, full, key, drawn=drawn)
    tables = (
        areas_table(areas, weighed.ranks),
        *weighed.tables,
        *arriving_tables(group),
        cost_table(group),
        measures_table(group),
    )
    pictures = tuple(_active_pictures(group, areas, full, key)) if drawn else ()
    followed = tuple(followed_pictures(group, key)) if drawn else ()
    return Section(
        f"Strategies compared: {group.title}",
        _active_lead(group),
        (*pictures, *weighed.pictures, *followed),
        tuple(table for table in tables if table is not None),
    )


def _active_lead(group: Group) -> str:
    phrases = {
        "initial": "{} labels to start with",
        "query": "{} more a round",
        "budget": "up to {} labels",
    }
    facts = [
        counted(len(group.series), "strategy", "strategies"),
        f"{counted(group.repetitions, 'repetition', 'repetitions')} each",
        *(form.format(group.settings[k]) for k, form in phrases.items() if k in group.settings),
    ]
    return f"{', '.join(facts)}. Test labels are read for this report only."


def _active_pictures(
    group: Group, areas: AreasRecord, full: Mapping[int, float], key: str
) -> Iterator[Picture]:
    curves = curves_record(group)
    if curves.curves:
        says = curve_words(curves)
        whole = estimate(list(full.values()), SHARE) if full else None
        svg = as_svg(draw_curves(curves, _bold(areas), whole), f"{key}c", " ".join(says))
        how = (
            "Test accuracy against the labels spent, one line a strategy. Higher, and further to"
            " the left, is better."
        )
        if whole is not None:
            how += " Dotted at the top: the learner with every label of the pool."
        yield Picture("Learning curves", (svg,), how, says, zoom=True)
    if any(row.area.n for row in areas.rows):
        names = tuple(series.label for series in group.series)
        svg = as_svg(draw_areas(areas, names), f"{key}a", " ".join(area_words(areas)))
        yield Picture(*_areas_heading(areas, svg), area_words(areas))


def _areas_heading(areas: AreasRecord, svg: Markup) -> tuple[str, tuple[Markup, ...], str]:
    bars = "Bars: 95\u202f% intervals; small strokes: single repetitions."
    if areas.compared:
        how = (
            "Mean accuracy over the whole budget, less that of random choice in the same"
            f" repetition. {bars} A bar that crosses zero decides nothing."
        )
        return "Against random choice", (svg,), how
    return "Area under the budget curve", (svg,), f"Mean accuracy over the whole budget. {bars}"


def _bold(areas: AreasRecord) -> tuple[str, ...]:
    """What to colour first where there are too many series: random, then the highest areas."""
    ranked = [row.label for row in areas.rows if row.label != areas.baseline]
    return tuple(filter(None, (areas.baseline, *ranked)))


def _models(
    store: AbstractStore,
    group: Group,
    classes: Sequence[str],
    key: str,
    *,
    drawn: bool,
    walls: bool = True,
) -> Iterator[Section]:
    held = read_walls(store, group, _WALLS, classes) if drawn else {}
    order = {model: [wall.layer for wall in found] for model, found in held.items()}
    record = models_record(group, order)
    sure, numbers = reliability_picture([group], key, "Model")
    yield Section(
        f"Models side by side: {group.title}",
        _models_lead(group, record),
        (*_model_pictures(record, group, key), *sure) if drawn else (),
        (*_model_tables(record, group), *numbers),
    )
    learned = courses(group)[:_WALLS] if drawn else ()
    if learned:
        yield Section(
            f"Training of Forward-Forward layers: {group.title}",
            _COURSES_LEAD,
            tuple(_course_picture(course, f"{key}t{at}") for at, course in enumerate(learned)),
            (),
        )
    if held and walls:
        yield Section(
            f"Activation walls: {group.title}",
            _walls_lead(len(held), len(group.series)),
            tuple(_wall_pictures(held, record, key)),
            (),
        )


def _model_tables(record: ModelsRecord, group: Group) -> tuple[Table, ...]:
    tables = (layers_table(record), cost_table(group), measures_table(group))
    return tuple(table for table in tables if table is not None)


def _models_lead(group: Group, record: ModelsRecord) -> str:
    models = counted(len(group.series), "model", "models")
    each = f"{counted(group.repetitions, 'repetition', 'repetitions')} each"
    if record.labels is None:
        return f"{models}, {each}."
    return f"{models}, {each}, trained on {record.labels:,} labels."


_COURSES_LEAD = (
    "What each layer did while it learned, on training items. Left: mean goodness under the right"
    " label (positives) and under what is wrong (negatives). Right: how often a layer by itself"
    " names the right label, and the separation: how often a positive's goodness is above its"
    " negative's. Bands: 95\u202f% intervals over repetitions."
)


def _course_picture(course: Course, key: str) -> Picture:
    says = course_words(course)
    alt = " ".join(says)
    svgs = (
        as_svg(draw_goodness(course), f"{key}g", alt),
        as_svg(draw_told(course), f"{key}s", alt),
    )
    how = f"{counted(course.repetitions, 'repetition', 'repetitions')}."
    return Picture(course.label, svgs, how, says)


def _walls_lead(drawn: int, models: int) -> str:
    text = (
        "Each row is one test item, items of one class together; each column is one unit, in the"
        " net's own order. Dark is active: a column that is dark in one class only is a unit of"
        " that class. Every panel has its own scale (black: the 99th percentile of its activity"
        " above zero), so compare patterns, not darkness. One repetition of each model."
    )
    return text if drawn == models else f"{text} Drawn for {drawn} of {models} models."


def _model_pictures(record: ModelsRecord, group: Group, key: str) -> Iterator[Picture]:
    names = tuple(series.label for series in group.series)
    if any(row.accuracy.n for row in record.finished):
        says = accuracy_words(record)
        yield Picture(
            "Accuracy",
            (as_svg(draw_accuracy(record, names), f"{key}p", " ".join(says)),),
            "Test accuracy. Bars: 95\u202f% intervals; small strokes: single repetitions.",
            says,
        )
    if any(row.layers for row in record.finished):
        says = hoyer_words(record)
        how = "0: all units equally active; 1: one unit alone. Bars: 95\u202f% intervals."
        if any(row.reads_label for row in record.finished):
            how += (
                " Filled: the neutral label is shown; open: the true one (for nets that read the"
                " label)."
            )
        svg = as_svg(draw_hoyer(record, names), f"{key}h", " ".join(says))
        yield Picture("Sparsity of each layer", (svg,), how, says)


def _wall_pictures(
    walls: Mapping[str, tuple[Wall, ...]], record: ModelsRecord, key: str
) -> Iterator[Picture]:
    reads = {row.label: row.reads_label for row in record.rows}
    for place, (model, found) in enumerate(walls.items()):
        says = wall_words(found, reads_label=reads.get(model, False))
        svgs = [
            as_svg(
                draw_wall(one), f"{key}w{place}l{depth}", f"Activation wall: {model}, {one.layer}"
            )
            for depth, one in enumerate(found)
        ]
        how = f"Repetition {found[0].repetition + 1}, {len(found[0].labels)} test items."
        yield Picture(model, tuple(svgs), how, says, large=True)
