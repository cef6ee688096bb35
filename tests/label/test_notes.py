"""Notes that people write on items."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from pauca.errors import InputError
from pauca.label import Project
from pauca.label.exporting import export_answers
from pauca.label.importing import import_file
from tests.label.helpers import NAMES, npz, project
from tests.label.helpers import clusters as rows_of


def test_the_last_note_of_each_person_stands(tmp_path: Path) -> None:
    with project(tmp_path) as made:
        made.note("anna", 3, " a cat?\nor not ")
        made.note("ben", 3, "=1+1 'x'")
        made.note("anna", 3, "a cat")
        made.note("anna", 5, "gone")
        made.note("anna", 5, "  ")
    with Project.open(tmp_path / "project") as opened:
        assert opened.item_notes() == {3: {"ben": "=1+1 'x'", "anna": "a cat"}}


@pytest.mark.parametrize("text", ["x" * 2001, "a\0b", None])
def test_what_is_no_note_is_refused(tmp_path: Path, text: str) -> None:
    with project(tmp_path) as made:
        with pytest.raises(InputError, match="this is no note"):
            made.note("anna", 3, text)
        with pytest.raises(InputError):
            made.note("anna", made.n, "beyond")
        assert made.item_notes() == {}


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet", "xlsx"])
def test_notes_go_out_and_come_back_with_the_account(tmp_path: Path, form: str) -> None:
    x, _ = rows_of()
    data = npz(tmp_path / "x.npz", x=x)
    with (
        Project.create(data, tmp_path / "a", classes=NAMES) as made,
        Project.create(data, tmp_path / "b", classes=NAMES) as other,
    ):
        made.answer("anna", 3, 1)
        made.answer("anna", 3, 2)
        made.note("anna", 3, "first a bee, then")
        made.note("ben", 7, "never answered,\nonly noted")
        path = tmp_path / f"answers.{form}"
        assert export_answers(made, path, form) == 3
        for _ in range(2):  # the second time nothing is new
            import_file(other, path)
            assert other.item_notes() == made.item_notes()
            assert [e.action for e in other.answers()] == ["relabel"]


def test_an_account_without_notes_is_opened_and_gets_them(tmp_path: Path) -> None:
    with project(tmp_path) as made:
        made.answer("anna", 3, 1)
    with closing(sqlite3.connect(tmp_path / "project" / "project.db")) as db, db:
        db.execute("DROP TABLE notes")
    with Project.open(tmp_path / "project") as opened:
        assert opened.item_notes() == {}
        opened.note("anna", 3, "since then")
    with Project.open(tmp_path / "project") as opened:
        assert opened.item_notes() == {3: {"anna": "since then"}}
