"""Studies in processes that are watched, stopped and killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pauca.progress import AbstractDisplay, Snapshot
from pauca.store import OF_THE_MACHINE, Run, SqliteStore
from pauca.study import Result, run_study
from tests.study.plugin import NAME, study

COMMAND = f"""if True:
    import json, signal, sys
    from pauca.study import run_study
    from tests.study.plugin import study
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whatever started the tests
    changes = json.loads(sys.argv[2])
    workers = int(sys.argv[3])
    run_study(study(**changes), sys.argv[1], workers=workers, imports=[{NAME!r}])
"""

OFTEN = """if True:
    import json, signal, sys
    from pauca.study import run_study
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    run_study(json.loads(sys.argv[2]), sys.argv[1], workers=1, imports=["tests.study.often"])
"""


class Lines(AbstractDisplay):
    """Keeps what is shown."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.shown: list[Snapshot] = []

    def show(self, snapshot: Snapshot) -> None:
        self.shown.append(snapshot)

    def say(self, line: str) -> None:
        self.lines.append(line)


def run(folder: Path, workers: int = 2, **changes: Any) -> Result:
    return run_study(study(**changes), folder, workers=workers, imports=[NAME])


def numbers(runs: Iterable[Run]) -> dict[str, Any]:
    """Everything but times."""
    return {
        run.spec.id: (
            run.status,
            [{k: v for k, v in record.items() if k not in OF_THE_MACHINE} for record in run.rounds],
        )
        for run in runs
    }


@contextmanager
def started(
    folder: Path, changes: str, workers: int = 1, *, often: bool = False
) -> Iterator["subprocess.Popen[bytes]"]:
    """The study in a process group of its own; nothing of it is left at the end.

    With ``often`` the text is the whole study, and every step of a training is kept.
    """
    command = OFTEN if often else COMMAND
    process = subprocess.Popen(
        [sys.executable, "-c", command, str(folder), changes, str(workers)],
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        kill(process)


def kill(process: "subprocess.Popen[bytes]") -> None:
    """The process and all of its workers, at once."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    until(lambda: not members(process.pid))


def until(fact: Callable[[], bool], seconds: float = 600.0) -> None:
    """Wait for it; the limit is for a machine that is busy with other things."""
    end = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.005)


def rounds_kept(folder: Path) -> int:
    """Finished rounds in the store so far."""
    if not (folder / "study.db").exists():
        return 0
    with SqliteStore(folder / "study.db", create=False) as store:
        return sum(len(run.rounds) for run in store.runs())


def members(group: int) -> list[int]:
    """Processes of a group that are still alive."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            found.append(int(path.parent.name))
    return found
