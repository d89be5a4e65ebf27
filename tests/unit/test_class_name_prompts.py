"""Which sentences a model's text tower is asked for a class."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from shared.bank.class_names import names_unused_words
from shared.bank.manifest import ClassEntry
from shared.bank.store import BankStore
from shared.core.errors import ModelError
from shared.core.settings import Settings
from shared.curation import texts
from shared.curation.writer import Draft
from tests.banks import INFO, by_label, clustered, make_bank

CLASSES = [ClassEntry(label="linen", zh="亚麻", en="linen"), ClassEntry(label="丝", en="")]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The prompts of the last call; a vector is the prompt's length."""
    last: list[str] = []

    def encode(_settings: Settings, prompts: list[str]) -> np.ndarray:
        last[:] = prompts
        return np.array([[len(prompt), 1.0] for prompt in prompts], np.float32)

    monkeypatch.setattr("shared.encoder.encode_texts", encode)
    return last


@pytest.mark.parametrize(
    ("model", "chinese"),
    [
        ("ViT-B-32/openai", False),
        ("xlm-roberta-base-ViT-B-32/laion5b_s13b_b90k", True),
        ("ViT-B-32-SigLIP2-256/webli", True),
        ("ViT-B-16-SigLIP-i18n-256/webli", True),
        ("ViT-B-16-SigLIP/webli", False),
        ("xlm-roberta-base-ViT-B-32/laion5b_s13b_b90k + ViT-B-32/openai", False),
    ],
)
def test_chinese_names_are_asked_of_towers_that_read_them(asked: list[str], model: str, chinese: bool) -> None:
    rows = texts.class_texts(CLASSES, INFO, Settings(model=model)).rows
    assert rows is not None
    assert rows.shape == (2, 2)
    assert ("亚麻面料" in asked) is chinese
    assert "linen fabric" in asked
    # A class without a name in a language is asked for by what it has.
    assert "丝 fabric" in asked
    assert len(asked) == (16 if chinese else 8)


def test_why_names_do_not_count_is_kept_and_said(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    def refuse(_settings: Settings, _prompts: list[str]) -> np.ndarray:
        raise ModelError("model_needs_transformers", model="SigLIP")

    monkeypatch.setattr("shared.encoder.encode_texts", refuse)
    found = texts.class_texts(CLASSES, INFO, settings)
    assert found.rows is None
    monkeypatch.setattr("tests.banks.Draft", partial(Draft, names_unused=found.unused))
    manifest = BankStore(settings).manifest(make_bank(settings, by_label(clustered(4, 5))))
    assert manifest.names_unused == found.unused
    said = names_unused_words(manifest, "en")
    assert said is not None
    assert "transformers" in said
    assert "没有用上类名" in (names_unused_words(manifest, "zh") or "")
