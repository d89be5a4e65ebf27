"""Which sentences a model's text tower is asked for a class."""

from __future__ import annotations

import numpy as np
import pytest

from shared.bank.manifest import ClassEntry
from shared.core.settings import Settings
from shared.curation import texts
from tests.banks import INFO

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
    rows = texts.class_texts(CLASSES, INFO, Settings(model=model))
    assert rows is not None
    assert rows.shape == (2, 2)
    assert ("亚麻面料" in asked) is chinese
    assert "linen fabric" in asked
    # A class without a name in a language is asked for by what it has.
    assert "丝 fabric" in asked
    assert len(asked) == (16 if chinese else 8)
