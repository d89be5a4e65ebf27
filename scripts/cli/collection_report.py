"""A collection's report, made of the pages' own parts: a module of its own, as the other commands do without them."""

from __future__ import annotations

from shared.collections.collection import Collection
from shared.core.i18n import language
from shared.core.settings import Settings
from web.api.collection_report import file
from web.app import create_app


def page(settings: Settings, own: Collection) -> str:
    """One HTML file in the user's language. Raises Unavailable."""
    app = create_app(settings)
    try:
        with app.test_request_context(query_string={"lang": language()}):
            return file(own)
    finally:
        # The process that compares photos would be waited for at the interpreter's end, in vain.
        app.extensions["weft"].similar.close()
