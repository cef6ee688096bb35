"""Commands on folders of studies: shares, merging, exporting, how far a study is, failed cells."""

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.study.plugin import NAME
from tests.test_cli import TEXT, Run, cli, here, write

__all__ = ["cli", "here"]  # fixtures


def test_shares_are_merged_and_exported(cli: Run, here: None, tmp_path: Path) -> None:
    path = write(tmp_path)
    for part in ("1/2", "2/2"):
        folder = tmp_path / f"part-{part[0]}"
        code, _, err = cli("run", path, "--out", folder, "--import", NAME, "--part", part)
        assert (code, "3 of 3 cells done" in err) == (0, True), err
    code, out, _ = cli("status", tmp_path / "part-1")
    assert (code, out.startswith("quick (part 1/2): 3 done")) == (0, True)

    folders = [tmp_path / "part-1", tmp_path / "part-2"]
    code, out, err = cli("merge", *folders, "--out", tmp_path / "whole", "--import", NAME)
    assert (code, out) == (0, f"report: {tmp_path / 'whole' / 'report.html'}\n")
    assert "6 cells: 6 done" in err
    code, _, err = cli("run", path, "--out", tmp_path / "whole", "--import", NAME)
    assert (code, "6 of 6 cells done, 0 of them now" in err) == (0, True)
    code, _, err = cli("merge", *folders, "--out", tmp_path / "whole", "--import", NAME)
    assert (code, "is there already" in err) == (2, True)

    table = tmp_path / "out.csv"
    code, out, _ = cli("export", tmp_path / "whole", "--out", table)
    assert (code, out) == (0, f"18 rows: {table}\n")
    frame = pd.read_csv(table)
    assert frame.groupby("kind").size().to_dict() == {"active": 16, "model": 2}
    assert {"strategy.name", "repetition", "labels", "accuracy", "seconds.train", "steps"} <= set(
        frame.columns
    )
    code, _, err = cli("export", tmp_path / "whole", "--out", tmp_path / "out.txt")
    assert (code, "no such format" in err) == (2, True)


def test_failed_cells_one_by_one(cli: Run, here: None, tmp_path: Path) -> None:
    marks = [tmp_path / "a", tmp_path / "b"]
    faults = ", ".join(
        f'{{ name = "fake", fault = "raise", at = 60, mark = "{mark}" }}' for mark in marks
    )
    path = write(tmp_path, TEXT.replace('learners = ["fake"]', f"learners = [{faults}]"))
    folder = tmp_path / "out"
    assert cli("run", path, "--out", folder, "--import", NAME)[0] == 1
    code, out, _ = cli("status", folder, "--json")
    status = json.loads(out)
    assert status["kinds"] == {"active": {"done": 4}, "model": {"failed": 2, "done": 2}}
    assert status["fraction"] == 1.0
    failed = [run for run in status["runs"] if run["status"] == "failed"]
    assert all("Traceback" in run["error"] for run in failed)
    _, out, _ = cli("status", folder)
    assert "  active: 4 done\n  model: 2 done, 2 failed\n" in out
    code, _, err = cli("resume", folder, "--cell", failed[1]["id"][:8], "--import", NAME)
    assert (code, "7 of 8 cells done, 1 of them now" in err) == (1, True)
    assert "1 cells failed" in err
    left = json.loads(cli("status", folder, "--json")[1])["runs"]
    assert [run["id"] for run in left if run["status"] == "failed"] == [failed[0]["id"]]


def test_how_far_an_interrupted_study_is(cli: Run, here: None, tmp_path: Path) -> None:
    from pauca.study.folder import StudyFolder

    folder = tmp_path / "out put"
    path = write(tmp_path)
    cli("run", path, "--out", tmp_path / "done", "--import", NAME)
    from pauca.store import SqliteStore

    folder.mkdir()
    with StudyFolder(tmp_path / "done").store(readonly=True) as store:
        meta, runs = store.meta(), store.runs()
    with SqliteStore(folder / "study.db") as store:
        store.put_meta("study", meta["study"])
        store.add([run.spec for run in runs])
        store.claim("gone")
        for record in runs[0].rounds[:2]:
            seconds: dict[str, Any] = {"train": 20.0}
            store.append(runs[0].spec.id, "gone", {**record, "seconds": seconds}, {})
    code, out, _ = cli("status", folder)
    lines = out.splitlines()
    assert code == 0
    assert lines[0] == "quick: 1 interrupted, 5 pending"
    assert "not being worked on, 8% of the rounds finished; time left for one worker about" in out
    assert f"go on with: pauca resume '{folder}'" in lines
    assert re.search(r"^interrupted: .+, repetition 1: 2 of 4 rounds \(50%\) in 40 s$", out, re.M)
    with StudyFolder(folder).held():
        _, out, _ = cli("status", folder)
    assert "being worked on, 8% of the rounds finished; time left about" in out
    assert re.search(r"^running: .+, repetition 1: 2 of 4 rounds", out, re.M)


@pytest.mark.parametrize("command", ["run", "resume"])
def test_settings_of_an_engine_go_to_it(cli: Run, here: None, tmp_path: Path, command: str) -> None:
    path, folder = write(tmp_path), tmp_path / "out"
    assert cli("run", path, "--out", folder, "--import", NAME)[0] == 0
    words = [path, "--out", tmp_path / "other"] if command == "run" else [folder]
    code, _, err = cli(command, *words, "--import", NAME, "--gpus-per-cell", 1)
    assert (code, "unknown setting of engine 'local' 'gpus_per_cell'" in err) == (2, True), err
    code, _, err = cli(
        command, *words, "--import", NAME, "--engine", "ray", "--address", "ray://x:1"
    )
    assert code == 2
    assert "Ray" in err
