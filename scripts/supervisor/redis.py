"""The embedded Redis pair: the ledger's (AOF, never evicts) and the cache's (evicts, writes snapshots); our own config.

Why two, and why these values: docs/reliability.md. The options: redis.conf of Redis 7.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import redis

from scripts.supervisor.process import Service, StillRunning, rotate, spawn
from scripts.supervisor.redis_server import find_server
from shared.core.errors import Unavailable
from shared.core.files import write_atomic
from shared.core.log_tail import last_lines
from shared.core.redis_client import client
from shared.core.settings import Settings

#: A unix socket's path may have 107 bytes on Linux, 103 on macOS.
MAX_SOCKET_PATH = 100
#: Seconds that loading the AOF of a large ledger may take.
START_SECONDS = 180.0


@dataclass(frozen=True)
class Endpoint:
    """Where one of the two servers listens: a unix socket, or a loopback port with a password."""

    path: Path | None = None
    port: int = 0
    password: str = ""

    @property
    def url(self) -> str:
        """For redis-py."""
        return f"unix://{self.path}" if self.path else f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    @property
    def broker(self) -> str:
        """For Celery, whose transport uses another scheme for sockets."""
        return f"redis+socket://{self.path}" if self.path else self.url

    def config(self) -> list[str]:
        if self.path:
            return ["port 0", f"unixsocket {_quoted(self.path)}", "unixsocketperm 700"]
        return ["bind 127.0.0.1", f"port {self.port}", f"requirepass {self.password}"]


@dataclass(frozen=True)
class Pair:
    """Both servers, not started yet: two services for the supervisor, and their addresses."""

    program: Path
    version: str
    ledger: Service
    cache: Service
    ledger_at: Endpoint
    cache_at: Endpoint
    run_dir: Path

    @property
    def services(self) -> tuple[Service, Service]:
        return self.ledger, self.cache

    def announce(self) -> None:
        """Writes `run/redis.json`, from which every other process of this data folder reads the addresses."""
        document = {
            "ledger": self.ledger_at.url,
            "broker": self.ledger_at.broker,
            "cache": self.cache_at.url,
            "pid": os.getpid(),
        }
        write_atomic(self.run_dir / "redis.json", json.dumps(document).encode())

    def withdraw(self) -> None:
        """Remove what `announce` wrote, and the sockets."""
        for path in (self.run_dir / "redis.json", self.ledger_at.path, self.cache_at.path):
            if path is not None:
                path.unlink(missing_ok=True)

    def answering(self) -> bool:
        """Whether both are up and have loaded their data."""
        return answers(self.ledger_at.url) and answers(self.cache_at.url)


def prepare(settings: Settings) -> Pair:
    """Find a server, choose addresses and write both configs. Raises Unavailable (`redis_missing`)."""
    program, version = find_server()
    run_dir = settings.run_dir
    run_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    ledger_at, cache_at = _endpoints(run_dir)
    durable = [
        "appendonly yes",
        f"appendfsync {settings.appendfsync}",
        'save ""',
        "no-appendfsync-on-rewrite no",
        "aof-load-truncated yes",
        "aof-use-rdb-preamble yes",
        "maxmemory-policy noeviction",
        f"maxmemory {settings.ledger_mb}mb",
    ]
    volatile = [
        "appendonly no",
        # Snapshots every few minutes and at shutdown: entries lost in a crash are encoded again.
        "save 300 1",
        "save 60 5000",
        # A full disk prevents the snapshot, never cache writes.
        "stop-writes-on-bgsave-error no",
        "maxmemory-policy allkeys-lru",
        f"maxmemory {settings.cache_mb}mb",
    ]
    ledger = _service("redis-ledger", program, settings, ledger_at, durable)
    snapshot = settings.data_dir / "redis" / "cache" / "dump.rdb"
    cache = replace(_service("redis-cache", program, settings, cache_at, volatile), disposable=snapshot)
    for unfinished in snapshot.parent.glob("temp-*.rdb"):
        unfinished.unlink(missing_ok=True)
    return Pair(program, version, ledger, cache, ledger_at, cache_at, run_dir)


@contextmanager
def running(settings: Settings) -> Iterator[Pair]:
    """Both servers for the duration of a `with` block, unsupervised: for tests, benchmarks and one-off commands.

    Raises Unavailable: `redis_missing`, or `redis_failed` with the end of the log.
    """
    pair = prepare(settings)
    started: list[subprocess.Popen[bytes]] = []
    try:
        for service in pair.services:
            rotate(service.log)
            started.append(_spawn_with_retry(service))
        wait_until(pair.answering, lambda: check_alive(pair, started))
        pair.announce()
        yield pair
    finally:
        for process in reversed(started):
            process.send_signal(signal.SIGCONT)
            process.terminate()
        for process in started:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        pair.withdraw()


def check_alive(pair: Pair, processes: list[subprocess.Popen[bytes]]) -> None:
    """Raise Unavailable (`redis_failed`) if one of the two ended while it was starting."""
    for service, process in zip(pair.services, processes, strict=False):
        if process.poll() is not None:
            raise failed(service)


def failed(service: Service) -> Unavailable:
    """The error of a server that does not start, with the end of its log."""
    return Unavailable("redis_failed", reason=last_lines(service.log, 2) or "?", log=str(service.log))


def wait_until(ready: Callable[[], bool], check: Callable[[], None], seconds: float = START_SECONDS) -> None:
    """Poll `ready`, calling `check` in between, which may raise; Unavailable after `seconds`."""
    deadline = time.monotonic() + seconds
    while not ready():
        check()
        if time.monotonic() > deadline:
            raise Unavailable("redis_unavailable")
        time.sleep(0.02)


def answers(url: str) -> bool:
    """Whether the server at `url` answers and is not still loading its data."""
    connected = client(url, socket_timeout=2, socket_connect_timeout=2)
    try:
        return bool(connected.ping())
    except redis.RedisError:
        return False
    finally:
        connected.close()


def _service(name: str, program: Path, settings: Settings, at: Endpoint, lines: list[str]) -> Service:
    folder = settings.data_dir / "redis" / name.removeprefix("redis-")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    config = settings.run_dir / f"{name}.conf"
    config.touch(mode=0o600)
    text = [
        *at.config(),
        f"dir {_quoted(folder)}",
        'logfile ""',
        "daemonize no",
        "set-proc-title no",
        *lines,
    ]
    config.write_text("\n".join(text) + "\n", encoding="utf-8")
    return Service(
        name=name,
        argv=(str(program), str(config)),
        log=settings.run_dir / f"{name}.log",
        lock=folder / "lock",
        # On SIGTERM it saves its data, then exits.
        orphan_signal=signal.SIGTERM,
        # Everything else depends on it.
        max_restart_delay=3.0,
    )


def _spawn_with_retry(service: Service, seconds: float = 60.0) -> subprocess.Popen[bytes]:
    deadline = time.monotonic() + seconds
    while True:
        try:
            return spawn(service)
        except StillRunning:
            if time.monotonic() > deadline:
                raise Unavailable("redis_failed", reason="an earlier one is still ending", log=service.log) from None
            time.sleep(0.1)


def _endpoints(run_dir: Path) -> tuple[Endpoint, Endpoint]:
    # The second folder is only created if the first is unsuitable.
    for find in (lambda: run_dir, lambda: _short_folder(run_dir)):
        folder = find()
        ledger, cache = folder / "ledger.sock", folder / "cache.sock"
        # The path is part of a URL, where these characters have a meaning.
        plain = not set("#?%") & set(str(folder))
        if plain and len(os.fsencode(ledger)) <= MAX_SOCKET_PATH and _supports_sockets(folder):
            return Endpoint(ledger), Endpoint(cache)
    return _loopback(), _loopback()


def _short_folder(run_dir: Path) -> Path:
    """A private folder below the temporary directory, fixed per data folder."""
    digest = hashlib.sha256(os.fsencode(run_dir)).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"weft-{os.getuid()}-{digest}"
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    return folder


def _supports_sockets(folder: Path) -> bool:
    # In a world-writable folder another user may have created it first.
    if folder.is_symlink() or folder.stat().st_uid != os.getuid() or folder.stat().st_mode & 0o022:
        return False
    trial = folder / f"{os.getpid()}.sock"
    with socket.socket(socket.AF_UNIX) as sock:
        try:
            sock.bind(str(trial))
        except OSError:
            return False
        finally:
            trial.unlink(missing_ok=True)
    return True


def _loopback() -> Endpoint:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return Endpoint(port=sock.getsockname()[1], password=secrets.token_urlsafe(32))


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
