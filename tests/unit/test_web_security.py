"""Requests that another site made a browser send are refused; every response carries its protective headers."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from shared.core.settings import Settings
from web.app import create_app


@pytest.fixture
def client(settings: Settings) -> FlaskClient:
    return create_app(settings).test_client()


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:9999"},
    ],
)
@pytest.mark.parametrize("address", ["/api/v1/jobs", "/api/v1/jobs/x/cancel", "/jobs/x/cancel", "/upload", "/folder"])
def test_cross_site_is_refused(client: FlaskClient, address: str, headers: dict[str, str]) -> None:
    response = client.post(address, headers={**headers, "Accept": "application/json"})
    assert response.status_code == 403
    assert response.get_json()["code"] == "cross_site"


@pytest.mark.parametrize(
    "headers", [{}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {"Origin": "http://localhost"}]
)
def test_ones_own_pages_and_other_clients_pass(client: FlaskClient, headers: dict[str, str]) -> None:
    response = client.post("/api/v1/jobs/x/cancel", headers=headers)
    # Past the guard: there is no Redis in this test.
    assert response.get_json()["code"] == "redis_unavailable"


def test_reading_is_never_refused(client: FlaskClient) -> None:
    assert client.get("/healthz", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


@pytest.mark.parametrize("address", ["/", "/healthz", "/nowhere", "/static/js/page.js"])
def test_headers(client: FlaskClient, address: str) -> None:
    # Closed: a static file is open until then.
    with client.get(address) as response:
        headers = response.headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"


def test_scripts_run_by_a_nonce_of_their_own(client: FlaskClient) -> None:
    first, second = client.get("/"), client.get("/")
    nonces = [r.headers["Content-Security-Policy"].split("'nonce-")[1].split("'")[0] for r in (first, second)]
    assert nonces[0] != nonces[1]
    assert first.text.count(f'nonce="{nonces[0]}"') == first.text.count("<script")


def test_pages_hold_nothing_that_the_policy_forbids(client: FlaskClient) -> None:
    page = client.get("/").text
    assert " style=" not in page
    assert " onclick=" not in page
    assert "<style" not in page
