"""A worker's process: told what to do by its first line of input, it answers in lines of JSON.

It lives no longer than the process that started it: when its input ends, so does it, at once. What
it had finished is in the store; what it had begun is taken up again by whoever comes next.
"""

import json
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["main"]

_PAUSE = 0.2  # seconds between two lines about a cell's progress


def main() -> None:
    """Entry of the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the first process decides
    lines = _Lines()
    order = json.loads(_first_line())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    from pauca.errors import PaucaError

    try:
        _work(order, lines)
    except PaucaError as error:
        lines.write({"event": "error", "error": pickle.dumps(error).hex()})
        sys.exit(1)


def _work(order: Mapping[str, Any], lines: "_Lines") -> None:
    import torch

    from pauca.store import SqliteStore
    from pauca.study.work import work_through

    torch.set_num_threads(order["threads"])
    torch.set_num_interop_threads(1)
    for module in order["imports"]:
        import_module(module)
    with SqliteStore(Path(order["database"]), create=False) as store:
        work_through(store, order["owner"], lines.announce)


class _Lines:
    """Standard output, taken over: whatever a library prints goes to the log instead."""

    def __init__(self) -> None:
        self._out = os.dup(1)
        os.dup2(2, 1)
        self._last = 0.0

    def announce(self, event: str, run_id: str, fraction: float, what: str) -> None:
        now = time.monotonic()
        if event == "part" and now - self._last < _PAUSE:
            return
        self._last = now
        self.write({"event": event, "run": run_id, "fraction": fraction, "what": what})

    def write(self, line: Mapping[str, Any]) -> None:
        data = json.dumps(line).encode() + b"\n"
        try:
            while data:
                data = data[os.write(self._out, data) :]
        except OSError:  # nobody listens any more: not the cell's fault, so never its failure
            os._exit(1)


def _first_line() -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        part = os.read(0, 1)
        if not part:
            os._exit(1)
        line += part
    return line


def _end_with_parent() -> None:
    """Wait for the end of input, which comes when the parent dies in whatever way."""
    while os.read(0, 4096):
        pass
    os._exit(1)


if __name__ == "__main__":
    main()
