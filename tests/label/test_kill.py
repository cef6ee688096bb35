"""A process that is killed at any moment loses no answer that it had acknowledged."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from pauca.label.book import Book


@pytest.mark.parametrize(
    ("kills", "most"), [(25, 0.04), pytest.param(200, 0.3, marks=pytest.mark.slow)]
)
def test_kills(tmp_path: Path, kills: int, most: float) -> None:
    path, told = tmp_path / "project.db", tmp_path / "acknowledged"
    book = Book(path, create=True)
    book.add_classes(["a", "b", "c"], "tester")
    book.close()
    rng = np.random.default_rng(kills)
    begun = 0
    with subprocess.Popen(
        [sys.executable, "-m", "tests.label.writer", str(path), str(told)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        for _ in range(kills):
            parent.stdin.write(f"{begun}\n")
            parent.stdin.flush()
            process = int(parent.stdout.readline())
            before = told.stat().st_size if told.exists() else 0
            while not told.exists() or told.stat().st_size == before:
                time.sleep(0.001)  # until it is at work
            time.sleep(rng.uniform(0, most))
            os.kill(process, signal.SIGKILL)
            begun = 1 + max(map(int, told.read_text().split()))
        parent.stdin.close()
    acknowledged = set(map(int, told.read_text().split()))
    book = Book(path)
    events = [event for event, _ in book.history(None, -1)]
    answered = [event.item for event in events if event.action == "label"]
    assert len(answered) == len(set(answered))  # none twice: the token is the same
    assert acknowledged <= set(answered)
    assert len(set(answered) - acknowledged) <= kills  # kept, and killed before it could say so
    standing = book.standing()
    kept = dict(zip(standing.item.tolist(), standing.cls.tolist(), strict=True))
    for item in acknowledged:
        assert kept.get(item) == (None if item % 7 == 3 else item % 3)
    book.close()
