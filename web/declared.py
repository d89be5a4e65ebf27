"""What a route declares in OpenAPI is all that it takes: whatever else a request asks for is refused, not ignored.

JSON bodies are checked by their models (`extra="forbid"`); this covers query parameters, form fields and bodies of
routes that take none, for every route of the API at once.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from apiflask import APIFlask
from flask import current_app, request
from werkzeug.datastructures import MultiDict

from shared.core.errors import InvalidRequest
from web.i18n import say

_CONVERTER = re.compile(r"<(?:[^<>]*:)?(\w+)>")
_METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, slots=True)
class Declared:
    """Names of parameters and of form fields (None: no form); each says whether it may come several times."""

    query: Mapping[str, bool]
    form: Mapping[str, bool] | None
    body: bool


class Operations:
    """Every operation of the OpenAPI document, read from it once, when the first request comes."""

    def __init__(self, app: APIFlask) -> None:
        self._app = app
        self._lock = threading.Lock()
        self._found: dict[tuple[str, str], Declared] | None = None

    def of(self, rule: str, method: str) -> Declared | None:
        """None for what OpenAPI does not describe."""
        with self._lock:
            if self._found is None:
                spec: Any = self._app.spec
                self._found = {
                    (path, method): _declared(operation)
                    for path, operations in spec["paths"].items()
                    for method, operation in operations.items()
                    if method in _METHODS
                }
        return self._found.get((_CONVERTER.sub(r"{\1}", rule), method.lower()))


def _declared(operation: dict[str, Any]) -> Declared:
    parameters = [p for p in operation.get("parameters", ()) if p["in"] == "query"]
    query = {p["name"]: p.get("schema", {}).get("type") == "array" for p in parameters}
    content = operation.get("requestBody", {}).get("content", {})
    fields = content.get("multipart/form-data", {}).get("schema", {}).get("properties")
    form = None if fields is None else {name: schema.get("type") == "array" for name, schema in fields.items()}
    return Declared(query, form, bool(content))


def current() -> Declared | None:
    """What the route of the request at hand declares; None where OpenAPI does not describe it."""
    if request.url_rule is None or not request.path.startswith("/api/"):
        return None
    operations: Operations = current_app.extensions["weft.operations"]
    return operations.of(request.url_rule.rule, request.method)


def require_known(given: MultiDict[str, Any], known: Mapping[str, bool]) -> None:
    """Raises InvalidRequest for a name that is not known, and for a single value that came several times."""
    for name in given:
        if name not in known:
            raise InvalidRequest(reason=say("unknown_field", field=name, choices=", ".join(sorted(known)) or "–"))
        if not known[name] and len(given.getlist(name)) > 1:
            raise InvalidRequest(reason=say("repeated_field", field=name))


def _check() -> None:
    declared = current()
    if declared is None:
        return
    require_known(request.args, declared.query)
    unasked = 0 if declared.body or request.method == "GET" else request.content_length or 0
    # Some clients always send an empty object.
    if unasked > len("{}") or (unasked and request.get_data().strip() not in (b"", b"{}")):
        raise InvalidRequest(reason=say("no_body_here"))


def init_app(app: APIFlask) -> None:
    app.extensions["weft.operations"] = Operations(app)
    app.before_request(_check)
