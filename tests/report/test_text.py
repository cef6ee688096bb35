"""The report as Markdown: whole, well formed, the same again."""

import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pytest

from pauca.cli import main
from pauca.errors import StoreError
from pauca.report import write_report, write_text
from pauca.report.page import contents
from pauca.report.text import _Page, escaped, text_of
from pauca.report.view import read_study
from pauca.store import MemoryStore, SqliteStore
from tests.report.emergence import planted
from tests.report.studies import Plan, fill

PLAN = Plan(repetitions=3, rounds=3, fails={1: "a | b"}, units=10, items=20)
PLANTED = planted.Plan(
    learners=planted.Plan.learners[:1],
    repetitions=2,
    classes=3,
    units=16,
    related=None,
    unseen=(),
    layers=("layer1",),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "study"
    place.mkdir()
    with SqliteStore(place / "study.db") as store:
        fill(store, PLAN)
    return place


def sound(target: Path) -> str:
    """Every figure shown is there and is SVG; every row of a table is as long as its head."""
    text = (target / "README.md").read_text(encoding="utf-8")
    shown = re.findall(r"!\[[^\n]*\]\(([^)]+)\)", text)
    assert shown
    assert len(set(shown)) == len(shown)
    for name in shown:
        assert ElementTree.parse(target / name).getroot().tag == "{http://www.w3.org/2000/svg}svg"
    for name in re.findall(r"^\[numbers\]\(([^)]+)\)$", text, re.MULTILINE):
        assert len(pd.read_csv(target / name))
    named = {*shown, *re.findall(r"\]\(([^)]+\.csv)\)", text), "README.md"}
    assert {path.name for path in target.iterdir()} == named
    for block in text.split("\n\n"):
        if block.startswith("| "):
            widths = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
            assert len(widths) == 1, block
    return text


def test_says_what_the_page_says(folder: Path, tmp_path: Path) -> None:
    path = write_text(folder, tmp_path / "kept" / "here")
    assert path == tmp_path / "kept" / "here" / "README.md"
    text = sound(path.parent)
    page = write_report(folder).read_text(encoding="utf-8")
    titles = re.findall(r"<h2>([^<]+)</h2>", page)
    for title in titles:
        if title not in ("In short", "Words used"):
            assert f"\n## {escaped(title)}\n" in text
    assert r"a \| b" in text
    assert "## Activation walls" in text
    assert "stand in the page" in text
    assert not [path.name for path in path.parent.iterdir() if "wall" in path.name]


def test_writing_again_gives_the_same_bytes_and_leaves_other_files(
    folder: Path, tmp_path: Path
) -> None:
    target = tmp_path / "kept"
    write_text(folder, target)
    first = {path.name: path.read_bytes() for path in target.iterdir()}
    (target / "notes.txt").write_text("mine")
    write_text(folder, target)
    again = {path.name: path.read_bytes() for path in target.iterdir()}
    assert again.pop("notes.txt") == b"mine"
    assert again == first


def test_emergence_with_verdicts_and_numbers_behind_figures(tmp_path: Path) -> None:
    place = tmp_path / "study"
    place.mkdir()
    with SqliteStore(place / "study.db") as store:
        planted.fill(store, PLANTED)
    text = sound(write_text(place, tmp_path / "kept").parent)
    assert "## Conclusions" in text
    assert "| Claim | Verdict | On what |" in text
    assert "[numbers](" in text


def test_a_target_that_cannot_be_written(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("a file")
    with pytest.raises(StoreError, match="text of the report cannot be written"):
        write_text(folder, tmp_path / "kept")


def test_on_the_command_line(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(folder), "--text", str(tmp_path / "kept")]) == 0
    assert capsys.readouterr().out.strip() == str((tmp_path / "kept" / "README.md").resolve())
    sound(tmp_path / "kept")


def test_the_command_names_no_place_of_the_machine() -> None:
    store = MemoryStore()
    fill(store, Plan(repetitions=1, rounds=2))
    found = contents(store, read_study(store), ())
    command = "pauca run studies/a.toml --out /home/me/runs/a --set 'x = 1'"
    text = text_of(replace(found, command=command))["README.md"]
    assert "\npauca run studies/a.toml --out a --set 'x = 1'\n" in text
    assert "/home" not in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a_b *c*", r"a\_b \*c\*"),
        ("[1, 2]", r"\[1, 2\]"),
        ("a|b", r"a\|b"),
        ("<b>", r"\<b\>"),
        ("two\n lines", "two lines"),
    ],
)
def test_nothing_is_read_as_markup(text: str, expected: str) -> None:
    assert escaped(text) == expected


def test_numbers_that_are_too_many_are_left_out() -> None:
    page = _Page()
    page.figure("few", "few", "<svg/>", "a\n1\n")
    page.figure("many", "many", "<svg/>", "a\n" + "1\n" * 60_000)
    assert set(page.figures) == {"few.svg", "few.csv", "many.svg"}
    assert "[numbers](few.csv)" in page.blocks[0]
    assert "Its numbers are in the folder" in page.blocks[1]
