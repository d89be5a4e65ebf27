"""Beyond loopback nothing starts without a key, unless the user says so; then it is said loudly."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests
from pydantic import SecretStr

from scripts.cli.main import run
from shared.access.exposure import check_exposure
from shared.access.keys import Keys
from shared.core.errors import Conflict
from shared.core.settings import Settings
from tests.product import await_ready, free_port, start_product


def test_weft_up_warns(tmp_path: Path) -> None:
    product = start_product(tmp_path, "--workers", "0", host="0.0.0.0", open="1")
    try:
        await_ready(product, workers=0, bank=False)
        assert "weft key create" in product.output()
        assert "EVERYBODY" in product.output()
        # Health checks and visitors of the network come by address.
        assert requests.get(f"{product.url}/api/v1/jobs", timeout=20).status_code == 200
    finally:
        product.stop()


def test_only_where_it_matters(settings: Settings) -> None:
    for host in ("127.0.0.1", "localhost", "::1"):
        assert check_exposure(settings.model_copy(update={"host": host})) is None
    wide = settings.model_copy(update={"host": "::", "open": True})
    assert "::" in (check_exposure(wide) or "")
    shut = wide.model_copy(update={"open": False})
    with pytest.raises(Conflict) as refused:
        check_exposure(shut)
    assert refused.value.code == "open_refused"
    for closed in ({"api_key": SecretStr("0123456789abcdef")}, {"auth_header": "X-Forwarded-User"}):
        assert check_exposure(shut.model_copy(update=closed)) is None
    Keys.of(wide).add("looms")
    assert check_exposure(wide) is None
    assert check_exposure(shut) is None


@pytest.mark.parametrize("command", ["up", "web"])
def test_nothing_starts_open_to_the_network(tmp_path: Path, command: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Nothing is left running: the refusal comes before anything is started."""
    line = [command, "--host", "0.0.0.0", "--port", str(free_port()), "--data-dir", str(tmp_path / "data")]
    assert run(line) == 1
    assert "WEFT_OPEN=1" in capfd.readouterr().err
    assert not (tmp_path / "data" / "redis").exists()
