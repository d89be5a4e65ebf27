"""Between the event loop and Flask: a request as WSGI's environ, its body as a file, its response sent as it comes."""

from __future__ import annotations

import asyncio
import concurrent.futures
import io
import sys
from collections.abc import Awaitable, Callable, Iterable
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_to_bytes

import structlog
from werkzeug.exceptions import ClientDisconnected

from shared.core.errors import WeftError
from web.noted import noted_of

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

#: Bytes of a body that have to arrive within `WEFT_REQUEST_SECONDS`, again and again.
PACE = 64 * 1024


class RequestLate(WeftError):
    """The rest of a request's body did not arrive in time."""

    code = "request_late"
    status = 408


class Gone(Exception):
    """The client has gone, or reads too slowly."""


def environ_of(scope: Scope) -> dict[str, Any]:
    """The request as WSGI has it (PEP 3333), with an empty body."""
    host, port = scope.get("server") or ("localhost", 0)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        # WSGI's strings are bytes in Latin-1's clothes; the scope's own path has lost those that are not UTF-8.
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": str(host),
        "SERVER_PORT": str(port or 0),
        "REMOTE_ADDR": (scope.get("client") or ("", 0))[0],
        "RAW_URI": scope["raw_path"].decode("latin-1"),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in scope["headers"]:
        # `Content_Length` would pass for `Content-Length` from here on.
        if b"_" in name:
            continue
        key = name.decode("latin-1").upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = f"HTTP_{key}"
        text = value.decode("latin-1")
        environ[key] = f"{environ[key]}{'; ' if key == 'HTTP_COOKIE' else ','}{text}" if key in environ else text
    return environ


class Body:
    """A request's body as it arrives. On the event loop: `gather`; in a thread, afterwards: `file`."""

    def __init__(self, receive: Receive, seconds: float) -> None:
        self._receive, self._seconds = receive, seconds
        self._loop = asyncio.get_running_loop()
        self._held = bytearray()
        self._more = True
        #: Seconds waited for the bytes of this stretch, and how many of them there are.
        self._waited, self._stretch = 0.0, 0

    async def gather(self, enough: int) -> bytes:
        """Waits until this number of bytes, or all, have arrived; returns what there is.

        Raises RequestLate, Gone.
        """
        while self._more and len(self._held) < enough:
            self._held += await self._next()
        return bytes(self._held)

    @property
    def complete(self) -> bool:
        """Whether all of it has arrived."""
        return not self._more

    def file(self) -> io.RawIOBase:
        """For a thread: what was gathered, then the rest as it arrives."""
        return _BodyFile(self)

    def take(self) -> bytes:
        """In a thread: the next bytes; none at the end. Raises RequestLate, ClientDisconnected."""
        if self._held:
            data, self._held = bytes(self._held), bytearray()
            return data
        if not self._more:
            return b""
        try:
            return asyncio.run_coroutine_threadsafe(self._next(), self._loop).result()
        except (Gone, concurrent.futures.CancelledError):
            # An end here would pass for the end of the body.
            raise ClientDisconnected from None

    async def _next(self) -> bytes:
        while True:
            began = self._loop.time()
            try:
                async with asyncio.timeout(self._seconds - self._waited):
                    message = await self._receive()
            except TimeoutError:
                raise RequestLate from None
            if message["type"] == "http.disconnect":
                raise Gone
            data: bytes = message.get("body", b"")
            self._waited += self._loop.time() - began
            self._stretch += len(data)
            if self._stretch >= PACE:
                self._waited, self._stretch = 0.0, 0
            self._more = message.get("more_body", False)
            if data or not self._more:
                return data


class _BodyFile(io.RawIOBase):
    def __init__(self, body: Body) -> None:
        super().__init__()
        self._body = body
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        if not self._rest:
            self._rest = memoryview(self._body.take())
        count = min(len(into), len(self._rest))
        into[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


@dataclass
class Response:
    """A response that is complete; `sent` where it went out in pieces already."""

    status: int = 500
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    sent: bool = False

    def start(self) -> Message:
        return {"type": "http.response.start", "status": self.status, "headers": self.headers}


def call(
    wsgi: Callable[..., Iterable[bytes]],
    environ: dict[str, Any],
    send: Callable[[Message], None],
) -> Response:
    """Runs the application, in a thread. A response of one piece is returned, a longer one sent piece by piece.

    Raises Gone when nobody takes it.
    """
    response = Response()
    noted = noted_of(environ)
    # Whatever this thread logs belongs to the request.
    structlog.contextvars.clear_contextvars()
    if noted is not None:
        structlog.contextvars.bind_contextvars(request=noted.id)

    def start_response(status: str, headers: list[tuple[str, str]], error: Any = None) -> Callable[[bytes], None]:
        response.status = int(status.split(" ", 1)[0])
        response.headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        return lambda data: None

    pieces: Any = wsgi(environ, start_response)
    with closing(pieces) if hasattr(pieces, "close") else nullcontext():
        following = iter(pieces)
        response.body = next(following, b"")
        second = next(following, None)
        if second is None:
            return response
        send(response.start())
        send(_piece(response.body))
        send(_piece(second))
        for piece in following:
            send(_piece(piece))
    send(_piece(b"", more=False))
    return Response(response.status, sent=True)


def _piece(data: bytes, more: bool = True) -> Message:
    return {"type": "http.response.body", "body": data, "more_body": more}


async def deliver(response: Response, send: Send) -> None:
    """Sends a response that is complete."""
    if not response.sent:
        await send(response.start())
        await send(_piece(response.body, more=False))
