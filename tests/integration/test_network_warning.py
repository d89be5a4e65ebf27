"""Whoever opens the server to the network without a key is told so."""

from __future__ import annotations

from pathlib import Path

import requests

from shared.core.api_keys import Keys
from shared.core.network import open_to_network
from shared.core.settings import Settings
from tests.product import await_ready, start_product


def test_weft_up_warns(tmp_path: Path) -> None:
    product = start_product(tmp_path, "--workers", "0", host="0.0.0.0")
    try:
        await_ready(product, workers=0, bank=False)
        assert "weft key add" in product.output()
        # Health checks and visitors of the network come by address.
        assert requests.get(f"{product.url}/api/v1/jobs", timeout=20).status_code == 200
    finally:
        product.stop()


def test_only_where_it_matters(settings: Settings) -> None:
    for host in ("127.0.0.1", "localhost", "::1"):
        assert open_to_network(settings.model_copy(update={"host": host})) is None
    wide = settings.model_copy(update={"host": "::"})
    assert "::" in (open_to_network(wide) or "")
    Keys.of(wide).add("looms")
    assert open_to_network(wide) is None
