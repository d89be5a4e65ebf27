"""All threads of a kind are taken and their queue is full: who comes then is sent away, and told when to come again."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import requests

from scripts.supervisor import redis as embedded
from shared.core.settings import Settings
from tests.bank_api import built_bank
from tests.web_server import Server, answer, head, process_of, serving
from web.limits import LANES, Lane

HTML, POLL = b"Accept: text/html\r\n", b"HX-Request: true\r\n"
#: How the requests of each lane begin.
ASKED = {Lane.PAGE: (b"/jobs", HTML), Lane.POLL: (b"/workers", POLL), Lane.EXPORT: (b"/api/v1/jobs/a/export", b"")}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    folder = tmp_path_factory.mktemp("lanes")
    settings = Settings(data_dir=folder / "data", engine="null", appendfsync="everysec")
    built_bank(settings, folder / "photos")
    with embedded.running(settings):
        yield settings


@pytest.fixture(scope="module")
def server(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    log: Path = tmp_path_factory.mktemp("log") / "web.log"
    with serving(settings, log, request_seconds=60, max_connections=2000) as started:
        # It has found its Redis, so that what hangs from now on is a command.
        assert requests.get(f"{started.url}/api/v1/workers", timeout=20).ok
        yield started


@contextmanager
def redis_stands_still(settings: Settings) -> Iterator[None]:
    ledger = process_of(settings, "redis-ledger")
    ledger.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        ledger.send_signal(signal.SIGCONT)


@contextmanager
def full(server: Server, settings: Settings, lane: Lane) -> Iterator[None]:
    """So many requests that wait for Redis that the lane takes no more, for some seconds."""
    path, accept = ASKED[lane]
    request = head("GET", path.decode(), accept, b"\r\n")
    with redis_stands_still(settings), ExitStack() as held:
        for _ in range(LANES[lane].running + LANES[lane].waiting):
            held.enter_context(server.connect(request))
        yield


@pytest.mark.parametrize("lane", list(ASKED))
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_full_lane_refuses_at_once(server: Server, settings: Settings, lane: Lane, lang: str) -> None:
    path, accept = ASKED[lane]
    with full(server, settings, lane):
        language = f"Accept-Language: {lang}\r\n".encode()
        with server.connect(head("GET", path.decode(), accept, language, b"\r\n")) as connection:
            connection.settimeout(3)
            status, headers, body = answer(connection)
        # Others have threads of their own.
        assert requests.get(f"{server.url}/healthz", timeout=20).status_code == 200
    assert (status, int(headers["retry-after"]) > 0) == (503, True)
    said = {"en": "Wait a few seconds, then try again.", "zh": "请等几秒后再试。"}[lang]
    if accept == HTML:
        assert headers["content-type"].startswith("text/html")
        assert "server_busy" in body
        assert said in body
        return
    problem = json.loads(body)
    assert (problem["code"], problem["status"], headers["content-type"]) == (
        "server_busy",
        503,
        "application/problem+json",
    )
    assert said in problem["next"]
    assert problem["detail"]


def test_it_serves_again(server: Server, settings: Settings) -> None:
    with full(server, settings, Lane.EXPORT):
        pass
    again = requests.get(f"{server.url}/api/v1/workers", timeout=60)
    assert again.status_code in (200, 503)
