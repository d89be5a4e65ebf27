"""A trusted proxy says which scheme, host and path the browser used; nobody else does."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from shared.core.settings import Settings
from web.app import create_app

PROXY = "10.0.0.5"
TOLD = {
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "mill.example",
    "X-Forwarded-Prefix": "/weft",
    "Accept": "text/html",
}


@pytest.fixture
def client(settings: Settings) -> FlaskClient:
    changed = {"trusted_proxies": PROXY, "allowed_hosts": "mill.example"}
    return create_app(settings.model_copy(update=changed)).test_client()


def get(client: FlaskClient, path: str, peer: str = PROXY, **headers: str) -> TestResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.get(path, headers=TOLD | named, environ_overrides={"REMOTE_ADDR": peer})


def links(page: TestResponse) -> list[str]:
    return re.findall(r"(?:href|src|action|hx-get|hx-post)=\"(/[^\"]*)\"", page.text)


@pytest.mark.parametrize("path", ["/", "/bank", "/nowhere", "/folder"])
def test_every_link_has_the_path_before_ours(client: FlaskClient, path: str) -> None:
    found = links(get(client, path))
    assert found
    assert [link for link in found if not link.startswith("/weft/")] == []
    assert [link for link in links(get(client, path, peer="10.0.0.6", Host="localhost")) if "/weft" in link] == []


@pytest.mark.parametrize(
    "prefix", ["//evil.example", "/a/../b", "javascript:x", "/we ft", "/%2e%2e", "/a\\b", "/a//b", ""]
)
def test_what_is_no_plain_path_is_not_put_into_links(client: FlaskClient, prefix: str) -> None:
    found = links(get(client, "/", X_Forwarded_Prefix=prefix))
    assert "/jobs" in found


def test_the_last_value_is_the_proxys_own(client: FlaskClient) -> None:
    assert "/weft/jobs" in links(get(client, "/", X_Forwarded_Prefix="/mine, /weft"))


def test_the_host_is_still_checked(client: FlaskClient) -> None:
    assert get(client, "/", X_Forwarded_Host="evil.example").status_code == 421
    assert get(client, "/", X_Forwarded_Host="mill.example:8443").status_code == 200
    # From elsewhere it is the Host header that counts.
    assert get(client, "/", peer="10.0.0.6", Host="evil.example").status_code == 421


def test_forms_of_the_browsers_own_site_are_let_in(client: FlaskClient) -> None:
    """Over plain http browsers send an Origin and nothing else; the proxy asks for another host."""
    for origin, code in (("https://mill.example", 400), ("https://evil.example", 403)):
        sent = TOLD | {"Origin": origin, "Host": "127.0.0.1:8000", "Accept": "application/json"}
        found = client.post("/api/v1/jobs/folder", json={}, headers=sent, environ_overrides={"REMOTE_ADDR": PROXY})
        assert found.status_code == code, found.text


def test_cookies_are_secure_and_of_our_path_alone(client: FlaskClient) -> None:
    cookie = get(client, "/?lang=zh").headers["Set-Cookie"]
    assert "Path=/weft" in cookie
    plain = get(client, "/?lang=zh", peer="10.0.0.6", Host="localhost").headers["Set-Cookie"]
    assert "Path=/;" in plain
