"""The visitor's language: `?lang=`, then the cookie that `?lang=` leaves, then the browser's Accept-Language.

Texts and languages are those of `shared.core.i18n`; here pages get them, numbers in their format included.
"""

from __future__ import annotations

from apiflask import APIFlask
from babel import numbers
from flask import Response, has_request_context, request

from shared.core import i18n
from shared.core.i18n import LANGUAGES, gettext, language, plural_form
from shared.core.messages import sentence as say

__all__ = ["NAMES", "format_decimal", "format_percent", "init_app", "language", "say"]

COOKIE = "weft_lang"
#: Where the language of a request is kept once it is known: a page asks for it with every text.
_ENVIRON = "weft.language"
NAMES = {"en": "English", "zh": "中文"}


def format_decimal(value: float, pattern: str | None = None) -> str:
    """A number as people of the visitor's language write it."""
    return numbers.format_decimal(value, pattern, locale=language())


def format_percent(share: float, pattern: str) -> str:
    """A share (0 to 1) as a percentage."""
    return numbers.format_percent(share, pattern, locale=language())


def _of_request() -> str | None:
    if not has_request_context():
        return None
    if _ENVIRON not in request.environ:
        request.environ[_ENVIRON] = _wished()
    return str(request.environ[_ENVIRON])


def _wished() -> str:
    for wished in (request.args.get("lang"), request.cookies.get(COOKIE)):
        if wished in LANGUAGES:
            return wished
    return request.accept_languages.best_match(LANGUAGES) or LANGUAGES[0]


def init_app(app: APIFlask) -> None:
    from web import bank_labels, labels, verdicts

    i18n.ask_first(_of_request)
    environment = app.jinja_env
    environment.add_extension("jinja2.ext.i18n")
    environment.install_gettext_callables(gettext, plural_form, newstyle=True)  # type: ignore[attr-defined]
    environment.filters.update(labels.FILTERS)
    environment.globals.update(say=say, **labels.GLOBALS, **bank_labels.GLOBALS, **verdicts.GLOBALS)

    @app.after_request
    def remember(response: Response) -> Response:
        wished = request.args.get("lang")
        if wished in LANGUAGES and not request.path.startswith("/api/"):
            path = request.script_root or "/"
            response.set_cookie(COOKIE, wished, max_age=365 * 86400, path=path, samesite="Lax", httponly=True)
        if not response.cache_control.immutable:
            # Styles, scripts and pictures are the same in every language.
            response.vary.update(("Accept-Language", "Cookie"))
        return response
