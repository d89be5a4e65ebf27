"""The pages, one file a concept; what they show comes from the same places as the API's answers."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from apiflask import APIBlueprint, APIFlask
from flask import Response, request, url_for

from shared.bank.class_names import ranked_classes
from shared.core.errors import BankError, WeftError
from shared.curation.building_marker import is_building
from shared.encoder import demo
from web import bank_words, verdicts, words
from web.api.bank import trained
from web.context import services
from web.i18n import NAMES, language, say

bp = APIBlueprint("pages", __name__, enable_openapi=False)


def init_app(app: APIFlask) -> None:
    from web.pages import bank, bank_tasks, bank_versions, job, upload, workers  # noqa: F401

    app.register_blueprint(bp)

    @app.get("/favicon.ico")
    @app.doc(hide=True)
    def favicon() -> Response:
        """Browsers ask for it unasked, and without a key."""
        return app.send_static_file("mark.svg")

    app.context_processor(common)
    words.init_app(app)
    bank_words.init_app(app)
    verdicts.init_app(app)


def common() -> dict[str, Any]:
    """What every page shows: the language, and which model and bank are in force."""
    return {"lang": language(), "languages": other_languages(), "in_force": in_force(), "asset": asset, "say": say}


def other_languages() -> list[tuple[str, str, str]]:
    """(code, name, address of this page in it) of the languages that are not shown now."""
    query = request.args.to_dict()
    return [
        (code, name, f"?{urlencode({**query, 'lang': code})}") for code, name in NAMES.items() if code != language()
    ]


def asset(name: str) -> str:
    """Address of a static file that changes with its content, so that browsers may keep it."""
    return url_for("static", filename=name, v=services().asset_version)


def in_force() -> dict[str, Any]:
    """`version`, `model`, `trained`, `demo` (its figures) and `counts` of the bank in force, or `problem`: why none."""
    try:
        manifest = services().manifest()
    except BankError as error:
        made = is_building(services().settings) if error.code == "no_bank" else None
        return {"problem": BankError(f"bank_{made}_being_made") if made else error}
    except WeftError:
        return {"problem": BankError("no_bank")}
    return {
        "version": manifest["version"],
        "model": manifest["model"],
        "trained": trained(manifest),
        "demo": demo.FIGURES if demo.is_demo(manifest["model"]) else None,
        "counts": manifest["counts"],
    }


def bank_classes(version: str) -> list[dict[str, Any]]:
    """A version's classes, also those known by name alone; none for a bank that is gone or damaged."""
    try:
        manifest = services().banks.manifest(version)
    except WeftError:
        return []
    return ranked_classes(manifest)


def known_by_name(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    """The classes without a sample that are ranked all the same."""
    entries: list[dict[str, Any]] = manifest["unused_classes"] if manifest["counts"].get("named") else []
    return entries


def suggestions(version: str, limit: int) -> list[tuple[str, str]]:
    """(what to put in the field, what else to show) for each class, in the user's language."""
    known, lang = services().class_names(version), language()
    offered = ((known.typed(entry["label"], lang), entry["label"]) for entry in bank_classes(version))
    return sorted((text, "" if text == label else label) for text, label in offered)[:limit]


def class_names(version: str) -> dict[str, str]:
    """Label → its name in the user's language, for classes that have one."""
    lang = language()
    return {e["label"]: e[lang] for e in bank_classes(version) if e.get(lang) and e[lang] != e["label"]}
