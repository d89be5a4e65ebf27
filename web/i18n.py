"""The visitor's language: `?lang=`, then the cookie that `?lang=` leaves, then the browser's Accept-Language.

Texts and languages are those of `shared.core.i18n`; here pages get them, numbers in their format included.
"""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache, partial

from apiflask import APIFlask
from babel import numbers
from flask import Response, request
from markupsafe import Markup

from shared.core import i18n
from shared.core.i18n import LANGUAGES, gettext, language, plural_form
from shared.core.messages import sentence as say

__all__ = ["NAMES", "format_decimal", "format_percent", "init_app", "language", "say"]

COOKIE = "weft_lang"
#: Where the language of a request is kept once it is known: a page asks for it with every text.
_ENVIRON = "weft.language"
_HUNDREDTH = Decimal("0.01")
NAMES = {"en": "English", "zh": "中文"}


def format_decimal(value: float, pattern: str | None = None) -> str:
    """A number as people of the visitor's language write it."""
    return _decimal(value, pattern, language())


def format_percent(share: float, pattern: str) -> str:
    """A share (0 to 1) as a percentage."""
    # Rounded as Babel does, so that there are no more than a hundred of them.
    return _percent(Decimal(str(share)).quantize(_HUNDREDTH), pattern, language())


# A page of 48 cards writes a thousand texts and numbers, most of them again and again.


@lru_cache(maxsize=10_000)
def _decimal(value: float, pattern: str | None, lang: str) -> str:
    return numbers.format_decimal(value, pattern, locale=lang)


@lru_cache(maxsize=10_000)
def _percent(share: Decimal, pattern: str, lang: str) -> str:
    return numbers.format_percent(share, pattern, locale=lang)


@lru_cache(maxsize=20_000)
def _text(text: str, lang: str) -> Markup:
    return Markup(gettext(text, lang))


@lru_cache(maxsize=20_000)
def _whole_text(text: str, lang: str) -> Markup:
    return _text(text, lang) % {}


def page_text(text: str, /, **values: object) -> Markup:
    """`_` of templates: as Jinja's new-style gettext, the text is markup and the values are escaped."""
    return _text_in(language(), text, **values)


def _text_in(lang: str, text: str, /, **values: object) -> Markup:
    return _text(text, lang) % values if values else _whole_text(text, lang)


def _of_request() -> str | None:
    try:
        environ = request.environ
    except RuntimeError:
        # No request is being answered.
        return None
    found: str | None = environ.get(_ENVIRON)
    if found is None:
        found = environ[_ENVIRON] = _wished()
    return found


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
    environment.globals["_"] = page_text
    environment.filters.update(labels.FILTERS)
    environment.globals.update(say=say, **labels.GLOBALS, **bank_labels.GLOBALS, **verdicts.GLOBALS)

    @app.context_processor
    def texts() -> dict[str, object]:
        # Asked once for a page, not with each of its thousand texts.
        return {"_": partial(_text_in, language())}

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
