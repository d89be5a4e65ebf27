"""Keys and the audit log, for administrators."""

from __future__ import annotations

import time

from flask import redirect, render_template, request, url_for
from pydantic import ValidationError
from werkzeug.wrappers import Response

from shared.access.audit import ACTS
from shared.access.scopes import Scope
from shared.core.errors import InvalidRequest, WeftError
from shared.core.i18n import LazyText as _l
from shared.core.i18n import gettext as _
from web.access.schemas import AuditQuery, KeyWish
from web.access.visitor import doors
from web.api import access as api
from web.context import services
from web.i18n import say
from web.pages import bp

SCOPE_WORDS = {
    Scope.READ: _l("See jobs, results and the bank"),
    Scope.SUBMIT: _l("Submit photos and control their own jobs"),
    Scope.REVIEW: _l("Correct results"),
    Scope.ADMIN: _l("Everything: the bank, all jobs, keys"),
}


@bp.get("/keys")
def keys() -> str:
    return _keys()


@bp.post("/keys")
def key_create() -> str | tuple[str, int]:
    """Not redirected: the key is shown in this answer and never again."""
    try:
        days = request.form.get("days", "").strip()
        wish = KeyWish(
            name=request.form.get("name", ""),
            scopes=[Scope(scope) for scope in request.form.getlist("scope")],
            expires=time.time() + float(days) * 86400 if days else None,
        )
        made = api.made(wish)
    except ValidationError as error:
        return _keys(error=say("invalid_request", reason=error.errors()[0]["msg"])), 400
    except ValueError as error:
        return _keys(error=say("invalid_request", reason=str(error))), 400
    except WeftError as error:
        return _keys(error=say(error.code, **error.detail)), error.status
    return _keys(made=made)


@bp.post("/keys/revoke")
def key_revoke() -> Response:
    api.revoked(request.form.get("name", ""))
    return redirect(url_for("pages.keys"), 303)


@bp.get("/audit")
def audit() -> str:
    try:
        query = AuditQuery.model_validate({k: v for k, v in request.args.items() if k != "lang"})
    except ValidationError as error:
        raise InvalidRequest(reason=error.errors()[0]["msg"]) from error
    found = api.events(query)
    following = found[-1].id if len(found) == query.limit else None
    words = {act: _(text) for act, text in ACTS.items()}
    return render_template("audit.html", events=found, query=query, following=following, acts=words)


def _keys(**more: object) -> str:
    return render_template(
        "keys.html",
        keys=api.listed(),
        scopes=SCOPE_WORDS,
        closed=doors().closed,
        env=services().settings.api_key is not None,
        **more,
    )
