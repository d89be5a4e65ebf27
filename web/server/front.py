"""What may run: each request is looked at when its head is there, waits for its body, then for a thread of its lane.

A request that is refused here costs no thread, and one that is still arriving holds none.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

import structlog
from apiflask import APIFlask
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from web.limits import HEAD_BYTES, LANES, QUERY_BYTES, Lane, Limit, limit_of
from web.noted import ENVIRON, HEADER, Noted
from web.server.bridge import (
    PACE,
    Body,
    Gone,
    Message,
    Receive,
    RequestLate,
    Response,
    Scope,
    Send,
    call,
    deliver,
    environ_of,
)
from web.server.refusals import refusal
from web.server.request_log import CLIENT_GONE, RequestLog

_log = structlog.get_logger(__name__)

#: Seconds after which a client that was sent away may come again.
RETRY_SECONDS = 5
#: What htmx sends with every request of a page that is open.
_POLLS = (b"hx-request", b"true")


class Connection(Protocol):
    """What the front has to know of the connection that a request came over."""

    #: Taken over the limit of connections: for probes only.
    reserve: bool

    @property
    def gone(self) -> bool: ...

    def abort(self) -> None: ...


class _Busy(Exception):
    """All threads of the lane are taken, and its queue is full."""


class _LaneThreads:
    def __init__(self, lane: Lane) -> None:
        self._threads = LANES[lane]
        self._pool = ThreadPoolExecutor(self._threads.running, thread_name_prefix=lane)
        self.pending = 0

    async def run(self, work: Any) -> Any:
        """Raises _Busy."""
        if self.pending >= self._threads.running + self._threads.waiting:
            raise _Busy
        self.pending += 1
        future = self._pool.submit(work)
        # Counted until the thread is free, also where the one who waits for it is cancelled.
        loop = asyncio.get_running_loop()
        future.add_done_callback(lambda _: loop.is_closed() or loop.call_soon_threadsafe(self._ended))
        return await asyncio.wrap_future(future)

    def _ended(self) -> None:
        self.pending -= 1

    def shut(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


class Front:
    """The ASGI application around the Flask one."""

    def __init__(self, app: APIFlask) -> None:
        self._app = app
        self._settings = app.config["WEFT"]
        self._seconds: float = self._settings.request_seconds
        self._lanes = {lane: _LaneThreads(lane) for lane in Lane}
        self._routes = app.url_map.bind("localhost")
        #: Also of what the connections refuse.
        self.log = RequestLog(self._settings)

    @property
    def busy(self) -> bool:
        """Whether a thread still runs a request."""
        return any(lane.pending for lane in self._lanes.values())

    def shut(self) -> None:
        """No request is taken up any more."""
        for lane in self._lanes.values():
            lane.shut()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection: Connection = scope["weft.connection"]
        environ = environ_of(scope)
        noted = environ[ENVIRON] = Noted.of(scope["method"], environ.get("HTTP_X_REQUEST_ID", ""))
        try:
            await self._answered(scope, environ, receive, _counting(send, noted), connection)
        finally:
            noted.status = noted.status or CLIENT_GONE
            self.log.write(noted)

    async def _answered(
        self, scope: Scope, environ: dict[str, Any], receive: Receive, send: Send, connection: Connection
    ) -> None:
        refuse = partial(refusal, self._app, environ)
        try:
            response = await self._answer(scope, environ, receive, send, connection)
        except _Busy:
            response = refuse("server_busy", 503, RETRY_SECONDS)
        except RequestLate as late:
            response = refuse(late.code, late.status)
        except Gone:
            connection.abort()
            return
        except Exception:
            # Flask answers for its own errors, so this is one of the bridge.
            _log.exception("no_answer", request=environ[ENVIRON].id, method=scope["method"])
            if connection.gone:
                return
            response = refuse("internal", 500)
        try:
            await asyncio.wait_for(deliver(response, send), self._seconds)
        except TimeoutError:
            # Somebody who asks and asks, and reads nothing.
            connection.abort()

    async def _answer(
        self, scope: Scope, environ: dict[str, Any], receive: Receive, send: Send, connection: Connection
    ) -> Response:
        limit = self._limit(scope)
        environ[ENVIRON].quiet = limit.lane in (Lane.PROBE, Lane.POLL)
        if connection.reserve and limit.lane is not Lane.PROBE:
            raise _Busy
        if len(scope["query_string"]) > QUERY_BYTES:
            return refusal(self._app, environ, "query_too_long", 414, limit=f"{QUERY_BYTES:,}")
        if sum(len(name) + len(value) for name, value in scope["headers"]) > HEAD_BYTES:
            # A head that arrives all at once is read whatever its length.
            return refusal(self._app, environ, "headers_too_long", 431, limit=f"{HEAD_BYTES:,}")
        body = Body(receive, self._seconds)
        await self._arrived(environ, body, limit)
        loop = asyncio.get_running_loop()

        def send_from_thread(message: Message) -> None:
            if connection.gone:
                raise Gone
            sending = asyncio.run_coroutine_threadsafe(asyncio.wait_for(_sent(send, message), self._seconds), loop)
            try:
                sending.result()
            except (TimeoutError, concurrent.futures.CancelledError):
                raise Gone from None

        work = partial(call, self._app.wsgi_app, environ, send_from_thread)
        answered: Response = await self._lanes[limit.lane].run(work)
        return answered

    def _limit(self, scope: Scope) -> Limit:
        try:
            found = limit_of(self._routes.match(scope["path"], scope["method"])[0])
            # An open page asks again by itself, and nobody waits for that.
            polls = found.lane is Lane.PAGE and scope["method"] == "GET" and _POLLS in scope["headers"]
            return replace(found, lane=Lane.POLL) if polls else found
        except (HTTPException, RequestRedirect):
            return limit_of(None)

    async def _arrived(self, environ: dict[str, Any], body: Body, limit: Limit) -> None:
        """Waits for the body, of files for its beginning, and puts it into `environ`.

        A body over the limit is not waited for: Flask refuses it with the right sentence before it reads any.
        """
        most = limit.bytes(self._settings)
        chunked = "HTTP_TRANSFER_ENCODING" in environ
        try:
            declared = int(environ.get("CONTENT_LENGTH") or 0)
        except ValueError:
            declared = 0
        if (not declared and not chunked) or declared > most:
            return
        if limit.files:
            await body.gather(PACE)
            environ["wsgi.input"] = body.file()
            if chunked:
                # Its mere presence means that there is no length.
                environ["wsgi.input_terminated"] = True
            return
        whole = await body.gather(most + 1)
        environ["wsgi.input"] = io.BytesIO(whole)
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        environ["CONTENT_LENGTH"] = str(len(whole))


def _counting(send: Send, noted: Noted) -> Send:
    """Sends with the request's id, and notes status and bytes."""
    header = (HEADER.lower().encode(), noted.id.encode())

    async def counted(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], header]}
            noted.status = message["status"]
        await send(message)
        noted.bytes += len(message.get("body", b""))

    return counted


async def _sent(send: Send, message: Message) -> None:
    await send(message)
