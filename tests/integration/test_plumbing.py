"""What goes out is compressed, kept where it never changes, and costs neither Redis nor SQLite where it need not."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from shared.core.settings import Settings
from shared.storage import open_storage
from web.app import create_app

SHA256 = "ab" * 32


@pytest.fixture
def client(settings: Settings) -> FlaskClient:
    return create_app(settings).test_client()


@pytest.mark.parametrize("address", ["/bank", "/static/css/base.css", "/api/v1/openapi.json"])
def test_texts_are_compressed_for_those_who_ask(client: FlaskClient, address: str) -> None:
    plain = client.get(address, buffered=True)
    packed = client.get(address, headers={"Accept-Encoding": "gzip, br"}, buffered=True)
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert int(packed.headers["Content-Length"]) == len(packed.data)
    assert len(packed.data) < len(plain.data) / 2
    size = len(gzip.decompress(packed.data))
    assert abs(size - len(plain.data)) < 200
    # A cache between must not hand the one to those who asked for the other.
    assert "Accept-Encoding" in plain.headers["Vary"]
    assert "Accept-Encoding" in packed.headers["Vary"]
    refused = client.get(address, headers={"Accept-Encoding": "gzip;q=0"}, buffered=True)
    assert "Content-Encoding" not in refused.headers


def test_assets_are_kept_for_good_and_in_every_language(client: FlaskClient) -> None:
    answer = client.get("/static/css/base.css?v=1", headers={"Accept-Encoding": "gzip"}, buffered=True)
    assert "immutable" in answer.headers["Cache-Control"]
    assert "Cookie" not in answer.headers["Vary"]
    tag = answer.headers["ETag"]
    again = client.get(
        "/static/css/base.css?v=1", headers={"Accept-Encoding": "gzip", "If-None-Match": tag}, buffered=True
    )
    assert (again.status_code, again.data) == (304, b"")
    # Another version may stand here tomorrow.
    assert "immutable" not in client.get("/static/css/base.css", buffered=True).headers["Cache-Control"]
    assert "Cookie" in client.get("/bank").headers["Vary"]


def test_a_thumbnail_by_its_sha256_needs_no_redis_and_no_results_file(client: FlaskClient, settings: Settings) -> None:
    storage = open_storage(settings)
    storage.put_thumb(SHA256, b"\xff\xd8 small")
    address = f"/api/v1/thumbnails/{SHA256}"
    # No Redis runs here at all.
    found = client.get(address)
    assert (found.status_code, found.data, found.mimetype) == (200, b"\xff\xd8 small", "image/jpeg")
    assert "immutable" in found.headers["Cache-Control"]
    again = client.get(address, headers={"If-None-Match": found.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert client.get(f"/api/v1/thumbnails/{'cd' * 32}").status_code == 404
    assert client.get(f"/api/v1/thumbnails/{'.' * 64}").status_code == 404
    assert not list(Path(settings.jobs_dir).glob("*.sqlite"))
