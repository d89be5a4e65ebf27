"""A ledger of another version is refused in words, and nothing in it is touched."""

from __future__ import annotations

import os
import subprocess

import pytest

from scripts.supervisor import redis as embedded
from shared.core.errors import Conflict
from shared.core.settings import Settings
from shared.jobs.ledger import Ledger, keys
from tests.product import ROOT, WEFT


def test_an_unknown_schema_is_refused(settings: Settings, redis_pair: embedded.Pair) -> None:
    client = Ledger.connect(settings).connection.redis
    assert int(client.get(keys.SCHEMA_KEY)) == keys.SCHEMA
    client.set(keys.SCHEMA_KEY, 99)
    before = {key: client.dump(key) for key in client.keys("*")}
    with pytest.raises(Conflict) as refused:
        Ledger.connect(settings)
    assert refused.value.code == "schema_unknown"
    for command in ("jobs", "dispatcher"):
        env = {**os.environ, "WEFT_DATA_DIR": str(settings.data_dir)}
        done = subprocess.run(
            [*WEFT, command], env=env, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 1
        assert "another version of Weft (schema 99" in done.stderr
    assert {key: client.dump(key) for key in client.keys("*")} == before
    client.close()
