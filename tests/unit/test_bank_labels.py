"""How a version came to be reads as words on the versions page, in both languages, for every origin."""

from __future__ import annotations

import re

import pytest

from shared.bank.manifest import Origin
from shared.core.settings import Settings
from web.app import create_app
from web.bank_labels import ORIGINS


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_origin_has_words(language: str, settings: Settings) -> None:
    with create_app(settings).test_request_context(headers={"Accept-Language": language}):
        words = {origin: str(ORIGINS[origin]) for origin in Origin}
    assert len(set(words.values())) == len(Origin)
    for origin, text in words.items():
        assert text != origin.value
        assert bool(re.search("[一-鿿]", text)) == (language == "zh"), text
