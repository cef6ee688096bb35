"""``pauca label`` as it is typed."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from pauca.formats import formats
from pauca.label import Project
from pauca.label.exporting import MODELS
from tests.label.helpers import NAMES, clusters, images, npz, table
from tests.test_cli import Run, cli

__all__ = ["cli"]  # a fixture

COMMANDS = (
    "init", "suggest", "import", "train", "export", "predict", "status", "classes", "discover",
    "formats", "add", "remove", "relocate", "backup",
)  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(cli: Run, command: str) -> None:
    code, out, _ = cli("label", command, "--help")
    assert code == 0
    assert f"pauca label {command}" in " ".join(out.split())
    assert "Example" in out


def fill(path: Path, wrong: str | None = None) -> int:
    """Answer a batch as the truth is; how many rows."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["label"] = ["ant", "bee", "cat"][int(row["id"]) % 3]
    if wrong is not None:
        rows[-1]["label"] = wrong
    table(path, rows)
    return len(rows)


def test_from_data_to_predictions(cli: Run, tmp_path: Path) -> None:
    x, _ = clusters(150)
    data, place = npz(tmp_path / "e.npz", x=x), tmp_path / "p"
    words = ("--classes", "ant, bee,cat", "--random-share", 0.5, "--target", 0.5, "--seed", 3)
    code, out, err = cli("label", "init", data, "--out", place, *words)
    assert (code, out.splitlines()) == (
        0,
        ["150 items of kind embedding, 0 labelled, 3 classes: ant, bee, cat", f"project: {place}"],
    )
    assert err == "note: features: each column has mean 0 and deviation 1 over the pool\n"
    code, out, _ = cli("label", "status", place)
    assert "stop: no; the accuracy is not known before `pauca label train`" in out

    batch = tmp_path / "batch.csv"
    for number in range(3):
        code, out, _ = cli("label", "suggest", place, "-k", 30, "--out", batch, "--force")
        assert (code, out) == (0, f"30 items: {batch}\n")
        fill(batch)
        code, out, _ = cli("label", "import", place, batch, "--person", "anna")
        assert (code, out) == (
            0,
            "30 answers kept, 0 known already, 0 rows without an answer; "
            f"{30 * (number + 1)} items are labelled\n",
        )
    code, out, _ = cli("label", "status", place)
    assert "accuracy worked out with 0 labels, now there are 90: pauca label train\n" in out
    code, out, _ = cli("label", "train", place)
    assert code == 0
    assert out.startswith("trained on 90 labels in ")
    assert "random items, cross-validated" in out
    code, out, _ = cli("label", "train", place, "--json")
    told = json.loads(out)
    assert (told["labels"], told["accuracy"]["n"]) == (90, told["random"])

    code, out, _ = cli("label", "status", place, "--json", "--relabel", 5)
    status = json.loads(out)
    assert (status["labelled"], status["items"], status["trainings"]) == (90, 150, 4)
    assert status["advice"]["stop"]
    assert status["advice"]["reason"].startswith("the target is reached: accuracy")
    assert status["balance"].keys() == {"ant", "bee", "cat"}
    code, out, _ = cli("label", "status", place, "--relabel", 5)
    for line in (
        "p: 90 of 150 items labelled",
        "next: round 3, by margin",
        "label saving: ",
        "stop: yes",
    ):
        assert line in out

    for form in ("csv", "parquet", "label-studio"):
        target = tmp_path / f"out.{form}"
        code, out, _ = cli("label", "export", place, "--format", form, "--out", target)
        assert (code, out) == (0, f"90 items: {target}\n")
    code, out, _ = cli("label", "export", place, "--answers", "--out", tmp_path / "log.csv")
    assert out == f"90 events: {tmp_path / 'log.csv'}\n"
    code, out, _ = cli("label", "predict", place, "--out", tmp_path / "rest.csv")
    assert (code, out) == (0, f"60 items: {tmp_path / 'rest.csv'}\n")
    with (tmp_path / "rest.csv").open() as file:
        right = [
            row["label"] == ["ant", "bee", "cat"][int(row["id"]) % 3]
            for row in csv.DictReader(file)
        ]
    assert np.mean(right) > 0.95


def test_classes(cli: Run, tmp_path: Path) -> None:
    folder = images(tmp_path / "pets", ["a.png", "cat/b.png", "kitten/c.png", "dog/d.png"])
    code, out, _ = cli("label", "init", folder, "--out", tmp_path / "p")
    assert (code, out.splitlines()[0]) == (
        0,
        "4 items of kind image, 3 labelled, 3 classes: cat, dog, kitten",
    )
    code, out, _ = cli(
        "label", "classes", tmp_path / "p", "--merge", "kitten=cat", "--rename", "dog=hound",
        "--add", "cow", "--json",
    )  # fmt: skip
    assert (code, json.loads(out)) == (
        0,
        [
            {"id": 0, "name": "cat", "labelled": 2},
            {"id": 1, "name": "hound", "labelled": 1},
            {"id": 3, "name": "cow", "labelled": 0},
        ],
    )
    tree = tmp_path / "tree"
    code, _, _ = cli("label", "export", tmp_path / "p", "--format", "imagefolder", "--out", tree)
    assert sorted(file.relative_to(tree).as_posix() for file in tree.rglob("*.png")) == [
        "cat/b.png", "cat/c.png", "hound/d.png",
    ]  # fmt: skip


def test_tasks_for_label_studio_on_standard_output(cli: Run, tmp_path: Path) -> None:
    rows = [{"nr": f"m{i}", "body": f"word{i} and more", "kind": ""} for i in range(8)]
    words = ("--text", "body", "--id", "nr", "--label", "kind", "--classes", "a,b")
    data = table(tmp_path / "m.csv", rows)
    assert cli("label", "init", data, "--out", tmp_path / "p", *words)[0] == 0
    config = tmp_path / "c.xml"
    code, out, err = cli(
        "label", "suggest", tmp_path / "p", "-k", 3, "--format", "label-studio", "--config", config
    )
    assert (code, err) == (0, "")
    tasks = json.loads(out)
    assert len(tasks) == 3
    assert all(task["data"]["text"].startswith("word") for task in tasks)
    assert config.read_text().startswith("<View>")


def test_errors_are_told_and_end_with_two(cli: Run, tmp_path: Path) -> None:
    x, _ = clusters(30)
    data, place = npz(tmp_path / "e.npz", x=x), tmp_path / "p"
    code, _, err = cli("label", "status", place)
    assert (code, "there is no project here" in err) == (2, True)
    for words, said in (
        (("--strategy", "marginal"), "did you mean 'margin'"),
        (("--learner", "probe:l2=-1"), "greater than 0"),
        (("--features", "pca:dimensions"), "a setting has no value"),
        (("--missing", "guess"), "missing"),
        (("--guidelines", tmp_path / "none.md"), "cannot be read"),
        (("--text", "body"), "unknown setting of format 'npz' 'text'"),
    ):
        code, out, err = cli("label", "init", data, "--out", place, *words)
        assert (code, out, said in " ".join(err.split())) == (2, "", True), err
        assert not place.exists()
    right = (
        "--classes",
        "ant,bee,cat",
        "--features",
        "pca:dimensions=5",
        "--learner",
        "probe:l2=0.5",
    )
    assert cli("label", "init", data, "--out", place, *right)[0] == 0
    code, _, err = cli("label", "init", data, "--out", place)
    assert (code, "is there already" in err) == (2, True)
    for command in (("train", place), ("predict", place, "--out", tmp_path / "x")):
        code, _, err = cli("label", *command)
        assert (code, "labelled yet" in err or "was trained yet" in err) == (2, True), err
    batch = tmp_path / "b.csv"
    cli("label", "suggest", place, "-k", 6, "--out", batch)
    fill(batch, wrong="cot")
    code, _, err = cli("label", "import", place, batch)
    assert (code, "line 7: no such class 'cot' (did you mean 'cat'?)" in err) == (2, True), err
    code, _, err = cli("label", "classes", place, "--rename", "cat")
    assert (code, "has no =" in err) == (2, True)
    code, _, err = cli("label", "classes", place, "--merge", "cat=cow")
    assert (code, "unknown class 'cow'" in err) == (2, True)
    assert "0 of 30 items labelled" in cli("label", "status", place)[1]


def test_formats_are_those_of_the_registry(cli: Run, tmp_path: Path) -> None:
    code, out, _ = cli("label", "formats", "--json")
    told = {row["name"]: row for row in json.loads(out)}
    assert (code, set(told)) == (0, {*formats.names(), *MODELS})
    assert told["prodigy"]["import"]
    assert not told["imagefolder"]["import"]
    assert "Label Studio" in cli("label", "formats")[1]
    x, _ = clusters(30)
    place = tmp_path / "p"
    cli("label", "init", npz(tmp_path / "e.npz", x=x), "--out", place, "--classes", "a,b,c")
    for words, said in (
        (("suggest", place, "--format", "argilla"), "csv, doccano"),
        (("export", place, "--out", tmp_path / "x", "--format", "arff"), "choose one of these"),
        (("import", place, tmp_path / "x.csv", "--format", "cvs"), "did you mean 'csv'"),
        (("import", place, tmp_path / "x.csv", "--match", "name"), "id or content"),
    ):
        code, _, err = cli("label", *words)
        assert (code, said in " ".join(err.split())) == (2, True), err


def test_notes_of_an_import_are_told(cli: Run, tmp_path: Path) -> None:
    rows = [{"id": f"m{i}", "text": f"word{i} and more"} for i in range(4)]
    data, place = table(tmp_path / "m.csv", rows), tmp_path / "p"
    assert cli("label", "init", data, "--out", place, "--classes", "a,b")[0] == 0
    told = [{"text": row["text"], "label": "a", "answer": ("accept", "reject")[i % 2]}
            for i, row in enumerate(rows)]  # fmt: skip
    (tmp_path / "p.jsonl").write_text("\n".join(map(json.dumps, told)))
    code, out, err = cli("label", "import", place, tmp_path / "p.jsonl", "--person", "bo")
    assert (code, out.split(";")[0]) == (
        0, "2 answers kept, 0 known already, 2 rows without an answer",
    )  # fmt: skip
    assert err == "note: 2 rejected: an item that is not of one class has no label by that\n"


def test_a_project_is_made_anew_while_nobody_has_answered(cli: Run, tmp_path: Path) -> None:
    x, y = clusters(30)
    names = [NAMES[k] if i < 6 else "" for i, k in enumerate(y)]
    data = npz(tmp_path / "e.npz", x=x, y=np.array(names))
    place = tmp_path / "p"
    init = ("label", "init", data, "--out", place, "--classes", ",".join(NAMES), "--force")
    assert cli(*init)[0] == 0
    assert cli(*init, "--seed", 7)[0] == 0  # labels of the data are no answers of people
    with Project.open(place) as project:
        assert project.settings.seed == 7
    batch = tmp_path / "b.csv"
    cli("label", "suggest", place, "-k", 6, "--out", batch)
    fill(batch)
    assert cli("label", "import", place, batch)[0] == 0
    code, _, err = cli(*init)
    assert (code, "a project with 6 answers of people is never replaced" in err) == (2, True), err
    other = tmp_path / "other"
    other.mkdir()
    (other / "letter.txt").write_text("dear")
    code, _, err = cli("label", "init", data, "--out", other, "--force")
    assert (code, "a folder that is no project is never replaced" in err) == (2, True), err
    assert (other / "letter.txt").read_text() == "dear"


def test_options_of_reading_and_broken_images(cli: Run, tmp_path: Path) -> None:
    folder = images(tmp_path / "pets", ["a/1.png", "a/2.png", "b/3.png"])
    (folder / "b" / "bad.jpg").write_bytes(b"<html>")
    init = ("label", "init", folder, "--classes", "a,b", "--out", tmp_path / "p")
    code, _, err = cli(*init)
    assert (code, "b/bad.jpg (a web page (HTML), not an image)" in err) == (2, True)
    code, out, err = cli(*init, "--skip-broken")
    assert (code, out.split(",")[0]) == (0, "3 items of kind image")
    assert "b/bad.jpg" in err
    with Project.open(tmp_path / "p") as project:
        assert project.settings.source.read == {"skip_broken": True}
        assert project.picture(2)[1] == "image/png"
    rows = [{"text": "good day", "label": "A "}, {"text": "bad night", "label": "a"}]
    data = table(tmp_path / "t.csv", rows)
    data.write_bytes(data.read_text().replace(",", ";").encode("utf-16"))
    start = ("label", "init", data)
    code, _, err = cli(
        *start, "--out", tmp_path / "q", "--read", "delimiter=;", "--join-labels",
        "--read", "encoding=utf-16",
    )  # fmt: skip
    assert (code, "are joined to" in err) == (0, True), err
    for words, said in (
        (("--read", "delimeter=;"), "did you mean 'delimiter'"),
        (("--read", "delimiter"), "has no value"),
        (("--read", "seed=1", "--read", "seed=2"), "given twice"),
        (("--format", "cvs"), "did you mean 'csv'"),
    ):
        code, _, err = cli(*start, "--out", tmp_path / "r", *words)
        assert (code, said in " ".join(err.split())) == (2, True), err


def test_a_project_that_lives(cli: Run, tmp_path: Path) -> None:
    x, _ = clusters(120)
    data, new, place = npz(tmp_path / "a.npz", x=x[:90]), tmp_path / "b.npz", tmp_path / "p"
    words = ("--classes", "ant,bee,cat", "--wanted", "cat", "--recall", 0.9, "--random-share", 1)
    assert cli("label", "init", data, "--out", place, *words)[0] == 0
    npz(new, x=x[90:])
    code, out, _ = cli("label", "add", place, new)
    assert (code, out) == (0, "30 items added, 0 of them labelled; the pool has 120\n")
    code, _, err = cli("label", "add", place, new)
    assert code == 2
    assert "--known skip" in err
    code, out, err = cli("label", "add", place, new, "--known", "skip")
    assert out == "0 items added, 0 of them labelled, 30 were there already; the pool has 120\n"
    assert "nothing was added" in err

    ids = tmp_path / "ids.txt"
    ids.write_text("b.npz:3\n\nb.npz:4\n")
    code, out, _ = cli("label", "remove", place, "--ids", "0,1", "--ids", "2", "--file", ids)
    assert (code, out) == (0, "5 items removed; the pool has 115\n")
    code, _, err = cli("label", "remove", place, "--ids", "0")
    assert code == 2
    assert "removed from the pool" in err
    assert cli("label", "remove", place)[0] == 2

    moved = tmp_path / "moved.npz"
    data.rename(moved)
    code, out, _ = cli("label", "relocate", place, moved, "--from", data)
    assert (code, out) == (0, f"the data lie in {moved}; before in {data}\n")

    batch = tmp_path / "batch.csv"
    cli("label", "suggest", place, "-k", 40, "--out", batch, "--safe-csv")
    with batch.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        key = row["id"]
        row["label"] = NAMES[int(key.rpartition(":")[2]) % 3]
    rows[0]["label"] = "dog"
    table(batch, rows)
    assert cli("label", "import", place, batch)[0] == 2
    code, _, err = cli("label", "import", place, batch, "--add-new-classes", "--person", "anna")
    assert code == 0
    assert "classes were added: dog" in err
    code, out, _ = cli("label", "status", place)
    (said,) = [line for line in out.splitlines() if line.startswith("wanted: ")]
    assert "items of class 'cat' were found" in said
    assert said.endswith("; 90 % are wanted: not yet")
    told = json.loads(cli("label", "status", place, "--wanted", "ant", "--json")[1])["wanted"]
    assert told["name"] == "ant"
    assert told["least"] <= 40 <= told["most"]

    out_file = tmp_path / "x.csv"
    assert cli("label", "export", place, "--out", out_file, "--person", "anna")[0] == 2
    both = ("--answers", "--with-predictions")
    assert cli("label", "export", place, "--out", out_file, *both)[0] == 2
    code, out, _ = cli("label", "export", place, "--out", out_file, "--answers", "--person", "anna")
    assert (code, out) == (0, f"40 events: {out_file}\n")
    code, out, _ = cli("label", "export", place, "--out", out_file, "--with-predictions", "--force")
    assert (code, out) == (0, f"115 items: {out_file}\n")

    code, _, err = cli("label", "classes", place, "--delete", "dog")
    assert code == 2
    assert "--unlabel" in err
    assert cli("label", "classes", place, "--unlabel")[0] == 2
    code, out, _ = cli("label", "classes", place, "--delete", "dog", "--unlabel")
    assert code == 0
    assert "dog" not in out
    assert "dog" in cli("label", "classes", place, "--restore", "dog")[1]
    assert "dog" not in cli("label", "classes", place, "--delete", "dog", "--into", "ant")[1]

    packed = tmp_path / "p.zip"
    code, out, _ = cli("label", "backup", place, "--out", packed)
    assert code == 0
    assert out.endswith(f" MiB: {packed}\n")
    assert cli("label", "backup", place, "--out", packed)[0] == 2
