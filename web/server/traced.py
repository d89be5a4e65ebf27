"""A span for each request that reaches Flask, below the one that a `traceparent` names."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from shared.core import tracing
from web.noted import noted_of

Wsgi = Callable[..., Iterable[bytes]]


def traced(wsgi: Wsgi) -> Wsgi:
    """The application with spans, until the answer begins. Names are patterns of addresses, never the addresses."""

    def call(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        def begin(status: str, *more: Any) -> Any:
            span.tell(status=int(status.split(" ", 1)[0]))
            return start_response(status, *more)

        with tracing.span("request", environ.get("HTTP_TRACEPARENT", "")) as span:
            pieces = wsgi(environ, begin)
            noted = noted_of(environ)
            if noted is not None:
                job = {"job": noted.job} if noted.job else {}
                span.tell(f"{noted.method} {noted.route}", request=noted.id, **job)
            return pieces

    return call
