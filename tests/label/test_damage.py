"""Damaged files of a project are named, and what is said to do about them works."""

import json
import os
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pauca.cli.main import main
from pauca.errors import DataError, PaucaError, StoreError
from pauca.label import Project
from pauca.label.atomic import SUMS
from pauca.testing.malformed import flip, forged_npy, misplaced, torch_bytes
from tests.label.helpers import NAMES, clusters, npz, truth

OLD = Path(__file__).parents[1] / "fixtures" / "project-before-digests"
KEPT = ("items.arrow", "features.npy")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with two people's answers and a model; the data beside it."""
    home = tmp_path_factory.mktemp("made")
    data = npz(home / "data.npz", x=clusters(45)[0])
    with Project.create(data, home / "project", classes=NAMES) as project:
        for person in ("ann", "bob"):
            for lease in project.lease(person, 6):
                project.answer(person, lease.item, truth(lease.item), ms=900)
        project.undo("bob")
        project.train(assessed=False)
    return home


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "home")
    return tmp_path / "home" / "project"


def opened(folder: Path) -> dict[str, Any]:
    """All that a project says."""
    with Project.open(folder) as project:
        parts = list(project.predict(range(project.n)))
        return {
            "keys": project.items.keys(),
            "labels": [*project.labels.item.tolist(), *project.labels.cls.tolist()],
            "answers": list(project.answers()),
            "confidence": [value for part in parts for value in part.confidence.tolist()],
            "features": project.features.numpy().copy(),
        }


def same(a: object, b: object) -> bool:
    return str(a) == str(b)


def flipped(path: Path, seed: int, count: int) -> Iterator[int]:
    """Flip one bit in ``count`` places, one after the other; the file comes back at the end."""
    whole, rng = path.read_bytes(), random.Random(seed)
    for at in sorted(rng.sample(range(len(whole)), min(count, len(whole)))):
        path.write_bytes(flip(whole, at, rng.randrange(8)))
        yield at
    path.write_bytes(whole)


@pytest.mark.parametrize("name", KEPT)
def test_a_flipped_bit_is_noticed_when_the_project_is_opened(home: Path, name: str) -> None:
    for _ in flipped(home / name, 0, 60):
        with pytest.raises(DataError, match=rf"{name}.*pauca label init.*project\.db"):
            Project.open(home)
    Project.open(home).close()


def test_a_flipped_bit_of_the_model_is_noticed_when_it_is_read(home: Path) -> None:
    """Padding apart, which holds nothing: what the model says is as it was, or refused."""
    before, refused = opened(home), []
    for at in flipped(home / "model.pt", 1, 200):
        try:
            assert same(opened(home), before), at
        except DataError as error:
            refused.append((str(error.where), error.todo))
    todo = f"train again: `pauca label train {home}`; where there is no answer yet, remove it"
    assert set(refused) == {(str(home / "model.pt"), todo)}
    assert len(refused) > 100


def test_a_flipped_bit_of_the_database_is_noticed(home: Path) -> None:
    before, refused = opened(home), 0
    for name in ("project.db-wal", "project.db-shm"):
        assert not (home / name).exists()
    for at in flipped(home / "project.db", 2, 250):
        try:
            assert same(opened(home), before), at
        except (StoreError, DataError):
            refused += 1
        for name in ("project.db-wal", "project.db-shm"):
            (home / name).unlink(missing_ok=True)
    assert refused > 10


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE events SET class = (class + 1) % 3 WHERE seq = 2", "events 2 to 2"),
        ("UPDATE standing SET class = (class + 1) % 3 WHERE seq = 2",
         "another answer of 'ann'"),
        ("DELETE FROM standing WHERE seq = 3", "another answer of 'ann'"),
        ("DELETE FROM events WHERE seq = (SELECT max(seq) FROM events)", "events"),
        ("UPDATE asked SET round = 5", "asked"),
        ("UPDATE class_changes SET name = 'dog' WHERE seq = 1", "class_changes 1 to 3"),
        ("UPDATE trainings SET record = '{'", "trainings 1 to 1"),
    ],
)  # fmt: skip
def test_whatever_changed_in_the_account_is_noticed(home: Path, statement: str, said: str) -> None:
    db = sqlite3.connect(home / "project.db")
    for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        db.execute(f"DROP TRIGGER {name}")
    db.execute(statement)
    db.commit()
    db.close()
    with pytest.raises(StoreError, match=f"damaged.*{said}.*put back a copy"):
        Project.open(home)


def test_a_bit_lost_without_a_sign_is_noticed_before_it_is_learned_from(home: Path) -> None:
    """A disk that rots changes no time of a file."""
    path = home / "features.npy"
    path.write_bytes(flip(path.read_bytes(), 1000, 3))
    os.utime(home / SUMS, ns=(2**62, 2**62))
    with Project.open(home) as project, pytest.raises(DataError, match=r"features\.npy"):
        project.train()


def test_files_that_did_not_change_are_not_read_again(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Project.open(home).close()  # a copy has new times

    def read(path: Path) -> str:
        raise AssertionError(path)

    monkeypatch.setattr("pauca.label.atomic._sum", read)
    Project.open(home).close()


def test_the_digests_are_those_of_sha256sum(home: Path) -> None:
    import hashlib

    lines = [line.split("  ") for line in (home / SUMS).read_text().splitlines()]
    assert [name for _, name in lines] == ["features.fit", "features.npy", "items.arrow"]
    for digest, name in lines:
        assert hashlib.sha256((home / name).read_bytes()).hexdigest() == digest


@pytest.mark.parametrize("content", [b"", b"nonsense\n", b"\xff\xfe"])
def test_damaged_digests_are_named(home: Path, content: bytes) -> None:
    """An empty file holds none."""
    (home / SUMS).write_bytes(content)
    if not content:
        Project.open(home).close()
        return
    with pytest.raises(DataError, match=r"project\.sha256.*remove this one"):
        Project.open(home)
    (home / SUMS).unlink()
    with Project.open(home) as project:
        project.train(assessed=False)
    assert (home / SUMS).exists()


# Files of another form in the place of a project's own.


def _other_d(kept: dict[str, object]) -> None:
    kept["d"] = 58


def _without(name: str) -> Callable[[dict[str, object]], None]:
    return lambda kept: kept.__delitem__(name)


def _with(name: str, value: object) -> Callable[[dict[str, object]], None]:
    return lambda kept: kept.__setitem__(name, value)


FORMS: list[Callable[[dict[str, object]], None]] = [
    _other_d,
    *map(_without, ("learner", "state", "classes", "names", "d", "temperature", "number")),
    *map(_without, ("checked", "margins", "guesses")),
    _with("temperature", "1.0"),
    _with("temperature", float("nan")),
    _with("temperature", -1.0),
    _with("number", None),
    _with("classes", [0, 1, 99]),
    _with("classes", [0, 1]),
    _with("classes", 5),
    _with("names", None),
    _with("names", ["ant", "bee", 3]),
    _with("learner", {"name": "nonsense"}),
    _with("learner", {}),
    _with("learner", {"name": "probe", "task": 1}),
    _with("learner", {"name": "probe", "l2": "much"}),
    _with("state", {}),
    _with("state", None),
    _with("state", {"head": "logistic", "weight": torch.zeros(3, 5), "bias": torch.zeros(3)}),
    _with("checked", [1, 2]),
    _with("checked", torch.zeros(1, dtype=torch.int64).expand(10**12)),
    _with("margins", torch.zeros(3)),
]


@pytest.mark.parametrize("number", range(len(FORMS)))
def test_a_model_of_another_form_is_refused_and_made_anew(home: Path, number: int) -> None:
    kept = torch.load(home / "model.pt", weights_only=True)
    FORMS[number](kept)
    (home / "model.pt").write_bytes(torch_bytes(kept))
    with pytest.raises(DataError, match=r"model cannot be read.*model\.pt.*pauca label train"):
        opened(home)


@pytest.mark.parametrize(
    "content",
    [b"", b"nonsense", torch_bytes([1, 2]), torch_bytes(torch.zeros(3)), torch_bytes({})],
    ids=["empty", "text", "list", "tensor", "dict"],
)
def test_the_advice_about_the_model_works(
    home: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    before = opened(home)
    (home / "model.pt").write_bytes(content)
    assert main(["label", "predict", str(home), "--out", str(home.parent / "p.csv")]) == 2
    told = capsys.readouterr().err
    assert f"pauca label train {home}" in told
    assert "model.pt" in told
    assert "bug" not in told
    assert main(["label", "train", str(home)]) == 0
    after = opened(home)
    assert same(after["confidence"], before["confidence"])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"nonsense",
        forged_npy("<f4", (45, 12)),
        forged_npy("<f4", (45, 2**40)),
        forged_npy("<f4", (2**62, 2**62)),
        forged_npy("<f4", (45, -1)),
        forged_npy("<f8", (45, 12), bytes(45 * 12 * 8)),
        forged_npy("<f4", (44, 12), bytes(44 * 12 * 4)),
        forged_npy("<f4", (45, 0)),
        forged_npy("<f4", (45 * 12,), bytes(45 * 12 * 4)),
        forged_npy("|O", (45, 12), bytes(45 * 12 * 8)),
        forged_npy("<f4", "x"),
        forged_npy([("a", "<f4")], (45,), bytes(180)),
        b"\x93NUMPY\x01\0\xff\xff{",
    ],
)
def test_features_of_another_form_are_refused(home: Path, content: bytes) -> None:
    (home / "features.npy").write_bytes(content)
    with pytest.raises(DataError, match=r"features .*features\.npy.*pauca label init"):
        Project.open(home)


@pytest.mark.parametrize("name", KEPT)
def test_the_advice_about_items_and_features_works(
    home: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Literally: the same data, the same options, the old database."""
    before = opened(home)
    (home / name).write_bytes(b"")
    assert main(["label", "status", str(home)]) == 2
    told = capsys.readouterr().err
    assert name in told
    assert "copy this one's project.db" in told
    assert "bug" not in told
    data, new = home.parent / "data.npz", home.parent / "new"
    assert main(["label", "init", str(data), "--classes", ",".join(NAMES), "--out", str(new)]) == 0
    for left in home.glob("project.db*"):
        shutil.copy(left, new / left.name)
    assert main(["label", "train", str(new)]) == 0
    after = opened(new)
    assert same(after, before)


@pytest.mark.parametrize("name", ["items.arrow", "features.npy", "model.pt", "project.db"])
def test_something_else_in_the_place_of_a_file_is_refused(home: Path, name: str) -> None:
    for what in misplaced(home / name):
        if what.startswith(("a file", "nothing")) or (name, what) == (
            "model.pt",
            "a link to nowhere in its place",
        ):
            continue
        with pytest.raises(PaucaError) as caught:
            opened(home)
        assert caught.value.todo, what


# A project of before.


@pytest.fixture
def old(tmp_path: Path) -> Path:
    shutil.copytree(OLD, tmp_path / "old")
    return tmp_path / "old"


def test_a_project_of_before_says_what_it_said_then(old: Path) -> None:
    expected = json.loads((old / "expected.json").read_text())
    with Project.open(old) as project:
        labels = project.labels
        found = dict(zip(map(str, labels.item.tolist()), labels.cls.tolist(), strict=True))
        (part,) = project.predict(range(10))
        assert found == expected["labels"]
        assert [part.item.tolist(), part.cls.tolist()] == expected["predictions"][:2]
        np.testing.assert_allclose(part.confidence, expected["predictions"][2], rtol=1e-9)
    assert not (old / SUMS).exists()


def test_a_project_of_before_is_gone_on_with_and_gets_digests(old: Path) -> None:
    with Project.open(old) as project:
        project.answer("ann", 40, 1)
        project.train(assessed=False)
    names = [line.split("  ")[1] for line in (old / SUMS).read_text().splitlines()]
    assert names == ["duplicates-0.95.npy", "features.npy", "items.arrow"]
    db = sqlite3.connect(old / "project.db")
    sealed = dict(db.execute("SELECT account, min(last) FROM digests GROUP BY 1").fetchall())
    db.close()
    assert set(sealed) == {"events", "asked", "class_changes", "trainings"}
    path = old / "features.npy"
    path.write_bytes(flip(path.read_bytes(), 1000))
    with pytest.raises(DataError, match="not as it was written"):
        Project.open(old)
