"""Malformed requests to the page of a project: each is answered or refused, and none breaks it."""

import json
import random
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pauca.label import Project
from pauca.label.web import Door, Work, make_app
from pauca.label.web.connections import Limits
from pauca.label.web.guard import Guesses
from tests.label.helpers import images, project, truth
from tests.label.web.running import ask, awaited, threaded

CALLS, RAW = 1500, 200
TOKEN = "a-token-that-is-long-enough"
SAFE = "content-security-policy"

VALUES = (
    "0", "1", "2", "-1", "true", "null", "2.5", "1e999", "-1e999", "NaN", "Infinity",
    "1" + 400 * "0",
    5000 * "9", str(2**63), str(-(2**63) - 1), '""',
    '"anna"', '"\\ud800"', '"\\udfff x"', '"\\u0000"',
    f'"{300 * "x"}"', '"label"', '"flag"', "[]", "{}", "[1, 2]", '["\\ud800"]', '{"1": 2}',
    '{"x": 2}', f'{{"{30 * "9"}": 1}}', '{"1": "\\ud800"}', 3000 * "[", 200_000 * "[", "[[[[]]]]",
    '{"a": {"b": {"c": 1}}}', "tru", "'a'", "",
)  # fmt: skip
FIELDS = {
    "lease": ("person", "k"),
    "answer": (
        "person", "item", "class", "action", "ms", "suggested", "confidence", "token", "also",
        "stands", "shown",
    ),
    "undo": ("person", "token", "last"),
    "train": (),
    "classes": ("person", "name", "action", "new", "into"),
    "release": ("person",),
    "accept": ("person", "names", "seen", "without"),
    "login": ("token",),
}  # fmt: skip
RIGHT = {
    "person": '"anna"', "item": "3", "class": "1", "k": "2", "action": '"label"', "token": '"t"',
    "name": '"dog"', "names": '{"1": "dog"}', "seen": '"x"', "stands": "{}", "also": "[4]",
}  # fmt: skip
DIGITS = ("0", "1", "31", "-1", "007", "1e3", "9" * 18, "9" * 19, "9" * 5000, "²", "%00", "a", "")
READS = (
    "/api/project", "/api/status", "/api/agreement", "/api/discover", "/api/relabels?k={}",
    "/api/history?most={}", "/api/history?before={}&person={}", "/api/items?ids={},{}",
    "/api/items?ids={}&person={}", "/api/picture/{}", "/api/picture/{}?project={}",
    "/api/export/{}", "/static/{}", "/{}", "/api/{}", "/static/../{}", "//{}", "/%2e%2e/{}", "*",
)  # fmt: skip
HEADERS = {
    "host": ("", "[", "[::1", "[::1]:x", "a b", "127.0.0.1:99999999", "127.0.0.1:x", "\xff",
             "evil.example", "[v1.x]", "127.0.0.1@evil", "#", "\xe2\x84\x80", 300 * "a"),
    "content-type": ("", "text/plain", "application/json; charset=latin-1", "multipart/form-data",
                     "application/json\xff", ";;;", "application/x-www-form-urlencoded"),
    "content-length": ("-1", "0", "9" * 40, "1e3", "\xb2", "300000", "5"),
    "range": ("bytes=0-1", "bytes=-", "bytes=9-1", "bytes=" + 300 * "0-1,", "bytes=" + 5000 * "9",
              "x=1", "bytes=a-b", "bytes=99999999999-"),
    "cookie": ("pauca_session=x", '"', "a=b; c", "\xff=1", "pauca_session=" + 3000 * "a", "=;=;"),
    "authorization": ("Bearer x", "bearer", "Bearer \xff\xfe", "Basic eA==", "Bearer  "),
    "origin": ("null", "http://evil.example", "http://127.0.0.1:8765", "\xff", "x"),
    "sec-fetch-site": ("cross-site", "same-origin", "\xff"),
    "pauca-project": ("", "x", "\xff", 400 * "0"),
    "x-forwarded-for": ("x", "1.2.3.4", "9" * 400, "::1, ,"),
    "x-forwarded-proto": ("https", "javascript", ","),
    "transfer-encoding": ("chunked", "x"),
    "if-range": ("x", '"'), "expect": ("100-continue",), "accept-encoding": ("gzip", "\xff"),
}  # fmt: skip
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "FOO")


def body_of(draw: random.Random, name: str) -> bytes:
    """A body for this address, with one field or more that makes no sense."""
    if draw.random() < 0.1:
        return draw.choice((b"", b"\xff\xfe", b"{", b"null", b"[1]", b"\x00", 300_000 * b"x"))
    fields = {key: RIGHT.get(key, "1") for key in FIELDS[name]}
    for key in draw.sample(sorted(fields), min(len(fields), draw.randint(0, 2))):
        fields[key] = draw.choice(VALUES)
    return ("{" + ", ".join(f'"{key}": {value}' for key, value in fields.items()) + "}").encode()


def asked(draw: random.Random, own: str) -> tuple[str, str, dict[str, str], bytes]:
    """Method, target, headers and body of a request that may be wrong anywhere."""
    headers = {"host": "127.0.0.1:8765", "authorization": f"Bearer {TOKEN}", "pauca-project": own}
    if draw.random() < 0.5:
        name = draw.choice(sorted(FIELDS))
        method, target, body = "POST", f"/api/{name}", body_of(draw, name)
        headers["content-type"] = "application/json"
    else:
        path = draw.choice(READS)
        slots = [draw.choice((*DIGITS, "csv", "jsonl", own)) for _ in range(path.count("{}"))]
        method, target, body = "GET", path.format(*slots), b""
    if draw.random() < 0.2:
        method = draw.choice(METHODS)
    for name in draw.sample(sorted(HEADERS), draw.choice((0, 0, 1, 2))):
        headers[name] = draw.choice(HEADERS[name])
    return method, target, headers, body


async def call(app: Any, request: tuple[str, str, dict[str, str], bytes]) -> tuple[int, set[str]]:
    """Status and names of the headers of the answer."""
    method, target, headers, body = request
    path, _, query = target.partition("?")
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method,
        "scheme": "http", "path": path, "raw_path": path.encode(), "query_string": query.encode(),
        "root_path": "", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8765),
        "headers": [(k.encode(), v.encode("latin-1", "replace")) for k, v in headers.items()],
    }  # fmt: skip
    parts = [body[:100], body[100:]]
    sent: list[Any] = []

    async def receive() -> Any:
        if not parts:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent[0]["status"], {name.decode() for name, _ in sent[0]["headers"]}


@contextmanager
def pictures(folder: Path) -> Iterator[Project]:
    """A project of images that were exchanged and removed after it was made."""
    data = images(folder / "photos", [f"{i}.png" for i in range(31)])
    with Project.create(data, folder / "pictures", classes=("a", "b")) as made:
        (data / "0.png").unlink()
        (data / "1.png").write_bytes(b"II*\x00 no tiff")
        (data / "2.png").unlink()
        (data / "2.png").mkdir()
        (data / "3.png").write_bytes(b"")
        (data / "4.png").write_bytes(b"P5 99999 99999 255\n")
        (data / "5.png").write_bytes(b"<svg/>")
        yield made


def learned(made: Project) -> None:
    for each in made.lease("carl", 12):
        made.answer("carl", each.item, truth(each.item))
    made.train(assessed=False)


def test_no_request_breaks_the_application(tmp_path: Path) -> None:
    draw = random.Random(0)
    counts: Counter[int] = Counter()
    with project(tmp_path, n=30) as made, pictures(tmp_path) as shown:
        learned(made)
        apps = []
        for each in (made, shown):
            door = Door(token=TOKEN, rate=1e9, behind_proxy=True)
            app = make_app(each, door=door, work=Work(each, copies=False))
            apps.append((app, door, each.id))

        async def all_of_them() -> None:
            for number in range(CALLS):
                app, door, own = apps[number % 2]
                door.guesses = Guesses()  # nobody waits
                request = asked(draw, own)
                status, names = await call(app, request)
                assert status < 500, (status, str(request)[:2000])
                assert SAFE in names, (status, str(request)[:2000])
                counts[status] += 1

        awaited(all_of_them())
    print(f"{counts.total()} requests: {dict(sorted(counts.items()))}")
    assert counts.total() == CALLS
    assert {200, 400, 401, 403, 404, 405, 409, 413, 415} <= counts.keys()


def raw_of(draw: random.Random, own: str, port: int) -> bytes:
    """Bytes that may be a request."""
    method, target, headers, body = asked(draw, own)
    target = target.replace(" ", "") or "/"
    headers["connection"] = "close"
    headers["host"] = draw.choice((f"127.0.0.1:{port}", headers["host"]))
    if body or draw.random() < 0.5:
        headers.setdefault("content-length", str(len(body)))
    lines = [f"{method} {target} HTTP/{draw.choice(('1.1', '1.1', '1.0', '2', '9.9'))}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    raw = bytearray("\r\n".join(lines).encode("utf-8", "replace") + b"\r\n\r\n" + body)
    for _ in range(draw.choice((0, 0, 1, 3, 10))):
        at = draw.randrange(min(len(raw), 300) or 1)
        raw[at : at + draw.randint(0, 2)] = bytes(draw.choices(range(256), k=draw.randint(0, 3)))
    return bytes(raw[: draw.randrange(len(raw))] if draw.random() < 0.1 else raw)


def told(port: int, raw: bytes) -> bytes:
    """All that is said to these bytes."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as link:
        found = b""
        try:
            link.sendall(raw)
            while part := link.recv(65536):
                found += part
        except OSError:  # refused before all of it was sent
            pass
        return found


def test_no_bytes_break_the_server(tmp_path: Path) -> None:
    draw = random.Random(1)
    counts: Counter[str] = Counter()
    with project(tmp_path, n=30) as made:
        learned(made)
        own = made.id
    limits = Limits(header=0.3, body=0.3, idle=1.0)
    with threaded(made.folder, limits=limits) as at:
        port = int(at.base.rpartition(":")[2])
        for _ in range(RAW):
            raw = raw_of(draw, own, port)
            answer = told(port, raw)
            head = answer.partition(b"\r\n\r\n")[0].lower()
            status = head.partition(b" ")[2][:3].decode() or "none"
            assert not status.startswith("5"), (status, raw[:2000])
            assert status == "none" or SAFE.encode() in head or status == "100", (head, raw[:2000])
            counts[status] += 1
        assert ask(at.base, "/api/project")["items"] == 30
    print(f"{counts.total()} requests: {dict(sorted(counts.items()))}")
    assert counts.total() == RAW
    assert {"200", "400"} <= counts.keys()


@pytest.mark.parametrize("name", ["lease", "answer", "undo", "release", "classes", "train"])
def test_a_write_for_another_project_is_refused(tmp_path: Path, name: str) -> None:
    with project(tmp_path, n=30) as made:
        app = make_app(made, work=Work(made, copies=False))
        headers = {"host": "127.0.0.1", "content-type": "application/json"}
        body = json.dumps({"person": "anna", "item": 1, "class": 1}).encode()
        for own in ({}, {"pauca-project": "another"}):
            request = ("POST", f"/api/{name}", {**headers, **own}, body)
            assert awaited(call(app, request))[0] == 409
        assert made.history() == []
