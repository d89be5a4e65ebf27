"""The Flask application: thin, it reads and writes the ledger and never imports the numeric side."""

from __future__ import annotations

from typing import Any

from apiflask import APIFlask

from shared.core.settings import Settings
from shared.jobs.model import Priority
from shared.jobs.splitting import Split
from web import (
    api,
    bank_choice,
    compression,
    conditional,
    context,
    declared,
    hosts,
    i18n,
    openapi_links,
    pages,
    problems,
    proxied,
    security,
    uploads,
)
from web.access import gate, openapi
from web.api import uploads as upload_api
from web.schemas import Problem
from web.server import request_log


def create_app(settings: Settings | None = None) -> APIFlask:
    """Answers at once; Redis is looked for with the first request that needs it."""
    app = APIFlask(
        __name__, title="Weft", version="1", spec_path="/api/v1/openapi.json", docs_path=None, json_errors=False
    )
    app.config.update(
        VALIDATION_ERROR_STATUS_CODE=400,
        INFO={"description": "A folder of fabric photos in, ranked fabric classes out."},
        AUTO_404_RESPONSE=False,
        # Addresses of static files carry a digest of their content.
        SEND_FILE_MAX_AGE_DEFAULT=31_536_000,
        SPEC_PROCESSOR_PASS_OBJECT=False,
    )
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    context.init_app(app, settings or Settings())
    bank_choice.init_app(app)
    request_log.init_app(app)
    compression.init_app(app)
    i18n.init_app(app)
    hosts.init_app(app)
    gate.init_app(app)
    uploads.init_app(app)
    security.init_app(app)
    conditional.init_app(app)
    app.before_request(gate.check_act)
    problems.init_app(app)
    declared.init_app(app)
    api.init_app(app)
    pages.init_app(app)
    proxied.init_app(app)
    app.spec_processor(lambda spec: openapi.with_rights(app, _complete(spec)))
    return app


def _complete(spec: dict[Any, Any] | str) -> dict[Any, Any] | str:
    """What APIFlask cannot see: multipart bodies, which are read as streams, and how every error looks."""
    assert isinstance(spec, dict)
    spec["components"]["schemas"]["Problem"] = Problem.model_json_schema()
    problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
    failed = {"description": "Any error", "content": {"application/problem+json": problem}}
    for methods in spec["paths"].values():
        for operation in methods.values():
            if isinstance(operation, dict) and "responses" in operation:
                answers = {code: told for code, told in operation["responses"].items() if code < "4"}
                operation["responses"] = {**answers, "default": failed}
    binary = {"type": "string", "format": "binary"}
    text = {"type": "string"}
    moment = {"type": "string", "description": "The job starts no earlier: ISO 8601, or seconds since the epoch."}
    several: dict[str, Any] = {"type": "array", "items": binary}
    priority = {"type": "string", "enum": [p.value for p in Priority]}
    bank = {"type": "string", "description": "The bank, by id or name; or a version of one."}
    hours = {"type": "string", "description": "The hours in which it works: `20:00-07:00 mon-fri Asia/Shanghai`."}
    due = {"type": "string", "description": "When it should be done: ISO 8601, or seconds since the epoch."}
    upload = {"files": several, "name": text, "preset": text, "not_before": moment, "priority": priority, "bank": bank}
    cut = {"type": "string", "enum": [split.value for split in Split], "description": "What of each photo is an item."}
    upload |= {"window": hours, "deadline": due, "split": cut}
    files = {"files": several}
    named = dict.fromkeys(("label", "zh", "en", "aliases", "notes", "parent"), text)
    jobs = {
        "/api/v1/jobs": (upload, "files"),
        "/api/v1/classify": ({"file": binary, "preset": text, "bank": bank}, "file"),
        "/api/v1/similar": ({"file": binary, **dict.fromkeys(("job", "item", "bank", "sample", "box"), text)}, None),
    }
    bodies = jobs | {
        "/api/v1/bank/photos": (files | named, "files"),
        "/api/v1/bank/build": (files | {"name": text}, "files"),
        "/api/v1/bank/import": ({"file": binary, "name": text, "model": text}, "file"),
    }
    for path, (properties, required) in (bodies | upload_api.bodies()).items():
        schema = {
            "type": "object",
            "properties": properties,
            **({"required": [required]} if required else {}),
            "additionalProperties": False,
        }
        spec["paths"][path]["post"]["requestBody"] = {
            "required": True,
            "content": {"multipart/form-data": {"schema": schema}},
        }
    key = {
        "name": "Idempotency-Key",
        "in": "header",
        "schema": {"type": "string", "maxLength": 200},
        "description": "The same key and request again give the same job, not a second one.",
    }
    for path in (*jobs, "/api/v1/jobs/folder"):
        spec["paths"][path]["post"].setdefault("parameters", []).append(key)
    wished = {
        "name": "lang",
        "in": "query",
        "schema": text,
        "description": "Language of sentences, `en` or `zh`, before Accept-Language.",
    }
    for methods in spec["paths"].values():
        for method, operation in methods.items():
            if method in ("get", "post", "put", "patch", "delete"):
                operation.setdefault("parameters", []).append(wished)
    return openapi_links.with_links(spec)
