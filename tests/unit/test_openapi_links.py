"""The links of the OpenAPI document lead from answers to calls that exist, for every address of the API."""

from __future__ import annotations

import re
from typing import Any

from shared.core.settings import Settings
from web.app import create_app

#: Made of names that no answer gives first: of a version's samples there are the page's addresses.
BY_HAND = {"/api/v1/bank/versions/{version}/samples/{sample_id}"}


def spec(settings: Settings) -> dict[str, Any]:
    found: dict[str, Any] = create_app(settings).test_client().get("/api/v1/openapi.json").get_json()
    return found


def linked(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        link
        for operations in document["paths"].values()
        for operation in operations.values()
        for answer in operation["responses"].values()
        for link in answer.get("links", {}).values()
    ]


def test_every_link_leads_to_a_call_and_fills_its_address(settings: Settings) -> None:
    document = spec(settings)
    links = linked(document)
    assert len(links) > 30
    for link in links:
        path, _, method = link["operationRef"].removeprefix("#/paths/").rpartition("/")
        path = path.replace("~1", "/").replace("~0", "~")
        assert method in document["paths"][path]
        assert set(link["parameters"]) == set(re.findall(r"{(\w+)}", path))


def test_every_address_with_a_name_in_it_is_linked_to(settings: Settings) -> None:
    document = spec(settings)
    reached = {link["operationRef"].removeprefix("#/paths/").replace("~1", "/") for link in linked(document)}
    methods = {"get", "post", "put", "patch", "delete"}
    named = {
        f"{path}/{method}"
        for path, operations in document["paths"].items()
        if "{" in path and path not in BY_HAND
        for method in methods & set(operations)
    }
    assert named - reached == set()
