"""The demo model's name is words, and is shown in the visitor's language; other names are names."""

from __future__ import annotations

import pytest

from shared.core.i18n import gettext
from shared.encoder import demo
from web.labels import MODELS, model


def test_the_demo_model_in_both_languages(monkeypatch: pytest.MonkeyPatch) -> None:
    # The catalogue has its name as it is stored.
    assert list(MODELS) == [demo.NAME]
    assert gettext(demo.NAME, "zh") != demo.NAME
    monkeypatch.setenv("WEFT_LANG", "zh")
    assert model(f"{demo.NAME} + ViT-B-32/openai") == f"{gettext(demo.NAME, 'zh')} + ViT-B-32/openai"
    monkeypatch.setenv("WEFT_LANG", "en")
    assert model(demo.NAME) == demo.NAME
