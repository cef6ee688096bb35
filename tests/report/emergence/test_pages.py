"""Pages and files of whole studies."""

import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from pauca.report.emergence import emergence, materials, write_figures
from pauca.report.emergence.control import control_record, control_rows
from pauca.report.emergence.sparsity import sparsity_record, sparsity_row
from pauca.report.page import build_page
from pauca.report.view import read_study
from pauca.report.write import write_report
from pauca.store import MemoryStore, SqliteStore
from tests.report.emergence.planted import BACKPROP, CLEAR, START, Plan, fill, study
from tests.report.studies import Plan as Other
from tests.report.studies import study as other_study
from tests.report.test_page import Page

TINY = Plan(
    learners=(CLEAR, START),
    repetitions=2,
    classes=3,
    units=16,
    related=((0, 2),),
    unseen=(1,),
    unseen_repetitions=2,
    layers=("layer1",),
)
PARTS = (
    {"arrays", "label_control", "nulls", "novelty", "reliability", "relations"},
    {"sharing", "sparsity", "selectivity", "lesions", "pruning", "few_shot"},
    {"ensembles", "drive", "inhibition", "formation", "shared", "hoyer"},
    {"conditions", "units", "layers", "metrics"},
)
ORDER = (
    *("Conclusions", "Sparsity", "Ensembles", "Label control", "Sharing"),
    *("Categories never seen", "Causes", "Accuracy against sparsity", "Models side by side"),
)


def sound(text: str) -> Page:
    page = Page(text)
    assert page.faults == []
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert all(link[1:] in page.ids for link in page.links if link.startswith("#"))
    assert not re.search(r"(?<![a-z])(nan|None|inf)(?![a-z])", page.text.replace("in results", ""))
    return page


def test_sections_stand_in_the_order_in_which_they_are_read(tmp_path: Path) -> None:
    with SqliteStore(tmp_path / "study.db") as store:
        fill(store, replace(TINY, learners=(CLEAR,)))
    text = write_report(tmp_path).read_text(encoding="utf-8")
    sound(text)
    places = [text.index(f"<h2>{title}") for title in ORDER]
    assert places == sorted(places)
    figures = tmp_path / "figures"
    names = {p.stem for p in figures.iterdir()}
    assert {p.suffix for p in figures.iterdir()} == {".pdf", ".svg", ".csv"}
    assert len(list(figures.iterdir())) == 3 * len(names)
    assert {"sparsity", "ensembles", "label-control", "related", "pruning"} <= names
    assert all(len(pd.read_csv(p)) for p in figures.glob("*.csv"))


def test_figures_are_the_same_bytes_again(tmp_path: Path) -> None:
    (material,) = materials(read_study(study(TINY)))
    for place in ("a", "b"):
        rows = (
            sparsity_row(sparsity_record(material), material),
            *control_rows(control_record(material)),
        )
        write_figures([plate for row in rows for plate in row.plates], tmp_path / place)
    assert len(list((tmp_path / "a").iterdir())) == 6
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


@pytest.mark.parametrize("parts", PARTS)
def test_missing_parts_do_not_break_the_page(parts: set[str]) -> None:
    store = study(replace(TINY, without=frozenset(parts)))
    (found,) = emergence(store, read_study(store))
    assert len(found.verdicts) == 7
    assert list(found.plates)


@pytest.mark.parametrize(
    "plan",
    [
        replace(TINY, learners=(), models=(BACKPROP,)),
        replace(TINY, repetitions=0),
        replace(TINY, repetitions=1, unseen=(), learners=(BACKPROP,)),
    ],
    ids=["models only", "unseen only", "one repetition of backprop"],
)
def test_lesser_studies_give_a_sound_page(plan: Plan) -> None:
    sound(build_page(study(plan)))


def test_other_studies_have_nothing_of_it() -> None:
    store = other_study(Other(repetitions=1, rounds=1))
    assert emergence(store, read_study(store)) == ()
    assert emergence(MemoryStore(), read_study(MemoryStore())) == ()
