"""Refusals that are made before Flask sees a request, or instead of it: in the same form, with code and next step."""

from __future__ import annotations

import re
from typing import Any

from apiflask import APIFlask

from web import proxied
from web.problems import problem
from web.security import harden
from web.server.bridge import Response

_HEADER = re.compile(rb"(?im)^(accept|accept-language|hx-request)[ \t]*:[ \t]*([^\r\n]{0,200})")


def refusal(
    app: APIFlask, environ: dict[str, Any], code: str, status: int, retry_after: int | None = None, **detail: Any
) -> Response:
    """The refusal of the request `environ`; the connection ends with it."""
    proxied.apply(app, environ)
    with app.request_context(environ):
        made = harden(problem(code, status, detail, retry_after, bare=True))
        made.content_length = len(made.get_data())
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in made.headers.items()]
        body = b"" if environ["REQUEST_METHOD"] == "HEAD" else made.get_data()
    return Response(status, [*headers, (b"connection", b"close")], body)


def guessed_environ(head: bytes) -> dict[str, Any]:
    """An environ from the bytes of a request that could not be read: what says in which form to answer."""
    words = head[:2000].split(b"\r\n", 1)[0].split(b" ")
    path = words[1].partition(b"?")[0].decode("latin-1")[:200] if len(words) > 1 else "/api/"
    environ = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path if path.startswith("/") else "/api/",
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "0",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
    }
    # A program that says nothing of what it reads gets JSON.
    environ["HTTP_ACCEPT"] = "application/json"
    for name, value in _HEADER.findall(head[:16_000]):
        environ[f"HTTP_{name.decode().upper().replace('-', '_')}"] = value.decode("latin-1")
    return environ
