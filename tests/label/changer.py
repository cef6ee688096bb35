"""Processes that change a project and kill themselves on the way; forked, so each starts at once.

Reads lines from standard input: a step, then what is done. Before the step-th call that leaves
something on the disk the process is killed; it says "done" where there were fewer.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pauca.label import Project, book, changing


def killing(step: int, function: Callable[..., Any]) -> Callable[..., Any]:
    """The same, which ends the process when the shared count has reached the step."""

    def counted(*arguments: Any, **named: Any) -> Any:
        COUNT[0] += 1
        if COUNT[0] == step:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **named)

    return counted


COUNT = [0]


def change(folder: Path, data: Path, what: str) -> None:
    """What is done."""
    with Project.open(folder) as made:
        if what == "add":
            made.add(data)
        elif what == "remove":
            made.remove([1, 5, 20])
        elif what == "delete":
            made.delete_class("cat", unlabel=True)
        elif what == "relocate":
            made.relocate(data)


def work(folder: Path, data: Path, step: int, what: str) -> None:
    """Change it, and be killed at this step."""
    for place, name in ((os, "replace"), (os, "fsync"), (os, "link"), (Path, "unlink")):
        setattr(place, name, killing(step, getattr(place, name)))
    book._seal = killing(step, book._seal)  # before a transaction ends
    changing._sync = killing(step, changing._sync)
    change(folder, data, what)


def main() -> None:
    """One process a line."""
    for line in sys.stdin:
        step, what, folder, data = line.rstrip("\n").split("\t")
        reader, writer = os.pipe()
        process = os.fork()
        if process == 0:
            work(Path(folder), Path(data), int(step), what)
            os.write(writer, b"done")
            os._exit(0)
        os.close(writer)
        os.waitpid(process, 0)
        said = os.read(reader, 10).decode()
        os.close(reader)
        print(said or "killed", flush=True)


if __name__ == "__main__":
    main()
