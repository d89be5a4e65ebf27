"""Without keys everybody may use it; with one, nobody without a key, from the next request on."""

from __future__ import annotations

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from scripts.cli.main import run
from shared.access.keys import FILE, REQUIRED, Keys
from shared.core.errors import Conflict, InvalidRequest, NotFound
from shared.core.settings import Settings
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
    assert status(client) == 401
    Keys.of(settings).off()
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
    assert page.status_code == 401
    assert "密钥" in page.text
    for told in ("demo", "样布库", "模型", "/jobs"):
        assert told not in page.text, told
    # No password box: people sign in on the page, programs send the header.
    assert "WWW-Authenticate" not in page.headers
    assert [scheme.split()[0] for scheme in refused.headers.getlist("WWW-Authenticate")] == ["Bearer"]


@pytest.mark.parametrize(
    "content", ["{", "", "[]", "null", "0", '"x"', '{"a": 1}', '{"a": {"sha256": 1}}', "[" * 99_999]
)
def test_a_damaged_file_does_not_open_the_door(client: FlaskClient, settings: Settings, content: str) -> None:
    key = Keys.of(settings).add("looms")
    (settings.data_dir / FILE).write_text(content, encoding="utf-8")
    for headers in ({}, bearer(key), bearer("wrong")):
        refused = client.get("/api/v1/jobs", headers=headers)
        assert (refused.status_code, refused.get_json()["code"]) == (503, "keys_damaged")
    page = client.get("/", headers={"Accept": "text/html", "Accept-Language": "zh"})
    assert (page.status_code, "weft key off" in page.text) == (503, True)
    assert status(client, "/healthz") == 200


@pytest.mark.parametrize("content", [None, "{}"])
def test_lost_keys_do_not_open_the_door(client: FlaskClient, settings: Settings, content: str | None) -> None:
    Keys.of(settings).add("looms")
    (settings.data_dir / FILE).unlink()
    if content is not None:
        (settings.data_dir / FILE).write_text(content, encoding="utf-8")
    assert status(client) == 401
    # Another web process, that never saw the key.
    assert status(create_app(settings).test_client()) == 401
    again = Keys.of(settings).add("looms")
    assert status(client, **bearer(again)) == 200


def test_keys_of_an_earlier_version_are_remembered(client: FlaskClient, settings: Settings) -> None:
    """That version wrote no `keys.required`."""
    key = Keys.of(settings).add("looms")
    (settings.data_dir / REQUIRED).unlink()
    assert status(client, **bearer(key)) == 200
    (settings.data_dir / FILE).unlink()
    assert status(client) == 401


def test_two_commands_at_once_lose_no_key(settings: Settings) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: Keys.of(settings).add(f"key-{n}"), range(16)))
    assert len(Keys.of(settings).rows()) == 16


def test_icons_need_no_key(client: FlaskClient, settings: Settings) -> None:
    Keys.of(settings).add("looms")
    with client.get("/favicon.ico") as icon:
        assert (icon.status_code, icon.mimetype) == (200, "image/svg+xml")


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
    assert set(row) == {"name", "created", "scopes", "expires", "by"}
    assert weft("remove", "looms") == {"name": "looms", "removed": True, "left": 0}
    assert weft("list") == {"keys": [], "required": True}
    assert run(["key", "list", "--data-dir", str(tmp_path)]) == 0
    assert "weft key off" in capsys.readouterr().out
    weft("add", "again")
    assert weft("off") == {"required": False, "removed": 1}
    assert weft("list") == {"keys": [], "required": False}
