"""A study that was cut off goes on in the middle of a layer, to the same numbers."""

import json
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from pauca.errors import StoreError
from pauca.study import Result, resume_study, run_study
from pauca.study import checkpoint as module
from pauca.study.checkpoint import FileCheckpoint
from tests.study.helpers import Lines, kill, numbers, started, until

LEARNERS = [
    {"name": "forward-forward", "widths": [12, 12], "steps": 60, "batch": 64, "average": 0.9},
    {"name": "forward-forward", "recipe": "quick", "widths": [12, 12], "epochs": 2},
]


def plain(learners: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "name": "cut off",
        "seed": 3,
        "data": {"name": "digits"},
        "models": {"repetitions": 1, "learners": learners},
    }


class Cut(Exception):
    """A power failure in one process."""


def cut_after(monkeypatch: pytest.MonkeyPatch, savings: int) -> None:
    """From now on every step is saved, and after so many savings all is over."""
    done, save = [0], FileCheckpoint.save

    def saved(self: FileCheckpoint, state: Mapping[str, Any]) -> None:
        save(self, state)
        done[0] += 1
        if done[0] == savings:
            raise Cut

    monkeypatch.setattr(module, "EVERY", 0.0)
    monkeypatch.setattr(FileCheckpoint, "save", saved)


@pytest.mark.parametrize("savings", [7, 30, 43], ids=["layer 1", "between", "layer 2"])
def test_a_study_cut_off_goes_on_in_the_middle_of_a_layer(tmp_path: Path, savings: int) -> None:
    settings = plain(LEARNERS[:1])
    alone = run_study(settings, tmp_path / "alone", workers=0)
    with pytest.MonkeyPatch.context() as patch:
        cut_after(patch, savings)
        cut = run_study(settings, tmp_path / "cut", workers=0)
    (run,) = cut.failed
    assert run.error is not None
    assert "Cut" in run.error
    (left,) = (tmp_path / "cut" / "checkpoints").iterdir()
    assert left.name == f"{run.spec.id}.pt"
    assert torch.load(left, weights_only=True)["state"]["at"][2] == savings

    steps: list[int] = []

    def asked(self: FileCheckpoint) -> bool:
        steps.append(1)
        return False

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FileCheckpoint, "due", asked)
        after = resume_study(tmp_path / "cut", failed=True, workers=0)
    assert len(steps) == 60 - savings  # nothing was done twice
    assert numbers(after.runs) == numbers(alone.runs)
    assert after.runs[0].rounds[0]["seconds"]["train"] > 0
    assert not (tmp_path / "cut" / "checkpoints").exists()


def test_the_display_says_how_it_goes(tmp_path: Path) -> None:
    lines = Lines()
    run_study(plain(LEARNERS[:1]), tmp_path / "s", workers=0, progress=lines)
    said = [part.label for shown in lines.shown for part in shown.running]
    assert any("(layer 2, accuracy " in label and "separation " in label for label in said)


def test_a_file_is_whole_and_says_when_it_is_not(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints" / "run.pt"
    kept = FileCheckpoint(path, every=0.0)
    assert kept.load() is None
    assert kept.due()
    kept.save({"a": torch.arange(3), "b": [1, {"c": 2.5}]})
    other = FileCheckpoint(path, every=1e9)
    found = other.load()
    assert found is not None
    assert found["a"].tolist() == [0, 1, 2]
    assert found["b"] == [1, {"c": 2.5}]
    assert other.before > 0
    assert not other.due()
    path.with_suffix(".123.part").write_bytes(b"half")  # a kill while it was written
    assert other.load() is not None
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(StoreError, match=r"damaged.*remove the file"):
        other.load()
    other.remove()
    assert not path.parent.exists()
    other.remove()


def test_a_file_of_another_version_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = FileCheckpoint(tmp_path / "c" / "run.pt")
    kept.save({"a": 1})
    monkeypatch.setattr("pauca.__version__", "99.0")
    assert kept.load() is None
    assert kept.before == 0


def test_without_a_folder_nothing_is_kept() -> None:
    kept = FileCheckpoint(None, every=0.0)
    assert kept.load() is None
    assert not kept.due()
    kept.remove()


def steps_kept(folder: Path) -> int:
    """Steps of the training that was cut off, all layers together."""
    for path in (folder / "checkpoints").glob("*.pt"):
        try:
            return int(torch.load(path, weights_only=True)["state"]["at"][2])
        except FileNotFoundError:
            return 0  # the training was finished a moment ago
    return 0


def further(folder: Path, than: int) -> bool:
    return steps_kept(folder) > than


def finished(result: Result) -> bool:
    return not result.failed and all(run.status == "done" for run in result.runs)


@pytest.mark.slow
@pytest.mark.parametrize("learner", LEARNERS, ids=["greedy", "at once"])
def test_killed_in_the_middle_of_a_layer(
    tmp_path: Path, learner: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGKILL at three moments of the training; each start takes up what the last one kept."""
    settings = plain([learner])
    alone = run_study(settings, tmp_path / "alone", workers=0)
    folder, reached = tmp_path / "killed", 0
    monkeypatch.setitem(os.environ, "PAUCA_TEST_PAUSE", "0.02")
    command = json.dumps(settings)
    for _ in range(3):
        with started(folder, command, often=True) as process:
            until(partial(further, folder, reached))
            assert process.poll() is None
            kill(process)
        now = steps_kept(folder)
        assert now >= reached
        reached = now
    assert 0 < reached < 60
    result = run_study(settings, folder, workers=0)
    assert finished(result)
    assert numbers(result.runs) == numbers(alone.runs)
    assert not (folder / "checkpoints").exists()
