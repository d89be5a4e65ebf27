"""A product whose default bank is empty, but another bank is active: it is ready, and says nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from shared.bank.store import BankStore
from tests.bank_api import call
from tests.product import eventually, make_photos, run_product


@pytest.mark.slow
def test_it_is_ready_with_another_bank_alone(tmp_path: Path) -> None:
    photos = make_photos(tmp_path / "photos", 3)
    with run_product(tmp_path / "product", bank=False) as product:
        assert call(product, "GET", "/readyz", status=503)["code"] == "no_bank"
        assert product.weft("bank", "new", "Leather").returncode == 0
        built = product.weft("bank", "build", str(photos), "--bank", "Leather")
        assert built.returncode == 0, built.stderr
        assert BankStore(product.settings).current() is None
        eventually(
            lambda: requests.get(f"{product.url}/readyz", timeout=30).ok, what="a worker with the other bank's model"
        )
        page = requests.get(f"{product.url}/", timeout=30).text
        assert "No bank is active yet" not in page
