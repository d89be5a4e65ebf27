"""The embedded Redis pair keeps the ledger, forgets the cache, and can be reached by nobody else."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import tempfile
from pathlib import Path

import pytest
import redis
from celery import Celery

from scripts.supervisor import redis as embedded
from scripts.supervisor import redis_server
from scripts.supervisor.process import StillRunning, spawn
from shared.core.errors import Unavailable
from shared.core.redis_urls import addresses
from shared.core.settings import Settings
from shared.jobs.ledger import Ledger


def _client(endpoint: embedded.Endpoint) -> redis.Redis:
    return redis.Redis.from_url(endpoint.url)


def test_ledger_survives_a_restart_and_never_evicts(settings: Settings) -> None:
    with embedded.running(settings) as pair, _client(pair.ledger_at) as client:
        config = client.config_get("maxmemory-policy", "appendonly", "appendfsync", "save")
        client.set("kept", "yes")
    assert config == {"maxmemory-policy": "noeviction", "appendonly": "yes", "appendfsync": "always", "save": ""}
    with embedded.running(settings) as pair, _client(pair.ledger_at) as client:
        assert client.get("kept") == b"yes"


def test_cache_evicts_and_writes_nothing(redis_pair: embedded.Pair, settings: Settings) -> None:
    with _client(redis_pair.cache_at) as client:
        client.set("vector", b"x" * 1000)
        config = client.config_get("maxmemory-policy", "appendonly", "maxmemory")
    assert config["maxmemory-policy"] == "allkeys-lru"
    assert int(config["maxmemory"]) == settings.cache_mb * 1024**2
    assert [path.name for path in (settings.data_dir / "redis" / "cache").iterdir()] == ["lock"]


def test_addresses_are_announced_and_private(redis_pair: embedded.Pair, settings: Settings) -> None:
    told = json.loads((settings.run_dir / "redis.json").read_text())
    assert told["ledger"] == redis_pair.ledger_at.url
    assert told["broker"].startswith("redis+socket:///")
    sock = redis_pair.ledger_at.path
    assert sock is not None
    assert stat.S_IMODE(sock.stat().st_mode) == 0o700
    assert stat.S_IMODE((settings.run_dir / "redis.json").stat().st_mode) == 0o600


def test_addresses_are_withdrawn_at_the_end(settings: Settings) -> None:
    with embedded.running(settings):
        pass
    assert not (settings.run_dir / "redis.json").exists()


def test_a_long_data_folder_still_gets_a_socket(tmp_path: Path) -> None:
    deep = Settings(data_dir=tmp_path / ("布料" * 20) / ("long name " * 8))
    with embedded.running(deep) as pair:
        assert pair.ledger_at.path is not None
        assert len(bytes(pair.ledger_at.path)) <= embedded.MAX_SOCKET_PATH
        assert pair.answering()


@pytest.mark.parametrize("name", ["#", "a?b", "50%", "%41", "数据 目录 (1)"])
def test_a_data_folder_of_any_name(tmp_path: Path, name: str) -> None:
    odd = Settings(data_dir=tmp_path / name)
    with embedded.running(odd):
        assert Ledger.connect(odd).jobs() == []
        with Celery(broker=addresses(odd).broker).connection_for_write() as broker:
            broker.ensure_connection(max_retries=1)


def test_no_folder_is_made_in_the_temporary_one_that_is_not_used(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(temporary))
    short = settings.model_copy(update={"data_dir": Path("/tmp") / f"weft-test-{os.getpid()}"})
    try:
        with embedded.running(short) as pair:
            assert pair.ledger_at.path is not None
        assert list(temporary.iterdir()) == []
    finally:
        shutil.rmtree(short.data_dir)


def test_without_sockets_a_loopback_port_asks_for_a_password(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "_supports_sockets", lambda folder: False)
    with embedded.running(settings) as pair:
        assert pair.ledger_at.path is None
        with redis.Redis(port=pair.ledger_at.port) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()


def test_a_second_server_never_touches_the_same_files(redis_pair: embedded.Pair) -> None:
    with pytest.raises(StillRunning):
        spawn(redis_pair.ledger)


def test_a_machine_without_a_server_is_told_what_to_install(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(redis_server, "find_spec", lambda name: None)
    with pytest.raises(Unavailable) as caught:
        embedded.prepare(settings)
    assert caught.value.code == "redis_missing"
    assert "WEFT_REDIS_URL" in str(caught.value)


def test_a_server_that_cannot_start_says_why(settings: Settings) -> None:
    folder = settings.data_dir / "redis" / "ledger" / "appendonlydir"
    folder.mkdir(parents=True)
    (folder / "appendonly.aof.manifest").write_text("no manifest at all\n")
    with pytest.raises(Unavailable) as caught, embedded.running(settings):
        pass
    assert caught.value.code == "redis_failed"


def test_an_old_or_broken_program_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "redis-server"
    old.write_text("#!/bin/sh\necho 'Redis server v=5.0.14 sha=0'\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    program, version = redis_server.find_server()
    assert program != old
    assert tuple(map(int, version.split(".")[:2])) >= redis_server.MIN_VERSION


def test_killing_the_server_loses_nothing_acknowledged(settings: Settings) -> None:
    with embedded.running(settings) as pair, _client(pair.ledger_at) as client:
        pid = client.info("server")["process_id"]
        client.set("acknowledged", "yes")
        os.kill(pid, signal.SIGKILL)
    with embedded.running(settings) as pair, _client(pair.ledger_at) as client:
        assert client.get("acknowledged") == b"yes"
