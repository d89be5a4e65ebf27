"""Every request leaves one line, with what is needed to follow it and nothing that is secret."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from scripts.supervisor import redis as embedded
from shared.core.settings import Settings
from tests.bank_api import built_bank
from tests.product import eventually, run_product
from tests.web_server import Server, answer, head, serving

pytestmark = pytest.mark.slow

KEY = "a-very-secret-key-of-32-letters!"
AUTH = {"Authorization": f"Bearer {KEY}"}


def lines(log: Path, event: str = "request") -> list[dict[str, Any]]:
    found = [json.loads(line) for line in log.read_text("utf-8").splitlines() if line.startswith("{")]
    return [line for line in found if line["event"] == event]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    folder = tmp_path_factory.mktemp("logged")
    settings = Settings(data_dir=folder / "data", engine="null", appendfsync="everysec")
    built_bank(settings, folder / "photos")
    (settings.data_dir / "photos").mkdir(exist_ok=True)
    with embedded.running(settings):
        yield settings


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("log") / "web.log"


@pytest.fixture(scope="module")
def server(settings: Settings, log: Path) -> Iterator[Server]:
    with serving(settings, log, api_key=KEY, log_json=1, log_requests="all") as started:
        yield started


def line_of(log: Path, request: str) -> dict[str, Any]:
    eventually(lambda: any(line["request"] == request for line in lines(log)), what=f"the line of {request}")
    return next(line for line in lines(log) if line["request"] == request)


def asked(server: Server, log: Path, method: str, path: str, **more: Any) -> tuple[requests.Response, dict[str, Any]]:
    response = requests.request(method, server.url + path, timeout=30, **more)
    return response, line_of(log, response.headers["X-Request-Id"])


def test_who_what_and_how_it_ended(server: Server, log: Path) -> None:
    response, line = asked(server, log, "GET", "/api/v1/jobs?limit=3", headers=AUTH)
    assert (line["method"], line["route"], line["status"]) == ("GET", "/api/v1/jobs", 200)
    assert (line["name"], line["via"], line["role"], line["level"]) == ("env", "key", "web", "info")
    assert line["bytes"] == int(response.headers["Content-Length"])
    assert line["ms"] > 0
    # UTC, as RFC 3339 writes it.
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", line["timestamp"])
    written = time.mktime(time.strptime(line["timestamp"][:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone
    assert abs(written - time.time()) < 120


def test_a_job_and_a_refusal(server: Server, settings: Settings, log: Path) -> None:
    folder = settings.data_dir / "photos" / "night"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(b"\xff\xd8\xff")
    made, line = asked(server, log, "POST", "/api/v1/jobs/folder", json={"path": str(folder)}, headers=AUTH)
    assert made.status_code == 202, made.text
    assert line["job"] == made.json()["id"]
    _, line = asked(server, log, "GET", f"/api/v1/jobs/{made.json()['id']}", headers=AUTH)
    assert (line["route"], line["job"]) == ("/api/v1/jobs/<job_id>", made.json()["id"])
    _, line = asked(server, log, "GET", "/api/v1/jobs/nowhere/items", headers=AUTH)
    assert (line["status"], line["code"], line["route"]) == (404, "not_found", "/api/v1/jobs/<job_id>/items")


def test_what_flask_never_sees(server: Server, log: Path) -> None:
    for sent, status, code in (
        (b"NONSENSE\r\n\r\n", 400, "bad_http"),
        (head("GET", "/api/v1/jobs?x=" + "x" * 9000, b"Connection: close\r\n\r\n"), 414, "query_too_long"),
        (head("GET", "/nowhere/secret", b"Connection: close\r\n\r\n"), 401, "key_needed"),
    ):
        with server.connect(sent) as connection:
            found, headers, _ = answer(connection)
        assert found == status
        line = line_of(log, headers["x-request-id"])
        assert (line["status"], line["code"], line["route"]) == (status, code, "-")


def test_a_client_that_leaves(server: Server, log: Path) -> None:
    with server.connect(head("POST", "/api/v1/jobs/folder", b"Content-Length: 900\r\n\r\n{")):
        pass
    eventually(lambda: any(line["status"] == 499 for line in lines(log)), what="the line of the one who left")


def test_an_id_is_taken_over_where_it_is_one(server: Server, log: Path) -> None:
    given = {"X-Request-Id": "proxy-7f3a-01"}
    response, _ = asked(server, log, "GET", "/healthz", headers=given)
    assert response.headers["X-Request-Id"] == "proxy-7f3a-01"
    for bad in ("short", "x" * 65, "with blanks in it", 'quo"te-and-more'):
        response, _ = asked(server, log, "GET", "/healthz", headers={"X-Request-Id": bad})
        assert re.fullmatch("[0-9a-f]{16}", response.headers["X-Request-Id"])


def test_nothing_secret_is_written(server: Server, log: Path) -> None:
    secrets = [KEY, "hunter2-in-a-query", "wrong-key-that-somebody-typed", "c00kie-value"]
    asked(server, log, "GET", f"/jobs?key={secrets[1]}", headers=AUTH)
    asked(server, log, "GET", "/api/v1/jobs", headers={"Authorization": f"Bearer {secrets[2]}"})
    asked(server, log, "POST", "/login", data={"key": secrets[2]})
    asked(server, log, "GET", f"/{secrets[1]}", headers={"Cookie": f"weft_session={secrets[3]}"})
    asked(server, log, "POST", f"/api/v1/jobs/{secrets[1]}/cancel", headers=AUTH)
    text = log.read_text("utf-8")
    assert [secret for secret in secrets if secret in text] == []


@pytest.mark.parametrize(
    ("which", "logged"),
    [("sampled", {"/api/v1/jobs"}), ("errors", set()), ("off", set())],
)
def test_what_asks_by_itself_is_sampled(settings: Settings, tmp_path: Path, which: str, logged: set[str]) -> None:
    with serving(settings, tmp_path / "web.log", log_json=1, log_requests=which) as server:
        for _ in range(20):
            assert requests.get(f"{server.url}/healthz", timeout=20).ok
            assert requests.get(f"{server.url}/workers", headers={"HX-Request": "true"}, timeout=20).ok
        assert requests.get(f"{server.url}/api/v1/jobs", timeout=20).ok
        refused = requests.get(f"{server.url}/healthz/x", timeout=20)
        assert refused.status_code == 404
        if which != "off":
            line_of(tmp_path / "web.log", refused.headers["X-Request-Id"])
    found = lines(tmp_path / "web.log")
    quiet = [line for line in found if line["route"] in ("/healthz", "/workers")]
    assert len(quiet) == (1 if which == "sampled" else 0)
    assert all(line["sample"] == 100 for line in quiet)
    others = {line["route"] for line in found if line not in quiet and line["status"] < 400}
    assert others == logged


def test_a_job_can_be_followed_from_the_request_to_its_chunks(tmp_path: Path) -> None:
    with run_product(tmp_path, log_json="1", appendfsync="everysec", api_key=KEY) as product:
        folder = product.photos / "followed"
        folder.mkdir()
        for n in range(5):
            (folder / f"{n}.jpg").write_bytes(f"followed {n}".encode())
        sent = requests.post(
            f"{product.url}/api/v1/jobs/folder",
            json={"path": str(folder)},
            headers={**AUTH, "X-Request-Id": "night-shift-0001"},
            timeout=20,
        )
        job = sent.json()
        run_dir = product.settings.run_dir

        def chunks() -> list[dict[str, Any]]:
            found = [line for log in run_dir.glob("worker*.log") for line in lines(log, "chunk_done")]
            return [line for line in found if line.get("request") == "night-shift-0001"]

        eventually(lambda: sum(line["photos"] for line in chunks()) == 5, what="the lines of the chunks")
        asked = [line for line in lines(run_dir / "web.log") if line["request"] == "night-shift-0001"]
        answer = requests.get(f"{product.url}/api/v1/workers", headers=AUTH, timeout=20).json()
        told = "".join(log.read_text("utf-8", "replace") for log in run_dir.glob("*.log"))
    assert [(line["method"], line["status"], line["job"], line["name"]) for line in asked] == [
        ("POST", 202, job["id"], "env")
    ]
    assert asked[0]["ms"] > 0
    for line in chunks():
        assert (line["role"], line["job"], line["owner"]) == ("worker", job["id"], "env")
        assert line["worker"] in {worker["id"] for worker in answer["workers"]}
        assert (line["failed"], line["attempt"]) == (0, 1)
        assert line["chunk"] >= 0
        assert line["seconds"] >= 0
        assert line["timestamp"].endswith("Z")
    assert KEY not in told
