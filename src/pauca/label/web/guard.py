"""Who may ask for what: names of hosts, origins, tokens, sizes of bodies, numbers of requests.

Every request passes here before anything of it is read. What is refused is refused with a reason.
"""

import hashlib
import hmac
import ipaddress
import socket
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from threading import Lock
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["COOKIE", "Door", "Guard", "Rates", "is_loopback"]

COOKIE = "pauca_session"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
_OPEN = ("/api/login",)
"""Of what lies below /api/, what may be asked for without a token."""
_SAFE = ("GET", "HEAD")
_CLIENTS = 4096


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


@dataclass
class Door:
    """What has to be shown to come in.

    Args:
        host: Address that the server listens on.
        token: That every request has to show, or None on this machine alone.
        names: Further names under which the server is known.
        rate: Requests a second of one client.
        largest: Most bytes of a body.
    """

    host: str = "127.0.0.1"
    token: str | None = None
    names: tuple[str, ...] = ()
    rate: float = 1000.0
    largest: int = 256 * 1024
    rates: Rates = field(init=False)
    logins: Rates = field(init=False)

    def __post_init__(self) -> None:
        """Set up what counts."""
        self.rates = Rates(self.rate, 2 * self.rate)
        self.logins = Rates(1 / 6, 10)

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
        key = (self.token or "").encode()
        return hmac.new(key, b"pauca label session", hashlib.sha256).hexdigest()

    def opens(self, headers: Headers) -> bool:
        """Whether a request shows the token, or the cookie that stands for it."""
        if self.token is None:
            return True
        kind, _, value = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and self.fits(value.strip()):
            return True
        try:
            held = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            return False
        return held is not None and _same(held.value, self.pass_)


def _same(a: str, b: str) -> bool:
    return hmac.compare_digest(a.encode("utf-8", "replace"), b.encode("utf-8", "replace"))


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
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
            await send(message)

        refused = self._refused(scope)
        if refused is not None:
            await refused(scope, receive, guarded)
            return
        await self._app(scope, _limited(receive, self._door.largest), guarded)

    def _refused(self, scope: Scope) -> JSONResponse | None:
        headers, door = Headers(scope=scope), self._door
        client = (scope.get("client") or ("unknown", 0))[0]
        path, method = scope["path"], scope["method"]
        wait = door.rates.take(client)
        if not wait and path in _OPEN:
            wait = door.logins.take(client)
        if wait:
            return refuse(
                429,
                "too many requests",
                todo="wait a little",
                headers={"retry-after": str(max(1, round(wait)))},
            )
        host = urlsplit(f"//{headers.get('host', '')}").hostname or ""
        if not door.knows(host):
            return refuse(
                400, "the server does not go by this name", got=host, todo="see --allow-host"
            )
        if method not in _SAFE:
            if not _own_origin(headers, scope["scheme"]):
                return refuse(403, "another page may not write here", got=headers.get("origin"))
            if _kind(headers) != "application/json":
                return refuse(415, "a body has to be JSON", got=headers.get("content-type"))
        if not _fitting(headers, door.largest):
            return refuse(413, "the body is too large", expected=f"{door.largest} bytes at most")
        if path.startswith("/api/") and path not in _OPEN and not door.opens(headers):
            return refuse(401, "a token is needed", todo="open the address that the server printed")
        return None


def refuse(
    status: int,
    what: str,
    *,
    expected: object = None,
    got: object = None,
    todo: str | None = None,
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    """An error as the page reads it."""
    told = {"error": what, "expected": _text(expected), "got": _text(got), "todo": todo}
    return JSONResponse(told, status, headers)


def _text(value: object) -> str | None:
    return None if value is None else str(value)[:500]


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
