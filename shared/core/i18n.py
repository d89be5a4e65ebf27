"""The language of whoever is answered, and every text in it: one catalogue for pages, API and command line.

A text's English form is its key, as usual with gettext; `translations/` holds one file per further language. Pages are
answered in the language of their request (`web/i18n.py` says which that is), all else in that of the process.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from typing import Any

#: The first one is that of the keys.
LANGUAGES = ("en", "zh")
TRANSLATIONS = Path(__file__).parent / "translations"

#: Asked before the environment; see `ask_first`.
_sources: list[Callable[[], str | None]] = []


def ask_first(source: Callable[[], str | None]) -> None:
    """Registers who knows the language of the request at hand, and returns None where there is no request."""
    if source not in _sources:
        _sources.append(source)


def language() -> str:
    """`en` or `zh`: the request's, else that of the process's user, from WEFT_LANG or the locale."""
    for source in _sources:
        if asked := source():
            return asked
    wanted = os.environ.get("WEFT_LANG") or os.environ.get("LC_ALL") or os.environ.get("LANG") or "en"
    return "zh" if wanted.lower().startswith("zh") else "en"


def gettext(text: str, lang: str | None = None, **values: Any) -> str:
    """The text in `lang` (None: see `language`), with `%(name)s` replaced by the values, if there are any."""
    found = _catalogue(lang or language()).gettext(text)
    return found % values if values else found


def ngettext(singular: str, plural: str, num: int, **values: Any) -> str:
    """The form for this number, which is `%(num)d` in it."""
    return plural_form(singular, plural, num) % {"num": num, **values}


def plural_form(singular: str, plural: str, num: int) -> str:
    """As `ngettext`, with nothing replaced yet."""
    return _catalogue(language()).ngettext(singular, plural, num)


def N_(text: str) -> str:
    """Marks a text for translation and returns it as it is: for tables whose readers translate it themselves."""
    return text


class LazyText:
    """A text of a table that is filled before anybody's language is known; translated whenever it is shown."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __str__(self) -> str:
        return gettext(self._text)


@cache
def _catalogue(lang: str) -> NullTranslations:
    if lang == LANGUAGES[0]:
        return NullTranslations()
    compiled_before = TRANSLATIONS / f"{lang}.mo"
    if compiled_before.exists():
        # An installed client (setup.py): it has no Babel.
        with compiled_before.open("rb") as source:
            return GNUTranslations(source)
    # Most processes never speak another language: they load no Babel.
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    compiled = BytesIO()
    with (TRANSLATIONS / f"{lang}.po").open("rb") as source:
        write_mo(compiled, read_po(source, locale=lang))
    compiled.seek(0)
    return GNUTranslations(compiled)
