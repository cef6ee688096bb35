"""One damaged byte of what a study found is noticed, and salvage loses no more than it has to."""

import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from pauca.errors import StoreError
from pauca.report import export_study
from pauca.store import Run, RunSpec, SqliteStore
from pauca.store.salvage import salvaged
from pauca.study import resume_study, study_status
from pauca.testing.malformed import flip

OLD = Path(__file__).parents[1] / "fixtures" / "study-before-digests"
RUN, OTHER = "a-run", "another"
RECORD = {"round": 0, "labels": 128, "metrics": {"accuracy": 0.8123456789}, "asked": [3, 14, 15]}
BLOB = bytes(range(256)) * 3


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A study of two runs: one done with three rounds, each with an array; one begun."""
    with SqliteStore(tmp_path / "study.db") as store:
        store.put_meta("study", {"seed": 1, "name": "s"})
        store.add([RunSpec(name, "active", {"of": name, "seed": 12}) for name in (RUN, OTHER)])
        for name, rounds in ((RUN, 3), (OTHER, 1)):
            store.claim("me")
            for number in range(rounds):
                blob = {f"state-{number}": BLOB + bytes([number])}
                store.append(name, "me", {**RECORD, "round": number}, blob)
        store.finish(RUN, "me")
        store.requeue(running=True)
        store.check_whole()
    return tmp_path / "study.db"


@contextmanager
def raw(path: Path) -> Iterator[sqlite3.Connection]:
    """The database without what protects it."""
    db = sqlite3.connect(path)
    for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        db.execute(f"DROP TRIGGER {name}")
    db.execute("PRAGMA ignore_check_constraints = ON")
    yield db
    db.commit()
    db.close()


def everything(path: Path) -> tuple[object, ...]:
    """All that can be read of it."""
    with SqliteStore(path, readonly=True) as store:
        runs = store.runs()
        blobs = [store.blob(run.spec.id, n) for run in runs for n in store.blobs(run.spec.id)]
        # when a run began counts only once it is done
        ended = [run if run.status == "done" else replace(run, started=None) for run in runs]
        return dict(store.meta()), ended, blobs


def places(whole: bytes, text: bytes) -> list[int]:
    """Where a text stands in a file."""
    found, at = [], whole.find(text)
    while at >= 0:
        found.append(at)
        at = whole.find(text, at + 1)
    return found


RECORD_TEXT = b'{"asked":[3,14,15],"labels":128,"metrics":{"accuracy":0.8123456789},"round":1}'


@pytest.mark.parametrize("bit", [0, 1, 6, 7])
def test_every_flipped_byte_of_a_record_is_noticed(path: Path, bit: int) -> None:
    """Digits that become other digits among them; run and round are named."""
    whole = path.read_bytes()
    first, second = sorted(places(whole, RECORD_TEXT))[:1][0], len(RECORD_TEXT)
    for at in range(first, first + second):
        path.write_bytes(flip(whole, at, bit))
        with pytest.raises(StoreError, match=rf"damaged.*run {RUN}, round 2.*--salvage"):
            everything(path)
        with pytest.raises(StoreError, match="round 2"), SqliteStore(path, readonly=True) as store:
            store.run(RUN)
        with SqliteStore(path, readonly=True) as store:
            assert len(store.run(OTHER).rounds) == 1
            runs, lost = salvaged(store)
        assert [len(run.rounds) for run in runs] == [1, 1]
        assert lost == (f"cell {RUN}: 1 of 3 rounds can be read",)


def test_every_flipped_byte_of_an_array_is_noticed(path: Path) -> None:
    whole = path.read_bytes()
    (start,) = places(whole, BLOB + bytes([2]))
    rng = random.Random(0)
    for at in sorted(rng.sample(range(start, start + len(BLOB) + 1), 120)):
        path.write_bytes(flip(whole, at, rng.randrange(8)))
        with SqliteStore(path, readonly=True) as store:
            with pytest.raises(StoreError, match=rf"run {RUN}, round 3, array 'state-2'"):
                store.blob(RUN, "state-2")
            assert store.blob(RUN, "state-1") == BLOB + bytes([1])
            runs, lost = salvaged(store)
        assert [len(run.rounds) for run in runs] == [2, 1]
        assert lost == (f"cell {RUN}: 2 of 3 rounds can be read",)


def test_no_flipped_byte_of_the_file_changes_what_is_read(path: Path) -> None:
    """Wherever it is: what is read is as it was, or an error of the store."""
    before, whole, rng = everything(path), path.read_bytes(), random.Random(1)
    refused = 0
    for at in rng.sample(range(len(whole)), 700):
        path.write_bytes(flip(whole, at, rng.randrange(8)))
        try:
            assert everything(path) == before, at
        except StoreError:
            refused += 1
    assert refused > 40


LOSSES = [
    ("DELETE FROM rounds WHERE number = 2", "round 3"),
    ("DELETE FROM rounds WHERE number = 1", "round 2"),
    ("UPDATE rounds SET number = 7 WHERE number = 2", "round 3"),
    ("UPDATE rounds SET record = (SELECT record FROM rounds WHERE number = 2) WHERE number = 0 "
     f"AND run = '{RUN}'", "round 1"),
    ("UPDATE rounds SET record = 5", "round 1"),
    ("UPDATE blobs SET name = 'x' WHERE round = 1", "round 2, array 'state-1'"),
    ("DELETE FROM blobs WHERE round = 1", "round 2, array 'state-1'"),
    ("UPDATE blobs SET round = 0 WHERE round = 1", "round 1, array 'state-1'"),
    ("UPDATE runs SET settings = replace(settings, '12', '13')", "settings"),
    ("UPDATE runs SET kind = 'model'", "settings"),
    (f"UPDATE runs SET status = 'failed' WHERE id = '{RUN}'", "status"),
    (f"UPDATE runs SET status = 'dnne' WHERE id = '{RUN}'", "status"),
    (f"UPDATE runs SET ended = ended + 1 WHERE id = '{RUN}'", "its end"),
    (f"DELETE FROM runs WHERE id = '{OTHER}'", OTHER),
    ("UPDATE meta SET value = '{\"name\":\"s\",\"seed\":2}'", "meta 'study'"),
    ("DELETE FROM meta", "meta 'study'"),
]  # fmt: skip


@pytest.mark.parametrize(("statement", "where"), LOSSES)
def test_whatever_is_lost_or_exchanged_is_noticed(path: Path, statement: str, where: str) -> None:
    with raw(path) as db:
        db.execute(statement)
    with pytest.raises(StoreError, match=f"damaged.*{where}"):
        everything(path)
    if "meta" not in where:
        with (
            pytest.raises(StoreError, match="damaged"),
            SqliteStore(path, readonly=True) as store,
        ):
            store.check_whole()


@pytest.mark.parametrize(
    ("statement", "rounds", "status"),
    [
        ("DELETE FROM rounds WHERE number = 2", 2, "pending"),
        ("DELETE FROM blobs WHERE round = 1", 1, "pending"),
        (f"UPDATE runs SET status = 'dnne' WHERE id = '{RUN}'", 3, "pending"),
        ("UPDATE digests SET digest = '0 x' WHERE name = 'blob state-2'", 2, "pending"),
        (f"UPDATE runs SET settings = '{{}}' WHERE id = '{RUN}'", None, None),
    ],
)
def test_salvage_keeps_what_is_right(
    path: Path, statement: str, rounds: int | None, status: str | None
) -> None:
    with raw(path) as db:
        db.execute(statement)
    with SqliteStore(path, readonly=True) as store:
        found, lost = salvaged(store)
    kept: dict[str, Run] = {run.spec.id: run for run in found}
    assert len(kept[OTHER].rounds) == 1
    assert any(RUN in what for what in lost)
    if rounds is None:
        assert RUN not in kept
    else:
        assert (len(kept[RUN].rounds), kept[RUN].status) == (rounds, status)


def test_a_lost_run_is_named_by_salvage(path: Path) -> None:
    with raw(path) as db:
        db.execute(f"DELETE FROM runs WHERE id = '{OTHER}'")
    with SqliteStore(path, readonly=True) as store:
        found, lost = salvaged(store)
    assert [run.spec.id for run in found] == [RUN]
    assert len(lost) == 1
    assert OTHER in lost[0]


# A study of before: read, exported, gone on with; what is added has digests.


@pytest.fixture
def old(tmp_path: Path) -> Path:
    shutil.copytree(OLD, tmp_path / "old")
    return tmp_path / "old"


def test_a_study_of_before_is_read_and_exported_as_then(old: Path) -> None:
    before = (old / "study.db").read_bytes()
    status = study_status(old)
    assert [run.rounds for run in status.runs] == [4, 2, 0, 4]
    export_study(old, old / "now.csv")
    assert (old / "now.csv").read_text() == (old / "export.csv").read_text()
    assert (old / "study.db").read_bytes() == before


def test_a_study_of_before_is_gone_on_with(old: Path) -> None:
    resume_study(old, workers=0, imports=["tests.study.plugin"])
    export_study(old, old / "now.csv")
    assert rows(old / "now.csv") == rows(old / "export-finished.csv")
    db = sqlite3.connect(old / "study.db")
    sealed = dict(db.execute("SELECT run, count(*) FROM digests GROUP BY run").fetchall())
    db.close()
    first, second, third, last = [run.id for run in study_status(old).runs]
    assert set(sealed) - {""} == {second, third}
    assert first != last
    with SqliteStore(old / "study.db", readonly=True) as store:
        store.check_whole()


def rows(path: Path) -> list[tuple[str, ...]]:
    """Every number but times and memory."""
    import pandas as pd

    frame = pd.read_csv(path)
    kept = [name for name in frame if not str(name).startswith(("seconds", "memory", "status"))]
    return list(frame[kept].astype(str).itertuples(index=False, name=None))


def test_settings_of_before_are_checked_by_the_name_of_their_run(old: Path) -> None:
    with raw(old / "study.db") as db:
        db.execute("UPDATE runs SET settings = replace(settings, '\"query\":5', '\"query\":4')")
    with pytest.raises(StoreError, match=r"damaged.*its settings"):
        study_status(old)
