"""What pages call a bank's origins, changes, tasks and findings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from shared.bank.manifest import Finding, Origin
from shared.bank.ranking_fit import PROMISED, RiskPromise
from shared.core.i18n import LazyText as _l
from shared.core.i18n import gettext as _
from shared.curation import reports
from shared.curation.compare import SampleChange
from shared.curation.reports import LeaveOneOutFigures, ViewGain
from shared.curation.task_model import TaskKind
from shared.curation.version_preview import AnswerChange
from web.bank_drift import drift_words
from web.i18n import format_decimal, format_percent, language

#: How a version came to be, by the manifest's `origin`.
ORIGINS = {
    Origin.BUILD: _l("built from a folder"),
    Origin.IMPORT: _l("imported"),
    Origin.CLEAN: _l("cleaned"),
    Origin.CURATE: _l("edited manually"),
    Origin.ADD: _l("with corrections added"),
    Origin.RESTORE: _l("samples restored"),
    Origin.NAMES: _l("class names only"),
    Origin.EDIT: _l("classes changed"),
    Origin.PHOTOS: _l("photos added"),
    Origin.COPY: _l("copied from another bank"),
}

#: Changes between two versions.
CHANGES = {
    SampleChange.ADDED: _l("Added"),
    SampleChange.REMOVED: _l("Removed"),
    SampleChange.SET_ASIDE: _l("Excluded"),
    SampleChange.PUT_BACK: _l("Restored"),
}

#: What a preview counts.
PREVIEW = {
    AnswerChange.RELABELLED: _l("Different class"),
    AnswerChange.GAINED: _l("Recognised now"),
    AnswerChange.LOST: _l("No longer recognised"),
    AnswerChange.GUESSED: _l("Unsure, with a different guess"),
    AnswerChange.WAVERED: _l("Unsure instead of not in bank, or vice versa"),
}

TASKS = {
    TaskKind.CHECK: _l("Check the bank"),
    TaskKind.PREVIEW: _l("What would change?"),
    TaskKind.CLEAN: _l("Clean the bank"),
    TaskKind.APPLY: _l("Clean the bank"),
    TaskKind.CURATE: _l("Exclude or restore samples"),
    TaskKind.ADD: _l("Add corrections"),
    TaskKind.CLASS: _l("Save the class"),
    TaskKind.MERGE: _l("Merge two classes"),
    TaskKind.MOVE: _l("Move samples"),
    TaskKind.REMOVE: _l("Delete the class"),
    TaskKind.PHOTOS: _l("Add photos"),
    TaskKind.BUILD: _l("Build the bank from photos"),
    TaskKind.IMPORT: _l("Import a bank"),
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
    "class_removed": _l("its class was deleted"),
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


def findings(warnings: Iterable[Finding]) -> dict[str, list[Finding]]:
    """Warnings by code, in the order of `FINDINGS`; codes without words come last."""
    order = {code: place for place, code in enumerate(FINDINGS)}
    groups: dict[str, list[Finding]] = {}
    for warning in sorted(warnings, key=lambda w: (order.get(w.code, len(order)), w.code)):
        groups.setdefault(warning.code, []).append(warning)
    return groups


def advice(vectors: int) -> str:
    """How photos are compared with so many samples."""
    return _(reports.advice(vectors))


def outside(found: LeaveOneOutFigures) -> str | None:
    """What becomes of photos of fabrics that the bank does not have; None where nobody measured it."""
    if found.false_accepts is None or found.false_accepts_interval is None or found.foreign_found is None:
        return None
    low, high = (format_percent(end, "#,##0%") for end in found.false_accepts_interval)
    return _(
        "Of fabrics that are not in the bank (each class was left out once), %(wrong)s of the photos get a definite, "
        "wrong class all the same (%(low)s to %(high)s), and %(told)s are told “not in bank”.",
        wrong=format_percent(found.false_accepts, "#,##0%"),
        low=low,
        high=high,
        told=format_percent(found.foreign_found, "#,##0%"),
    )


def promise(found: RiskPromise) -> str:
    """What a version promises of its wrong results."""
    told = [_class_promise(found)]
    if found.parents is not None:
        told.append(
            _(
                "%(share)s of the photos get the group of their class instead; at most %(risk)s of those are wrong, "
                "with %(certainty)s certainty.",
                share=format_percent(found.parents, "#,##0%"),
                risk=format_percent(found.risk, "#,##0%"),
                certainty=format_percent(PROMISED, "#,##0%"),
            )
        )
    if found.stricter:
        named = ", ".join(found.stricter)
        told.append(_("Stricter for classes whose results are wrong more often: %(classes)s.", classes=named))
    return ("" if language() == "zh" else " ").join(told)


def _class_promise(found: RiskPromise) -> str:
    risk, certainty = format_percent(found.risk, "#,##0%"), format_percent(found.certainty, "#,##0%")
    if found.state == "kept":
        return _(
            "At most %(risk)s of definite results are wrong, with %(certainty)s certainty "
            "(tested on %(photos)s photos).",
            risk=risk,
            certainty=certainty,
            photos=found.photos,
        )
    if found.state == "untested":
        return _("The error rate of this version was not tested; versions made from now on are.")
    if found.state == "never":
        return _(
            "An error rate of %(risk)s cannot be promised: the most confident results are wrong too often. "
            "Clean the bank or use a better model.",
            risk=risk,
        )
    few = _(
        "Too few photos to promise that at most %(risk)s of definite results are wrong: "
        "%(photos)s were tested; about %(needed)s would be enough at the observed error rate.",
        risk=risk,
        photos=found.photos,
        needed=found.photos_needed,
    )
    if found.state == "unmeasured":
        then = _("Until then every photo gets its best class.")
    elif found.certainty:
        then = _("Until then the rate is likely to be kept, but not promised.")
    else:
        then = _("Until then no photo gets a definite result.")
    return few + ("" if language() == "zh" else " ") + then


#: Sets of views (`shared.encoder.views.SETS`) that are more than the photo alone.
VIEWS = {
    "5": _l("five crops of half its side"),
    "6": _l("the photo and five crops"),
    "turns": _l("the photo in four directions"),
}


def view_gain(gain: ViewGain) -> str:
    """What a set of views brings and costs, as a sentence."""
    low, high = (format_decimal(100 * end, "+0.0;-0.0") for end in gain.interval)
    points = format_decimal(100 * gain.gain, "+0.0;-0.0")
    values: dict[str, Any] = {"points": points, "low": low, "high": high, "cost": gain.cost}
    if gain.interval[0] > 0:
        return str(_("%(points)s points (%(low)s to %(high)s) for %(cost)s × the time: better", **values))
    if gain.interval[1] < 0:
        return str(_("%(points)s points (%(low)s to %(high)s) for %(cost)s × the time: worse", **values))
    return str(
        _("%(points)s points (%(low)s to %(high)s) for %(cost)s × the time: no difference can be told", **values)
    )


#: What templates know.
GLOBALS = {
    "ORIGINS": ORIGINS,
    "CHANGES": CHANGES,
    "PREVIEW": PREVIEW,
    "TASKS": TASKS,
    "STAGES": STAGES,
    "REASONS": REASONS,
    "FINDINGS": FINDINGS,
    "bank_advice": advice,
    "bank_promise": promise,
    "bank_outside": outside,
    "view_gain": view_gain,
    "VIEWS": VIEWS,
    "drift_words": drift_words,
}
