"""The pages, one file a concept; what they show comes from the same places as the API's answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from apiflask import APIBlueprint, APIFlask
from flask import Response, request, url_for
from markupsafe import Markup

from shared.bank.manifest import ClassEntry, Counts
from shared.core.errors import BankError, WeftError
from shared.curation.building_marker import is_building
from shared.encoder import demo
from web.access.visitor import visitor
from web.bank_choice import usable_banks
from web.context import services
from web.i18n import NAMES, language

bp = APIBlueprint("pages", __name__, enable_openapi=False)


def init_app(app: APIFlask) -> None:
    from web.pages import (  # noqa: F401
        access,
        bank,
        bank_drafts,
        bank_tasks,
        bank_versions,
        banks,
        collections,
        compare,
        job,
        job_changes,
        job_list,
        login,
        results,
        review,
        similar,
        summary,
        swatch_card,
        upload,
        workers,
    )

    app.register_blueprint(bp)

    @app.get("/favicon.ico")
    @app.doc(hide=True)
    def favicon() -> Response:
        """Browsers ask for it unasked, and without a key."""
        return app.send_static_file("mark.svg")

    app.context_processor(common)


def common() -> dict[str, Any]:
    """What every page shows: the language, and which model and bank are active."""
    return {"lang": language(), "languages": other_languages(), "active": active(), "asset": asset, "csrf": csrf}


def csrf() -> Markup:
    """The field that the forms of a session carry; nothing where there is none."""
    found = visitor()
    return (
        Markup('<input type="hidden" name="csrf" value="{}">').format(found.csrf) if found and found.csrf else Markup()
    )


def other_languages() -> list[tuple[str, str, str]]:
    """(code, name, address of this page in it) of the languages that are not shown now."""
    query = request.args.to_dict()
    if request.endpoint == "pages.folder":
        # A form that was refused is shown again as it was sent; one that was too large to be read is not.
        sent = vars(request).get("form", {})
        query |= {name: value for name, value in sent.items() if value and name not in ("csrf", "timezone")}
    return [
        (code, name, f"?{urlencode({**query, 'lang': code})}") for code, name in NAMES.items() if code != language()
    ]


def asset(name: str) -> str:
    """Address of a static file that changes with its content, so that browsers may keep it."""
    return url_for("static", filename=name, v=services().asset_version)


@dataclass(frozen=True, slots=True)
class Active:
    """The active bank, or `problem`: why there is none."""

    version: str = ""
    model: str = ""
    trained: bool = True
    #: Figures of the demo model, where it is the bank's.
    demo: dict[str, float] | None = None
    counts: Counts | None = None
    problem: WeftError | None = None


def active() -> Active:
    try:
        manifest = usable_banks()[0]
    except BankError as error:
        made = is_building(services().settings) if error.code == "no_bank" else None
        return Active(problem=BankError(f"bank_{made}_being_made") if made else error)
    except WeftError:
        return Active(problem=BankError("no_bank"))
    return Active(
        version=manifest.version,
        model=manifest.model,
        trained=manifest.encoder.trained,
        demo=demo.FIGURES if demo.is_demo(manifest.model) else None,
        counts=manifest.counts,
    )


def bank_classes(version: str) -> list[ClassEntry]:
    """A version's classes, also those known by name alone; none for a bank that is gone or damaged."""
    try:
        return services().banks.manifest(version).ranked_classes
    except WeftError:
        return []


def suggestions(version: str, limit: int) -> list[tuple[str, str]]:
    """(what to put in the field, what else to show) for each class, in the user's language."""
    known, lang = services().class_names(version), language()
    offered = ((known.typed(entry.label, lang), entry.label) for entry in bank_classes(version))
    return sorted((text, "" if text == label else label) for text, label in offered)[:limit]


def class_names(version: str) -> dict[str, str]:
    """Label → its name in the user's language, for classes that have one."""
    lang = language()
    return {e.label: e.name(lang) for e in bank_classes(version) if e.name(lang) not in ("", e.label)}
