"""One server elsewhere: requests with a key, repeated while the network or the server is away."""

from __future__ import annotations

import json
import random
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError, NameResolutionError, NewConnectionError, ProtocolError, ProxyError, SSLError

from scripts.cli import output
from scripts.cli.lines import Lines
from shared.core.errors import InvalidRequest, Unavailable, WeftError
from shared.core.i18n import language
from shared.core.messages import sentence
from shared.core.settings import Settings

#: Seconds for which a server or a network that is away is awaited: an update and a restart, a train in a tunnel.
PATIENCE = 900.0
#: Seconds between two attempts at most, where the server does not say.
_LONGEST_WAIT = 30.0
#: Answers that mean: not now.
_BUSY = frozenset({408, 429, 502, 503, 504})
#: Seconds to connect, and to send 64 kB; and until an answer begins.
_CONNECT_SECONDS, _ANSWER_SECONDS = 20.0, 300.0
_PIECE_BYTES, _SENT_BYTES = 1 << 18, 1 << 16

#: A part of a multipart body: the field's name, and its text or (name of the file, bytes).
Field = tuple[str, str | tuple[str, bytes]]


class Refused(WeftError):
    """The server's own refusal: its code, its status and its sentence."""

    def __init__(self, status: int, code: str, told: str) -> None:
        super().__init__(code, status=status)
        self._told = told

    def __str__(self) -> str:
        return self._told


class GaveUp(Unavailable):
    """The server stayed away for longer than anybody waits."""

    code = "server_stayed_away"


class Server:
    """May be used by several threads at once."""

    def __init__(self, address: str, key: str | None = None, lines: Lines | None = None) -> None:
        """`address`: `http(s)://HOST[:PORT][/PATH]`. Raises InvalidRequest (`url_unusable`)."""
        self.address = _address(address)
        self._lines = lines or Lines()
        self._headers = {"Accept": "application/json", "Accept-Language": language(), "User-Agent": "weft"}
        if key:
            self._headers["Authorization"] = f"Bearer {key}"
        self._pool = _pool(self.address)
        self._lock = threading.Lock()
        #: Since when nothing answers; None while all is well.
        self._lost_at: float | None = None
        #: Something has answered before, in this process or an earlier one: a server that is away will come back.
        self.met = False
        #: Ends all waiting.
        self.stopped = threading.Event()

    @classmethod
    def of(cls, chosen: output.State, lines: Lines | None = None) -> Server:
        """The server that --url or WEFT_URL names. Raises InvalidRequest (`no_url`, `url_unusable`)."""
        settings: Settings = chosen.settings
        address = chosen.url or settings.url
        if not address:
            raise InvalidRequest("no_url")
        return cls(address, settings.key.get_secret_value().strip() if settings.key else None, lines)

    def get(self, path: str, **query: object) -> Any:
        """The JSON at `/api/v1` + path; values of the query that are None are left out. Raises as `call`."""
        return self.call("GET", path + _query(query))

    def call(
        self, method: str, path: str, document: object = None, fields: Sequence[Field] | None = None, **headers: str
    ) -> Any:
        """One request, repeated until it is answered; the JSON of the answer.

        Raises Refused for what the server refuses; Unavailable: `server_unreachable` where nothing has ever answered,
        `server_insecure`, GaveUp; InvalidRequest (`no_weft_there`).
        """
        body: bytes | None = None
        if fields is not None:
            body, headers["Content-Type"] = urllib3.encode_multipart_formdata(fields)
        elif document is not None:
            body, headers["Content-Type"] = json.dumps(document).encode(), "application/json"
        answer = self._answered(method, path, body, headers)
        found = _json(answer.data)
        if answer.data and found is None:
            # Another program, or a page that a proxy or a hotel's network shows.
            raise InvalidRequest("no_weft_there", url=self.address, reason=answer.headers.get("Content-Type", ""))
        return found

    def stream(self, path: str, **query: object) -> Iterator[bytes]:
        """A file in pieces. Raises as `call`; Unavailable (`server_unreachable`) where it is cut off."""
        answer = self._answered("GET", path + _query(query), None, {"Accept": "*/*"}, whole=False)
        try:
            yield from answer.stream(_PIECE_BYTES)
        except HTTPError as failure:
            raise self._unreachable(failure) from failure
        finally:
            answer.release_conn()

    def _answered(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str], whole: bool = True
    ) -> urllib3.BaseHTTPResponse:
        attempt = 0
        while True:
            try:
                answer = self._pool.request(
                    method,
                    f"{self.address}/api/v1{path}",
                    body=None if body is None else _pieces(body),
                    headers=self._headers | headers | ({} if body is None else {"Content-Length": str(len(body))}),
                    timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=_ANSWER_SECONDS),
                    retries=False,
                    redirect=False,
                    preload_content=whole,
                )
            except HTTPError as failure:
                if isinstance(failure, SSLError) or not self.met:
                    raise self._unreachable(failure) from failure
                self._wait(sentence("server_silent"), attempt)
            else:
                self.met = True
                if 200 <= answer.status < 300:
                    self._back()
                    return answer
                refused = self._refusal(answer)
                if answer.status not in _BUSY:
                    self._back()
                    raise refused
                self._wait(str(refused), attempt, _seconds(answer.headers.get("Retry-After")))
            attempt += 1

    def _refusal(self, answer: urllib3.BaseHTTPResponse) -> WeftError:
        where = answer.headers.get("Location")
        if 300 <= answer.status < 400 and where:
            return InvalidRequest("server_moved", url=self.address, to=where)
        found = _json(answer.data or answer.read() or b"")
        if isinstance(found, dict) and "code" in found:
            told = str(found.get("detail", ""))
            if found["code"] == "not_found" and "/api/v1/" in told:
                # Of the address itself, not of a job.
                return InvalidRequest("no_weft_there", url=self.address, reason=told)
            if answer.status == 401:
                told += " " + sentence("key_for_server")
            return Refused(answer.status, str(found["code"]), told)
        if answer.status == 413:
            return Refused(413, "proxy_refused_size", sentence("proxy_refused_size", url=self.address))
        if answer.status in _BUSY:
            return Unavailable("server_busy")
        return InvalidRequest("no_weft_there", url=self.address, reason=f"HTTP {answer.status}")

    def _unreachable(self, failure: HTTPError) -> WeftError:
        if isinstance(failure, SSLError):
            return Unavailable("server_insecure", url=self.address, reason=str(failure))
        return Unavailable("server_unreachable", url=self.address, reason=_reason(failure))

    def _wait(self, reason: str, attempt: int, asked: float = 0.0) -> None:
        """Until the next attempt. Raises GaveUp once all patience is gone, and KeyboardInterrupt when stopped."""
        with self._lock:
            first = self._lost_at is None
            self._lost_at = self._lost_at or time.monotonic()
            gone = time.monotonic() - self._lost_at
        if first:
            output.note(sentence("server_awaited", reason=reason, minutes=round(PATIENCE / 60)))
            self._lines.tell("lost", error={"code": "server_lost", "message": reason})
        if gone > PATIENCE:
            raise GaveUp(url=self.address, minutes=round(PATIENCE / 60), reason=reason)
        wait = asked or min(2.0**attempt, _LONGEST_WAIT) * random.uniform(0.75, 1.25)
        if self.stopped.wait(min(wait, PATIENCE)):
            raise KeyboardInterrupt

    def _back(self) -> None:
        with self._lock:
            was_lost, self._lost_at = self._lost_at is not None, None
        if was_lost:
            output.note(sentence("watch_back"))
            self._lines.tell("back")


def part(value: str) -> str:
    """A value as a part of a path."""
    return quote(value, safe="")


def _pieces(body: bytes) -> Iterator[bytes]:
    """Sent one by one: a time limit is of each, as a slow link takes minutes for the whole."""
    return (body[at : at + _SENT_BYTES] for at in range(0, len(body), _SENT_BYTES))


def _query(values: dict[str, object]) -> str:
    given = {name: str(value).lower() if isinstance(value, bool) else value for name, value in values.items()}
    chosen = urlencode({name: value for name, value in given.items() if value not in (None, "")})
    return f"?{chosen}" if chosen else ""


def _address(raw: str) -> str:
    address = raw.strip().rstrip("/").removesuffix("/api/v1")
    try:
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.query and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise InvalidRequest("url_unusable", url=raw)
    return address


def _pool(address: str) -> urllib3.PoolManager:
    """Straight there, or through the proxy that this machine is set to."""
    parts = urlsplit(address)
    proxy = None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)
    if proxy:
        place = proxy if "://" in proxy else f"http://{proxy}"
        return urllib3.ProxyManager(place, maxsize=8, socket_options=_alive())
    return urllib3.PoolManager(maxsize=8, socket_options=_alive())


def _alive() -> list[tuple[int, int, int]]:
    """Whether the other side is still there is asked every half minute: after a laptop's sleep it is not."""
    options = [*HTTPConnection.default_socket_options, (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    for name, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, name):
            options.append((socket.IPPROTO_TCP, getattr(socket, name), value))
    return options


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return None


def _seconds(header: str | None) -> float:
    try:
        return max(0.0, float(header or 0))
    except ValueError:
        return 0.0


def _reason(failure: HTTPError) -> str:
    """What people can act on; the library's own words name objects in memory."""
    if isinstance(failure, NameResolutionError):
        return sentence("host_unknown")
    if isinstance(failure, NewConnectionError):
        return str(failure.__cause__ or failure)
    if isinstance(failure, ProxyError):
        return sentence("proxy_silent")
    if isinstance(failure, ProtocolError):
        return sentence("connection_ended")
    return type(failure).__name__
