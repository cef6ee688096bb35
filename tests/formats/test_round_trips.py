"""Whatever a project writes, a new project of the same data reads back equal."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pauca.errors import DataError, InputError
from pauca.formats import formats
from pauca.label import Project, export, export_answers, import_file
from pauca.label.exporting import writers
from tests.label.helpers import images, table

N = 5
ODD = (
    "NA", "nan", "null", "None", "007", "1.0", "-1", "true", "=1+1", "+a", "@b", "a,b", "a;b",
    'q"q', "it's", "[x]", "{y}", "#", "🎈", "שלום", "日本", "e\u0301", "skip", "label", "accept",
    "a|b", "0",
)  # fmt: skip
NAMES = st.one_of(st.sampled_from(ODD), st.text(min_size=1, max_size=8)).filter(
    lambda name: name.strip() == name and name.isprintable()
)
WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)
PEOPLE = st.sampled_from(("anna", "bob", "x@y.org", "日本", "=1", "7"))
ACTS = st.tuples(PEOPLE, st.integers(0, N - 1), st.sampled_from(("label", "label", "label", "skip",
    "unsure", "flag", "undo")), st.integers(0, 2), st.integers(0, 10**6))  # fmt: skip


@st.composite
def stories(draw: st.DrawFn) -> dict[str, Any]:
    """Classes, texts and what people did."""
    names = draw(st.lists(NAMES, min_size=3, max_size=3, unique=True))
    words = draw(st.lists(WORDS, min_size=N, max_size=N))
    texts = [f"word{i} and {word}" for i, word in enumerate(words)]
    return {"classes": names, "texts": texts, "acts": draw(st.lists(ACTS, max_size=25))}


@contextmanager
def projects(story: dict[str, Any]) -> Iterator[tuple[Project, Project, Path]]:
    """One in which all of it took place, and a new one of the same data."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        rows = [{"id": f"m{i}", "text": text} for i, text in enumerate(story["texts"])]
        data, times = table(folder / "m.csv", rows), iter(range(10**9, 2 * 10**9, 7))
        kinds: Any = {"classes": story["classes"]}
        Project.create(data, folder / "a", **kinds).close()
        with (
            Project.open(folder / "a", clock=lambda: next(times) + 0.123456) as made,
            Project.create(data, folder / "b", **kinds) as other,
        ):
            for person, item, action, cls, ms in story["acts"]:
                if action == "undo":
                    if any(e.person == person for e in made.answers()):
                        made.undo(person)
                    continue
                seen: Any = {"suggested": 0, "confidence": 0.25, "shown": True} if ms % 2 else {}
                made.answer(person, item, cls if action == "label" else None, action=action,
                            ms=ms, **seen)  # fmt: skip
            yield made, other, folder


def account(project: Project) -> list[dict[str, Any]]:
    return [
        {**vars(entry.event), "stands": entry.stands, "token": None}
        for entry in project.history(most=None)
    ]


def standing(project: Project) -> set[tuple[Any, ...]]:
    return {
        (e.item, e.person, "label" if e.action == "relabel" else e.action, e.cls, e.ms,
         round(e.at, 3))
        for e in project.answers()
    }  # fmt: skip


def labels(project: Project) -> dict[int, int]:
    found = project.labels
    return dict(zip(found.item.tolist(), found.cls.tolist(), strict=True))


FEW = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
TABLES = [each.name for each in writers("table")]
TEXTUAL = [
    each.name for each in writers("labels") if "answers" in each.abilities and not each.folder
]


@pytest.mark.parametrize("form", TEXTUAL)
@FEW
@given(stories())
def test_labels_come_back_and_add_nothing_where_they_came_from(
    form: str, story: dict[str, Any]
) -> None:
    with projects(story) as (made, other, folder):
        path = folder / f"out{formats.make(form, {}).suffixes[0]}"
        if not made.labels.m:
            with pytest.raises(InputError, match="nothing is labelled"):
                export(made, path, form)
            return
        export(made, path, form)
        before = account(made)
        assert import_file(made, path).new == 0
        assert account(made) == before
        found = import_file(other, path)
        assert found.blank == 0
        assert labels(other) == labels(made)
        if formats.make(form, {}).every_answer:
            assert standing(other) == standing(made)
        assert import_file(other, path).new == 0


@pytest.mark.parametrize("form", TABLES)
@FEW
@given(stories())
def test_the_account_comes_back_as_a_whole(form: str, story: dict[str, Any]) -> None:
    with projects(story) as (made, other, folder):
        path = folder / f"log{formats.make(form, {}).suffixes[0]}"
        count = export_answers(made, path, form)
        if not count:
            return
        assert import_file(made, path).new == 0
        assert import_file(other, path).new == count
        mine, theirs = account(made), account(other)
        close = [(a.pop("at"), b.pop("at")) for a, b in zip(mine, theirs, strict=True)]
        assert all(abs(a - b) < 1e-3 for a, b in close)
        assert theirs == mine
        assert labels(other) == labels(made)
        assert import_file(other, path).new == 0


def test_an_account_goes_on_where_it_ended(tmp_path: Path) -> None:
    story = {"classes": ["a", "b", "c"], "texts": [f"word{i} x" for i in range(N)], "acts": []}
    with projects(story) as (made, other, folder):
        made.answer("anna", 0, 0)
        made.answer("anna", 1, 1, also=(2, 3))
        export_answers(made, folder / "1.csv", "csv")
        made.undo("anna")
        made.answer("anna", 1, 2)
        export_answers(made, folder / "2.csv", "csv")
        assert import_file(other, folder / "1.csv").new == 4
        assert import_file(other, folder / "2.csv").new == 4
        assert [{**a, "at": 0} for a in account(other)] == [{**a, "at": 0} for a in account(made)]
        other.undo("anna")
        other.undo("anna")
        assert labels(other) == {}
        # both went on: what anna did here is not what the file says
        made.answer("anna", 0, 1)
        export_answers(made, folder / "3.csv", "csv")
        before = account(other)
        with pytest.raises(DataError, match=r"answered otherwise here.*item 'm0'.*did otherwise"):
            import_file(other, folder / "3.csv")
        assert account(other) == before


def test_an_account_with_renamed_and_merged_classes(tmp_path: Path) -> None:
    story = {"classes": ["a", "b", "c"], "texts": [f"word{i} x" for i in range(N)], "acts": []}
    with projects(story) as (made, other, folder):
        made.answer("anna", 0, 0)
        made.answer("anna", 1, 1, suggested=1, confidence=0.5, shown=True)
        made.merge_class("b", "a")
        export_answers(made, folder / "1.jsonl", "jsonl")
        assert import_file(other, folder / "1.jsonl").new == 2
        assert labels(other) == {0: 0, 1: 0}
        assert import_file(made, folder / "1.jsonl").new == 0
        made.rename_class("a", "z")
        export_answers(made, folder / "2.jsonl", "jsonl")
        with pytest.raises(DataError, match="no such class 'z'"):
            import_file(other, folder / "2.jsonl")
        other.rename_class("a", "z")
        assert import_file(other, folder / "2.jsonl").new == 0


def test_broken_accounts_are_refused(tmp_path: Path) -> None:
    story = {"classes": ["a", "b", "c"], "texts": [f"word{i} x" for i in range(N)], "acts": []}
    with projects(story) as (made, other, folder):
        made.answer("anna", 0, 0)
        made.undo("anna")
        export_answers(made, folder / "1.csv", "csv")
        lines = (folder / "1.csv").read_text().splitlines()
        for bad, words in (
            ([lines[0], lines[2]], "takes back what the file does not hold"),
            ([*lines, lines[1]], "stands twice"),
            ([lines[0], "x" + lines[1]], "has no place"),
            ([*lines, lines[2].replace("2,", "3,", 1)], "takes back what the file does not hold"),
        ):
            (folder / "bad.csv").write_text("\n".join(bad))
            with pytest.raises(DataError, match=words):
                import_file(other, folder / "bad.csv")
            assert account(other) == []


def test_labels_that_came_with_the_data_stay_such(tmp_path: Path) -> None:
    rows = [{"id": f"m{i}", "text": f"word{i} x", "label": "ab"[i % 2]} for i in range(4)]
    data = table(tmp_path / "m.csv", rows)
    with Project.create(data, tmp_path / "a") as made, Project.create(data, tmp_path / "b") as two:
        made.answer("anna", 0, 1)
        for form in TABLES:
            path = tmp_path / f"log{formats.make(form, {}).suffixes[0]}"
            export_answers(made, path, form)
            assert import_file(two, path).new == (form == TABLES[0])
        assert labels(two) == labels(made)
        assert two.status().given == made.status().given


def test_pictures_go_out_as_their_files_hold_them(tmp_path: Path) -> None:
    """A tiff, which no browser shows, is not exchanged for what the page shows."""
    import numpy as np
    import pyarrow.parquet as pq
    from PIL import Image

    folder = images(tmp_path / "pets", ["a.png"])
    grey = Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8))
    grey.save(folder / "g.tif")
    with Project.create(folder, tmp_path / "p", classes=("x", "y"), options=None) as made:
        made.answer("anna", 0, 0)
        made.answer("anna", 1, 1)
        export(made, tmp_path / "out.parquet", "parquet")
        export(made, tmp_path / "tree", "imagefolder")
    found = {cell["path"]: cell["bytes"] for cell in
             pq.read_table(tmp_path / "out.parquet").column("image").to_pylist()}  # fmt: skip
    assert found == {name: (folder / name).read_bytes() for name in ("a.png", "g.tif")}
    assert (tmp_path / "tree" / "y" / "g.tif").read_bytes() == (folder / "g.tif").read_bytes()
