"""What a result's card says beside the class: why the verdict is what it is, and fields that were added later."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from shared.core.errors import WeftError
from shared.core.i18n import gettext as _
from shared.jobs.fields import EXTRA, PARENT
from shared.jobs.model import Job
from shared.jobs.shown import ShownItem
from shared.ranking.model import Verdict
from web.context import services
from web.i18n import format_percent

#: Two classes whose probabilities differ by less than this are hard to tell apart for this photo.
CLOSE = 0.1
#: Classes of a parent that a card offers as buttons.
CHILDREN = 3


def why(item: ShownItem, job: Job, names: dict[str, str]) -> str | None:
    """The reason of `unsure`, `not_in_bank` and of what has no sample; None for a label that its evidence explains."""
    candidates = [names.get(candidate["label"], candidate["label"]) for candidate in item["candidates"]]
    if not candidates:
        return None
    poor = next((defect for defect in item.get("quality") or () if defect["severe"]), None)  # type: ignore[attr-defined]
    if poor is not None and item["verdict"] == Verdict.UNSURE:
        return str(_("This photo is too poor for a definite result."))
    parent: dict[str, Any] | None = item.get("parent")  # type: ignore[assignment]
    if parent is not None:
        share = format_percent(parent["confidence"], "#,##0%")
        return str(
            _(
                "It is %(parent)s with %(share)s confidence, but which kind is unsure.",
                parent=parent["name"],
                share=share,
            )
        )
    if item["candidates"][0]["sample"] is None:
        return str(_("By name only: the bank has no sample of %(label)s.", label=candidates[0]))
    if item["verdict"] == Verdict.LABEL:
        return None
    if item["verdict"] == Verdict.NOT_IN_BANK:
        return str(_("No sample is similar enough; the nearest one is %(label)s.", label=candidates[0]))
    if len(candidates) > 1 and (item["margin"] or 0.0) < CLOSE:
        return str(_("%(first)s and %(second)s match almost equally well.", first=candidates[0], second=candidates[1]))
    needed = required(job.bank, job.preset, item["label"]) if item["label"] else None
    if needed is None:
        return None
    if needed > 1:
        return str(_("This bank gives no definite result for this class: it is wrong too often."))
    share = format_percent(needed, "#,##0%")
    return str(
        _("This bank gives a definite result from %(share)s confidence; below that it is wrong too often.", share=share)
    )


def children(item: ShownItem, job: Job) -> list[str]:
    """Labels of the candidates that belong to the parent which the photo shows, best first."""
    parent: dict[str, Any] = item.get("parent") or {}  # type: ignore[assignment]
    known = services().class_names(job.bank)
    labels = (candidate["label"] for candidate in item["candidates"])
    return [label for label in labels if known.parent_of(label) == parent.get("label")][:CHILDREN]


def required(version: str, preset: str, label: str) -> float | None:
    """The confidence from which a bank gives this label under a preset; None where it is gone or asks for none."""
    try:
        own = services().banks.manifest(version).ranking.calibration_for(preset)
    except WeftError:
        return None
    return own.unsure_below_by_class.get(label, own.unsure_below) or None


def views(version: str) -> str | None:
    """The set of views that a bank version's photos are seen in; None for the photo alone, and for one that is gone."""
    try:
        found = services().banks.manifest(version).encoder.views
    except WeftError:
        return None
    return None if found == "1" else found


#: What templates know.
#: Fields that are shown as more than text, by a template of their own.
FIELD_TEMPLATES = {path.stem for path in (Path(__file__).parent / "templates/parts/fields").glob("*.html")}
GLOBALS = {
    "why": why,
    "children": children,
    "views_of": views,
    "EXTRA_FIELDS": [field for field in EXTRA if field.label and field is not PARENT],
    "FIELD_TEMPLATES": FIELD_TEMPLATES,
}
