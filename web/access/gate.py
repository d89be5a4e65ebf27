"""Every request passes here: who sends it, whether they may, and what the audit log says of it afterwards."""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

from apiflask import APIFlask
from flask import Response, g, make_response, render_template, request, url_for

from shared.access.scopes import Scope
from shared.core.errors import KeyNeeded
from web.access import rights
from web.access.visitor import Doors, NotAllowed, Visitor, identify, record, require_steering, visitor
from web.context import services
from web.i18n import say
from web.noted import note_code
from web.problems import problem, wants_page
from web.security import SAFE_METHODS


class NoToken(NotAllowed):
    """A request of a session lacks the token that its forms and scripts send."""

    code = "csrf_missing"


def init_app(app: APIFlask) -> None:
    app.extensions["weft.doors"] = Doors(app.config["WEFT"])
    app.before_request(_admit)
    app.after_request(_remember)
    app.context_processor(lambda: {"visitor": visitor()})


def _admit() -> Response | None:
    right = rights.right_of(request.endpoint)
    if right.scope is None:
        return None
    g.visitor = identify()
    found = visitor()
    if found is None:
        return refusal()
    if not found.may(right.scope):
        record("not_allowed", f"{request.method} {request.path}")
        raise NotAllowed(scope=right.scope.value, name=found.name or "")
    return None


def check_act() -> None:
    """Before something is changed: it was meant, and the job is the visitor's own where it has to be.

    Raises NotAllowed, NoToken, NotFound. After requests of other sites were refused and the limits of bodies are set.
    """
    found = visitor()
    if found is None or request.method in SAFE_METHODS:
        return
    if found.csrf:
        _require_token(found)
    if rights.right_of(request.endpoint).own and not found.may(Scope.ADMIN):
        require_steering(services().ledger.find((request.view_args or {})["job_id"]))


def _require_token(found: Visitor) -> None:
    """Requests of a session carry its token: in a form as `csrf`, else as X-CSRF-Token."""
    given = request.headers.get("X-CSRF-Token")
    if given is None and not request.path.startswith("/api/"):
        given = request.form.get("csrf")
    if not hmac.compare_digest((given or "").encode(), found.csrf.encode()):
        raise NoToken


def refusal() -> Response:
    """For people the page that asks for a key, which names neither the model nor the bank; else the problem."""
    if not wants_page():
        response = problem(KeyNeeded.code, KeyNeeded.status, {})
        response.headers["WWW-Authenticate"] = 'Bearer realm="Weft"'
        if "HX-Request" in request.headers:
            # A page whose session has ended, and which asks for its progress.
            here = urlsplit(request.headers.get("HX-Current-URL", ""))
            response.headers["HX-Redirect"] = url_for("pages.login", next=here.path or "/")
        return response
    note_code(request.environ, KeyNeeded.code)
    back = (
        request.script_root + request.full_path.rstrip("?")
        if request.method in SAFE_METHODS
        else url_for("pages.start")
    )
    return login_page(back, status=KeyNeeded.status)


def login_page(back: str, error: str | None = None, status: int = 200, after: int | None = None) -> Response:
    """The page that asks for a key; `back`: where it leads."""
    response = make_response(
        render_template("login.html", back=back, error=error and say(error, seconds=after)), status
    )
    if after is not None:
        response.headers["Retry-After"] = str(after)
    return response


def _remember(response: Response) -> Response:
    """Records what was done; a view that did nothing after all sets `g.unchanged`."""
    act = rights.right_of(request.endpoint).act if request.endpoint else None
    found = visitor()
    if act and found and response.status_code < 400 and not g.get("unchanged"):
        given = request.view_args or {}
        place = [str(given[name]) for name in ("job_id", "item", "index", "version") if name in given]
        record(act.format(**given), g.get("acted_on") or "/".join(place))
    return response
