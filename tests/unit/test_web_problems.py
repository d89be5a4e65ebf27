"""Errors: stable codes, the user's language, one format for programs and one for people."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from shared.core.settings import Settings
from web.app import create_app

ZH = {"Accept-Language": "zh-CN,zh;q=0.9"}


@pytest.fixture
def client(settings: Settings) -> FlaskClient:
    return create_app(settings).test_client()


def test_problem_details(client: FlaskClient) -> None:
    response = client.get("/api/v1/bank")
    assert response.content_type == "application/problem+json"
    body = response.get_json()
    assert (body["status"], body["code"], body["title"]) == (409, "no_bank", "Conflict")
    assert "weft bank build" in body["detail"]


def test_language_from_the_browser_the_address_and_the_cookie(client: FlaskClient) -> None:
    assert "还没有启用样布库" in client.get("/api/v1/bank", headers=ZH).get_json()["detail"]
    assert "还没有启用样布库" in client.get("/api/v1/bank?lang=zh").get_json()["detail"]
    assert "No bank" in client.get("/api/v1/bank?lang=en", headers=ZH).get_json()["detail"]
    client.get("/?lang=zh")
    assert "还没有启用样布库" in client.get("/api/v1/bank").get_json()["detail"]


def test_an_unknown_language_is_english(client: FlaskClient) -> None:
    response = client.get("/api/v1/bank?lang=xx", headers={"Accept-Language": "fr"})
    assert "No bank" in response.get_json()["detail"]
    assert response.headers["Content-Language"] == "en"


def test_no_redis_is_a_503_that_says_when_to_come_back(client: FlaskClient) -> None:
    response = client.get("/api/v1/jobs")
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0
    assert response.get_json()["code"] == "redis_unavailable"


@pytest.mark.parametrize(
    ("method", "address", "status", "code"),
    [
        ("GET", "/api/v1/nowhere", 404, "not_found"),
        ("DELETE", "/api/v1/jobs", 405, "method_not_allowed"),
        ("GET", "/api/v1/jobs?limit=0", 400, "invalid_request"),
        ("GET", "/api/v1/jobs/x/items?sort=size", 400, "invalid_request"),
        ("GET", "/api/v1/jobs/x/items?max_confidence=2", 400, "invalid_request"),
        ("POST", "/api/v1/jobs/folder", 400, "invalid_request"),
    ],
)
def test_wrong_requests(client: FlaskClient, method: str, address: str, status: int, code: str) -> None:
    response = client.open(address, method=method)
    assert (response.status_code, response.get_json()["code"]) == (status, code)


def test_wrong_fields_are_named(client: FlaskClient) -> None:
    response = client.post("/api/v1/jobs/folder", json={"path": "", "colour": "red"})
    assert {"path", "colour"} == set(response.get_json()["errors"]["json"])


def test_people_get_a_page(client: FlaskClient) -> None:
    response = client.get("/nowhere", headers={"Accept": "text/html"})
    assert response.status_code == 404
    assert response.content_type.startswith("text/html")


def test_the_start_page_answers_without_redis(client: FlaskClient) -> None:
    response = client.get("/", headers=ZH)
    assert response.status_code == 200
    assert "这是什么面料" in response.text


def test_openapi_covers_the_contract(client: FlaskClient) -> None:
    paths = client.get("/api/v1/openapi.json").get_json()["paths"]
    contract = {
        "/api/v1/jobs": {"get", "post"},
        "/api/v1/jobs/folder": {"post"},
        "/api/v1/jobs/{job_id}": {"get"},
        "/api/v1/jobs/{job_id}/items": {"get"},
        "/api/v1/jobs/{job_id}/export": {"get"},
        "/api/v1/jobs/{job_id}/cancel": {"post"},
        "/api/v1/jobs/{job_id}/pause": {"post"},
        "/api/v1/jobs/{job_id}/resume": {"post"},
        "/api/v1/jobs/{job_id}/retry": {"post"},
        "/api/v1/jobs/{job_id}/items/{item}": {"patch"},
        "/api/v1/classify": {"post"},
        "/api/v1/bank": {"get"},
        "/api/v1/bank/classes/{label}": {"get"},
        "/api/v1/workers": {"get"},
        "/api/v1/healthz": {"get"},
        "/api/v1/readyz": {"get"},
        "/api/v1/metrics": {"get"},
    }
    assert {path: methods & set(paths[path]) for path, methods in contract.items()} == contract
    assert not [path for path in paths if not path.startswith(("/api/", "/healthz", "/readyz", "/metrics"))]
