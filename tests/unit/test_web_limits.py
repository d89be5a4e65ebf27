"""Every route has its limits, and what goes over them is refused with a sentence that says which."""

from __future__ import annotations

import io
import json

import pytest
from flask.testing import FlaskClient

from shared.core.next_steps import next_step
from shared.core.settings import Settings
from web.app import create_app
from web.limits import FORM_FIELDS, JSON_DEPTH, LANES, LIMITS, NAME_LENGTH, OTHERWISE, Lane, limit_of


@pytest.fixture
def client(settings: Settings) -> FlaskClient:
    return create_app(settings).test_client()


def test_every_route_that_takes_a_body_has_a_row(settings: Settings) -> None:
    rules = list(create_app(settings).url_map.iter_rules())
    taking = {rule.endpoint for rule in rules if (rule.methods or set()) & {"POST", "PUT", "PATCH", "DELETE"}}
    assert taking - set(LIMITS) == set()
    assert set(LIMITS) - {rule.endpoint for rule in rules} == set()
    assert limit_of(None) == OTHERWISE
    assert set(LANES) == set(Lane)


@pytest.mark.parametrize("endpoint", [name for name, limit in LIMITS.items() if not limit.files])
def test_a_body_over_the_limit_is_refused_before_it_is_read(settings: Settings, endpoint: str) -> None:
    app = create_app(settings)
    rule = next(rule for rule in app.url_map.iter_rules() if rule.endpoint == endpoint)
    values = {
        "job_id": "a",
        "verb": "cancel",
        "item": 1,
        "index": 1,
        "version": "v",
        "act": 1,
        "name": "n",
        "upload": "u",
        "bank": "b",
        "collection": "c",
        "run_id": "r",
    }
    with app.test_request_context():
        address = app.url_map.bind("localhost").build(
            endpoint, {k: v for k, v in values.items() if k in rule.arguments}
        )
    over = {"CONTENT_LENGTH": str(LIMITS[endpoint].bytes(settings) + 1)}
    method = next(iter((rule.methods or set()) - {"HEAD", "OPTIONS"}))
    refused = app.test_client().open(
        address, method=method, headers={"Accept": "application/json"}, environ_overrides=over
    )
    assert (refused.status_code, refused.get_json()["code"]) == (413, "body_too_large")
    assert f"{LIMITS[endpoint].bytes(settings):,}" in refused.get_json()["detail"]


@pytest.mark.parametrize(("lang", "said"), [("en", f"at most {JSON_DEPTH} levels"), ("zh", f"最多 {JSON_DEPTH} 层")])
def test_nesting(client: FlaskClient, lang: str, said: str) -> None:
    deep: object = "x"
    for _ in range(JSON_DEPTH + 1):
        deep = [deep]
    refused = client.post(f"/api/v1/jobs/folder?lang={lang}", data=json.dumps(deep))
    assert (refused.status_code, refused.get_json()["code"]) == (400, "invalid_request")
    assert said in refused.get_json()["detail"]
    # Brackets in a string nest nothing.
    fine = client.post(f"/api/v1/jobs/folder?lang={lang}", json={"path": "[{" * 99 + '\\"['})
    assert said not in fine.get_json()["detail"]


@pytest.mark.usefixtures("redis_pair")
class TestForms:
    def test_number_of_fields(self, client: FlaskClient) -> None:
        fields = {"name": ["x"] * (FORM_FIELDS + 1), "files": (io.BytesIO(b"1"), "a.jpg")}
        refused = client.post("/api/v1/jobs", data=fields)
        assert (refused.status_code, refused.get_json()["code"]) == (400, "too_many_fields")

    def test_length_of_names(self, client: FlaskClient) -> None:
        refused = client.post("/api/v1/jobs", data={"files": (io.BytesIO(b"1"), "x" * (NAME_LENGTH + 1))})
        assert (refused.status_code, refused.get_json()["code"]) == (400, "name_too_long")


@pytest.mark.parametrize(("lang", "said"), [("en", "Check the address"), ("zh", "请检查地址")])
def test_pages_and_programs_learn_what_to_do(client: FlaskClient, lang: str, said: str) -> None:
    assert said in client.get(f"/nowhere?lang={lang}", headers={"Accept": "text/html"}).text
    assert said in client.get(f"/api/v1/nowhere?lang={lang}").get_json()["next"]


@pytest.mark.parametrize(
    "status", [400, 401, 403, 404, 405, 408, 409, 411, 413, 414, 415, 421, 422, 429, 431, 500, 503]
)
def test_every_status_has_a_next_step(status: int) -> None:
    english, chinese = next_step("x", status, "en"), next_step("x", status, "zh")
    assert english
    assert chinese not in ("", english)


def test_what_is_no_json_is_said_in_the_readers_language(client: FlaskClient) -> None:
    refused = client.post("/api/v1/jobs/folder?lang=zh", data="{", content_type="application/json")
    assert "请求正文不是有效的 JSON" in refused.get_json()["detail"]


@pytest.mark.parametrize("code", ["disk_full", "memory_full", "redis_unavailable"])
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_what_does_not_pass_in_seconds_says_what_helps(code: str, lang: str) -> None:
    assert next_step(code, 503, lang) != next_step("server_busy", 503, lang)
