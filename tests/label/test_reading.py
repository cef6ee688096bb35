"""From files to a pool: ids, what is shown, labels that are known; and what is refused."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pauca.errors import DataError, UnknownNameError, UsageError
from pauca.label.pool import Pool, PoolOptions
from pauca.label.reading import fingerprint, read_pool
from tests.data.small import encoded, pixels, write_hub
from tests.label.helpers import images, npz, table


def read(path: Path, **options: Any) -> Pool:
    return read_pool(path, PoolOptions(**options))


def test_a_folder_with_and_without_class_folders(tmp_path: Path) -> None:
    folder = images(tmp_path / "pets", ["b.png", "cat/z.png", "cat/deep/a.png", "dog/q.jpg"])
    (folder / "notes.txt").write_text("hello")
    (folder / ".hidden.png").write_bytes(b"")
    pool = read(folder)
    assert (pool.format, pool.kind) == ("folder", "image")
    assert pool.keys == ["b.png", "cat/deep/a.png", "cat/z.png", "dog/q.jpg"]
    assert pool.labels == [None, "cat", "cat", "dog"]
    assert pool.classes == ("cat", "dog")
    assert pool.notes == ("1 files that are no images were passed over: notes.txt",)
    assert read(folder, classes=("dog", "cow")).labels == [None, None, None, "dog"]
    assert "no classes have no label yet: cat" in read(folder, classes=("dog",)).notes[-1]
    assert read(folder, known=False).labels == [None] * 4


def test_links_do_not_leave_the_folder(tmp_path: Path) -> None:
    images(tmp_path, ["outside.png"])
    folder = images(tmp_path / "pets", ["a.png"])
    os.symlink(folder / "a.png", folder / "b.png")
    os.symlink(tmp_path, folder / "up")
    pool = read(folder)
    assert pool.keys == ["a.png", "b.png"]
    assert pool.notes == ("1 linked folders were not followed: up",)
    os.symlink(tmp_path / "outside.png", folder / "c.png")
    pool = read(folder)
    assert pool.keys == ["a.png", "b.png"]
    assert any("links out of the folder" in note and "c.png" in note for note in pool.notes)


def test_texts_of_a_csv(tmp_path: Path) -> None:
    rows = [
        {"nr": "m1", "body": "good morning", "kind": "ham"},
        {"nr": "m2", "body": "buy, now", "kind": ""},
    ]
    path = table(tmp_path / "mails.csv", rows)
    pool = read(path, text="body", id="nr", label="kind")
    assert (pool.kind, pool.keys, pool.sources) == (
        "text", ["m1", "m2"], ["good morning", "buy, now"],
    )  # fmt: skip
    assert pool.labels == ["ham", None]
    assert read(path, text="body").keys == ["0", "1"]
    with pytest.raises(DataError, match="did you mean 'body'"):
        read(path, text="boddy")


def test_numbers_of_jsonl(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    rows: list[dict[str, Any]] = [
        {"id": i, "a": i / 2, "b": "xy"[i % 2], "label": None} for i in range(4)
    ]
    rows[2]["label"] = "hot"
    path.write_text("\n".join(map(json.dumps, rows)))
    pool = read(path)
    assert (pool.kind, pool.keys, pool.labels) == (
        "table",
        ["0", "1", "2", "3"],
        [None, None, "hot", None],
    )
    assert pool.sources is not None
    assert json.loads(pool.sources[1]) == {"a": 0.5, "b": "y"}
    assert pool.rows is not None
    assert pool.rows.tolist() == [[0, 1, 0], [0.5, 0, 1], [1, 1, 0], [1.5, 0, 1]]


def test_embeddings(tmp_path: Path) -> None:
    x = np.arange(12, dtype=np.float32).reshape(4, 3)
    pool = read(npz(tmp_path / "e.npz", x=x, ids=np.array(["p", "q", "r", "s"])))
    assert (pool.kind, pool.keys, pool.labels) == ("embedding", ["p", "q", "r", "s"], [None] * 4)
    path = npz(tmp_path / "f.npz", x=x, y=np.array([1, -1, 0, -1]))
    assert read(path, classes=("no", "yes")).labels == ["yes", None, "no", None]
    with pytest.raises(DataError, match=r"not in the class list.*'1'.*row 0"):
        read(path, classes=("5", "6"))
    with pytest.raises(DataError, match="ids does not fit"):
        read(npz(tmp_path / "g.npz", x=x, ids=np.arange(3)))
    with pytest.raises(UsageError, match="unknown setting of format 'npz' 'text'"):
        read(path, text="body")


def test_images_of_parquet(tmp_path: Path) -> None:
    raws = [encoded(pixels(i, 5, 5, 3)) for i in range(4)]
    columns: dict[str, list[Any]] = {"label": [1, 0, -1, 1], "id": ["a", "b", "c", "d"]}
    path = write_hub(tmp_path / "p.parquet", raws, columns, names={"label": ["ant", "bee"]})
    pool = read(path)
    assert (pool.kind, pool.keys) == ("image", ["a", "b", "c", "d"])
    assert pool.labels == ["bee", "ant", None, "bee"]
    assert pool.images is not None
    assert [raw for block in pool.images.blocks() for raw in block] == raws


@pytest.mark.parametrize(
    ("rows", "options", "match"),
    [
        ([{"text": "", "a": "1"}], {"text": "text"}, "every text is empty"),
        ([{"a": "1"}, {"a": ""}], {}, "NaN, empty or infinite"),
        ([{"text": "x", "class": "c", "label": "l"}], {}, "more than one column may be the label"),
        ([{"text": "x", "label": "cot"}], {"classes": ("cat", "dog")}, "did you mean 'cat'"),
        ([{"text": "x", "id": ""}], {}, "an id is missing"),
    ],
)
def test_tables_that_are_refused(
    tmp_path: Path, rows: list[dict[str, str]], options: dict[str, Any], match: str
) -> None:
    with pytest.raises(DataError, match=match):
        read(table(tmp_path / "t.csv", rows), **options)


def test_paths_that_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "x.doc").write_text("x")
    for name, match in (
        ("nosuch", "no such file or folder"),
        ("empty", "holds no images"),
        ("x.doc", "the format is not known"),
    ):
        with pytest.raises(DataError, match=match):
            read(tmp_path / name)


def test_a_folder_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = images(tmp_path / "pets", ["a.png", "deep/b.png"])
    scan = os.scandir

    def closed(path: str) -> Any:
        if str(path).endswith("deep"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", closed)
    with pytest.raises(DataError, match=r"a folder cannot be read.*deep"):
        read(folder)


def test_the_fingerprint_tells_other_data(tmp_path: Path) -> None:
    folder = images(tmp_path / "pets", ["a.png", "b.png"])
    before = fingerprint(folder)
    assert fingerprint(folder) == before
    (folder / "note.txt").write_text("not an image")
    assert fingerprint(folder) == before
    images(folder, ["c.png"])
    assert fingerprint(folder) != before
    path = table(tmp_path / "t.csv", [{"text": "x"}])
    before = fingerprint(path)
    table(path, [{"text": "y"}])
    assert fingerprint(path) != before


def test_unknown_names_are_told(tmp_path: Path) -> None:
    from pauca.label import Project

    path = table(tmp_path / "t.csv", [{"text": "good day"}, {"text": "bad night"}])
    for settings, kind in (
        ({"features": "tfidf"}, UnknownNameError),
        ({"features": "rows"}, UsageError),
        ({"features": {"name": "pca", "dims": 3}}, UnknownNameError),
        ({"strategy": "margins"}, UnknownNameError),
        ({"learner": {"name": "probe", "l3": 1}}, UnknownNameError),
        ({"bach": 5}, UsageError),
        ({"random_share": 2.0}, UsageError),
    ):
        with pytest.raises(kind):
            Project.create(path, tmp_path / "p", **settings)
        assert sorted(child.name for child in tmp_path.iterdir()) == ["t.csv"]  # nothing is left


@pytest.mark.parametrize("shape", [(0, 3), (3, 0)])
def test_embeddings_without_numbers(tmp_path: Path, shape: tuple[int, int]) -> None:
    with pytest.raises(DataError, match="wrong form"):
        read_pool(npz(tmp_path / "e.npz", x=np.zeros(shape)), PoolOptions())


def test_what_is_nested_is_shown_as_json(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text('{"a": 1, "v": [1, NaN, {"w": NaN}]}\n{"a": 2, "v": []}\n')
    pool = read_pool(path, PoolOptions(features=("a",)))
    assert pool.sources is not None
    assert [json.loads(row) for row in pool.sources] == [
        {"a": 1, "v": [1, None, {"w": None}]},
        {"a": 2, "v": []},
    ]
