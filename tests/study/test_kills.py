"""SIGKILL at any moment, and politer ways to stop: the numbers are those of a run left alone."""

import json
import os
import random
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from pauca.errors import StoreError
from pauca.study import Result, resume_study, study_status
from pauca.study.folder import StudyFolder
from tests.study.helpers import Lines, members, numbers, rounds_kept, run, started, until
from tests.study.plugin import NAME

REAL = json.dumps(
    {
        "data": {"name": "digits"},
        "active__strategies": ["margin", "bald"],
        "active__learner": {
            "name": "backprop",
            "net_params": {"widths": [4], "hidden": 8},
            "steps": 10,
            "batch": 8,
            "passes": 3,
            "warm": True,
        },
        "models": {
            "repetitions": 1,
            "learners": [{"name": "forward-forward", "widths": [20, 20], "steps": 20, "batch": 64}],
        },
    }
)
"""Nets that start from their last weights and draw dropout: all that could be lost by a kill."""

SLEEPY = json.dumps({"active__learner": {"name": "fake", "pause": 600.0}})


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """The study done in this very process, without interruption."""
    return run(tmp_path_factory.mktemp("alone") / "s", workers=0, **json.loads(REAL))


def kill_early(folder: Path, moments: random.Random) -> None:
    """While it starts, or a little later."""
    with started(folder, REAL) as process, suppress(subprocess.TimeoutExpired):
        process.wait(timeout=moments.uniform(0.1, 1.5))


def kill_at_work(folder: Path, moments: random.Random) -> None:
    """After some more rounds, at any moment of the next one."""
    goal = rounds_kept(folder) + moments.randrange(4)
    with started(folder, REAL) as process, suppress(subprocess.TimeoutExpired):
        until(lambda: rounds_kept(folder) >= goal or process.poll() is not None)
        process.wait(timeout=moments.uniform(0.0, 0.1))


def check_kills(folder: Path, alone: Result, kills: int, seed: int) -> None:
    moments = random.Random(seed)
    for number in range(kills):
        (kill_early if number % 3 == 0 else kill_at_work)(folder, moments)
    result = run(folder, workers=0, **json.loads(REAL))
    assert not result.failed
    assert numbers(result.runs) == numbers(alone.runs)


def test_killed_six_times(tmp_path: Path, alone: Result) -> None:
    check_kills(tmp_path / "s", alone, kills=6, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_killed_ten_times(tmp_path: Path, alone: Result, seed: int) -> None:
    check_kills(tmp_path / "s", alone, kills=10, seed=100 + seed)


def test_parent_alone_killed(tmp_path: Path, alone: Result) -> None:
    """Its workers end by themselves; what was kept is there, and is not done again."""
    folder = tmp_path / "s"
    with started(folder, REAL) as process:
        until(lambda: rounds_kept(folder) >= 3)
        process.kill()
        process.wait()
        until(lambda: not members(process.pid), 10.0)

    status = study_status(folder)
    assert not status.working
    assert set(status.counts) <= {"done", "interrupted", "pending"}
    assert status.left is not None
    assert 0 < status.left < 60
    assert json.loads(json.dumps(status.plain()))["counts"] == status.counts

    with StudyFolder(folder).store() as store:
        before = {r.spec.id: r.rounds for r in store.runs()}
    assert sum(map(len, before.values())) >= 3
    result = resume_study(folder, workers=0)
    for after in result.runs:
        kept = before[after.spec.id]
        assert after.rounds[: len(kept)] == kept  # times included: nothing was done twice
    assert numbers(result.runs) == numbers(alone.runs)


def running(folder: Path) -> int:
    """Cells that are being worked on; a study that is just being made has none."""
    try:
        return study_status(folder).counts.get("running", 0)
    except StoreError:
        return 0


def test_two_at_once_and_asked_to_stop(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    with started(folder, SLEEPY) as process:
        until(lambda: running(folder) == 1)
        assert study_status(folder).working
        assert len(members(process.pid)) == 2
        message = rf"another process is running this study; got: process {process.pid}"
        with pytest.raises(StoreError, match=message):
            run(folder, **json.loads(SLEEPY))
        with pytest.raises(StoreError, match=message):
            resume_study(folder, imports=[NAME])
        process.terminate()
        assert process.wait(timeout=60) != 0
        assert not members(process.pid)
    status = study_status(folder)
    assert (status.working, status.counts) == (False, {"pending": 4})


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_asked_to_stop(tmp_path: Path, number: signal.Signals, alone: Result) -> None:
    """As by Ctrl-C in a terminal, or when it is closed: the whole group hears it."""
    folder = tmp_path / "s"
    with started(folder, REAL, workers=2) as process:
        until(lambda: rounds_kept(folder) >= 1)
        os.killpg(process.pid, number)
        assert process.wait(timeout=60) != 0
        until(lambda: not members(process.pid), 10.0)
    lines = Lines()
    result = resume_study(folder, workers=2, imports=[NAME], progress=lines)
    assert numbers(result.runs) == numbers(alone.runs)
