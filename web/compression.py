"""Texts go out compressed: gzip, which every browser takes and Python has (pages shrink to a tenth of their size).

Brotli would save another seventh and need a compiled package more. What streams and what is compressed already, such
as exports and pictures, goes out as it is. A page holds a session's token beside words of its address, which is what
BREACH needs; it also needs requests that another site makes with the cookie, and `SameSite=Lax` sends none.
"""

from __future__ import annotations

import gzip
from functools import lru_cache
from pathlib import Path

from apiflask import APIFlask
from flask import Response, request

from web.context import services

#: Beginnings of the media types of texts.
TEXTS = ("text/", "application/json", "application/problem+json", "application/javascript", "image/svg+xml")
#: Below it the headers cost what is saved.
LEAST_BYTES = 600
#: Of answers that are made for one request, and of files that are compressed once for all.
LEVEL, FILE_LEVEL = 5, 9


def init_app(app: APIFlask) -> None:
    """To be called before what sets headers: it has to come last."""

    @app.after_request
    def compress(response: Response) -> Response:
        # Neither what has no body nor a part of a file.
        fits = response.status_code not in (204, 206, 304) and (response.mimetype or "").startswith(TEXTS)
        if not fits or "Content-Encoding" in response.headers:
            return response
        static = request.endpoint == "static"
        if response.is_streamed and not static:
            return response
        response.vary.add("Accept-Encoding")
        if request.accept_encodings["gzip"] <= 0 or request.method == "HEAD":
            return response
        if static:
            packed = _file(
                Path(str(app.static_folder)) / (request.view_args or {})["filename"], services().asset_version
            )
            response.close()
            response.direct_passthrough = False
        else:
            data = response.get_data()
            packed = gzip.compress(data, LEVEL, mtime=0) if len(data) >= LEAST_BYTES else b""
        if packed:
            response.set_data(packed)
            response.headers["Content-Encoding"] = "gzip"
            tag, _ = response.get_etag()
            if tag:
                # Weak: the same to a reader, compressed or not.
                response.set_etag(tag, weak=True)
        return response


@lru_cache(maxsize=100)
def _file(path: Path, version: str) -> bytes:
    """A static file, compressed; `version` changes when any of them does."""
    return gzip.compress(path.read_bytes(), FILE_LEVEL, mtime=0)
