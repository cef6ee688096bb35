"""The server as a process of its own, and a client that keeps trying."""

import asyncio
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import uvicorn

from pauca.label import Project
from pauca.label.web import Door, Work, make_app
from pauca.label.web.connections import Limits
from pauca.label.web.serving import configured

__all__ = ["Refused", "Running", "Threaded", "ask", "start", "threaded"]


@dataclass
class Running:
    """A server that runs.

    Args:
        process: It.
        address: Where, with the token behind a # if there is one.
    """

    process: subprocess.Popen[str]
    address: str

    @property
    def base(self) -> str:
        """The address alone, without a slash at its end."""
        return self.address.partition("#")[0].rstrip("/")

    def kill(self) -> None:
        """End it as a power failure would."""
        self.end(signal.SIGKILL)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Ask it to end; its exit code."""
        self.process.send_signal(number)
        self.process.communicate(timeout=30)
        return self.process.returncode


def start(folder: Path, *arguments: str, patience: float = 60.0, answers: bool = True) -> Running:
    """Start a server on a free port and wait until it says where, and answers there."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pauca", "label", "serve", str(folder), "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    if "label here: " not in line:
        process.kill()
        raise AssertionError(line + process.communicate()[1])
    running = Running(process, line.split("label here: ")[1].split()[0])
    if not answers:
        return running
    end = time.monotonic() + patience
    while time.monotonic() < end:
        try:
            ask(running.base, "/api/login", {"token": ""})
            return running
        except Refused:
            return running
        except OSError:
            time.sleep(0.01)
    raise AssertionError("it never answered")


@dataclass
class Threaded:
    """A server that runs in a thread.

    Args:
        address: Where, with the token behind a # if there is one.
    """

    address: str

    @property
    def base(self) -> str:
        """The address alone, without a slash at its end."""
        return self.address.partition("#")[0].rstrip("/")


@contextmanager
def threaded(
    folder: Path, *, token: str | None = None, port: int = 0, limits: Limits | None = None
) -> Iterator[Threaded]:
    """A server of a project in this process, until the end of the block.

    It does not look for near-duplicates, which might be found before or after an item is shown.
    """
    with Project.open(folder) as project, socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", port))
        app = make_app(project, door=Door(token=token), work=Work(project, copies=False))
        server = uvicorn.Server(configured(app, limits or Limits()))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.005)
        shown = "" if token is None else f"#token={token}"
        try:
            yield Threaded(f"http://127.0.0.1:{listening.getsockname()[1]}/{shown}")
        finally:
            server.should_exit = True
            thread.join()


class Refused(OSError):
    """An answer that is none of 200 to 299."""

    def __init__(self, code: int, told: str) -> None:
        super().__init__(f"{code}: {told}")
        self.code = code


def ask(
    base: str,
    path: str,
    body: Mapping[str, Any] | None = None,
    timeout: float = 30.0,
    **headers: str,
) -> Any:
    """What it says, as plain values; a write names the project that is served there.

    Raises:
        OSError: it is not there, broke off, or refused.
    """
    if body is not None and path != "/api/login" and "pauca-project" not in headers:
        headers["pauca-project"] = ask(base, "/api/project", None, timeout, **headers)["id"]
    link = http.client.HTTPConnection(base.removeprefix("http://"), timeout=timeout)
    try:
        content = None if body is None else json.dumps(body).encode()
        method = "GET" if body is None else "POST"
        link.request(method, path, content, {"content-type": "application/json", **headers})
        with link.getresponse() as told:
            text = told.read().decode()
            if not 200 <= told.status < 300:
                raise Refused(told.status, text)
        return json.loads(text) if text else None
    finally:
        link.close()


T = TypeVar("T")


def awaited(work: Coroutine[Any, Any, T]) -> T:
    """What a coroutine gives; in a thread of its own, for a browser may keep a loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()
