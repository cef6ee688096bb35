"""Deadlines and caps of connections, so that no client shuts out the others.

uvicorn closes a connection that is idle after an answer (``timeout_keep_alive``) and bounds what a
header may hold (``h11_max_incomplete_event_size``). What it leaves open is added here: a connection
that says nothing at all, a header or body that comes byte by byte, an answer that nobody reads, and
any number of these.
"""

import resource
from asyncio import TimerHandle, Transport
from collections import Counter
from dataclasses import dataclass
from typing import cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from pauca.label.web.guard import HEADERS, refuse

__all__ = ["Limits", "connection_class"]


@dataclass(frozen=True)
class Limits:
    """What a connection may take, in seconds, and how many there may be.

    Where there are more, one that waits for its client gives way to the new one: first those that
    never asked for anything, the oldest first.

    Args:
        header: From the first byte, or from the beginning of a connection, to a whole header.
        body: From the header to the end of the body.
        idle: Between an answer and the next request.
        unread: For a part of an answer to be read.
        each: Connections of one address.
        all: Connections.
    """

    header: float = 10.0
    body: float = 30.0
    idle: float = 30.0
    unread: float = 60.0
    each: int = 256
    all: int = 512

    def fitting(self) -> int:
        """Connections that there may be, with the files that this process may open."""
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return self.all if soft == resource.RLIM_INFINITY else max(8, min(self.all, soft // 2))


def connection_class(limits: Limits) -> type[H11Protocol]:
    """The protocol of uvicorn with these limits."""
    return type("LimitedConnection", (_Connection,), {"limits": limits})


class _Connection(H11Protocol):
    limits = Limits()

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as uvicorn
        self._served, self._since = 0, self.loop.time()
        self._stage: tuple[str, int] | None = None
        self._deadline: TimerHandle | None = None
        self._reading: TimerHandle | None = None
        super().connection_made(transport)
        if not transport.is_closing():
            self._make_room()
            self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._deadline, self._reading):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        self._served, self._since = self._served + 1, self.loop.time()
        super().on_response_complete()
        self._watch()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._reading = self.loop.call_later(self.limits.unread, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._reading is not None:
            self._reading.cancel()

    def send_400_response(self, msg: str) -> None:
        """What is no request is refused as everything else is."""
        said = refuse(400, "this is no HTTP request")
        headers = [*said.raw_headers, (b"connection", b"close")]
        headers += [(name.encode(), value.encode()) for name, value in HEADERS.items()]
        try:
            start = h11.Response(status_code=400, headers=headers, reason=b"Bad Request")
            parts = [start, h11.Data(data=bytes(said.body)), h11.EndOfMessage()]
            self.transport.write(b"".join(self.conn.send(part) or b"" for part in parts))
        except h11.LocalProtocolError:  # an answer was under way
            pass
        self.transport.close()

    @property
    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def _waits(self) -> bool:
        """Whether it is the client's turn."""
        if self.transport.is_closing():
            return False
        asked = self._answering and self.conn.their_state is not h11.SEND_BODY
        return not asked or self.flow.write_paused

    def _watch(self) -> None:
        """Set the deadline of the stage that the connection is in, once."""
        stage = self._where()
        if stage == self._stage:
            return
        self._stage = stage
        if self._deadline is not None:
            self._deadline.cancel()
        seconds = {
            "header": self.limits.header,
            "body": self.limits.body,
            # uvicorn closes it a little earlier; what it has not sent by then nobody reads
            "idle": self.limits.idle + 5.0,
        }.get(stage[0])
        if seconds is not None:
            self._deadline = self.loop.call_later(seconds, self.transport.abort)

    def _where(self) -> tuple[str, int]:
        if self.conn.their_state is h11.SEND_BODY:
            return "body", self._served
        if self._answering:
            return "answer", self._served
        begun = self.conn.trailing_data[0] or not self._served
        return "header" if begun else "idle", self._served

    def _make_room(self) -> None:
        """Let one that waits for its client give way, where there are too many."""
        others = [cast(_Connection, each) for each in self.connections if each is not self]
        others = [each for each in others if not each.transport.is_closing()]
        many = Counter(each._address for each in others)
        if many[self._address] >= self.limits.each:
            crowd = self._address
        elif len(others) >= self.limits.fitting():
            crowd = many.most_common(1)[0][0]
        else:
            return
        waiting = [each for each in others if each._address == crowd and each._waits]
        first = min(waiting, key=lambda each: (each._served > 0, each._since), default=self)
        first.transport.abort()

    @property
    def _address(self) -> str:
        return self.client[0] if self.client else ""
