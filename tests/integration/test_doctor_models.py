"""`weft doctor` where the model or the bank is the trouble."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from scripts.cli.diagnostics import _bank, examine
from shared.bank.store import BankStore
from shared.core.settings import Settings
from tests.bank_api import built_bank
from tests.doctor import findings, said
from tests.product import await_ready, start_product


def test_missing_weights(tmp_path: Path) -> None:
    text = said(findings(tmp_path, engine="openvino", model="ViT-B-32/night.safetensors"), "model", "broken")
    assert "night.safetensors" in text
    assert str(tmp_path / "weights") in text
    # Those that are known by name can still be downloaded.
    text = said(findings(tmp_path, engine="openvino", model="ViT-B-32/openai"), "model", "note")
    assert "weft model pull" in text


def test_a_bank_of_another_model(settings: Settings, tmp_path: Path) -> None:
    built_bank(settings, tmp_path / "photos")
    assert said(examine(settings), "bank", "ok")
    other = settings.model_copy(update={"model": "ViT-B-32/openai"})
    text = said(examine(other), "bank", "broken")
    assert "demo" in text


def test_a_bank_of_the_same_model_with_other_views(settings: Settings, tmp_path: Path) -> None:
    built_bank(settings, tmp_path / "photos")
    manifest = BankStore(settings).manifest(BankStore(settings).current() or "")
    views = replace(manifest.encoder, engine="openvino", views="2", identity="0" * 16)
    finding = list(_bank(settings, [views]))
    assert [one.state for one in finding] == ["broken"]
    # What differs is named, and what to set.
    assert "WEFT_VIEWS=2" in finding[0].text
    assert "WEFT_MODEL and WEFT_VIEWS" in finding[0].text
    # Where only the weights differ, both names would be the same.
    weights = replace(manifest.encoder, identity="0" * 16)
    text = next(_bank(settings, [weights])).text
    assert "0" * 16 in text
    assert manifest.identity in text


@pytest.mark.long
def test_a_slow_first_start(tmp_path: Path) -> None:
    """The first start converts the model."""
    product = start_product(tmp_path, "--workers", "1", engine="openvino", appendfsync="everysec")
    try:
        deadline = time.monotonic() + 120
        loading: list[str] = []
        while not loading:
            assert time.monotonic() < deadline
            loading = [f.text for f in examine(product.settings) if f.what.startswith("worker ") and f.state == "note"]
        assert "The first start converts it" in loading[0]
        await_ready(product, bank=False)
        ready = [f for f in examine(product.settings) if f.what.startswith("worker ")]
        assert [f.state for f in ready] == ["ok"]
    finally:
        product.stop()
