"""Plain words for the bank's versions: how they came to be, what changed, what work is going on."""

from __future__ import annotations

from typing import Any

from apiflask import APIFlask
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from shared.bank.manifest import Origin

#: How a version came to be, by the manifest's `origin`.
ORIGINS = {
    Origin.BUILD: _l("built from a folder"),
    Origin.IMPORT: _l("imported"),
    Origin.CLEAN: _l("cleaned"),
    Origin.CURATE: _l("curated by hand"),
    Origin.ADD: _l("with corrections added"),
    Origin.RESTORE: _l("with excluded samples restored"),
    Origin.NAMES: _l("from class names alone"),
}

#: Changes between two versions.
CHANGES = {
    "added": _l("Added"),
    "removed": _l("Removed"),
    "set_aside": _l("Set aside"),
    "put_back": _l("Put back"),
}

#: What a preview counts.
PREVIEW = {
    "relabelled": _l("Another class"),
    "gained": _l("Recognised now"),
    "lost": _l("No longer recognised"),
    "guessed": _l("Unsure, with another guess"),
    "wavered": _l("Unsure instead of not in bank, or the reverse"),
}

TASKS = {
    "check": _l("Check the bank"),
    "preview": _l("What would change?"),
    "clean": _l("Clean the bank"),
    "apply": _l("Clean the bank"),
    "curate": _l("Set samples aside or put them back"),
    "add": _l("Add corrections"),
}

STAGES = {
    "reading": _l("Reading photos…"),
    "judging": _l("Asking each sample as if it were new…"),
    "choosing": _l("Choosing the ranking by leave-one-out…"),
    "ranking": _l("Ranking the latest photos under both versions…"),
}

#: Why a sample was set aside.
REASONS = {
    "across": _l("filed under several classes"),
    "duplicate": _l("repeats another sample"),
    "blurred": _l("blurred"),
    "dark": _l("too dark"),
    "overexposed": _l("overexposed"),
    "tiny": _l("too few pixels"),
    "surplus": _l("more than are kept"),
    "by_hand": _l("by hand"),
}


#: Findings of a check, in the order of the page: what was found, and what to do.
FINDINGS = {
    "duplicate_across": (
        _l("The same photo in several classes"),
        _l("It cannot be right in all of them, and misleads in the others. Keep it where it belongs."),
    ),
    "suspect": (
        _l("Perhaps filed under the wrong class"),
        _l("By everything else in the bank, each looks like another class."),
    ),
    "duplicate_within": (
        _l("The same photo several times in a class"),
        _l("Repeats add nothing, and make the bank look better than it is."),
    ),
    "confusable": (
        _l("Classes that are taken for each other"),
        _l("Add samples that show the difference, or merge the two."),
    ),
    "class_empty": (
        _l("Classes without a single usable sample"),
        _l("They are ranked by name at best. Add five to eight photos of each."),
    ),
    "class_too_small": (
        _l("Too few samples: every preset ranks these classes by name, or not at all"),
        _l("Add photos: five to eight of each, different in light and angle."),
    ),
    "class_small": (
        _l("Few samples: the more thorough presets rank these classes by name, or not at all"),
        _l("Add photos: five to eight of each, different in light and angle."),
    ),
    "blurred": (_l("Blurred"), _l("The weave does not show; take these photos again.")),
    "dark": (_l("Too dark"), _l("Take these photos again in better light.")),
    "overexposed": (_l("Overexposed"), _l("White areas show no cloth; take these photos again.")),
    "tiny": (_l("Too few pixels"), _l("Smaller than what the model looks at; use larger photos.")),
    "outlier": (_l("Unlike the rest of the class"), _l("Look whether each shows this cloth at all.")),
}


def findings(warnings: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Warnings by code, in the order of `FINDINGS`; codes without words come last."""
    order = {code: place for place, code in enumerate(FINDINGS)}
    groups: dict[str, list[dict[str, Any]]] = {}
    for warning in sorted(warnings, key=lambda w: (order.get(w["code"], len(order)), w["code"])):
        groups.setdefault(warning["code"], []).append(warning)
    return groups


def advice(vectors: int) -> str:
    """Which index a bank of so many vectors wants."""
    if vectors < 10_000:
        return str(_("NumPy compares with every sample; a bank of this size needs no index."))
    if vectors <= 50_000:
        return str(_("FAISS serves a bank of this size best; without it NumPy does."))
    return str(
        _("FAISS with quantisation serves a bank of this size; consider cleaning it down to eight samples a class.")
    )


def init_app(app: APIFlask) -> None:
    app.jinja_env.globals.update(
        ORIGINS=ORIGINS,
        CHANGES=CHANGES,
        PREVIEW=PREVIEW,
        TASKS=TASKS,
        STAGES=STAGES,
        REASONS=REASONS,
        FINDINGS=FINDINGS,
        bank_advice=advice,
    )
