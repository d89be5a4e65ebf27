"""The page of a bank's check tells how sure its top-1 accuracy is, in both languages."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from shared.core.redis_urls import addresses
from shared.core.settings import Settings
from shared.curation.check import check_bank
from tests.banks import by_label, clustered, make_bank
from tests.ledger_harness import LedgerHarness
from web.app import create_app

SENTENCES = {
    "en": "The top-1 accuracy for other photos of these classes lies between {} and {}, with 95% certainty.",
    "zh": "换用这些类别的其他照片，第一名准确率有 95% 的把握在 {} 到 {} 之间。",
}


@pytest.mark.parametrize("lang", SENTENCES)
def test_the_page_tells_the_interval(
    harness: LedgerHarness, ledger_settings: Settings, tmp_path: Path, lang: str
) -> None:
    url = SecretStr(addresses(ledger_settings).ledger)
    settings = Settings(data_dir=tmp_path / "data", redis_url=url, engine="null")
    make_bank(settings, by_label(clustered(spread=0.6)))
    figures = check_bank(settings).leave_one_out
    assert figures is not None
    assert figures.top1_interval is not None
    page = create_app(settings).test_client().get(f"/bank/check?lang={lang}").get_data(as_text=True)
    assert SENTENCES[lang].format(*(f"{end:.0%}" for end in figures.top1_interval)) in page
