"""Slow, idle and many clients beside one that works; on loopback, bounded in number and time."""

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from pauca.label.web.connections import Limits
from pauca.label.web.serving import configured
from tests.label.helpers import project
from tests.label.web.running import ask, start

SHORT = Limits(header=0.6, body=0.6, idle=1.0, unread=0.6, each=8, all=12)
LARGE = 32 * 2**20


async def answers(scope: Any, receive: Any, send: Any) -> None:
    """An application that reads the body and says ok, or very much."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    body = bytes(LARGE) if scope["path"] == "/large" else b"ok"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for at in range(0, len(body), 2**16):
        more = at + 2**16 < len(body)
        await send({"type": "http.response.body", "body": body[at : at + 2**16], "more_body": more})


@contextmanager
def serving(limits: Limits) -> Iterator[tuple[int, uvicorn.Server]]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(configured(answers, limits))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        while not server.started:
            time.sleep(0.005)
        try:
            yield listening.getsockname()[1], server
        finally:
            server.should_exit = True
            thread.join()


def fine(port: int) -> None:
    """A client that works, on a connection of its own."""
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    link.request("GET", "/")
    with link.getresponse() as told:
        assert (told.status, told.read()) == (200, b"ok")
    link.close()


def closed_after(link: socket.socket, patience: float = 15.0) -> float:
    """Seconds until the server lets go of a connection."""
    link.settimeout(patience)
    began = time.monotonic()
    with contextlib.suppress(ConnectionError):
        while link.recv(2**16):
            pass
    return time.monotonic() - began


def dripping(link: socket.socket, raw: bytes, port: int) -> int:
    """Send byte by byte until the connection is closed; how many went out."""
    for sent, byte in enumerate(raw):
        try:
            link.sendall(bytes([byte]))
        except OSError:
            return sent
        if sent % 5 == 0:
            fine(port)
        time.sleep(0.1)
    return len(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n" + 100 * b"a: b\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n" + 100 * b"a: b\r\n",
    ],
)
def test_a_header_that_comes_byte_by_byte_is_given_up(raw: bytes) -> None:
    with serving(SHORT) as (port, _):
        with socket.create_connection(("127.0.0.1", port)) as link:
            first = raw.rfind(b"GET")
            link.sendall(raw[:first])
            assert dripping(link, raw[first:], port) < 60
        fine(port)


def test_a_body_that_comes_byte_by_byte_is_given_up() -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n"
    with serving(SHORT) as (port, _):
        with socket.create_connection(("127.0.0.1", port)) as link:
            link.sendall(head)
            assert dripping(link, 500 * b"x", port) < 60
        fine(port)


def test_a_client_that_says_nothing_is_let_go_and_one_that_pauses_is_not() -> None:
    with serving(SHORT) as (port, server):
        with socket.create_connection(("127.0.0.1", port)) as link:
            assert 0.3 < closed_after(link) < 10
        link_ = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        for _ in range(3):  # longer than a header may take, shorter than one may be idle
            link_.request("GET", "/")
            assert link_.getresponse().read() == b"ok"
            time.sleep(0.7)
        assert link_.sock is not None
        closed_after(link_.sock)
        link_.close()
        wait_until(lambda: not server.server_state.connections)


def test_an_answer_that_nobody_reads_is_given_up() -> None:
    with serving(SHORT) as (port, server):
        with socket.create_connection(("127.0.0.1", port)) as link:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            link.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
            wait_until(lambda: not server.server_state.connections, least=0.3)
        fine(port)


def test_a_slow_but_steady_reader_gets_all_of_it() -> None:
    with serving(SHORT) as (port, _):
        link = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        link.request("GET", "/large")
        with link.getresponse() as told:
            size = 0
            while part := told.read(2**21):
                size += len(part)
                time.sleep(0.1)  # 1.6 s in all, more than a part may take
        assert size == LARGE
        link.close()


def wait_until(done: Any, least: float = 0.0) -> None:
    time.sleep(least)
    end = time.monotonic() + 15
    while not done():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


def test_a_full_house_makes_room_for_a_new_client_and_keeps_those_that_work() -> None:
    with serving(SHORT) as (port, server), ExitStack() as links:
        works = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        works.request("GET", "/")
        assert works.getresponse().read() == b"ok"
        own = works.sock
        for number in range(40):
            links.enter_context(socket.create_connection(("127.0.0.1", port)))
            if number % 10 == 0:
                works.request("GET", "/")
                assert works.getresponse().read() == b"ok"
        assert works.sock is own  # the idle ones gave way, not this one
        fine(port)
        assert len(server.server_state.connections) <= SHORT.each
        works.close()


def test_idle_clients_do_not_shut_out_a_person(tmp_path: Path) -> None:
    """600 connections that say nothing, or half a header; as the server is started."""
    with project(tmp_path, n=30) as made:
        pass
    running = start(made.folder)
    port = int(running.base.rpartition(":")[2])
    try:
        with ExitStack() as links:
            for number in range(600):
                link = links.enter_context(socket.create_connection(("127.0.0.1", port)))
                if number % 2:
                    link.sendall(b"GET / HTTP/1.1\r\nHost: ")
                if number % 60 == 0:
                    began = time.monotonic()
                    told = ask(running.base, "/api/lease", {"person": "anna", "k": 1})
                    assert told["items"] or told["choosing"]
                    assert time.monotonic() - began < 5
    finally:
        running.end()


def test_files_that_may_be_open_bound_the_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    import resource

    monkeypatch.setattr(resource, "getrlimit", lambda which: (256, 256))
    assert Limits().fitting() == 128
    monkeypatch.setattr(resource, "getrlimit", lambda which: (resource.RLIM_INFINITY,) * 2)
    assert Limits().fitting() == 512
