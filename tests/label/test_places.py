"""Nothing that cannot be made again is written over, forced or not."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pauca.errors import UsageError
from pauca.label import Project, export, export_answers, write_batch, write_predictions
from pauca.label.atomic import new_file
from tests.label.helpers import images, table


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith("project.db")
    }


@pytest.fixture
def pets(tmp_path: Path) -> Project:
    names = [f"cat/{i}.png" for i in range(3)] + [f"{i}.png" for i in range(3)]
    made = Project.create(
        images(tmp_path / "top" / "photos", names), tmp_path / "pets", classes=("cat", "dog")
    )
    made.answer("anna", made.items.number("0.png"), 1)
    made.train(assessed=False)
    return made


@pytest.mark.parametrize("place", ["top/photos", "top", "top/photos/cat", "top/photos/new", "pets"])
def test_a_tree_never_replaces_the_data(pets: Project, tmp_path: Path, place: str) -> None:
    before = contents(tmp_path)
    with pytest.raises(UsageError, match="would be written over"):
        export(pets, tmp_path / place, "imagefolder", force=True)
    os.symlink(tmp_path / "top", tmp_path / "link")
    with pytest.raises(UsageError, match="would be written over"):
        export(pets, tmp_path / "link" / "photos", "imagefolder", force=True)
    os.remove(tmp_path / "link")
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    "place", ["project.db", "project.db-wal", "project.toml", "items.arrow", "features.npy"]
)
def test_a_file_never_replaces_one_of_the_project(pets: Project, place: str) -> None:
    before, out = contents(pets.folder), pets.folder / place
    writes: list[Callable[[], int]] = [
        lambda: export(pets, out, "csv", force=True),
        lambda: export_answers(pets, out, "csv", force=True),
        lambda: write_batch(pets, [1], "csv", out, force=True),
        lambda: write_predictions(pets, out, "csv", force=True),
    ]
    for write in writes:
        with pytest.raises(UsageError, match="a file of the project would be written over"):
            write()
    assert contents(pets.folder) == before
    assert export(pets, pets.folder / "labels.csv", "csv") == 4


def test_a_file_never_replaces_the_data(pets: Project, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a part of the data"):
        export(pets, tmp_path / "top" / "photos" / "1.png", "csv", force=True)
    assert export(pets, tmp_path / "top" / "photos" / "labels.csv", "csv") == 4
    rows = [{"text": f"word {i}", "label": "ab"[i % 2]} for i in range(4)]
    source = table(tmp_path / "mails.csv", rows)
    mails = Project.create(source, tmp_path / "mails")
    before = source.read_bytes()
    with pytest.raises(UsageError, match="the data would be written over"):
        export(mails, source, "csv", force=True)
    assert source.read_bytes() == before


def test_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(UsageError, match="is there already"), new_file(pipe, force=True):
        pass
    assert pipe.is_fifo()
