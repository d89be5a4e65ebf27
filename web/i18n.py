"""The user's language: `?lang=`, then the cookie that `?lang=` leaves, then the browser's Accept-Language."""

from __future__ import annotations

from typing import Any

from apiflask import APIFlask
from flask import Response, has_request_context, request
from flask_babel import Babel

from shared.core.messages import LANGUAGES, sentence

COOKIE = "weft_lang"
NAMES = {"en": "English", "zh": "中文"}


def language() -> str:
    """`en` or `zh`."""
    if not has_request_context():
        return LANGUAGES[0]
    for wished in (request.args.get("lang"), request.cookies.get(COOKIE)):
        if wished in LANGUAGES:
            return wished
    return request.accept_languages.best_match(LANGUAGES) or LANGUAGES[0]


def say(code: str, **detail: Any) -> str:
    """The sentence of a stable code in the user's language."""
    return sentence(code, language(), **detail)


def init_app(app: APIFlask) -> None:
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = "translations"
    Babel(app, locale_selector=language)

    @app.after_request
    def remember(response: Response) -> Response:
        wished = request.args.get("lang")
        if wished in LANGUAGES and not request.path.startswith("/api/"):
            response.set_cookie(COOKIE, wished, max_age=365 * 86400, samesite="Lax", httponly=True)
        response.vary.update(("Accept-Language", "Cookie"))
        return response
