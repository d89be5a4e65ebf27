"""Why a verdict is what it is, in a sentence: what the bank asks for, and how near the photo came."""

from __future__ import annotations

from typing import Any

from apiflask import APIFlask
from flask_babel import format_percent
from flask_babel import gettext as _

from shared.core.errors import WeftError
from shared.jobs.model import Job
from shared.ranking.model import Verdict
from web.context import services

#: Two classes whose probabilities differ by less than this are hard to tell apart for this photo.
CLOSE = 0.1


def why(item: dict[str, Any], job: Job, names: dict[str, str]) -> str | None:
    """The reason of `unsure`, `not_in_bank` and of what has no sample; None for a label that its evidence explains."""
    candidates = [names.get(candidate["label"], candidate["label"]) for candidate in item["candidates"]]
    if not candidates:
        return None
    if item["candidates"][0]["sample"] is None:
        return str(_("By name only: the bank has no sample of %(label)s.", label=candidates[0]))
    if item["verdict"] == Verdict.LABEL:
        return None
    if item["verdict"] == Verdict.NOT_IN_BANK:
        return str(_("No sample is similar enough; the nearest one is %(label)s.", label=candidates[0]))
    if len(candidates) > 1 and item["margin"] < CLOSE:
        return str(_("%(first)s and %(second)s match almost equally well.", first=candidates[0], second=candidates[1]))
    needed = required(job.bank, job.preset, item["label"])
    if needed is None:
        return None
    share = format_percent(needed, format="#,##0%")
    return str(
        _("This bank gives a definite result from %(share)s confidence; below that it is wrong too often.", share=share)
    )


def required(version: str, preset: str, label: str) -> float | None:
    """The confidence from which a bank gives this label under a preset; None where it is gone or asks for none."""
    try:
        calibrations = services().banks.manifest(version)["ranking"]["calibration"]
    except WeftError:
        return None
    own = calibrations.get(preset) or calibrations["*"]
    found = (own.get("unsure_below_by_class") or {}).get(label, own.get("unsure_below"))
    return float(found) if found else None


def init_app(app: APIFlask) -> None:
    app.jinja_env.globals.update(why=why)
