"""Errors as RFC 9457 `application/problem+json` with a stable `code`; on pages, a plain page with the same sentence."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import structlog
from apiflask import APIFlask
from apiflask.exceptions import HTTPError
from flask import Response, current_app, json, redirect, render_template, request
from werkzeug.exceptions import HTTPException

from shared.bank.class_names import UnknownClass
from shared.core.errors import WeftError
from shared.core.i18n import gettext as _
from shared.core.next_steps import next_step
from web import uploads
from web.context import services
from web.i18n import language, say
from web.limits import JSON_DEPTH
from web.noted import note_code

_log = structlog.get_logger(__name__)

_PROBES = ("/healthz", "/readyz", "/metrics")
#: Codes for what Werkzeug itself refuses.
_HTTP_CODES = {404: "not_found", 405: "method_not_allowed", 408: "request_late", 413: "upload_too_large"}


def problem(
    code: str, status: int, detail: dict[str, Any], retry_after: int | None = None, bare: bool = False, **more: Any
) -> Response:
    """The error in the form that the client reads. `bare`: a page that names neither model nor bank, and is cheap."""
    note_code(request.environ, code)
    title = HTTPStatus(status).phrase
    sentence, step = say(code, **detail), next_step(code, status)
    if wants_page():
        heading = _("Page not found") if code == "not_found" and detail.get("what") == request.path else sentence
        values = {"code": code, "status": status, "sentence": heading, "step": step}
        if bare:
            body = current_app.jinja_env.get_template("refusal.html").render(
                lang=language(), version=services().asset_version, root=request.script_root, **values
            )
        else:
            body = render_template("error.html", **values)
        kind = "text/html"
    else:
        document = {
            "type": "about:blank",
            "title": title,
            "status": status,
            "detail": sentence,
            "code": code,
            "next": step,
            **more,
        }
        body, kind = json.dumps(document), "application/problem+json"
    response = Response(body, status, content_type=f"{kind}; charset=utf-8" if kind == "text/html" else kind)
    response.content_language = language()
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response


def wants_page() -> bool:
    if request.headers.get("HX-Request") or request.path.startswith("/api/") or request.path in _PROBES:
        return False
    best = request.accept_mimetypes.best_match(("text/html", "application/json"))
    return best == "text/html" or best is None


def init_app(app: APIFlask) -> None:
    @app.errorhandler(WeftError)
    def ours(error: WeftError) -> Response:
        if error.code == "redis_unavailable":
            services().reconnect()
        more: dict[str, Any] = (
            {"near": [{"label": e.label, "zh": e.zh or None, "en": e.en or None} for e in error.near]}
            if isinstance(error, UnknownClass)
            else {}
        )
        return problem(error.code, error.status, error.detail, getattr(error, "retry_after", None), **more)

    @app.errorhandler(HTTPError)
    def invalid(error: HTTPError) -> Response:
        errors = error.detail if isinstance(error.detail, dict) else {}
        fields = [f"{name}: {' '.join(told)}" for place in errors.values() for name, told in _told(place)]
        reason = "; ".join(fields) or str(error.message)
        return problem("invalid_request", 400, {"reason": reason}, errors=errors)

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> Response:
        status = error.code or 500
        if status < 400:
            return error.get_response()  # type: ignore[return-value]
        if status == 405 and request.method == "GET" and wants_page() and (page := _page_above()):
            return redirect(page, 303)  # type: ignore[return-value]
        code = _HTTP_CODES.get(status, "internal" if status >= 500 else "invalid_request")
        limit, reason = "", error.description or ""
        if status == 400 and request.is_json:
            reason = say("json_damaged")
        if status == 413:
            code, most = uploads.too_large()
            limit = f"{most:,}"
        response = problem(
            code,
            status,
            {"what": request.path, "reason": reason, "limit": limit, "method": request.method},
        )
        for name, value in error.get_headers():
            if name.lower() not in ("content-type", "content-length"):
                response.headers[name] = value
        return response

    @app.errorhandler(RecursionError)
    def too_deep(error: RecursionError) -> Response:
        # JSON nested deeper than the parser goes; anything else that recurses so deeply is a fault of ours.
        if request.is_json:
            return problem("invalid_request", 400, {"reason": say("json_too_deep", limit=JSON_DEPTH)})
        return unexpected(error)

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> Response:
        rule = request.url_rule.rule if request.url_rule else "-"
        _log.error("unexpected_error", method=request.method, route=rule, exc_info=error)
        return problem("internal", 500, {})


def _page_above() -> str | None:
    """The nearest page above a form's address. It is asked for where the answer to a form is loaded again or shown in
    the other language: the address is still the form's."""
    pages = current_app.url_map.bind_to_environ(request.environ)
    path = request.path.rstrip("/")
    while path:
        path = path.rpartition("/")[0]
        try:
            pages.match(path or "/", "GET")
        except HTTPException:
            continue
        query = request.query_string.decode()
        return f"{request.script_root}{path or '/'}" + (f"?{query}" if query else "")
    return None


def _told(place: Any) -> list[tuple[str, list[str]]]:
    if not isinstance(place, dict):
        return []
    return [(str(name), [str(line) for line in lines]) for name, lines in place.items() if isinstance(lines, list)]
