"""``pauca label serve``: one server a project, on this machine unless told otherwise."""

import json
import math
import os
import secrets
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import uvicorn
from starlette.types import ASGIApp

from pauca.errors import StoreError, UsageError
from pauca.label.locking import FolderLock
from pauca.label.project import Project
from pauca.label.web.app import make_app
from pauca.label.web.connections import Limits, connection_class
from pauca.label.web.guard import COOKIE, Door, is_loopback
from pauca.label.web.work import Work
from pauca.study.stopping import stoppable

__all__ = ["configured", "serve"]

_LOCK, _WHERE = "server.lock", "server.json"
_SHORTEST = 16


def serve(
    folder: Path,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    token: str | None = None,
    names: tuple[str, ...] = (),
    every: int | None = None,
    lease: float = 600.0,
    behind_proxy: bool = False,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Let people label a project until the process is told to end.

    Args:
        folder: The project's.
        host: Address to listen on. Beyond this machine every request has to show a token.
        port: 0 for one that is free.
        token: Made up where one is needed and none is given.
        names: Further names of hosts under which the server is known.
        every: Answers after which the model is trained again; the project's batch if None, 0 for
            never.
        lease: Seconds for which an item is a person's.
        behind_proxy: Whether a server on this machine that speaks https hands requests on.
        ready: Told the address, with the token behind a # where one is needed.

    Raises:
        UsageError: an address that cannot be listened on; a token that can be guessed.
        StoreError: the project is served already.
        KeyboardInterrupt: it was told to end, and has.
    """
    if token is not None and len(token) < _SHORTEST:
        raise UsageError(
            "the token is too short",
            expected=f"at least {_SHORTEST} characters",
            got=f"{len(token)}",
            todo="leave it out, and one is made up",
        )
    if token is not None and token != token.strip():
        raise UsageError(
            "the token begins or ends with a blank", got=repr(token), todo="leave the blank out"
        )
    if token is None and (behind_proxy or not is_loopback(host)):
        token = secrets.token_urlsafe(32)
    with (
        stoppable(),
        Project.open(folder) as project,
        _only(folder),
        _listening(host, port) as listening,
    ):
        address = _address(host, listening.getsockname()[1])
        if behind_proxy and names:
            address = f"https://{names[0]}/"
        _tell(folder, address)
        door = Door(
            host=host,
            token=token,
            names=tuple(name.lower() for name in names),
            secret="" if token is None else project.secret,
            cookie=f"{COOKIE}_{project.id[:12]}",
            behind_proxy=behind_proxy,
        )
        work = Work(project, every=every)
        app = make_app(project, door=door, work=work, lease=lease)
        limits = Limits(each=Limits.all) if behind_proxy else Limits()  # all come from one address
        if ready is not None:
            ready(address if token is None else f"{address}#token={quote(token, safe='')}")
        try:
            uvicorn.Server(configured(app, limits)).run(sockets=[listening])
        except KeyboardInterrupt as stop:
            if work.at_work:  # in a library, which cannot be told; the interpreter would not wait
                (folder / _WHERE).unlink(missing_ok=True)
                os._exit(128 + getattr(stop, "number", signal.SIGINT))
            raise


def configured(app: ASGIApp, limits: Limits) -> uvicorn.Config:
    """How uvicorn serves the application."""
    return uvicorn.Config(
        app,
        http=connection_class(limits),
        ws="none",
        log_level="error",  # what is no request is no news, and fills a disk
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=math.ceil(limits.idle),
        timeout_graceful_shutdown=5,
        h11_max_incomplete_event_size=32 * 1024,
    )


class _only:
    """The one server of this project; let go however the process ends."""

    def __init__(self, folder: Path) -> None:
        self._held = FolderLock(folder / _LOCK, patience=0.0).held()
        self._folder = folder

    def __enter__(self) -> None:
        try:
            self._held.__enter__()
        except StoreError as error:
            if not error.what.startswith("another process"):
                raise
            raise StoreError(
                "this project is served already",
                got=_where(self._folder),
                where=self._folder,
                todo="open that address, or end that server first",
            ) from None

    def __exit__(self, *error: object) -> None:
        (self._folder / _WHERE).unlink(missing_ok=True)
        self._held.__exit__(None, None, None)


def _tell(folder: Path, address: str) -> None:
    """Leave the address for a second server to name."""
    try:
        (folder / _WHERE).write_text(json.dumps({"address": address}), encoding="utf-8")
    except OSError as error:
        raise StoreError(
            "the project's folder may not be written, so no answer could be kept",
            got=error.strerror,
            where=folder,
            todo="free some space, or see who may write there; `pauca label status` still reads",
        ) from None


def _where(folder: Path) -> str | None:
    try:
        return str(json.loads((folder / _WHERE).read_text(encoding="utf-8"))["address"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host, port))
        found.listen(512)
    except (OSError, OverflowError) as error:
        found.close()
        raise UsageError(
            "this address cannot be listened on",
            got=f"{host}, port {port}: {getattr(error, 'strerror', None) or error}",
            todo="name another port, or 0 for one that is free",
        ) from None
    return found


def _address(host: str, port: int) -> str:
    shown = socket.gethostname() if host in ("0.0.0.0", "::") else host
    return f"http://{f'[{shown}]' if ':' in shown else shown}:{port}/"
