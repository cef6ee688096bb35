"""The page: everything a store holds, as the text of one HTML file.

Nothing on the page comes from elsewhere: styles and pictures stand in it. The same store always
gives the same page, to the byte.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

from jinja2 import Environment, PackageLoader, StrictUndefined

from pauca.report import about
from pauca.report.areas import AreasRecord, areas_record
from pauca.report.comparison.weigh import Across, across, across_words
from pauca.report.emergence import Emergence, emergence
from pauca.report.emergence.words import emergence_summary, plate_svg
from pauca.report.models import ModelsRecord, models_record
from pauca.report.parts import Section
from pauca.report.sections import sections
from pauca.report.tables import Table, states_table
from pauca.report.view import Group, StudyView, read_study
from pauca.report.words import caution, comparison, models_summary
from pauca.store.base import AbstractStore

__all__ = ["Contents", "build_page", "contents", "page_of", "summary"]

_SUMMED = 3
"""At most this many groups of one kind are named in the summary."""


@dataclass(frozen=True, eq=False)
class Contents:
    """All that a report says, before it is laid out.

    Args:
        view: The study, put in order.
        state: What is not done yet, in words; empty if all is.
        summary: The study in a few sentences.
        emergence: What there is to say about emergence, by data set.
        sections: Everything else.
        settings: Every setting.
        provenance: Versions, machine, seeds, times.
        command: That makes the study; empty where it was not recorded.
        states: How many runs are done.
        failures: What failed.
    """

    view: StudyView
    state: str
    summary: tuple[str, ...]
    emergence: tuple[Emergence, ...]
    sections: tuple[Section, ...]
    settings: Table
    provenance: Table
    command: str
    states: Table
    failures: tuple[about.Failure, ...]


def build_page(store: AbstractStore) -> str:
    """The report of everything that the store holds, as the text of an HTML file.

    Raises:
        StoreError: the store is damaged.
    """
    view = read_study(store)
    return page_of(contents(store, view, emergence(store, view)))


def page_of(found: Contents) -> str:
    """The page, from what there is to say."""
    environment = Environment(
        loader=PackageLoader("pauca.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    shown = found.sections
    return environment.get_template("report.html.j2").render(
        **{field.name: getattr(found, field.name) for field in fields(found)},
        svg=plate_svg,
        zooms=any(picture.zoom for section in shown for picture in section.pictures),
    )


def contents(store: AbstractStore, view: StudyView, found: Sequence[Emergence]) -> Contents:
    """All that is said of a study.

    Args:
        store: What it is about.
        view: The same, put in order.
        found: What there is to say about emergence.

    Raises:
        StoreError: the store is damaged.
    """
    together = across(view)
    return Contents(
        view=view,
        state=about.state_words(view),
        summary=(*emergence_summary(found), *summary(view, together)),
        emergence=tuple(found),
        sections=tuple(sections(store, view, together)),
        settings=about.settings_table(view),
        provenance=about.provenance_table(view),
        command=about.command(view),
        states=states_table(view),
        failures=about.failures(view),
    )


def summary(view: StudyView, together: Across | None) -> tuple[str, ...]:
    """The study in a few sentences, within what the statistics allow.

    Args:
        view: The study.
        together: All comparisons together, where there are several.
    """
    active = [areas_record(group) for group in view.kind("active")[:_SUMMED]]
    trained = (*view.kind("emergence"), *view.kind("model"))
    models = [models_record(group) for group in trained[:_SUMMED]]
    return (
        *(() if together is None else across_words(together)),
        *_named(view.kind("active"), [comparison(record) for record in active]),
        *_named(trained, [models_summary(record) for record in models]),
        *_caution(active, models),
    )


def _named(groups: Sequence[Group], texts: Sequence[str]) -> Iterator[str]:
    """Each text, after its group's title where there are several."""
    for group, text in zip(groups, texts, strict=False):
        yield f"{group.title}: {text}" if len(groups) > 1 else text
    if len(groups) > len(texts):
        yield f"{len(groups) - len(texts)} more follow below."


def _caution(active: Sequence[AreasRecord], models: Sequence[ModelsRecord]) -> Iterator[str]:
    """What the fewest repetitions behind a number above allow to be said."""
    compared = [row.difference for record in active for row in record.compared]
    accuracies = [row.accuracy for record in models for row in record.finished]
    counts = [found.n for found in (*compared, *accuracies) if found is not None and found.n]
    if counts and caution(min(counts)):
        yield caution(min(counts))
