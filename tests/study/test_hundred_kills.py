"""A hundred SIGKILLs at random moments to `pauca run`: nothing is lost, nothing done twice."""

import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pauca.store import Run
from pauca.study import run_study
from pauca.study.folder import StudyFolder
from tests.study.helpers import kill, numbers, rounds_kept
from tests.study.plugin import NAME

KILLS = int(os.environ.get("PAUCA_TEST_KILLS", "100"))
WORKERS = 2

STUDY: dict[str, Any] = {
    "name": "killed",
    "seed": 8,
    "data": {"name": "digits"},
    "active": {
        "repetitions": 6,
        "strategies": ["margin", "bald"],
        "initial": 10,
        "query": 10,
        "budget": 60,
        "learner": {
            "name": "backprop",
            "net_params": {"widths": [4], "hidden": 8},
            "steps": 10,
            "batch": 8,
            "passes": 3,
            "warm": True,
        },
    },
    "models": {
        "repetitions": 4,
        "learners": [{"name": "forward-forward", "widths": [20, 20], "steps": 20, "batch": 64}],
    },
}
"""Nets that start from their last weights and draw dropout: all that could be lost by a kill."""


@contextmanager
def command(
    study: Path, folder: Path, log: Path, workers: int = WORKERS
) -> Iterator["subprocess.Popen[bytes]"]:
    """The real command, in a process group of its own."""
    words = ["run", study, "--out", folder, "--workers", workers]
    for module in (NAME, "tests.study.counted"):
        words += ["--import", module]
    process = subprocess.Popen(
        [sys.executable, "-m", "pauca", *map(str, words)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env={**os.environ, "PAUCA_TEST_LOG": str(log)},
    )
    try:
        yield process
    finally:
        kill(process)
        if process.stderr is not None:
            process.stderr.close()


def killed(study: Path, folder: Path, log: Path, moments: random.Random) -> str | None:
    """Kill it at a random moment: of its start, of its work, or just after a round was kept.

    Returns what was killed, or None if it ended before; an end that is not the study's fails.
    """
    whom = moments.choice(["all", "all", "all", "first", "worker"])
    goal = rounds_kept(folder) + moments.randrange(0, 6) if moments.random() < 0.7 else 0
    wait = moments.uniform(0, 0.3) if goal else moments.uniform(0, 6)
    with command(study, folder, log, moments.randint(1, WORKERS)) as process:
        while goal and rounds_kept(folder) < goal and process.poll() is None:
            time.sleep(0.002)
        end = time.monotonic() + wait
        while time.monotonic() < end and process.poll() is None:
            time.sleep(0.001)
        if process.poll() is not None:
            error = process.stderr.read().decode() if process.stderr else ""
            assert process.returncode == 0, error
            return None
        if whom == "worker" and (children := _children(process.pid)):
            os.kill(moments.choice(children), 9)
            time.sleep(moments.uniform(0, 2))  # it is replaced; then all are killed
        elif whom == "first":
            process.kill()
            process.wait()
            time.sleep(moments.uniform(0, 0.2))
        return whom


def _children(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(word) for word in text.split()]


def stored(folder: Path) -> dict[str, Run]:
    if not (folder / "study.db").exists():
        return {}
    with StudyFolder(folder).store() as store:
        store.check_whole()
        return {run.spec.id: run for run in store.runs()}


def blobs(folder: Path) -> dict[tuple[str, str], bytes]:
    with StudyFolder(folder).store(readonly=True) as store:
        ids = [run.spec.id for run in store.runs()]
        return {(i, name): store.blob(i, name) for i in ids for name in store.blobs(i)}


def begun(log: Path) -> Counter[tuple[str, int]]:
    """How often each round was begun so far."""
    lines = log.read_text().splitlines() if log.exists() else []
    return Counter((line.split()[0], int(line.split()[1])) for line in lines)


@pytest.mark.slow
def test_a_hundred_kills(tmp_path: Path) -> None:
    from pauca.study.reading import settings_from
    from pauca.study.toml import to_toml

    seed = int(os.environ.get("PAUCA_TEST_SEED", random.SystemRandom().randrange(10**6)))
    print(f"seed of the moments: {seed} (set PAUCA_TEST_SEED to have it again)")
    moments = random.Random(seed)
    study = tmp_path / "study.toml"
    study.write_text(to_toml(settings_from(STUDY).plain()), encoding="utf-8")
    alone = run_study(study, tmp_path / "alone", workers=0)
    expected, arrays = numbers(alone.runs), blobs(tmp_path / "alone")
    rounds = sum(len(run.rounds) for run in alone.runs)
    kills: Counter[str] = Counter()
    studies = 0
    while kills.total() < KILLS:
        folder, log = tmp_path / f"s{studies}", tmp_path / f"log{studies}"
        here = one_study(study, folder, log, moments, kills)
        assert numbers(stored(folder).values()) == expected
        assert blobs(folder) == arrays
        assert (folder / "report.html").exists()
        again = begun(log).total() - rounds  # a kill costs each worker one round at most
        assert 0 <= again <= WORKERS * (here.total() + here["worker"])
        studies += 1
    print(f"{kills.total()} kills ({dict(kills)}) of {studies} studies")


def one_study(
    study: Path, folder: Path, log: Path, moments: random.Random, kills: Counter[str]
) -> Counter[str]:
    """Run and kill until it is done or killed often enough, and then let it end."""
    here: Counter[str] = Counter()
    while True:
        before, known = stored(folder), begun(log)
        if kills.total() < KILLS:
            whom = killed(study, folder, log, moments)
        else:
            whom = None
            with command(study, folder, log) as process:
                assert process.wait() == 0
        for run_id, run in stored(folder).items():
            if run_id in before:  # times included: what was finished stands as it is
                kept = before[run_id].rounds
                assert run.rounds[: len(kept)] == kept
                for number in range(len(kept)):
                    assert begun(log)[run_id, number] == known[run_id, number], "done twice"
        if whom is None:
            return here
        here[whom] += 1
        kills[whom] += 1
        print(f"kill {kills.total()}: {whom}, {rounds_kept(folder)} rounds kept", flush=True)
