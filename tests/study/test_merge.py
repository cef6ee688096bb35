"""Folders made one: shares of a study, studies that extend each other, and what is refused."""

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pauca.errors import StoreError, UsageError
from pauca.store import Run, SqliteStore
from pauca.study import Result, merge_studies, plan, resume_study, run_study, settings_from
from pauca.study.folder import StudyFolder
from pauca.study.share import Share
from tests.study.helpers import numbers, run
from tests.study.plugin import NAME, study

WARM = {"name": "fake", "warm": True}
PLAIN = study(active__learner=WARM)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """The whole study, in one folder."""
    return run_study(PLAIN, tmp_path_factory.mktemp("alone") / "s", workers=0, imports=[NAME])


def kept(folder: Path) -> tuple[dict[str, Run], dict[str, dict[str, bytes]]]:
    """Every run and every blob."""
    with StudyFolder(folder).store(readonly=True) as store:
        runs = {run.spec.id: run for run in store.runs()}
        return runs, {i: {n: store.blob(i, n) for n in store.blobs(i)} for i in runs}


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def folder_with(path: Path, alone: Result, rounds: Mapping[str, int]) -> Path:
    """The study stopped when each cell had so many rounds; -1 for one that is done, -2 failed."""
    source, blobs = kept(alone.folder)
    with StudyFolder(alone.folder).store(readonly=True) as store:
        meta = store.meta()
    path.mkdir(parents=True)
    with SqliteStore(path / "study.db") as store:
        for key in ("study", "data", "planned", "provenance"):
            store.put_meta(key, meta[key])
        store.add([run.spec for run in source.values()])
        for run_id, one in source.items():
            count = rounds.get(run_id, 0)
            store.claim("me")
            total = {-1: len(one.rounds), -2: 1}.get(count, count)
            for number, record in enumerate(one.rounds[:total]):
                names = {f"state-{number}.pt", *(["picks.npz"] if number == 0 else [])}
                own = {n: d for n, d in blobs[run_id].items() if n in names}
                store.append(run_id, "me", {**record, "seconds": {"train": 0.5}}, own)
            if count == -1:
                store.finish(run_id, "me")
            elif count == -2:
                store.fail(run_id, "me", "boom")
        store.requeue(running=True)
    return path


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_parts_of_a_study_make_what_is_in_any_of_them(
    data: st.DataObject, alone: Result, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The most rounds win, done beats everything; what is gone on with equals the whole study."""
    place = tmp_path_factory.mktemp("m")
    ids = [run.spec.id for run in alone.runs]
    one = st.fixed_dictionaries({run_id: st.integers(-2, 4) for run_id in ids})
    states = data.draw(st.lists(one, min_size=1, max_size=3))
    folders = [folder_with(place / f"f{i}", alone, state) for i, state in enumerate(states)]
    before = [files(folder) for folder in folders]
    merged = merge_studies(folders, place / "out")
    assert [files(folder) for folder in folders] == before
    _, blobs = kept(alone.folder)
    found, found_blobs = kept(place / "out")
    assert list(found) == ids
    for run_id in ids:
        own = [state[run_id] for state in states]
        status = "done" if -1 in own else "failed" if -2 in own else "pending"
        rounds = 4 if -1 in own else max(1 if count == -2 else count for count in own)
        assert (found[run_id].status, len(found[run_id].rounds)) == (status, rounds)
        assert found[run_id].error == ("boom" if status == "failed" else None)
        left = {name for name in found_blobs[run_id] if name.startswith("state")}
        assert left == {f"state-{t}.pt" for t in range(min(rounds, 3))}
    assert merged.studies == 1
    result = resume_study(place / "out", workers=0, failed=True)
    assert numbers(result.runs) == numbers(alone.runs)
    assert kept(place / "out")[1] == blobs


@settings(max_examples=30, deadline=None)
@given(n=st.integers(1, 7), repetitions=st.integers(1, 5), more=st.booleans())
def test_shares_are_equal_and_make_the_whole(n: int, repetitions: int, more: bool) -> None:
    models = {"models": {"repetitions": 2, "learners": ["fake"]}} if more else {}
    specs = plan(settings_from(study(active__repetitions=repetitions, **models)), lambda data: 3)
    shares = [Share(i, n).of(specs) for i in range(1, n + 1)]
    assert sorted(s.id for share in shares for s in share) == sorted(s.id for s in specs)
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
    for name in ("random", "margin"):
        each = [
            sum(s.settings.get("strategy", {}).get("name") == name for s in share)
            for share in shares
        ]
        assert max(each) - min(each) <= 1
    for share in shares:
        assert list(share) == [spec for spec in specs if spec in share]


@pytest.mark.parametrize("text", ["", "0/2", "3/2", "1", "1/0", "a/b", "-1/2", "1/2/3"])
def test_no_such_part(text: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no such part"):
        run_study(PLAIN, tmp_path / "s", part=text, workers=0)
    assert not (tmp_path / "s").exists()


def test_machines_do_a_share_each(tmp_path: Path, alone: Result) -> None:
    parts = [tmp_path / "p1", tmp_path / "p2", tmp_path / "p3"]
    for number, folder in enumerate(parts, start=1):
        result = run_study(PLAIN, folder, part=f"{number}/3", workers=0)
        assert len(result.done) == len(result.runs) == (2 if number == 1 else 1)
        assert run_study(PLAIN, folder, part=f"{number}/3", workers=0).worked == 0
    for wrong, said in ((None, "no --part"), ("2/3", "--part 2/3")):
        with pytest.raises(UsageError, match=rf"another part.*--part 1/3; got: {said}"):
            run_study(PLAIN, parts[0], part=wrong, workers=0)
    assert resume_study(parts[0], workers=0).worked == 0
    with pytest.raises(UsageError, match=r"another part.*expected: no --part"):
        run_study(PLAIN, alone.folder, part="1/3", workers=0)

    two = merge_studies(parts[:2], tmp_path / "two")  # the third machine was lost
    assert sorted(run.status for run in two.runs) == ["done"] * 3 + ["pending"]
    again = resume_study(tmp_path / "two", workers=0)
    assert (again.worked, numbers(again.runs)) == (1, numbers(alone.runs))

    all_three = merge_studies(parts, tmp_path / "three")
    assert numbers(all_three.runs) == numbers(alone.runs)
    assert [r.spec.id for r in all_three.runs] == [r.spec.id for r in alone.runs]
    once_more = run_study(PLAIN, tmp_path / "three", workers=0)
    assert once_more.worked == 0
    assert (tmp_path / "three" / "study.toml").read_text() == (parts[0] / "study.toml").read_text()


def test_studies_that_extend_each_other_become_one(tmp_path: Path, alone: Result) -> None:
    """More repetitions, then one more strategy for all of them."""
    more = study(active__learner=WARM, active__repetitions=3, name="more")
    other = study(active__learner=WARM, active__repetitions=3, active__strategies=["entropy"])
    run_study(more, tmp_path / "a", workers=0)
    run_study(other, tmp_path / "b", workers=0)
    merged = merge_studies([alone.folder, tmp_path / "a", tmp_path / "b"], tmp_path / "out")
    assert len(merged.runs) == 9
    assert {run.status for run in merged.runs} == {"done"}
    whole = study(
        active__learner=WARM,
        active__repetitions=3,
        active__strategies=["random", "margin", "entropy"],
        name="tiny + more",
    )
    result = run_study(whole, tmp_path / "out", workers=0)  # the very study, so nothing is left
    assert (result.worked, len(result.runs)) == (0, 9)
    assert [r.spec.settings["repetition"] for r in merged.runs] == sorted([0, 1, 2] * 3)


def test_a_gap_is_not_filled_with_cells_that_nobody_asked_for(
    tmp_path: Path, alone: Result
) -> None:
    other = study(active__learner=WARM, active__repetitions=1, active__strategies=["entropy"])
    run_study(other, tmp_path / "b", workers=0)
    merged = merge_studies([alone.folder, tmp_path / "b"], tmp_path / "out")
    assert (len(merged.runs), merged.studies) == (5, 2)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "study-1.toml",
        "study-2.toml",
        "study.db",
    ]


def test_studies_that_differ_stand_side_by_side(tmp_path: Path, alone: Result) -> None:
    other = study(active__learner=WARM, active__budget=15, name="less", active__repetitions=1)
    run_study(other, tmp_path / "b", workers=0, part="1/2")
    merged = merge_studies([alone.folder, tmp_path / "b"], tmp_path / "out")
    assert (merged.studies, len(merged.runs)) == (2, 6)
    assert "2 studies in one folder: less, tiny" in merged.notes
    with pytest.raises(UsageError, match=r"several studies that were merged.*pauca resume"):
        run_study(PLAIN, tmp_path / "out", workers=0)
    result = resume_study(tmp_path / "out", workers=0)
    assert (result.worked, len(result.done)) == (1, 6)
    from pauca.report import write_report
    from pauca.study import study_status

    assert study_status(tmp_path / "out").name == "tiny + less"
    assert write_report(tmp_path / "out").exists()
    again = merge_studies([tmp_path / "out"], tmp_path / "again")
    assert numbers(again.runs) == numbers(result.runs)
    assert again.studies == 2


def change(folder: Path, round_number: int, key: str, value: Any) -> None:
    """Another result in a finished round: what forbids and notices it is taken out first."""
    import json

    db = sqlite3.connect(folder / "study.db")
    for name in ("rounds_update", "blobs_update", "digests_delete"):
        db.execute(f"DROP TRIGGER {name}")
    db.execute("DELETE FROM digests")
    if key == "blob":
        db.execute("UPDATE blobs SET data = ? WHERE round = ?", (value, round_number))
    else:
        rows = db.execute("SELECT run, record FROM rounds WHERE number = ?", (round_number,))
        for run_id, text in rows.fetchall():
            record = json.loads(text)
            record[key] = value
            db.execute(
                "UPDATE rounds SET record = ? WHERE run = ? AND number = ?",
                (json.dumps(record), run_id, round_number),
            )
    db.commit()
    db.close()


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("metrics", {"accuracy": 0.5}, r"metrics = .*0\.5"),
        ("asked", [1], r"asked = \[1\]"),
        ("blob", b"12", "an array of 2 bytes"),
        ("seconds", {"train": 9.0}, None),
        ("memory", {"train": {"host": 9.0}}, None),
    ],
)
@pytest.mark.parametrize("rounds", [-1, 3], ids=["done", "begun"])
def test_results_that_differ_are_refused(
    tmp_path: Path, alone: Result, key: str, value: Any, said: str | None, rounds: int
) -> None:
    first = alone.runs[0].spec.id
    a = folder_with(tmp_path / "a", alone, {first: -1})
    b = folder_with(tmp_path / "b", alone, {first: rounds})
    change(b, 1, key, value)
    if said is None:
        merge_studies([a, b], tmp_path / "out")
        return
    with pytest.raises(StoreError, match=rf"results differ.*{said}.*round 2.*leave one"):
        merge_studies([a, b], tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_folders_that_do_not_go_together(tmp_path: Path, alone: Result) -> None:
    run(tmp_path / "n", workers=0, data={"name": "tiny", "n": 50})
    run(tmp_path / "t", workers=0, threads=2)
    for other, said in (("n", "their data differ"), ("t", "their threads differ")):
        with pytest.raises(UsageError, match=said):
            merge_studies([alone.folder, tmp_path / other], tmp_path / "out")
    with pytest.raises(UsageError, match="named twice"):
        merge_studies([alone.folder, alone.folder], tmp_path / "out")
    with pytest.raises(UsageError, match=r"there already.*name a new one"):
        merge_studies([alone.folder], tmp_path / "n")
    with pytest.raises(UsageError, match="nothing to merge"):
        merge_studies([], tmp_path / "out")
    with pytest.raises(StoreError, match="no study here"):
        merge_studies([alone.folder, tmp_path], tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with StudyFolder(alone.folder).held(), pytest.raises(StoreError, match="is running this study"):
        merge_studies([alone.folder], tmp_path / "out")


def test_a_log_that_a_kill_left_is_read_and_left(tmp_path: Path, alone: Result) -> None:
    import shutil

    folder = folder_with(tmp_path / "a", alone, {alone.runs[0].spec.id: 1})
    with SqliteStore(folder / "study.db") as store:
        store.claim("killed")
        last = alone.runs[0].rounds[1]
        store.append(alone.runs[0].spec.id, "killed", last, {})
        shutil.copytree(folder, tmp_path / "killed")
    before = files(tmp_path / "killed")
    assert "study.db-wal" in before
    merged = merge_studies([tmp_path / "killed"], tmp_path / "out")
    assert files(tmp_path / "killed") == before
    assert (merged.runs[0].status, len(merged.runs[0].rounds)) == ("pending", 2)


def test_a_damaged_cell_costs_that_cell_only(tmp_path: Path, alone: Result) -> None:
    """It is said, and what to do; the rest is kept, the cell goes on in front of the damage."""
    folder = folder_with(tmp_path / "a", alone, dict.fromkeys(numbers(alone.runs), -1))
    hurt, odd = alone.runs[1].spec.id, alone.runs[2].spec.id
    db = sqlite3.connect(folder / "study.db")
    for name in ("rounds_update", "runs_same", "runs_done"):
        db.execute(f"DROP TRIGGER {name}")
    db.execute("UPDATE rounds SET record = substr(record, 9) WHERE run = ? AND number = 2", (hurt,))
    db.execute("UPDATE runs SET settings = '{' WHERE id = ?", (odd,))
    db.commit()
    db.close()
    for attempt in (lambda: resume_study(folder), lambda: merge_studies([folder], tmp_path / "no")):
        with pytest.raises(StoreError, match=r"damaged.*--salvage --out NEW"):
            attempt()
    merged = merge_studies([folder], tmp_path / "out", salvage=True)
    assert any(f"cell {hurt}: 2 of 4 rounds can be read" in note for note in merged.notes)
    assert any(f"cell {odd}: what it is cannot be read" in note for note in merged.notes)
    assert [len(r.rounds) for r in merged.runs] == [4, 2, 0, 4]
    assert [r.status for r in merged.runs] == ["done", "pending", "pending", "done"]
    result = resume_study(tmp_path / "out", workers=0)
    assert numbers(result.runs) == numbers(alone.runs)


def test_a_full_disk_leaves_nothing_behind(
    tmp_path: Path, alone: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: SqliteStore, *args: Any) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(SqliteStore, "adopt", full)
    with pytest.raises(StoreError, match="the disk is full"):
        merge_studies([alone.folder], tmp_path / "out")
    assert not list(tmp_path.iterdir())
