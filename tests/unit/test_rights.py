"""Every route has its right in one table, and the docs and OpenAPI say the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from shared.access.audit import ACTS
from shared.access.keys import Keys
from shared.access.scopes import EVERYTHING, Scope, granted
from shared.core.errors import InvalidRequest
from shared.core.settings import Settings
from shared.jobs.states import VERBS
from web.access.openapi import page
from web.access.rights import RIGHTS, right_of
from web.app import create_app

ROOT = Path(__file__).resolve().parents[2]
#: Each scope, and what a key with it alone may do.
CALLS = {
    ("GET", "/api/v1/jobs"): {"read", "submit", "review", "admin"},
    ("GET", "/jobs"): {"read", "submit", "review", "admin"},
    ("GET", "/metrics"): {"read", "submit", "review", "admin"},
    ("POST", "/api/v1/jobs"): {"submit", "admin"},
    ("POST", "/upload"): {"submit", "admin"},
    ("POST", "/api/v1/classify"): {"submit", "admin"},
    ("POST", "/api/v1/jobs/x/cancel"): {"submit", "admin"},
    ("PATCH", "/api/v1/jobs/x/items/0"): {"review", "admin"},
    ("POST", "/jobs/x/items/0"): {"review", "admin"},
    ("POST", "/api/v1/bank/rollback"): {"admin"},
    ("POST", "/bank/publish"): {"admin"},
    ("POST", "/api/v1/bank/tasks"): {"admin"},
    ("GET", "/api/v1/keys"): {"admin"},
    ("GET", "/keys"): {"admin"},
    ("POST", "/api/v1/keys"): {"admin"},
    ("DELETE", "/api/v1/keys/x"): {"admin"},
    ("GET", "/audit"): {"admin"},
    ("GET", "/api/v1/audit"): {"admin"},
}


@pytest.fixture
def client(settings: Settings) -> FlaskClient:
    return create_app(settings).test_client()


def test_every_route_has_its_right_and_no_right_lacks_a_route(settings: Settings) -> None:
    assert {rule.endpoint for rule in create_app(settings).url_map.iter_rules()} == set(RIGHTS)


def test_what_changes_something_is_open_to_nobody_and_has_a_name_in_the_log(settings: Settings) -> None:
    named = set()
    for rule in create_app(settings).url_map.iter_rules():
        right = right_of(rule.endpoint)
        if set(rule.methods or ()) - {"GET", "HEAD", "OPTIONS"} and rule.endpoint != "pages.enter":
            assert right.scope, rule
            assert right.act, rule
            named |= {right.act.format(verb=verb) for verb in VERBS}
    assert named <= set(ACTS)


def test_a_route_that_nobody_thought_of_needs_an_administrator() -> None:
    assert right_of("pages.tomorrow").scope is Scope.ADMIN


@pytest.mark.parametrize("scope", Scope)
def test_a_key_does_what_its_scope_says(client: FlaskClient, settings: Settings, scope: Scope) -> None:
    header = {"Authorization": f"Bearer {Keys.of(settings).add('looms', [scope])}"}
    for (method, address), allowed in CALLS.items():
        answer = client.open(address, method=method, headers=header | {"Accept": "application/json"})
        refused = answer.status_code == 403 and answer.get_json()["code"] == "not_allowed"
        assert refused == (scope.value not in allowed), (method, address, answer.status_code)


def test_scopes_include_each_other() -> None:
    assert granted(["admin"]) == EVERYTHING
    assert granted(["submit"]) == {Scope.READ, Scope.SUBMIT}
    assert granted([]) == set()
    with pytest.raises(InvalidRequest):
        granted(["root"])


def test_openapi_says_what_is_needed(client: FlaskClient, settings: Settings) -> None:
    spec = client.get("/api/v1/openapi.json").get_json()
    assert spec["paths"]["/api/v1/jobs"]["post"]["x-scope"] == "submit"
    assert spec["paths"]["/api/v1/jobs/{job_id}/items/{item}"]["patch"]["x-scope"] == "review"
    assert spec["paths"]["/api/v1/healthz"]["get"]["security"] == []
    operations = [
        operation
        for methods in spec["paths"].values()
        for method, operation in methods.items()
        if re.fullmatch("get|post|put|patch|delete", method)
    ]
    assert all("x-scope" in operation for operation in operations)


def test_the_docs_list_every_call_with_its_scope() -> None:
    document = (ROOT / "docs" / "api.md").read_text("utf-8")
    assert page(document) == document, "run `make docs`"
    assert "| `POST /bank/rollback` | admin |" in document


def test_keys_of_a_version_without_scopes_may_do_everything(client: FlaskClient, settings: Settings) -> None:
    key = Keys.of(settings).add("looms")
    path = settings.data_dir / "keys.json"
    path.write_text(re.sub(r'"scopes":.*?\],', "", path.read_text("utf-8"), flags=re.DOTALL), encoding="utf-8")
    assert client.get("/api/v1/keys", headers={"Authorization": f"Bearer {key}"}).status_code == 200
