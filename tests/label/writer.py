"""Processes that answer without end and say what was acknowledged; to be killed.

Reads numbers from standard input. For each it forks a process that answers from that item on and
writes what was acknowledged to a file, and says the process's id. Forked before any database is
open, so that each is a process like any other and starts at once.
"""

import os
import sys
from pathlib import Path

from pauca.label.book import Book
from pauca.label.records import Given


def work(path: Path, start: int, told: Path) -> None:
    """Answer and acknowledge until killed."""
    book = Book(path)
    number = os.open(told, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for item in range(start, start + 100_000):
        book.answer([Given("anna", item, "label", item % 3, token=f"t{item}")])
        if item % 7 == 3:
            book.undo("anna", seconds=60, token=f"u{item}")
        os.write(number, f"{item}\n".encode())


def main() -> None:
    """One process a line."""
    path, told = Path(sys.argv[1]), Path(sys.argv[2])
    for line in sys.stdin:
        process = os.fork()
        if process == 0:
            work(path, int(line), told)
        print(process, flush=True)
        os.waitpid(process, 0)


if __name__ == "__main__":
    main()
