"""DNS rebinding: a request under a foreign name is refused, under this server's own names it is answered."""

from __future__ import annotations

import socket

import pytest

from shared.core.settings import Settings
from web.app import create_app


def status(settings: Settings, name: str, path: str = "/api/v1/openapi.json", **changed: str) -> int:
    client = create_app(settings.model_copy(update=changed)).test_client()
    return client.get(path, headers={"Host": name}).status_code


@pytest.mark.parametrize(
    "name", ["localhost", "LOCALHOST:8000", "localhost.", "127.0.0.1:1", "127.8.9.1", "[::1]:8000"]
)
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::", "localhost"])
def test_names_of_this_machine(settings: Settings, host: str, name: str) -> None:
    assert status(settings, name, host=host) == 200


@pytest.mark.parametrize(
    "name",
    ["evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example", "", "[", "a@localhost.b"],
)
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_foreign_names(settings: Settings, host: str, name: str) -> None:
    for path in ("/", "/jobs", "/api/v1/jobs", "/metrics", "/static/js/page.js"):
        assert status(settings, name, path, host=host) == 421


def test_addresses_of_the_network(settings: Settings) -> None:
    for name in ("192.168.1.7:8000", "[fd00::7]:8000", socket.gethostname(), f"{socket.gethostname()}.local:80"):
        assert status(settings, name, host="0.0.0.0") == 200
    assert status(settings, "192.168.1.7:8000") == 421
    assert status(settings, "fabrics.lan", host="fabrics.lan") == 200


def test_further_names(settings: Settings) -> None:
    allowed = {"allowed_hosts": "web, Fabrics.example.com:443 ,.mill.example"}
    for name in ("web:8000", "fabrics.example.com", "a.b.mill.example"):
        assert status(settings, name, **allowed) == 200
    for name in ("example.com", "mill.example.evil", "evilmill.example", "other"):
        assert status(settings, name, **allowed) == 421
    assert status(settings, "any.thing", allowed_hosts="*") == 200


def test_the_refusal_names_the_setting(settings: Settings) -> None:
    client = create_app(settings).test_client()
    refused = client.post("/api/v1/jobs", headers={"Host": "evil.example", "Origin": "http://evil.example"})
    assert (refused.status_code, refused.get_json()["code"]) == (421, "host_not_allowed")
    page = client.get("/", headers={"Host": "evil.example", "Accept": "text/html", "Accept-Language": "zh"})
    assert page.content_type.startswith("text/html")
    assert "demo" not in page.text
    assert "WEFT_ALLOWED_HOSTS" in page.text


def test_probes_answer_under_any_name(settings: Settings) -> None:
    assert status(settings, "10.1.2.3.pods.cluster", "/healthz") == 200
