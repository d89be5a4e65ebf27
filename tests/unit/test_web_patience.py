"""Redis lies behind a network that swallows every packet: nobody waits for the attempts of others to connect."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import SecretStr

from shared.core.errors import Unavailable
from shared.core.settings import Settings
from web.context import Services

#: One attempt takes 6 s; one after another, these would take 48.
REQUESTS, PATIENCE = 8, 24


@pytest.fixture
def black_hole() -> Iterator[str]:
    """A port that does not answer a SYN: its line of connections to be accepted is full (Linux drops what comes)."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as only:
        listener.listen(0)
        only.connect(listener.getsockname())
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0"


def test_requests_that_find_no_redis_fail_together(black_hole: str, tmp_path: Path) -> None:
    services = Services(Settings(data_dir=tmp_path, redis_url=SecretStr(black_hole)))

    def ask() -> str:
        try:
            services.ledger.jobs(1)
        except Unavailable as error:
            return error.code
        return ""

    began = time.monotonic()
    with ThreadPoolExecutor(REQUESTS) as pool:
        asked = [pool.submit(ask) for _ in range(REQUESTS)]
    assert [each.result() for each in asked] == ["redis_unavailable"] * REQUESTS
    assert time.monotonic() - began < PATIENCE
