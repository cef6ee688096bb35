"""Who may ask for what: names of hosts, origins, tokens, sizes of bodies, numbers of requests.

Every request passes here before anything of it is read. What is refused is refused with a reason.
"""

import asyncio
import contextlib
import hashlib
import hmac
import ipaddress
import math
import socket
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["COOKIE", "HEADERS", "Door", "Guard", "Guesses", "Rates", "is_loopback", "refuse"]

COOKIE = "pauca_session"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
"""Of every answer, whatever it is."""
_OPEN = ("/api/login",)
"""Of what lies below /api/, what may be asked for without a token."""
_SAFE = ("GET", "HEAD")
_CLIENTS = 4096
_FREE, _SLOWEST, _AT_ONCE = 10, 2.0, 4  # wrong tokens; seconds; tokens looked at side by side
_FORGET = 900.0  # seconds after which a client has guessed nothing


def is_loopback(host: str) -> bool:
    """Whether an address or a name is this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class Rates:
    """Requests a second of each client, with a reserve: a bucket that fills as time goes.

    Args:
        rate: Requests a second, > 0.
        reserve: Requests at once, >= 1.
        clock: Tells the time in seconds.
    """

    def __init__(
        self, rate: float, reserve: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate, self._reserve, self._clock = rate, reserve, clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = Lock()

    def take(self, client: str) -> float:
        """Count a request: 0 where it is allowed, else the seconds until the next one is."""
        now = self._clock()
        with self._lock:
            left, then = self._left.pop(client, (self._reserve, now))
            left = min(self._reserve, left + (now - then) * self._rate)
            allowed = left >= 1
            self._left[client] = (left - 1 if allowed else left, now)
            while len(self._left) > _CLIENTS:
                self._left.popitem(last=False)
        return 0.0 if allowed else (1 - left) / self._rate


class Guesses:
    """Wrong tokens of each client: after some of them every further token has to wait.

    It is looked at all the same, so that nobody who has the right one is shut out by others behind
    the same address; only so many are looked at side by side.

    Args:
        clock: Tells the time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._waiting: dict[str, int] = {}

    async def judge(self, client: str, right: bool) -> float | None:
        """None where the token is right; else the seconds to wait, 0 where that was a free guess.

        Args:
            client: Who showed it.
            right: Whether it is right.
        """
        wait = self._wait(client)
        if wait:
            if self._waiting.get(client, 0) >= _AT_ONCE:
                return wait  # not looked at
            self._waiting[client] = self._waiting.get(client, 0) + 1
            try:
                await asyncio.sleep(wait)
            finally:
                self._waiting[client] -= 1
                if not self._waiting[client]:
                    del self._waiting[client]
        if right:
            return None
        count, _ = self._wrong.pop(client, (0, 0.0))
        self._wrong[client] = count + 1, self._clock()
        while len(self._wrong) > _CLIENTS:
            self._wrong.popitem(last=False)
        return wait

    def _wait(self, client: str) -> float:
        count, last = self._wrong.get(client, (0, 0.0))
        if self._clock() - last > _FORGET:
            self._wrong.pop(client, None)
            return 0.0
        return 0.0 if count < _FREE else min(_SLOWEST, 0.25 * 2.0 ** min(count - _FREE, 10))


@dataclass
class Door:
    """What has to be shown to come in.

    Args:
        host: Address that the server listens on.
        token: That every request has to show, or None on this machine alone.
        names: Further names under which the server is known.
        rate: Requests a second of one client.
        largest: Most bytes of a body.
        secret: The server's own. With it, the cookie cannot be worked out from a guessed token.
        cookie: Name of the cookie; browsers share cookies among all ports of a host.
        behind_proxy: Whether a server on this machine that speaks https hands requests on: what it
            says of the client's address and of https is believed, and nobody else.
    """

    host: str = "127.0.0.1"
    token: str | None = None
    names: tuple[str, ...] = ()
    rate: float = 1000.0
    largest: int = 256 * 1024
    secret: str = ""
    cookie: str = COOKIE
    behind_proxy: bool = False
    rates: Rates = field(init=False)
    guesses: Guesses = field(init=False)

    def __post_init__(self) -> None:
        """Set up what counts."""
        self.rates = Rates(self.rate, 2 * self.rate)
        self.guesses = Guesses()

    def knows(self, host: str) -> bool:
        """Whether the server goes by this name; others may be made to lead here (DNS rebinding)."""
        name = host.lower()
        if name in self.names or name == self.host.lower():
            return True
        if is_loopback(self.host):
            return is_loopback(name)
        try:
            ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return name in ("localhost", socket.gethostname().lower())
        return True

    def fits(self, token: str) -> bool:
        """Whether this is the token; how long that takes tells nothing of it."""
        return self.token is None or _same(token, self.token)

    @property
    def pass_(self) -> str:
        """What a cookie holds once the token was shown: follows from it and does not tell it."""
        key = f"{self.secret}{self.token or ''}".encode("utf-8", "replace")
        return hmac.new(key, b"pauca label session", hashlib.sha256).hexdigest()

    def bearer(self, headers: Headers) -> str | None:
        """The token in a request's header, or None."""
        kind, _, value = headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer":
            return None
        return value.strip().encode("latin-1", "replace").decode("utf-8", "replace")

    def held(self, headers: Headers) -> str | None:
        """The cookie that a request holds, or None."""
        try:
            found = SimpleCookie(headers.get("cookie", "")).get(self.cookie)
        except CookieError:
            return None
        return None if found is None else found.value

    def keeps(self, cookie: str | None) -> bool:
        """Whether this is the cookie that stands for the token."""
        return cookie is not None and _same(cookie, self.pass_)

    def seen(self, scope: Scope) -> Scope:
        """The request as the client sent it, where it came through the proxy of this machine."""
        client = scope.get("client")
        if not self.behind_proxy or client is None or not is_loopback(client[0]):
            return scope
        headers = Headers(scope=scope)
        # the last one is what the proxy itself put there
        scheme = headers.get("x-forwarded-proto", "").rpartition(",")[2].strip().lower()
        address = headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
        changed: dict[str, Any] = {}
        if scheme in ("http", "https"):
            changed["scheme"] = scheme
        with contextlib.suppress(ValueError):
            changed["client"] = (str(ipaddress.ip_address(address)), 0)
        return {**scope, **changed}


def _same(a: str, b: str) -> bool:
    return hmac.compare_digest(a.encode("utf-8", "replace"), b.encode("utf-8", "replace"))


def client_of(scope: Scope) -> str:
    """Whom a request counts for: an address, and of IPv6 the network, which one host has whole."""
    address = str((scope.get("client") or ("unknown", 0))[0])
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if found.version == 4 or found.is_loopback:
        return address
    return str(ipaddress.ip_network((found, 64), strict=False))


class Guard:
    """Asks every request at the door, and puts its headers on every answer.

    Args:
        app: Whom it guards.
        door: What has to be shown.
    """

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self._app, self._door = app, door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
            await send(message)

        scope = self._door.seen(scope)
        refused = self._refused(scope) or await self._shut(scope)
        if refused is not None:
            await refused(scope, receive, guarded)
            return
        await self._app(scope, _limited(receive, self._door.largest), guarded)

    def _refused(self, scope: Scope) -> JSONResponse | None:
        headers, door = Headers(scope=scope), self._door
        method = scope["method"]
        wait = door.rates.take(client_of(scope))
        if wait:
            return too_many("too many requests", wait)
        if not door.knows(_host(headers)):
            return refuse(
                400,
                "the server does not go by this name",
                got=headers.get("host", ""),
                todo="see --allow-host",
            )
        if method not in _SAFE:
            if not _own_origin(headers, scope["scheme"]):
                return refuse(403, "another page may not write here", got=headers.get("origin"))
            if _kind(headers) != "application/json":
                return refuse(415, "a body has to be JSON", got=headers.get("content-type"))
        if not _fitting(headers, door.largest):
            return refuse(413, "the body is too large", expected=f"{door.largest} bytes at most")
        return None

    async def _shut(self, scope: Scope) -> JSONResponse | None:
        """What is said to a request below /api/ that shows no token, or a wrong one."""
        headers, door, path = Headers(scope=scope), self._door, scope["path"]
        if door.token is None or not path.startswith("/api/") or path in _OPEN:
            return None
        cookie, token = door.held(headers), door.bearer(headers)
        if door.keeps(cookie):
            return None
        if cookie is not None or token is not None:
            right = token is not None and door.fits(token)
            wait = await door.guesses.judge(client_of(scope), right)
            if wait is None:
                return None
            if wait:
                return too_many("too many wrong tokens", wait)
        refused = refuse(401, "a token is needed", todo="open the address that the server printed")
        if cookie is not None:
            refused.delete_cookie(door.cookie, httponly=True, samesite="strict")
        return refused


def too_many(what: str, wait: float) -> JSONResponse:
    """Refused for now."""
    headers = {"retry-after": str(max(1, math.ceil(wait)))}
    return refuse(429, what, todo="wait a little", headers=headers)


def _host(headers: Headers) -> str:
    try:
        return urlsplit(f"//{headers.get('host', '')}").hostname or ""
    except ValueError:  # brackets that are not closed, characters that mean others
        return ""


def refuse(
    status: int,
    what: str,
    *,
    expected: object = None,
    got: object = None,
    todo: str | None = None,
    headers: dict[str, str] | None = None,
    more: Mapping[str, Any] | None = None,
) -> JSONResponse:
    """An error as the page reads it.

    Args:
        status: Of HTTP.
        what: As in ``PaucaError``.
        expected: As in ``PaucaError``.
        got: As in ``PaucaError``.
        todo: As in ``PaucaError``.
        headers: Of the answer.
        more: Further values that the page needs.
    """
    said = {"error": what, "expected": expected, "got": got, "todo": todo}
    told = {name: _text(value) for name, value in said.items()}
    return JSONResponse({**told, **(more or {})}, status, headers)


def _text(value: object) -> str | None:
    # what came may hold halves of characters, which no answer can
    return None if value is None else str(value)[:500].encode("utf-8", "replace").decode()


def _kind(headers: Headers) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _own_origin(headers: Headers, scheme: str) -> bool:
    """Whether a write comes from the server's own page, or from no page at all."""
    origin = headers.get("origin")
    if origin is not None:
        return origin in _origins(headers.get("host", ""), (scheme, "https"))
    return headers.get("sec-fetch-site", "none") in ("same-origin", "none")


def _origins(host: str, schemes: Iterable[str]) -> set[str]:
    return {f"{scheme}://{host}" for scheme in schemes}


def _fitting(headers: Headers, largest: int) -> bool:
    length = headers.get("content-length")
    return length is None or (length.isdecimal() and len(length) < 16 and int(length) <= largest)


class TooLarge(Exception):
    """A body that is larger than its sender said, or did not say."""


def _limited(receive: Receive, largest: int) -> Receive:
    seen = 0

    async def limited() -> Message:
        nonlocal seen
        message = await receive()
        if message["type"] == "http.request":
            seen += len(message.get("body", b""))
            if seen > largest:
                raise TooLarge
        return message

    return limited
