"""Memory of a piece of work: a known allocation is seen, and one from before is not."""

import sys
from pathlib import Path

import pytest
import torch

from pauca.study import memory
from pauca.study.memory import Peak

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="read from /proc")


@linux
def test_what_was_held_for_a_moment_counts_and_what_was_there_before_does_not() -> None:
    held = torch.ones(2**24)  # 64 MiB
    peak = Peak()
    assert peak.grown()["host"] < 32
    passing = torch.ones(2**25)  # 128 MiB
    del passing
    assert 120 < peak.grown()["host"] < 200
    assert Peak().grown()["host"] < 32
    assert held.numel()


def test_nothing_is_claimed_where_the_mark_cannot_be_put_back(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(memory, "_RESET", tmp_path / "nowhere" / "clear_refs")
    assert Peak().grown() == {}
