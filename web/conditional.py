"""Answers that have not changed are not made again: `304 Not Modified`, decided from the ledger's record alone.

A page that polls sends the tag of what it shows. The tag is made of the record that the answer would be made of, so
that a 304 costs one look into Redis: no template, no JSON, no results file.
"""

from __future__ import annotations

import hashlib

from apiflask import APIFlask
from flask import Response, g, request

from web.context import services
from web.i18n import language

#: What a browser may keep, if it asks each time whether it is still so.
CACHE = "private, no-cache"


def unchanged(*record: object) -> Response | None:
    """The 304 for a client that has this state of the record already; None where the answer has to be made.

    `record`: everything that the answer depends on, beside the language, whoever asks, and the code of this version.
    """
    asked = (
        request.script_root,
        request.full_path,
        "HX-Request" in request.headers,
        language(),
        services().asset_version,
    )
    caller = (request.headers.get("Authorization"), request.headers.get("Cookie"))
    digest = hashlib.blake2b(repr((asked, caller, record)).encode("utf-8", "surrogateescape"), digest_size=12)
    g.weft_tag = digest.hexdigest()
    return Response(status=304) if request.if_none_match.contains_weak(g.weft_tag) else None


def init_app(app: APIFlask) -> None:
    @app.after_request
    def tag(response: Response) -> Response:
        if "weft_tag" in g and response.status_code in (200, 304):
            # Weak: the same to a reader, though a nonce or a time of day in it may differ.
            response.set_etag(g.weft_tag, weak=True)
            response.headers.setdefault("Cache-Control", CACHE)
        return response
