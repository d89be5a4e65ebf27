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
    Origin.CURATE: _l("edited manually"),
    Origin.ADD: _l("with corrections added"),
    Origin.RESTORE: _l("samples restored"),
    Origin.NAMES: _l("class names only"),
}

#: Changes between two versions.
CHANGES = {
    "added": _l("Added"),
    "removed": _l("Removed"),
    "set_aside": _l("Excluded"),
    "put_back": _l("Restored"),
}

#: What a preview counts.
PREVIEW = {
    "relabelled": _l("Different class"),
    "gained": _l("Recognised now"),
    "lost": _l("No longer recognised"),
    "guessed": _l("Unsure, with a different guess"),
    "wavered": _l("Unsure instead of not in bank, or vice versa"),
}

TASKS = {
    "check": _l("Check the bank"),
    "preview": _l("What would change?"),
    "clean": _l("Clean the bank"),
    "apply": _l("Clean the bank"),
    "curate": _l("Exclude or restore samples"),
    "add": _l("Add corrections"),
}

STAGES = {
    "reading": _l("Reading photos…"),
    "judging": _l("Testing each sample as if it were a new photo…"),
    "choosing": _l("Choosing the best ranking method…"),
    "ranking": _l("Ranking the latest photos under both versions…"),
}

#: Why a sample was set aside.
REASONS = {
    "across": _l("in several classes"),
    "duplicate": _l("duplicate of another sample"),
    "blurred": _l("blurred"),
    "dark": _l("too dark"),
    "overexposed": _l("overexposed"),
    "tiny": _l("too few pixels"),
    "surplus": _l("above the limit per class"),
    "by_hand": _l("manually"),
}


#: Findings of a check, in the order of the page: what was found, and what to do.
FINDINGS = {
    "duplicate_across": (
        _l("The same photo in several classes"),
        _l("It cannot belong to all of them and misleads the ranking. Keep it only in the correct class."),
    ),
    "suspect": (
        _l("Possibly mislabelled"),
        _l("Compared with the rest of the bank, each looks more like another class."),
    ),
    "duplicate_within": (
        _l("The same photo several times in a class"),
        _l("Duplicates add no information and make the bank look better than it is."),
    ),
    "confusable": (
        _l("Classes that are often confused"),
        _l("Add samples that show the difference, or merge the two classes."),
    ),
    "class_empty": (
        _l("Classes without usable samples"),
        _l("They are ranked by name at best. Add five to eight photos per class."),
    ),
    "class_too_small": (
        _l("Too few samples: every preset ranks these classes by name only, or not at all"),
        _l("Add photos: five to eight per class, with different lighting and angles."),
    ),
    "class_small": (
        _l("Few samples: the more precise presets rank these classes by name only, or not at all"),
        _l("Add photos: five to eight per class, with different lighting and angles."),
    ),
    "blurred": (_l("Blurred"), _l("The weave is not visible; retake these photos.")),
    "dark": (_l("Too dark"), _l("Retake these photos in better light.")),
    "overexposed": (_l("Overexposed"), _l("No fabric is visible in the white areas; retake these photos.")),
    "tiny": (_l("Too few pixels"), _l("Smaller than the model's input size; use larger photos.")),
    "outlier": (_l("Unlike the rest of the class"), _l("Check whether each photo really shows this fabric.")),
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
        return str(_("FAISS is recommended for a bank of this size; NumPy is used without it."))
    return str(
        _("FAISS with quantisation is used for a bank of this size; consider cleaning it to eight samples per class.")
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
