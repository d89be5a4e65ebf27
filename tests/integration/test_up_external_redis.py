"""`weft up` with WEFT_REDIS_URL: the product uses that server, starts none and ends none."""

from __future__ import annotations

from pathlib import Path

import psutil
import redis

from scripts.supervisor import redis as embedded
from shared.core.settings import Settings
from tests.product import run_product, start_product


def test_a_given_redis_is_used_and_left_running(tmp_path: Path) -> None:
    elsewhere = Settings(data_dir=tmp_path / "elsewhere")
    with embedded.running(elsewhere) as pair:
        url = pair.ledger_at.url
        with run_product(tmp_path / "product", bank=False, redis_url=url) as product:
            names = [" ".join(child.cmdline()) for child in psutil.Process(product.process.pid).children()]
            assert len(names) == 3
            assert not any("redis" in name for name in names)
            assert not (product.settings.run_dir / "redis.json").exists()
        with redis.Redis.from_url(url) as client:
            assert client.exists("weft:schema")


def test_a_given_redis_that_does_not_answer_ends_the_start(tmp_path: Path) -> None:
    product = start_product(tmp_path, redis_url=f"unix://{tmp_path}/nobody.sock")
    assert product.process.wait(30) == 1
    assert "Redis cannot be reached" in product.output()
