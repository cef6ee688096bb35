"""The engine of one machine: worker processes that claim cells from the store."""

import json
import os
import pickle
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import uuid
from contextlib import suppress
from typing import IO, Any

import torch

from pauca.errors import PaucaError, RunError, StoreError
from pauca.study.engines._deaths import ATTEMPTS, Deaths
from pauca.study.engines.base import AbstractEngine, Job, engines, thread_limits
from pauca.study.work import work_through

__all__ = ["Local"]

_START = "from pauca.study.worker import main; main()"


@engines.register("local")
class Local(AbstractEngine):
    """Processes on this machine, one budget of threads each.

    A run whose worker dies is taken up again after its last finished round, and given up after the
    third death without a round kept in between.
    """

    name = "local"
    summary = "worker processes on this machine"

    def work(self, job: Job) -> None:
        """Start the workers and stay until the last is done."""
        if job.workers == 0:
            _in_this_process(job)
        else:
            _Crew(job).work()


def _in_this_process(job: Job) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(job.threads)
    try:
        work_through(job.store, _owner(), job.watch.heard)
    finally:
        torch.set_num_threads(threads)


def _owner() -> str:
    return f"{os.getpid()}-{uuid.uuid4().hex[:12]}"


def _log_file() -> IO[bytes]:
    """A file without a name, which lives as long as it is open."""
    try:
        return tempfile.TemporaryFile()
    except OSError as error:
        raise StoreError(
            "there is no place for a worker's log",
            got=error.strerror,
            where="the folder of temporary files (TMPDIR)",
            todo="free some space there, then go on with `pauca resume`: what was finished is kept",
        ) from None


class _Worker:
    """One process, its log, and the thread that listens to it."""

    def __init__(self, job: Job, heard: "queue.Queue[tuple[_Worker, dict[str, Any] | None]]"):
        self.owner = _owner()
        self._log = _log_file()
        paths = os.pathsep.join(path or os.getcwd() for path in sys.path)
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", _START],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={**os.environ, **thread_limits(job.threads), "PYTHONPATH": paths},
        )
        self._tell(job)
        self._thread = threading.Thread(target=self._listen, args=(heard,), daemon=True)
        self._thread.start()

    @property
    def log(self) -> str:
        """The last lines that it wrote to its standard error."""
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return "\n".join(lines[-30:])

    @property
    def end(self) -> str:
        """How it ended."""
        code = self.process.wait()
        if code >= 0:
            return f"its worker ended with exit code {code}"
        names = {number.value: number.name for number in signal.Signals}
        hint = " (out of memory?)" if -code == signal.SIGKILL else ""
        return f"its worker was killed by {names.get(-code, -code)}{hint}"

    def stop(self) -> None:
        """End it now; what it finished is in the store."""
        with suppress(ProcessLookupError):
            self.process.terminate()
        try:
            self.process.wait(timeout=3)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.close()

    def close(self) -> None:
        """Let go of a process that has ended."""
        self._thread.join(timeout=3)
        for stream in (self.process.stdin, self.process.stdout, self._log):
            with suppress(OSError):
                _there(stream).close()

    def _tell(self, job: Job) -> None:
        order = {
            "database": str(job.store.path.resolve()),
            "owner": self.owner,
            "threads": job.threads,
            "imports": job.imports,
        }
        with suppress(BrokenPipeError):  # it died at once: noticed when its output ends
            stdin = _there(self.process.stdin)
            stdin.write(json.dumps(order).encode() + b"\n")
            stdin.flush()

    def _listen(self, heard: "queue.Queue[tuple[_Worker, dict[str, Any] | None]]") -> None:
        for line in _there(self.process.stdout):
            with suppress(ValueError):  # a line cut off by a kill
                heard.put((self, json.loads(line)))
        heard.put((self, None))


class _Crew:
    """All workers of a job."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._heard: queue.Queue[tuple[_Worker, dict[str, Any] | None]] = queue.Queue()
        self._workers: list[_Worker] = []
        self._deaths = Deaths(job, ATTEMPTS)
        self._stillborn = 0

    def work(self) -> None:
        try:
            self._hire()
            while self._workers:
                self._listen()
        finally:
            for worker in self._workers:
                worker.stop()

    def _hire(self) -> None:
        """As many workers as there is work for."""
        pending = sum(run.status == "pending" for run in self._job.store.runs())
        for _ in range(min((self._job.workers or 1) - len(self._workers), pending)):
            self._workers.append(_Worker(self._job, self._heard))

    def _listen(self) -> None:
        try:
            worker, line = self._heard.get(timeout=0.5)
        except queue.Empty:
            self._job.watch.tick()
            return
        if line is None:
            self._ended(worker)
        elif line["event"] == "error":
            raise _error(line["error"])
        else:
            self._job.watch.heard(line["event"], line["run"], line["fraction"], line["what"])

    def _ended(self, worker: _Worker) -> None:
        end, log = worker.end, worker.log
        self._workers.remove(worker)
        worker.close()
        if worker.process.returncode != 0:
            self._died(worker.owner, end, log)
        self._hire()

    def _died(self, owner: str, end: str, log: str) -> None:
        held = self._deaths.died(owner, end, log)
        self._stillborn = 0 if held else self._stillborn + 1
        if self._stillborn >= ATTEMPTS:
            raise RunError(
                "workers die before they can begin",
                got=end,
                where=log or None,
                todo="read the log; where the memory is too small for so many, lower --workers",
            )


def _error(text: str) -> PaucaError:
    error = pickle.loads(bytes.fromhex(text))
    if isinstance(error, PaucaError):
        return error
    return StoreError(
        "a worker cannot go on",
        got=error,
        todo="go on with `pauca resume`; what was finished is kept",
    )


def _there(stream: "IO[bytes] | None") -> IO[bytes]:
    if stream is None:
        raise RuntimeError("a stream that was asked for is not there")
    return stream
