"""What OpenAPI and docs/api.md say of the rights that routes need."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from apiflask import APIFlask

from web.access.rights import right_of

_CONVERTER = re.compile(r"<(?:[^<>]*:)?(\w+)>")
_METHODS = ("get", "post", "put", "patch", "delete")


def with_rights(app: APIFlask, spec: Any) -> Any:
    """The OpenAPI document with each operation's scope, as `x-scope` and in its security requirement."""
    endpoints = {
        (_CONVERTER.sub(r"{\1}", rule.rule), method.lower()): rule.endpoint
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
    }
    # The key's scopes are Weft's own, which OpenAPI's bearer scheme lists since 3.1 only.
    scheme = {"type": "http", "scheme": "bearer", "description": "A key of `weft key create`; see docs/api.md."}
    spec["components"]["securitySchemes"] = {"key": scheme}
    # An empty requirement beside it: keys are asked for only once there is one.
    spec["security"] = [{"key": []}, {}]
    for path, operations in spec["paths"].items():
        for method, operation in operations.items():
            if method in _METHODS:
                scope = right_of(endpoints[path, method]).scope
                operation["x-scope"] = scope.value if scope else "none"
                if scope is None:
                    operation["security"] = []
    return spec


def table(app: APIFlask) -> str:
    """The routes of the API with their scopes, as Markdown."""
    rows: list[tuple[str, ...]] = []
    spec: Any = app.spec
    for path, operations in spec["paths"].items():
        for method, operation in operations.items():
            # The root's probes are those of the API.
            if method in _METHODS and path.startswith("/api/"):
                told = f"{operation.get('summary', '')} {operation.get('description', '')}"
                call = f"{method.upper()} {path.removeprefix('/api/v1')}"
                rows.append((f"`{call}`", operation["x-scope"], " ".join(told.split())))
    rows = [("call", "scope", "what it does"), ("---",) * 3, *sorted(rows, key=lambda row: row[0].split()[::-1])]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |\n" for row in rows)


def page(document: str) -> str:
    """docs/api.md with its table made again."""
    from tempfile import TemporaryDirectory

    from shared.core.settings import Settings
    from web.app import create_app

    with TemporaryDirectory() as folder:
        app = create_app(Settings(data_dir=Path(folder)))
        with app.app_context():
            rows = table(app)
    marks = re.compile(r"(<!-- begin: calls[^\n]*\n).*?(<!-- end: calls)", re.DOTALL)
    return marks.sub(lambda found: f"{found[1]}{rows}{found[2]}", document)


if __name__ == "__main__":
    path = Path(__file__).resolve().parents[2] / "docs" / "api.md"
    path.write_text(page(path.read_text("utf-8")), encoding="utf-8")
