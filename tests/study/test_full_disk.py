"""A real limit on what may be written, at any size, stands for a full disk: `pauca run` says so."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from pauca.errors import StoreError
from pauca.study import Result, run_study
from pauca.study.checkpoint import FileCheckpoint
from tests.study.helpers import numbers, rounds_kept
from tests.study.limits import written_at_most
from tests.study.plugin import NAME, study

LIMITED = """if True:
    import sys
    from tests.study.limits import limit
    limit(int(sys.argv[1]))
    sys.argv = ["pauca", *sys.argv[2:]]
    from pauca.__main__ import main
    sys.exit(main())
"""


def pauca(limit: int, *words: object) -> "subprocess.CompletedProcess[str]":
    """A command whose files, and those of its workers, may be so many bytes long."""
    command = [sys.executable, "-B", "-c", LIMITED, str(limit), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from pauca.study.reading import settings_from
    from pauca.study.toml import to_toml

    plain = study(models={"repetitions": 2, "learners": ["fake"]})
    run_study(plain, tmp_path_factory.mktemp("x") / "s", workers=0, imports=[NAME])
    path = tmp_path_factory.mktemp("study") / "study.toml"
    path.write_text(to_toml(settings_from(plain).plain()), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def alone(file: Path, tmp_path_factory: pytest.TempPathFactory) -> Result:
    return run_study(file, tmp_path_factory.mktemp("alone") / "s", workers=0)


LIMITS = [50, 3_000, 30_000, 90_000, 150_000, 200_000, 300_000]


@pytest.mark.parametrize(
    "limit", [0, 120_000, *(pytest.param(n, marks=pytest.mark.slow) for n in LIMITS)]
)
def test_whatever_fits_is_kept_and_the_rest_done_later(
    limit: int, file: Path, tmp_path: Path, alone: Result
) -> None:
    """Wherever it runs out: the lock, the tables, a round, the report."""
    folder = tmp_path / "s"
    ended = pauca(limit, "run", file, "--out", folder, "--import", NAME, "--workers", 1)
    assert ended.returncode in ((0, 2) if limit >= 300_000 else (2,))
    if ended.returncode:
        assert "error: " in ended.stderr
        assert "what to do: " in ended.stderr
        assert "disk" in ended.stderr or "room" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "bug" not in ended.stderr
    kept = rounds_kept(folder)
    assert kept > 0 or limit < 120_000
    result = run_study(file, folder, workers=0)
    assert numbers(result.runs) == numbers(alone.runs)
    assert kept + result.worked >= len(result.runs)


def test_a_training_whose_state_cannot_be_kept(tmp_path: Path) -> None:
    """The error stops the study, and is not the cell's."""
    kept = FileCheckpoint(tmp_path / "c" / "run.pt")
    kept.save({"a": 1})
    before = (tmp_path / "c" / "run.pt").read_bytes()
    with (
        written_at_most(3_000),
        pytest.raises(StoreError, match=r"cannot be kept.*disk has room.*pauca resume"),
    ):
        kept.save({"a": torch.zeros(10_000)})
    assert (tmp_path / "c" / "run.pt").read_bytes() == before
    kept.remove()
    assert not (tmp_path / "c").exists()


def test_the_limit_is_one(tmp_path: Path) -> None:
    old = signal.getsignal(signal.SIGXFSZ)
    with written_at_most(10), pytest.raises(OSError, match="too large"):
        (tmp_path / "x").write_bytes(bytes(100))
    assert signal.getsignal(signal.SIGXFSZ) is old
    (tmp_path / "x").write_bytes(bytes(100))
    assert os.path.getsize(tmp_path / "x") == 100
