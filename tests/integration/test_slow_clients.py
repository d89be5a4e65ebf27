"""Slow, many and rude clients on a real web process: it answers the others, ends what is late, and says why."""

from __future__ import annotations

import json
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
import requests

from scripts.supervisor import redis as embedded
from shared.core.settings import Settings
from tests.bank_api import built_bank
from tests.product import eventually
from tests.web_server import CONNECTIONS, LATE, Server, answer, head, serving

FORM = b"Content-Type: multipart/form-data; boundary=b\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("slow")
    settings = Settings(data_dir=folder / "data", engine="null", appendfsync="everysec")
    built_bank(settings, folder / "photos")
    with embedded.running(settings), serving(settings, folder / "web.log") as started:
        yield started


class Dripping:
    """Clients that send a byte ten times a second, for as long as the server bears it."""

    def __init__(self, connections: list[socket.socket]) -> None:
        self.connections = connections
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._drip)

    def _drip(self) -> None:
        while not self._stop.wait(0.1):
            for connection in self.connections:
                with suppress(OSError):
                    connection.send(b"x")

    def __enter__(self) -> Dripping:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        for connection in self.connections:
            connection.close()


def test_drip_feeding_clients_stop_nobody_and_are_ended(server: Server) -> None:
    heads = [server.connect(b"POST /api/v1/jobs HTTP/1.1\r\nAccept-Language: zh\r\nX: ") for _ in range(20)]
    upload = head("POST", "/api/v1/jobs", FORM, b"Content-Length: 90000\r\n\r\n")
    small = head("POST", "/api/v1/jobs/folder", b"Content-Length: 900\r\n\r\n")
    bodies = [server.connect(sent) for sent in (upload, small) for _ in range(10)]
    with Dripping([*heads, *bodies]):
        for path in ("/healthz", "/", "/api/v1/jobs") * 3:
            assert requests.get(server.url + path, timeout=LATE * 5).status_code == 200
        for connection in (*heads, *bodies):
            status, headers, body = answer(connection)
            problem = json.loads(body)
            assert (status, problem["code"], headers["connection"]) == (408, "request_late", "close")
            assert problem["next"]
            # The browser's language stood in what had arrived.
            assert problem["detail"].startswith("请求没有" if connection in heads else "The request did not")
    eventually(lambda: server.descriptors() < 40, what="the end of all connections")


def test_an_upload_that_stops_half_way_is_ended(server: Server) -> None:
    """After its first 64 kB it has a thread, which is given back."""
    begun = head("POST", "/api/v1/jobs", FORM, b"Content-Length: 9000000\r\n\r\n")
    part = b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\n' + bytes(100_000)
    with server.connect(begun + part) as connection:
        began = time.monotonic()
        status, _, body = answer(connection)
        assert (status, json.loads(body)["code"]) == (408, "request_late")
        assert time.monotonic() - began < LATE * 10


@pytest.mark.parametrize("length", [b"Content-Length: 9000000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n30d40\r\n"])
def test_an_upload_that_breaks_off_makes_no_job(server: Server, length: bytes) -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\n' + bytes(100_000)
    another = b'\r\n--b\r\nContent-Disposition: form-data; name="files"; filename="b.jpg"\r\n\r\n' + bytes(1000)
    before = server.descriptors()
    with server.connect(head("POST", "/api/v1/jobs", FORM, length) + part + another):
        eventually(lambda: list(server.spool.glob("*")) != [], what="the first file")
    eventually(
        lambda: server.descriptors() <= before and not list(server.spool.glob("*")), what="the end of the upload"
    )
    assert requests.get(f"{server.url}/api/v1/jobs", timeout=20).json()["jobs"] == []


def test_probes_answer_when_all_connections_are_taken(server: Server) -> None:
    with ExitStack() as held:
        for _ in range(CONNECTIONS):
            held.enter_context(server.connect(b"GET / HTTP/1.1\r\n"))
        assert requests.get(f"{server.url}/healthz", timeout=20).status_code == 200
        refused = requests.get(f"{server.url}/api/v1/jobs", timeout=20)
        assert (refused.status_code, refused.json()["code"]) == (503, "server_busy")
        assert int(refused.headers["Retry-After"]) > 0
        page = requests.get(f"{server.url}/", headers={"Accept": "text/html", "Accept-Language": "zh"}, timeout=20)
        assert page.status_code == 503
        assert "请几秒后再试" in page.text
    eventually(lambda: requests.get(f"{server.url}/api/v1/jobs", timeout=20).ok, what="free connections")


def test_a_client_that_reads_nothing_is_ended(server: Server) -> None:
    before = server.descriptors()
    with server.connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with suppress(OSError):
            connection.settimeout(1)
            for _ in range(300):
                connection.sendall(head("GET", "/static/vendor/pico.min.css", b"\r\n"))
        eventually(lambda: server.descriptors() <= before, LATE * 10, "the end of the connection")


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"NONSENSE\r\n\r\n", 400, "bad_http"),
        (head("GET", "/jobs", b"Bad Header: 1\r\n\r\n"), 400, "bad_http"),
        (head("POST", "/api/v1/jobs", b"Content-Length: many\r\n\r\n"), 400, "bad_http"),
        (head("GET", "/api/v1/jobs", b"X: " + b"x" * 70_000), 431, "headers_too_long"),
        (b"GET /" + b"x" * 70_000, 414, "query_too_long"),
        (head("GET", "/api/v1/jobs?x=" + "x" * 9000, b"\r\n"), 414, "query_too_long"),
        (head("DELETE", "/api/v1/workers", b"Connection: close\r\n\r\n"), 405, "method_not_allowed"),
        (head("PROPFIND", "/api/v1/jobs", b"Connection: close\r\n\r\n"), 405, "method_not_allowed"),
        (head("GET", "/api/v1/nowhere", b"Connection: close\r\n\r\n"), 404, "not_found"),
    ],
)
def test_refusals_of_the_server_have_our_form(server: Server, sent: bytes, status: int, code: str) -> None:
    with server.connect(sent) as connection:
        found, headers, body = answer(connection)
    problem = json.loads(body)
    assert (found, problem["code"], problem["status"]) == (status, code, status)
    assert headers["content-type"] == "application/problem+json"
    assert headers["x-content-type-options"] == "nosniff"
    assert problem["detail"]
    assert problem["next"]


def test_bodies_without_a_length(server: Server) -> None:
    def sent(size: int) -> tuple[int, str]:
        pieces = (b'{"path": "' + b"x" * size + b'"}' for _ in range(1))
        found = requests.post(f"{server.url}/api/v1/jobs/folder", data=pieces, timeout=30)
        return found.status_code, found.json()["code"]

    assert sent(10) == (400, "folder_missing")
    assert sent(200_000) == (413, "body_too_large")


def test_a_request_that_is_running_ends_before_the_server_does(server: Server, tmp_path: Path) -> None:
    with serving(Settings(data_dir=tmp_path / "data"), tmp_path / "web.log", request_seconds=30) as stopped:
        with stopped.connect(head("POST", "/api/v1/jobs/folder", b"Content-Length: 2\r\n\r\n{")) as connection:
            time.sleep(0.5)
            stopped.process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
            connection.sendall(b"}")
            assert answer(connection)[0] == 400
        assert stopped.process.wait(20) == 0
