"""A small reverse proxy for tests: below a path, and with answers of its own in place of the server's."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Front:
    port: int
    prefix: str = ""
    #: (method, path below the prefix) of every request, in their order.
    seen: list[tuple[str, str]] = field(default_factory=list)
    #: Asked before a request is passed on: a status and headers to answer with instead; None: pass it on.
    instead: Callable[[str, str], tuple[int, dict[str, str]] | None] = lambda method, path: None
    #: Asked after the server has answered: whether the answer is dropped with the connection.
    loses: Callable[[str, str], bool] = lambda method, path: False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.prefix}"


@contextmanager
def front(target: int, prefix: str = "") -> Iterator[Front]:
    """In front of a port of this machine."""
    made = Front(0, prefix)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = self.path.removeprefix(prefix)
            made.seen.append((self.command, path.partition("?")[0]))
            if own := made.instead(self.command, path):
                status, headers = own
                self._answer(status, headers, b"")
                return
            server = HTTPConnection("127.0.0.1", target, timeout=60)
            headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
            try:
                server.request(self.command, path, body, headers)
                answer = server.getresponse()
                content = answer.read()
            except (OSError, HTTPException):
                # The server went away: so does the connection to the client.
                self.close_connection = True
                return
            finally:
                server.close()
            if made.loses(self.command, path):
                self.close_connection = True
                return
            kept = {n: v for n, v in answer.getheaders() if n.lower() not in ("connection", "transfer-encoding")}
            self._answer(answer.status, kept, content)

        def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
            self.send_response_only(status)
            for name, value in (headers | {"Content-Length": str(len(content))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_DELETE = _pass

        def log_message(self, format: str, *args: object) -> None:
            """Nothing is printed."""

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """Clients that go away are what is tried."""

    server = Quiet(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made.port = server.server_port
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
