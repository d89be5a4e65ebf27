"""Signing in with a key, and out."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import redirect, request, url_for
from werkzeug.wrappers import Response

from web.access import sessions
from web.access.gate import login_page
from web.access.throttle import TooManyKeys
from web.access.visitor import check_key, doors, over_https, record
from web.pages import bp


@bp.get("/login")
def login() -> Response:
    back = local_address(request.args.get("next", ""))
    return login_page(back) if doors().closed else redirect(back, 303)


@bp.post("/login")
def enter() -> Response:
    """Begins a session; one that the browser had ends. The key is what is checked, so there is no user name."""
    back = local_address(request.form.get("next", ""))
    try:
        holder = check_key(request.form.get("key", "").strip())
    except TooManyKeys as error:
        return login_page(back, error.code, error.status, error.retry_after)
    if holder is None:
        return login_page(back, "key_wrong", 401)
    if old := sessions.given():
        sessions.end(old)
    token = sessions.begin(holder)
    record("login", who=holder.name)
    response = redirect(back, 303)
    sessions.give_cookie(response, token, over_https())  # type: ignore[arg-type]
    return response


@bp.post("/logout")
def leave() -> Response:
    if token := sessions.given():
        sessions.end(token)
    response = redirect(url_for("pages.login"), 303)
    sessions.take_cookie(response)  # type: ignore[arg-type]
    return response


def local_address(wished: str) -> str:
    """The address on this server that a login leads back to; the start page for any other."""
    parts = urlsplit(wished) if wished.isprintable() else urlsplit("")
    # Browsers read a backslash as a slash.
    here = wished.startswith("/") and not wished.startswith("//") and "\\" not in wished
    return wished if here and not parts.scheme and not parts.netloc else url_for("pages.start")
