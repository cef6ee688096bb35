"""What a project writes: one person's answers, labels with predictions, safe csv, a backup."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
import torch

from pauca.errors import DataError, InputError, UsageError
from pauca.formats.tables import safe_cell, unsafe_cell
from pauca.label import (
    PoolOptions,
    Project,
    export,
    export_answers,
    export_with_predictions,
    import_file,
    write_batch,
    write_predictions,
)
from pauca.label.book import Book
from tests.label.helpers import NAMES, npz, project, table, truth


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_answers_of_one_person(tmp_path: Path) -> None:
    with project(tmp_path, n=30) as made:
        for item in range(6):
            made.answer("anna", item, truth(item))
        made.undo("anna")
        made.answer("bert", 7, 0)
        out = tmp_path / "anna.csv"
        assert export_answers(made, out, "csv", person="anna") == 7
        rows = rows_of(out)
        assert {row["person"] for row in rows} == {"anna"}
        assert [row["action"] for row in rows] == ["label"] * 6 + ["undo"]
        assert export_answers(made, tmp_path / "all.csv", "csv") == 8
        with pytest.raises(InputError, match=r"has not answered.*anna, bert.*mean 'anna'"):
            export_answers(made, tmp_path / "b.csv", "csv", person="ana")
    (tmp_path / "other").mkdir()
    with project(tmp_path / "other", n=30) as new:
        assert import_file(new, out).new == 7  # a part of the account is one too
        assert new.labels.m == 5
        assert import_file(new, out).new == 0


def test_labels_and_predictions_in_one_file(tmp_path: Path) -> None:
    data = table(
        tmp_path / "mails.csv",
        [{"body": f"{NAMES[i % 3]} number {i}", "label": NAMES[i % 3] if i < 4 else ""}
         for i in range(30)],
    )  # fmt: skip
    how = PoolOptions(text="body", label="label")
    with Project.create(data, tmp_path / "p", classes=NAMES, options=how) as made:
        out = tmp_path / "all.csv"
        with pytest.raises(InputError, match="no model"):
            export_with_predictions(made, out, "csv")
        for item in range(4, 12):
            made.answer("anna", item, truth(item))
        made.answer("anna", 12, action="flag")
        made.answer("anna", 13, action="unsure")
        made.remove([14])
        made.train(assessed=False)
        assert export_with_predictions(made, out, "csv") == 28
        rows = {int(row["id"]): row for row in rows_of(out)}
        assert set(rows) == set(range(30)) - {12, 14}
        for item, row in rows.items():
            source = "given" if item < 4 else "human" if item < 12 else "model"
            assert row["source"] == source
            assert row["text"] == made.items.text(item)
            assert (row["confidence"] == "") is (source != "model")
            if source != "model":
                assert row["label"] == NAMES[item % 3]
        (part,) = made.predict([20])
        assert float(rows[20]["confidence"]) == pytest.approx(part.confidence[0])
        before = made.labels
        found = import_file(made, out)  # what the model says never becomes an answer
        assert (found.new, found.blank) == (0, 16)
        assert any("16 rows are what the model says" in note for note in found.notes)
        assert made.labels.m == before.m
        for form in ("jsonl", "parquet"):
            export_with_predictions(made, tmp_path / f"all.{form}", form)
            assert import_file(made, tmp_path / f"all.{form}").new == 0


CELLS = ["=1+1", "+x", "-y", "@sum", "\tz", "-5", "+1.5e3", "'=a", "plain", "", "a=b"]


def test_cells_that_a_spreadsheet_would_compute() -> None:
    safe = [safe_cell(cell) for cell in CELLS]
    assert safe == [
        "'=1+1",
        "'+x",
        "'-y",
        "'@sum",
        "'\tz",
        "-5",
        "+1.5e3",
        "'=a",
        "plain",
        "",
        "a=b",
    ]
    back = [unsafe_cell(cell) for cell in safe]
    assert back == [cell.removeprefix("'") for cell in CELLS]  # what had one already loses it
    assert safe_cell(-5) == -5


def test_csv_that_is_safe_is_read_back(tmp_path: Path) -> None:
    texts = [f"{sign}{word}({i})" for i, (sign, word) in enumerate(
        zip("=+-@=+-@ab", ["sum", "cmd", "ant", "bee", "cat"] * 2, strict=True))]  # fmt: skip
    data = table(
        tmp_path / "a.csv", [{"id": f"={i}", "text": each} for i, each in enumerate(texts)]
    )
    with Project.create(data, tmp_path / "p", classes=["=no", "yes"]) as made:
        batch = tmp_path / "batch.csv"
        write_batch(made, list(range(10)), "csv", batch, safe_csv=True)
        rows = rows_of(batch)
        assert [row["id"] for row in rows] == [f"'={i}" for i in range(10)]
        for row in rows:
            assert not row["text"].startswith(("=", "+", "-", "@"))
            row["label"] = "'=no" if row["id"] < "'=5" else "yes"
        assert import_file(made, table(tmp_path / "b.csv", rows)).new == 10
        assert (made.labels.cls == 0).sum() == 5
        made.train(assessed=False)
        made.answer("import", 9, action="skip")
        outs = {
            "labels": lambda out: export(made, out, "csv", safe_csv=True),
            "answers": lambda out: export_answers(made, out, "csv", safe_csv=True),
            "mixed": lambda out: export_with_predictions(made, out, "csv", safe_csv=True),
            "predicted": lambda out: write_predictions(made, out, "csv", safe_csv=True),
        }
        for name, write in outs.items():
            out = tmp_path / f"{name}.csv"
            assert write(out) > 0
            with out.open(newline="", encoding="utf-8") as file:
                cells = [cell for row in csv.reader(file) for cell in row]
            assert not [cell for cell in cells if cell[:1] in ("=", "+", "@")]
            assert not [cell for cell in cells if cell[:1] == "-" and safe_cell(cell) != cell]
            assert import_file(made, out).new == 0 or name == "predicted"
        plain = tmp_path / "plain.csv"
        export(made, plain, "csv")
        assert rows_of(plain)[0]["id"] == "=0"  # nothing is changed unasked
        with pytest.raises(UsageError, match="--safe-csv"):
            export(made, tmp_path / "a.jsonl", "jsonl", safe_csv=True)


def unpacked(packed: Path, folder: Path) -> Path:
    with ZipFile(packed) as file:
        file.extractall(folder)
    return folder


def test_a_backup_is_the_project_again(tmp_path: Path) -> None:
    with project(tmp_path, n=90, guidelines="look closely") as made:
        for item in range(20):
            made.answer("anna", item, truth(item))
        made.duplicates()
        made.remove([4])
        made.train(assessed=False)
        made.add(npz(tmp_path / "b.npz", x=np.ones((3, 12), dtype=np.float32)))
        out = tmp_path / "pets.zip"
        made.backup(out)
        made.answer("anna", 30, 0)
        with pytest.raises(UsageError, match="there already"):
            made.backup(out)
        with pytest.raises(UsageError, match="written over"):
            made.backup(made.folder / "project.db", force=True)
        with Project.open(unpacked(out, tmp_path / "restored")) as again:
            assert again.n == 93
            assert again.id == made.id
            assert again.labels.m == made.labels.m - 1
            assert again.removed == {4}
            assert again.guidelines == "look closely"
            assert again.model is not None
            assert not again.stale
            assert torch.equal(again.features, made.features)
            assert again.suggestions([50]) == made.suggestions([50])
            again.train(assessed=False)
            again.add(npz(tmp_path / "c.npz", x=np.ones((3, 12), dtype=np.float32)))
    names = {path.name for path in (tmp_path / "restored").iterdir()}
    assert not names & {"server.lock", "server.json"}


def test_a_damaged_project_is_not_backed_up_in_silence(tmp_path: Path) -> None:
    with project(tmp_path, n=30) as made:
        path = made.folder / "features.npy"
        raw = bytearray(path.read_bytes())
        raw[-1] ^= 1
        path.write_bytes(bytes(raw))
        with pytest.raises(DataError, match=r"not as it was written.*features\.npy"):
            made.backup(tmp_path / "b.zip")
        assert not (tmp_path / "b.zip").exists()


def test_a_backup_while_others_write(tmp_path: Path) -> None:
    """Every answer that was acknowledged before it began is in it, and nothing half done."""
    with project(tmp_path, n=90) as made:
        folder, told = made.folder, tmp_path / "acknowledged"
        with subprocess.Popen(
            [sys.executable, "-m", "tests.label.writer", str(folder / "project.db"), str(told)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as parent:
            assert parent.stdin is not None
            assert parent.stdout is not None
            parent.stdin.write("0\n")
            parent.stdin.flush()
            process = int(parent.stdout.readline())
            backups: list[tuple[Path, set[int]]] = []
            try:
                for number in range(4):
                    size = told.stat().st_size if told.exists() else 0
                    while not told.exists() or told.stat().st_size == size:
                        time.sleep(0.005)
                    known = {int(line) for line in told.read_text().splitlines()[:-1]}
                    out = tmp_path / f"{number}.zip"
                    made.backup(out)
                    backups.append((out, known))
                size = told.stat().st_size
                while told.stat().st_size == size:  # it was not held up for good
                    time.sleep(0.005)
            finally:
                os.kill(process, signal.SIGKILL)
            parent.stdin.close()
    for number, (out, known) in enumerate(backups):
        book = Book(unpacked(out, tmp_path / f"u{number}") / "project.db")  # checks its digests
        items = [event.item for event, _ in book.history(None, -1) if event.action == "label"]
        assert known <= set(items)
        assert sorted(items) == list(range(len(items)))
        book.close()
