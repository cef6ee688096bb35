"""What goes out is read by the tools it is made for, and comes back as it was."""

import csv
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from PIL import Image

from pauca.data import load_dataset
from pauca.errors import DataError, InputError, UsageError
from pauca.formats import formats
from pauca.label import (
    PoolOptions,
    Project,
    export,
    export_answers,
    import_file,
    write_batch,
    write_predictions,
)
from tests.label.helpers import clusters, images, npz, table

TEXTS = ["good day", "bad, day", 'a "good" night', "two\nlines here", "=1+1 sum", "grüße dich"]
CLASSES = ("good", "bad")


@pytest.fixture
def mails(tmp_path: Path) -> Project:
    rows = [{"id": f"m{i}", "text": text} for i, text in enumerate(TEXTS)]
    return Project.create(table(tmp_path / "m.csv", rows), tmp_path / "mails", classes=CLASSES)


def labelled(project: Project) -> dict[str, str]:
    found, classes = project.labels, project.classes
    return {
        project.items.key(int(item)): classes.name(int(cls))
        for item, cls in zip(found.item, found.cls, strict=True)
    }


def answered(project: Project) -> dict[str, str]:
    for item in range(5):
        project.answer("anna", item, item % 2, ms=1500, suggested=0, confidence=0.5, shown=True)
    project.answer("bob", 0, 1)
    project.answer("bob", 3, action="skip")
    return labelled(project)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_batch_goes_out_and_comes_back(mails: Project, tmp_path: Path, form: str) -> None:
    path = tmp_path / f"batch.{form}"
    items = mails.suggest(4)
    assert write_batch(mails, items, form, path) == 4
    rows: list[dict[str, Any]]
    if form == "csv":
        rows = list(rows_of(path))
    else:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [row["id"] for row in rows] == [f"m{item}" for item in items]
    assert [row["text"] for row in rows] == [TEXTS[item] for item in items]
    assert list(rows[0]) == ["id", "text", "label", "suggestion", "confidence"]
    for row, name in zip(rows, ["good", "bad", " good ", ""], strict=True):
        row["label"] = name
    if form == "csv":
        table(path, rows)
    else:
        path.write_text("\n".join(map(json.dumps, rows)))
    found = import_file(mails, path, person="anna")
    assert (found.rows, found.new, found.blank) == (3, 3, 1)
    assert labelled(mails) == {
        f"m{item}": name for item, name in zip(items, ["good", "bad", "good"], strict=False)
    }
    again = import_file(mails, path, person="anna")
    assert (again.rows, again.new) == (3, 0)
    entry = mails.history()[0].event
    assert (entry.person, entry.round) == ("anna", 0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("id,label\nm0,good\nm9,good\n", "line 3: there is no item with this id 'm9'"),
        ("id,label\nm0,good\nm1,godo\n", "line 3: no such class 'godo' .did you mean 'good'"),
        ('id,note,label\nm0,"a\nb",good\nm1,x,worse\n', "line 4: no such class 'worse'"),
        ("id,label\nm0,good\nm0,bad\n", "line 3: the same item and person as in line 2"),
        ("id,label,action\nm0,good,\nm1,,later\n", "line 3: no such action 'later'"),
        ("id,label,ms\nm0,good,-4\n", "line 2: ms is below 0"),
        ("id,label,person\nm0,good,given\n", "line 2: this is no name of a person"),
        ("id,label\n,good\n", "line 2: an id is missing"),
        ("id,label\nm0\n", "expected: 2 cells, as the header has; got: line 2 has 1 cells"),
        ("id,id\nm0,m0\n", "a column name occurs twice"),
        ("nr,label\nm0,good\n", "no column of ids"),
        ("id,klass\nm0,good\n", "no column of labels"),
    ],
)
def test_nothing_is_half_imported(mails: Project, tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "answers.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=words):
        import_file(mails, path)
    assert mails.history() == []


def test_other_columns_actions_and_people(mails: Project, tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    path.write_text(
        "nr,kind,action,person,ms\nm0,good,,anna,70\nm1,,skip,,\nm2,,flag,bob,\nm3,,unsure,,\n"
    )
    found = import_file(mails, path, person="cleo", id_column="nr", label_column="kind")
    assert found.new == 4
    events = [entry.event for entry in mails.history()][::-1]
    assert [(e.person, e.item, e.action, e.ms) for e in events] == [
        ("anna", 0, "label", 70),
        ("cleo", 1, "skip", None),
        ("bob", 2, "flag", None),
        ("cleo", 3, "unsure", None),
    ]
    with pytest.raises(DataError, match="did you mean 'kind'"):
        import_file(mails, path, id_column="nr", label_column="kinds")
    with pytest.raises(DataError, match="format is not known"):
        import_file(mails, tmp_path / "x.txt")
    with pytest.raises(DataError, match="no such file"):
        import_file(mails, tmp_path / "x.csv")
    (tmp_path / "y.jsonl").write_text('{"id": "m0", "label": "good"}\n[1]\n')
    with pytest.raises(DataError, match="line 2 is not an object"):
        import_file(mails, tmp_path / "y.jsonl")


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_labels_go_out_and_are_a_data_set(mails: Project, tmp_path: Path, form: str) -> None:
    truth = answered(mails)
    path = tmp_path / f"out.{form}"
    assert export(mails, path, form) == 5
    data = load_dataset(path, test_fraction=0.0)
    assert data.kind == "text"
    assert data.train.sources == tuple(TEXTS[:5])
    assert data.train.y is not None
    assert [data.classes[y] for y in data.train.y] == [truth[f"m{i}"] for i in range(5)]
    other = Project.create(tmp_path / "m.csv", tmp_path / "other", classes=CLASSES)
    assert import_file(other, path).new == 5
    assert labelled(other) == truth


def test_every_answer_goes_out(mails: Project, tmp_path: Path) -> None:
    answered(mails)
    mails.undo("bob")
    assert export_answers(mails, tmp_path / "log.csv", "csv") == 8
    rows = rows_of(tmp_path / "log.csv")
    assert [row["action"] for row in rows] == ["label"] * 6 + ["skip", "undo"]
    assert {row["person"] for row in rows} == {"anna", "bob"}
    assert rows[0] == {
        **rows[0], "id": "m0", "label": "good", "suggestion": "good", "confidence": "0.5",
        "shown": "True", "ms": "1500", "stands": "True",
    }  # fmt: skip
    assert (rows[6]["stands"], rows[7]["undoes"]) == ("False", "7")


def hub(path: Path, tmp_path: Path) -> Any:
    datasets = pytest.importorskip("datasets")
    return datasets.load_dataset(
        "parquet", data_files=str(path), split="train", cache_dir=str(tmp_path / "cache")
    )


def test_parquet_of_texts_for_the_hub(mails: Project, tmp_path: Path) -> None:
    truth = answered(mails)
    export(mails, tmp_path / "out.parquet", "parquet")
    found = hub(tmp_path / "out.parquet", tmp_path)
    assert found.features["label"].names == ["good", "bad"]
    assert found["text"][:] == TEXTS[:5]
    assert {row["id"]: found.features["label"].int2str(row["label"]) for row in found} == truth
    data = load_dataset(tmp_path / "out.parquet", test_fraction=0.0)
    assert (data.classes, data.train.sources) == (("good", "bad"), tuple(TEXTS[:5]))


def test_parquet_of_embeddings_and_rows(tmp_path: Path) -> None:
    x, _ = clusters(9)
    with Project.create(npz(tmp_path / "e.npz", x=x), tmp_path / "e", classes=CLASSES) as made:
        made.answer("anna", 4, 1)
        made.answer("anna", 2, 0)
        export(made, tmp_path / "e.parquet", "parquet")
        found = hub(tmp_path / "e.parquet", tmp_path)
        assert found["label"][:] == [0, 1]
        np.testing.assert_array_equal(np.array(found["embedding"][:]), made.features[[2, 4]])
    rows = [{"n": i, "x": i / 2, "word": "ab"[i % 2], "label": ""} for i in range(4)]
    with Project.create(table(tmp_path / "r.csv", rows), tmp_path / "r", classes=CLASSES) as made:
        made.answer("anna", 1, 0)
        made.answer("anna", 2, 1)
        export(made, tmp_path / "r.parquet", "parquet")
        found = hub(tmp_path / "r.parquet", tmp_path)
        assert list(found) == [
            {"id": "1", "n": 1, "x": 0.5, "word": "b", "label": 0},
            {"id": "2", "n": 2, "x": 1.0, "word": "a", "label": 1},
        ]


NAMES = ["a.png", "deep/a.png", "deep/er/b.PNG", "c.jpg", "d.png"]


@pytest.fixture
def pets(tmp_path: Path) -> Project:
    folder = images(tmp_path / "pets", NAMES)
    return Project.create(folder, tmp_path / "p", classes=("cat", "a/b: %x"), options=None)


def test_a_tree_of_images_is_a_data_set(pets: Project, tmp_path: Path) -> None:
    for item in range(5):
        pets.answer("anna", item, item % 2)
    assert export(pets, tmp_path / "tree", "imagefolder") == 5
    files = sorted(
        f.relative_to(tmp_path / "tree").as_posix() for f in (tmp_path / "tree").rglob("*.*")
    )
    assert files == [
        "a%2Fb%3A %25x/a.png", "a%2Fb%3A %25x/c.jpg", "cat/a.png", "cat/b.png", "cat/d.png",
    ]  # fmt: skip
    data = load_dataset(tmp_path / "tree", test_fraction=0.0)
    assert data.classes == ("a%2Fb%3A %25x", "cat")
    for item, key in enumerate(pets.items.keys()):
        folder = ("cat", "a%2Fb%3A %25x")[item % 2]
        same = [
            file
            for file in (tmp_path / "tree" / folder).iterdir()
            if file.read_bytes() == (tmp_path / "pets" / key).read_bytes()
        ]
        assert len(same) == 1
    with Project.create(tmp_path / "tree", tmp_path / "again") as again:
        assert again.labels.m == 5  # the tree is a pool whose labels are known


def test_equal_names_links_and_force(pets: Project, tmp_path: Path) -> None:
    for item in (0, 2):
        pets.answer("anna", item, 0)
    assert pets.items.keys([0, 2]) == ["a.png", "d.png"]
    pets.answer("anna", pets.items.number("deep/a.png"), 0)
    export(pets, tmp_path / "tree", "imagefolder", link=True)
    files = sorted((tmp_path / "tree" / "cat").iterdir())
    assert [file.name for file in files] == ["a-3.png", "a.png", "d.png"]
    assert os.path.samefile(files[1], tmp_path / "pets" / "a.png")
    with pytest.raises(UsageError, match="is there already"):
        export(pets, tmp_path / "tree", "imagefolder")
    pets.undo("anna")
    export(pets, tmp_path / "tree", "imagefolder", force=True)
    assert len(list((tmp_path / "tree" / "cat").iterdir())) == 2
    assert not [child for child in tmp_path.iterdir() if "part" in child.name]


def test_classes_that_would_share_a_folder(pets: Project, tmp_path: Path) -> None:
    pets.answer("anna", 0, 0)
    pets.add_classes(["Cat"])
    with pytest.raises(InputError, match="would share a folder"):
        export(pets, tmp_path / "tree", "imagefolder")
    assert not (tmp_path / "tree").exists()


def test_parquet_of_images(pets: Project, tmp_path: Path) -> None:
    pets.answer("anna", 1, 1)
    pets.answer("anna", 0, 0)
    export(pets, tmp_path / "out.parquet", "parquet")
    found = hub(tmp_path / "out.parquet", tmp_path)
    assert found["label"][:] == [0, 1]
    pixels = np.asarray(Image.open(tmp_path / "pets" / "a.png"))
    np.testing.assert_array_equal(np.asarray(found[0]["image"]), pixels)
    data = load_dataset(tmp_path / "out.parquet", test_fraction=0.0)
    np.testing.assert_array_equal(data.train.x[0].permute(1, 2, 0).numpy(), pixels)
    with Project.create(tmp_path / "out.parquet", tmp_path / "again") as again:
        assert again.picture(0)[0] == (tmp_path / "pets" / "a.png").read_bytes()
        assert labelled(again) == {"a.png": "cat", "c.jpg": "a/b: %x"}


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_the_rest_is_predicted(tmp_path: Path, form: str) -> None:
    x, y = clusters(60)
    with Project.create(
        npz(tmp_path / "e.npz", x=x), tmp_path / "e", classes=("p", "q", "r")
    ) as made:
        with pytest.raises(InputError, match="no model was trained"):
            write_predictions(made, tmp_path / "out", form)
        for item in range(30):
            made.answer("anna", item, int(y[item]))
        made.answer("anna", 59, action="flag")
        made.train(assessed=False)
        assert write_predictions(made, tmp_path / "out", form) == 29
    readers: dict[str, Any] = {
        "csv": pd.read_csv,
        "jsonl": lambda path: pd.read_json(path, lines=True),
        "parquet": pd.read_parquet,
    }
    frame = readers[form](tmp_path / "out")
    assert list(frame.columns) == ["id", "label", "confidence", "p:p", "p:q", "p:r"]
    probs = frame[["p:p", "p:q", "p:r"]]
    assert (probs.sum(axis=1) - 1).abs().max() < 1e-9
    assert (probs.max(axis=1) == frame["confidence"]).all()
    assert frame["id"].astype(int).tolist() == list(range(30, 59))
    assert (frame["label"] == [("p", "q", "r")[i % 3] for i in range(30, 59)]).all()
    assert frame["confidence"].between(1 / 3, 1).all()


def test_files_are_never_replaced_unasked(mails: Project, tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    with pytest.raises(InputError, match="nothing is labelled"):
        export(mails, path, "csv")
    answered(mails)
    path.write_text("mine")
    for form in ("csv", "parquet", "label-studio"):
        with pytest.raises(UsageError, match="is there already"):
            export(mails, path, form)
    assert path.read_text() == "mine"
    export(mails, path, "csv", force=True)
    assert len(rows_of(path)) == 5
    with pytest.raises(UsageError, match="format is not known"):
        export(mails, tmp_path / "x", "xml")
    with pytest.raises(InputError, match="only images make a tree"):
        export(mails, tmp_path / "x", "imagefolder")
    assert sorted(child.name for child in tmp_path.iterdir()) == ["m.csv", "mails", "out.csv"]


def test_own_columns_do_not_hide_ours(tmp_path: Path) -> None:
    rows = [{"confidence": i, "label": i * 2, "kind": ""} for i in range(4)]
    with Project.create(
        table(tmp_path / "r.csv", rows), tmp_path / "r", classes=CLASSES,
        options=PoolOptions(label="kind"),
    ) as made:  # fmt: skip
        write_batch(made, made.suggest(2), "csv", tmp_path / "b.csv")
    assert list(rows_of(tmp_path / "b.csv")[0]) == [
        "id", "item.confidence", "item.label", "label", "suggestion", "confidence",
    ]  # fmt: skip


def test_own_columns_are_not_taken_for_answers(tmp_path: Path) -> None:
    rows = [
        {"a": i, "person": f"customer {i}", "action": "buy", "ms": "", "pauca_id": 3 - i}
        for i in range(4)
    ]
    with Project.create(
        table(tmp_path / "r.csv", rows), tmp_path / "r", classes=CLASSES,
        options=PoolOptions(features=("a",)),
    ) as made:  # fmt: skip
        write_batch(made, [2], "csv", tmp_path / "b.csv")
        (row,) = rows_of(tmp_path / "b.csv")
        assert (row["id"], row["item.person"], row["item.pauca_id"]) == ("2", "customer 2", "1")
        table(tmp_path / "b.csv", [{**row, "label": "bad"}])
        assert import_file(made, tmp_path / "b.csv", person="anna").new == 1
        event = made.history()[0].event
        assert (event.item, event.person, event.action, event.ms) == (2, "anna", "label", None)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"id": "m0", "label": "good", "ms": Infinity}', "line 1: ms is no whole number"),
        ('{"id": "m0", "label": "good", "ms": 1' + "0" * 30 + "}", "line 1: ms is above"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_numbers_and_depths_beyond_all_bounds(
    mails: Project, tmp_path: Path, text: str, words: str
) -> None:
    (tmp_path / "x.jsonl").write_text(text)
    with pytest.raises(DataError, match=words):
        import_file(mails, tmp_path / "x.jsonl")
    task = '[{"id": 1, "data": {"pauca_id": "m0"}, "annotations": [%s]}]'
    one = '{"lead_time": %s, "was_cancelled": true}'
    for number in ("1e999", "NaN", "-1"):  # says nothing of the time it took
        (tmp_path / "x.json").write_text(task % one % number)
        import_file(mails, tmp_path / "x.json")
    assert mails.history()[0].event.ms is None
    (tmp_path / "x.json").write_text(task % one % "1e300")
    with pytest.raises(DataError, match=r"task 1 .id 1.: ms is above"):
        import_file(mails, tmp_path / "x.json")


def test_long_texts_and_all_line_ends_come_back(tmp_path: Path) -> None:
    texts = ["one\rtwo", "one\r\ntwo", "one\ntwo", "word " * 40_000]
    lines = [json.dumps({"id": f"m{i}", "text": text}) for i, text in enumerate(texts)]
    (tmp_path / "m.jsonl").write_text("\n".join(lines))
    with Project.create(tmp_path / "m.jsonl", tmp_path / "mails", classes=CLASSES) as made:
        write_batch(made, range(4), "csv", tmp_path / "b.csv")
        frame = pd.read_csv(tmp_path / "b.csv", keep_default_na=False, lineterminator="\n")
        assert frame["text"].tolist() == texts
        assert import_file(made, tmp_path / "b.csv").blank == 4
        made.answer("anna", 0, 1)
        export(made, tmp_path / "out.csv", "csv")
        assert (tmp_path / "out.csv").read_bytes() == b'id,text,label\nm0,"one\rtwo",bad\n'
        assert import_file(made, tmp_path / "out.csv", person="bob").new == 1


def test_cells_are_kept_as_they_are(tmp_path: Path) -> None:
    """Only what loses nothing becomes a number in parquet."""
    rows = [
        {
            "a": i, "zip": f"0{i}", "dash": f"1_{i}", "word": ("nan", "inf")[i % 2],
            "long": "9" * 25, "tags": ["x", i], "mixed": i if i % 2 else "w", "size": i / 2,
            "text_number": f"{i}", "huge": 10**30 + i,
        }
        for i in range(6)
    ]  # fmt: skip
    (tmp_path / "r.jsonl").write_text("\n".join(map(json.dumps, rows)))
    wanted = pd.DataFrame(
        {
            **{name: [row[name] for row in rows] for name in ("a", "zip", "dash", "word", "long")},
            "tags": [f'["x", {i}]' for i in range(6)],
            "mixed": ["w", "1", "w", "3", "w", "5"],
            "size": [i / 2 for i in range(6)],
            "text_number": [f"{i}" for i in range(6)],
            "huge": [str(10**30 + i) for i in range(6)],
        }
    )
    with Project.create(
        tmp_path / "r.jsonl", tmp_path / "r", classes=CLASSES,
        options=PoolOptions(features=("a", "size")),
    ) as made:  # fmt: skip
        for item in range(6):
            made.answer("anna", item, item % 2)
        export(made, tmp_path / "out.parquet", "parquet")
    found = pd.read_parquet(tmp_path / "out.parquet")[list(wanted)]
    pd.testing.assert_frame_equal(found, wanted, check_dtype=False)
    cells = [{"a": i, "zip": f"0{i}", "n": f"{i}", "x": f"{i}.50"} for i in range(6)]
    with Project.create(table(tmp_path / "r.csv", cells), tmp_path / "c", classes=CLASSES) as made:
        made.answer("anna", 3, 1)
        export(made, tmp_path / "c.parquet", "parquet")
    row = pd.read_parquet(tmp_path / "c.parquet").iloc[0]
    assert (row["zip"], row["n"], row["x"]) == ("03", 3, 3.5)


def test_a_parquet_file_of_columns_that_begin_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pauca.formats._hub.BLOCK", 2)
    cells = [(None, 1, 1), (None, 2, "w"), ("late", 0.5, 2), (None, 4, None), (None, None, 3)]
    rows = [dict(zip("abc", row, strict=True)) for row in cells]
    writer = formats.make("parquet", {})
    assert writer.write_rows(tmp_path / "x.parquet", list("abcd"), rows) == 5
    assert pq.read_table(tmp_path / "x.parquet").to_pydict() == {
        "a": [None, None, "late", None, None],
        "b": [1, 2, 0.5, 4, None],
        "c": ["1", "w", "2", None, "3"],
        "d": [None] * 5,
    }


def test_blanks_around_an_id(tmp_path: Path) -> None:
    """A table is read without them, and the same column is known again."""
    rows = [{"id": f" m{i} ", "text": text} for i, text in enumerate(TEXTS)]
    made = Project.create(table(tmp_path / "m.csv", rows), tmp_path / "mails", classes=CLASSES)
    filled = [{**row, "label": "good"} for row in rows]
    assert import_file(made, table(tmp_path / "a.csv", filled)).new == len(TEXTS)
    twice = [{"id": name, "label": "bad"} for name in ("m1", "m1 ")]
    with pytest.raises(DataError, match="the same item and person"):
        import_file(made, table(tmp_path / "b.csv", twice))
