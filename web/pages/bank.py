"""The bank in force, for people: classes with their samples, and what its curation warns of."""

from __future__ import annotations

from typing import Any

from flask import render_template, request

from web.api.bank import find_class, overview
from web.api.bank import sample as shown
from web.bank_words import findings
from web.context import services
from web.pages import bp, known_by_name
from web.pages.bank_versions import picture

PAGE = 60
#: Pictures of a class on the overview; its own page shows all.
SAMPLES = 5


@bp.get("/bank")
def bank() -> str:
    manifest = services().manifest()
    wished = request.args.get("q", "").strip()
    page = max(1, request.args.get("page", 1, type=int))
    version = manifest["version"]
    named = [{**entry, "count": 0, "samples": []} for entry in known_by_name(manifest)]
    classes = [entry for entry in (*services().banks.classes(version), *named) if matches(entry, wished)]
    first = (page - 1) * PAGE
    visible = [
        {**entry, "samples": [shown(version, row) for row in entry["samples"][:SAMPLES]]}
        for entry in classes[first : first + PAGE]
    ]
    return render_template(
        "bank.html",
        bank=overview(manifest),
        classes=visible,
        found=len(classes),
        page=page,
        pages=-(-len(classes) // PAGE),
        q=wished,
        # A bank of names alone says at its head that it has no samples.
        warnings=findings(manifest.get("warnings", [])) if manifest["counts"]["classes"] else {},
    )


@bp.get("/bank/classes/<path:label>")
def bank_class(label: str) -> str:
    version = services().manifest()["version"]
    aside = [row for row in services().banks.aside(version) if row["label"] == label]
    return render_template(
        "bank_class.html", entry=find_class(label, bool(aside)), aside=[picture(version, row) for row in aside]
    )


def matches(entry: dict[str, Any], wished: str) -> bool:
    names = (entry["label"], entry.get("zh"), entry.get("en"), *entry.get("aliases", ()))
    return not wished or any(wished.casefold() in name.casefold() for name in names if name)
