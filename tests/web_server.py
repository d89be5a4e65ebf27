"""A `weft web` of a test's own, and requests made of plain bytes."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import requests
from flask.testing import FlaskClient

from shared.core.settings import Settings
from tests.environment import clean_environment
from tests.product import ROOT, WEFT, eventually, free_port
from web.app import create_app

#: Seconds that a client has, and connections that the server holds: small, so that the tests are quick.
LATE, CONNECTIONS = 2.0, 60


@dataclass
class Server:
    """A `weft web` of its own."""

    process: subprocess.Popen[bytes]
    port: int
    spool: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def connect(self, sent: bytes = b"") -> socket.socket:
        """A connection that has sent this and waits."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        connection.sendall(sent)
        return connection

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


@contextmanager
def serving(settings: Settings, log: Path, **chosen: object) -> Iterator[Server]:
    port = free_port()
    wanted = {"data_dir": settings.data_dir, "port": port, "request_seconds": LATE, "max_connections": CONNECTIONS}
    env = clean_environment()
    env |= {f"WEFT_{name.upper()}": str(value) for name, value in (wanted | chosen).items()}
    with log.open("wb") as out:
        process = subprocess.Popen([*WEFT, "web"], env=env, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT)
    server = Server(process, port, settings.data_dir / "spool")

    def answers() -> bool:
        assert process.poll() is None, log.read_text()
        with suppress(requests.RequestException):
            return requests.get(f"{server.url}/healthz", timeout=5).ok
        return False

    try:
        eventually(answers, what="the first answer")
        yield server
    finally:
        process.kill()
        process.wait()


def head(method: str, path: str, *headers: bytes) -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n".encode() + b"".join(headers)


def answer(connection: socket.socket) -> tuple[int, dict[str, str], str]:
    """Status, headers and body of an answer, after which the server closes."""
    data = bytearray()
    with suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            data += piece
    assert data, "closed without an answer"
    lines, _, body = bytes(data).partition(b"\r\n\r\n")
    first, *others = lines.decode("latin-1").split("\r\n")
    pairs = (line.partition(": ") for line in others)
    return int(first.split()[1]), {name.lower(): value for name, _, value in pairs}, body.decode()


def process_of(settings: Settings, name: str) -> psutil.Process:
    """The process of this data folder whose command line ends with `NAME.conf`: an embedded Redis."""
    mark = f"{settings.run_dir}/{name}.conf"
    for process in psutil.process_iter(["cmdline"]):
        if any(mark in word for word in process.info["cmdline"] or ()):
            return process
    raise AssertionError(f"no {mark}")


@contextmanager
def site_client(settings: Settings) -> Iterator[FlaskClient]:
    """A client of an application in this process; what that has started to compare vectors ends with it."""
    app = create_app(settings)
    with app.test_client() as found:
        yield found
    app.extensions["weft"].similar.close()
