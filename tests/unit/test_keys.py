"""Without keys everybody may use it; with one, nobody without a key, from the next request on."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from scripts.cli import run
from shared.api_keys import FILE, Keys
from shared.errors import Conflict, InvalidRequest, NotFound
from shared.settings import Settings
from web.app import create_app


@pytest.fixture
def client(settings: Settings) -> FlaskClient:
    return create_app(settings).test_client()


def basic(password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"anybody:{password}".encode()).decode()}


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def status(client: FlaskClient, address: str = "/api/v1/openapi.json", **headers: str) -> int:
    return client.get(address, headers=headers).status_code


def test_everybody_comes_in_until_there_is_a_key(client: FlaskClient, settings: Settings) -> None:
    assert status(client) == 200
    key = Keys.of(settings).add("looms")
    assert status(client) == 401
    assert status(client, **bearer(key)) == 200
    assert status(client, **basic(key)) == 200
    Keys.of(settings).remove("looms")
    assert status(client) == 200


def test_what_is_no_key_opens_nothing(client: FlaskClient, settings: Settings) -> None:
    first, second = Keys.of(settings).add("first"), Keys.of(settings).add("second")
    stored = json.loads((settings.data_dir / FILE).read_text("utf-8"))["first"]["sha256"]
    for wrong in ("", "first", first[:-1], first + "x", stored):
        assert status(client, **bearer(wrong)) == 401
        assert status(client, **basic(wrong)) == 401
    assert status(client, Authorization="Digest x") == 401
    Keys.of(settings).remove("first")
    assert status(client, **bearer(first)) == 401
    assert status(client, **bearer(second)) == 200


@pytest.mark.parametrize("address", ["/", "/bank", "/workers", "/metrics", "/nowhere", "/api/v1/jobs"])
def test_pages_and_answers_are_closed_alike(client: FlaskClient, settings: Settings, address: str) -> None:
    Keys.of(settings).add("looms")
    assert status(client, address) == 401
    assert client.post(address, data=b"x" * 1000).status_code == 401


def test_probes_and_static_files_stay_open(client: FlaskClient, settings: Settings) -> None:
    Keys.of(settings).add("looms")
    assert status(client, "/healthz") == 200
    with client.get("/static/js/page.js") as response:
        assert response.status_code == 200
    assert client.get("/readyz").get_json()["code"] == "redis_unavailable"


def test_the_refusal_tells_what_to_do_and_nothing_else(client: FlaskClient, settings: Settings) -> None:
    Keys.of(settings).add("looms")
    refused = client.get("/api/v1/jobs")
    assert (refused.content_type, refused.get_json()["code"]) == ("application/problem+json", "key_needed")
    page = client.get("/", headers={"Accept": "text/html", "Accept-Language": "zh"})
    assert page.content_type.startswith("text/plain")
    assert "密钥" in page.text
    assert [scheme.split()[0] for scheme in page.headers.getlist("WWW-Authenticate")] == ["Basic", "Bearer"]


def test_a_damaged_file_does_not_open_the_door(client: FlaskClient, settings: Settings) -> None:
    settings.data_dir.mkdir(exist_ok=True)
    (settings.data_dir / FILE).write_text("{", encoding="utf-8")
    assert status(client) == 500


def test_names(settings: Settings) -> None:
    keys = Keys.of(settings)
    keys.add("织机")
    with pytest.raises(Conflict):
        keys.add("织机")
    with pytest.raises(InvalidRequest):
        keys.add("  ")
    with pytest.raises(NotFound):
        keys.remove("other")
    assert list(keys.rows()) == ["织机"]


def test_the_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def weft(*words: str) -> dict[str, Any]:
        assert run(["key", *words, "--json", "--data-dir", str(tmp_path)]) == 0
        answer: dict[str, Any] = json.loads(capsys.readouterr().out)
        return answer

    key = weft("add", "looms")["key"]
    assert Keys(tmp_path / FILE).holder(key) == "looms"
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    assert key not in (tmp_path / FILE).read_text("utf-8")
    [row] = weft("list")["keys"]
    assert set(row) == {"name", "created"}
    assert weft("remove", "looms") == {"name": "looms", "removed": True, "left": 0}
