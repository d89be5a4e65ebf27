"""Connections: how long a head may take, how many there may be, and how what is no HTTP is answered."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import h11
import uvicorn
from apiflask import APIFlask
from uvicorn.protocols.http.h11_impl import H11Protocol

from web.limits import HEAD_BYTES
from web.noted import ENVIRON, HEADER, Noted
from web.server.bridge import Receive, Response, Scope, Send
from web.server.front import RETRY_SECONDS, Front
from web.server.refusals import guessed_environ, refusal

#: Connections over the limit that are still taken, and the seconds they have: a probe always gets through.
RESERVE, RESERVE_SECONDS = 64, 2.0
#: Seconds in which the rest of a refused body is thrown away, so that the client reads why it was refused.
LINGER_SECONDS = 3.0


class Config(uvicorn.Config):
    """uvicorn's configuration, with what its connections need of ours."""

    def __init__(self, front: Front, app: APIFlask, **options: Any) -> None:
        super().__init__(front, http=TimedConnection, h11_max_incomplete_event_size=HEAD_BYTES, **options)
        self.flask, self.front = app, front
        self.seconds: float = app.config["WEFT"].request_seconds
        self.connections: int = app.config["WEFT"].max_connections


class TimedConnection(H11Protocol):
    """uvicorn's connection, which alone would wait for ever for the rest of a head or of a refused body."""

    config: Config
    reserve = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._timer: asyncio.TimerHandle | None = None
        self._timed = ""
        taken = len(self.connections) - self.config.connections
        self.reserve = taken > 0
        if taken > RESERVE:
            transport.abort()
            return
        self._inner: Any = self.app
        self.app = self._with_connection
        self._watch()

    async def _with_connection(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._inner({**scope, "weft.connection": self}, receive, send)

    @property
    def gone(self) -> bool:
        """Whether nobody reads any more what is sent."""
        return self.transport.is_closing()

    def abort(self) -> None:
        """Ends the connection without waiting for what has not been read."""
        self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._set_timer("", 0)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            # Closed once all is written: a client that does not read must not delay that for ever.
            self.loop.call_later(self.config.seconds, self.transport.abort)
        self._watch()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self.loop.call_later(self.config.seconds, self.transport.abort)

    def _watch(self) -> None:
        """Starts the clock for what the client owes now."""
        if self.transport.is_closing():
            return
        answered = self.cycle is None or self.cycle.response_complete
        if self.conn.their_state is h11.IDLE and answered and (self.cycle is None or self.conn.trailing_data[0]):
            self._set_timer("head", RESERVE_SECONDS if self.reserve else self.config.seconds)
        elif self.conn.their_state is h11.SEND_BODY and answered:
            self._set_timer("rest", LINGER_SECONDS)
        else:
            self._set_timer("", 0)

    def _set_timer(self, kind: str, seconds: float) -> None:
        if kind == self._timed:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timed = kind
        self._timer = self.loop.call_later(seconds, self._late) if kind else None

    def _late(self) -> None:
        if self._timed == "head" and self.conn.trailing_data[0]:
            if self.reserve:
                self._refuse("server_busy", 503, RETRY_SECONDS)
            else:
                self._refuse("request_late", 408)
        else:
            self.transport.abort()

    def send_400_response(self, msg: str) -> None:
        """Called where the client does not speak HTTP, or sends too long a head."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.transport.abort()
            return
        error = sys.exc_info()[1]
        hint = error.error_status_hint if isinstance(error, h11.RemoteProtocolError) else 400
        head = self.conn.trailing_data[0]
        line = head.find(b"\r\n")
        if hint == 431 and not 0 <= line < HEAD_BYTES // 2:
            self._refuse("query_too_long", 414, limit=f"{HEAD_BYTES:,}")
        elif hint == 431:
            self._refuse("headers_too_long", 431, limit=f"{HEAD_BYTES:,}")
        else:
            self._refuse("bad_http", 400, reason=str(error or msg)[:200])

    def _refuse(self, code: str, status: int, retry_after: int | None = None, **detail: Any) -> None:
        environ = guessed_environ(self.conn.trailing_data[0])
        noted = environ[ENVIRON] = Noted.of(environ["REQUEST_METHOD"], "")
        made = refusal(self.config.flask, environ, code, status, retry_after, **detail)
        made.headers.append((HEADER.lower().encode(), noted.id.encode()))
        self._write(made)
        noted.status, noted.bytes = made.status, len(made.body)
        self.config.front.log.write(noted)
        self._set_timer("", 0)
        self.transport.close()
        self.loop.call_later(LINGER_SECONDS, self.transport.abort)

    def _write(self, made: Response) -> None:
        reason = f"{made.status} ".encode()
        lines = [b"HTTP/1.1 " + reason, *(name + b": " + value for name, value in made.headers), b"", made.body]
        self.transport.write(b"\r\n".join(lines))
