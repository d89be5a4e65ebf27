"""What a result's card says beside the class: why the verdict is what it is, and fields that were added later."""

from __future__ import annotations

from pathlib import Path

from shared.core.errors import WeftError
from shared.core.i18n import gettext as _
from shared.jobs.fields import EXTRA
from shared.jobs.model import Job
from shared.jobs.shown import ShownItem
from shared.ranking.model import Verdict
from web.context import services
from web.i18n import format_percent

#: Two classes whose probabilities differ by less than this are hard to tell apart for this photo.
CLOSE = 0.1


def why(item: ShownItem, job: Job, names: dict[str, str]) -> str | None:
    """The reason of `unsure`, `not_in_bank` and of what has no sample; None for a label that its evidence explains."""
    candidates = [names.get(candidate["label"], candidate["label"]) for candidate in item["candidates"]]
    if not candidates:
        return None
    poor = next((defect for defect in item.get("quality") or () if defect["severe"]), None)  # type: ignore[attr-defined]
    if poor is not None and item["verdict"] == Verdict.UNSURE:
        return str(_("This photo is too poor for a definite result."))
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
    share = format_percent(needed, "#,##0%")
    return str(
        _("This bank gives a definite result from %(share)s confidence; below that it is wrong too often.", share=share)
    )


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
    "views_of": views,
    "EXTRA_FIELDS": [field for field in EXTRA if field.label],
    "FIELD_TEMPLATES": FIELD_TEMPLATES,
}
