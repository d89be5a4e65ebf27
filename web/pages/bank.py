"""The active bank, for people: classes with their samples, and what its curation warns of."""

from __future__ import annotations

from flask import render_template, request

from shared.bank.class_names import names_unused_words
from shared.bank.manifest import ClassEntry, Manifest
from shared.bank.versions import ClassSamples
from shared.core.errors import BankError
from shared.curation.edits import known_classes
from web.api.bank import class_shown, find_class, overview
from web.api.bank import sample as shown
from web.bank_labels import findings
from web.context import services
from web.i18n import language
from web.pages import bp, class_names
from web.pages.bank_drafts import draft_shown, upload_limits, version_shown
from web.pages.bank_versions import picture

PAGE = 60
#: Classes offered where samples move or classes are merged.
OTHERS = 5000
#: Pictures of a class on the overview; its own page shows all.
SAMPLES = 5


@bp.get("/bank")
def bank() -> str:
    try:
        manifest = services().banks.manifest(version_shown())
    except BankError as error:
        if error.code != "no_bank":
            raise
        return render_template("bank_none.html", **draft_shown())
    wished = request.args.get("q", "").strip()
    page = max(1, request.args.get("page", 1, type=int))
    version = manifest.version
    named = [ClassSamples(entry, []) for entry in manifest.unused_classes]
    classes = [found for found in (*services().banks.classes(version), *named) if matches(found.entry, wished)]
    first = (page - 1) * PAGE
    visible = [
        class_shown(found.entry, [shown(version, row) for row in found.samples[:SAMPLES]])
        for found in classes[first : first + PAGE]
    ]
    return render_template(
        "bank.html",
        bank=overview(manifest),
        classes=visible,
        found=len(classes),
        page=page,
        pages=-(-len(classes) // PAGE),
        q=wished,
        names=class_names(version),
        removed=[class_shown(entry) for entry in manifest.removed_classes],
        new_name=request.args.get("new", "").strip(),
        **upload_limits(),
        ranked_by_name=bool(manifest.counts.named),
        **draft_shown(),
        names_unused=names_unused_words(manifest, language()),
        # A bank of names alone says at its head that it has no samples.
        warnings=findings(manifest.warnings) if manifest.counts.classes else {},
    )


@bp.get("/bank/classes/<path:label>")
def bank_class(label: str) -> str:
    version = version_shown()
    manifest = services().banks.manifest(version)
    aside = [row for row in services().banks.aside_rows(version) if row.label == label]
    entry = find_class(label, unused=True, version=version)
    return render_template(
        "bank_class.html",
        entry=entry,
        removed=any(gone.label == entry.label for gone in manifest.removed_classes),
        aside=[picture(version, row) for row in aside],
        others=_others(manifest, entry.label),
        **upload_limits(),
        **draft_shown(),
    )


def _others(manifest: Manifest, label: str) -> list[str]:
    """Names of the other classes, also of those without samples, as they can be typed."""
    known, lang = known_classes(manifest), language()
    labels = [entry.label for entry in (*manifest.classes, *manifest.unused_classes) if entry.label != label]
    return sorted(known.typed(other, lang) for other in labels)[:OTHERS]


def matches(entry: ClassEntry, wished: str) -> bool:
    names = (entry.label, entry.zh, entry.en, *entry.aliases)
    return not wished or any(wished.casefold() in name.casefold() for name in names if name)
