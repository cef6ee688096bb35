"""The page: everything a store holds, as the text of one HTML file.

Nothing on the page comes from elsewhere: styles and pictures stand in it. The same store always
gives the same page, to the byte.
"""

from collections.abc import Iterator, Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined

from pauca.report import about
from pauca.report.areas import areas_record
from pauca.report.models import models_record
from pauca.report.sections import sections
from pauca.report.tables import states_table
from pauca.report.view import Group, StudyView, read_study
from pauca.report.words import caution, comparison, models_summary
from pauca.store.base import AbstractStore

__all__ = ["build_page", "summary"]

_SUMMED = 3
"""At most this many groups of one kind are named in the summary."""


def build_page(store: AbstractStore) -> str:
    """The report of everything that the store holds, as the text of an HTML file.

    Raises:
        StoreError: the store is damaged.
    """
    view = read_study(store)
    environment = Environment(
        loader=PackageLoader("pauca.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2").render(
        view=view,
        state=about.state_words(view),
        summary=summary(view),
        sections=tuple(sections(store, view)),
        settings=about.settings_table(view),
        provenance=about.provenance_table(view),
        command=about.command(view),
        states=states_table(view),
        failures=about.failures(view),
    )


def summary(view: StudyView) -> tuple[str, ...]:
    """The study in a few sentences, within what the statistics allow."""
    active, models = view.kind("active"), view.kind("model")
    return (
        *_named(active, [comparison(areas_record(group)) for group in active[:_SUMMED]]),
        *_caution(active[:_SUMMED]),
        *_named(models, [models_summary(models_record(group)) for group in models[:_SUMMED]]),
    )


def _named(groups: Sequence[Group], texts: Sequence[str]) -> Iterator[str]:
    """Each text, after its group's title where there are several."""
    for group, text in zip(groups, texts, strict=False):
        yield f"{group.title}: {text}" if len(groups) > 1 else text
    if len(groups) > len(texts):
        yield f"{len(groups) - len(texts)} more follow below."


def _caution(groups: Sequence[Group]) -> Iterator[str]:
    rows = [row for group in groups for row in areas_record(group).compared]
    counts = [row.difference.n for row in rows if row.difference is not None]
    if counts and caution(min(counts)):
        yield caution(min(counts))
