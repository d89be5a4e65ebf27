"""What no route declares is refused with 400, on every route of the OpenAPI: nothing asked for is silently ignored."""

from __future__ import annotations

import io
from typing import Any

import pytest
from apiflask import APIFlask

from scripts.supervisor import redis as embedded
from shared.core.settings import Settings
from tests.banks import by_label, clustered, make_bank
from web.app import create_app

UNKNOWN = "no_such_field"
METHODS = ("get", "post", "put", "patch", "delete")


@pytest.fixture
def app(settings: Settings, redis_pair: embedded.Pair) -> APIFlask:
    return create_app(settings)


def operations(app: APIFlask) -> list[tuple[str, str, dict[str, Any]]]:
    """(method, address with made-up values, operation) of all routes under /api/."""
    found = []
    spec: Any = app.spec
    for path, methods in spec["paths"].items():
        for method, operation in methods.items():
            if method in METHODS and path.startswith("/api/"):
                values = {
                    "item": "0",
                    "index": "0",
                    "version": "b1",
                    "sample_id": "0" * 16,
                    "label": "x",
                    "act": "1",
                    "sha256": "0" * 64,
                }
                names = [p["name"] for p in operation.get("parameters", ()) if p["in"] == "path"]
                found.append((method, path.format(**{n: values.get(n, "1m8mcax7kb9jm") for n in names}), operation))
    assert len(found) > 20
    return found


def content(operation: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = operation.get("requestBody", {}).get("content", {})
    return found


def refused(response: Any, where: str) -> None:
    answer = response.get_json()
    assert (response.status_code, answer["code"]) == (400, "invalid_request"), (where, response.status_code, answer)
    assert UNKNOWN in answer["detail"], (where, answer)


def test_query_parameters(app: APIFlask) -> None:
    client = app.test_client()
    for method, address, _ in operations(app):
        response = client.open(address, method=method.upper(), query_string={UNKNOWN: "1"})
        refused(response, f"{method} {address}")


def test_fields_of_uploads(app: APIFlask, settings: Settings) -> None:
    make_bank(settings, by_label(clustered(2)))
    client = app.test_client()
    found = {a: content(o)["multipart/form-data"]["schema"] for _, a, o in operations(app) if "multipart" in str(o)}
    assert len(found) == 8
    upload = client.post("/api/v1/uploads", json={}).get_json()["id"]
    for path, schema in found.items():
        address = path.replace("/uploads/1m8mcax7kb9jm", f"/uploads/{upload}")
        for extra in ("1", (io.BytesIO(b"1"), "b.jpg")):
            first = "file" if "required" not in schema else schema["required"][0]
            data = {first: (io.BytesIO(b"1"), "a.jpg"), UNKNOWN: extra}
            refused(client.post(address, data=data), address)
    assert list((settings.data_dir / "spool").glob("*")) == []


def test_members_of_json_bodies(app: APIFlask) -> None:
    client = app.test_client()
    schemas: Any = app.spec
    tried = 0
    for method, address, operation in operations(app):
        if "application/json" not in content(operation):
            continue
        for body in bodies(content(operation)["application/json"]["schema"], schemas["components"]["schemas"]):
            response = client.open(address, method=method.upper(), json={**body, UNKNOWN: 1})
            refused(response, f"{method} {address} {body}")
            tried += 1
    assert tried >= 3


def bodies(schema: dict[str, Any], known: dict[str, Any]) -> list[dict[str, Any]]:
    """One body for each alternative of a schema, with what tells the alternatives apart and nothing else."""
    if "$ref" in schema:
        return bodies(known[schema["$ref"].rsplit("/", 1)[1]], known)
    if alternatives := schema.get("oneOf") or schema.get("anyOf"):
        return [body for alternative in alternatives for body in bodies(alternative, known)]
    return [{name: inner["const"] for name, inner in schema.get("properties", {}).items() if "const" in inner}]


def test_bodies_where_none_is_taken(app: APIFlask) -> None:
    client = app.test_client()
    for method, address, operation in operations(app):
        if method != "get" and not content(operation):
            response = client.open(address, method=method.upper(), json={UNKNOWN: 1})
            assert (response.status_code, response.get_json()["code"]) == (400, "invalid_request"), address
            assert client.open(address, method=method.upper(), json={}).get_json()["code"] != "invalid_request"


def test_a_value_that_came_twice(app: APIFlask) -> None:
    answer = app.test_client().get("/api/v1/jobs?limit=3&limit=4").get_json()
    assert (answer["code"], answer["status"]) == ("invalid_request", 400)
    assert "limit" in answer["detail"]


def test_the_sentence_is_in_the_language_of_the_user(app: APIFlask) -> None:
    answer = app.test_client().get("/api/v1/workers?priority=1&lang=zh").get_json()
    assert answer["detail"] == "请求无效：priority：此处没有该字段，可用：lang"
