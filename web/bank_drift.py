"""The jobs of the last days beside a bank's own photos, for the page of its check and the API."""

from __future__ import annotations

from shared.core.i18n import gettext as _
from shared.curation.drift import LEAST, Drift, beside, job_answers
from shared.curation.saved_checks import saved_check
from web.bank_schemas import DriftOut, DriftState
from web.context import services

#: Days that the page looks back.
DAYS = 30
#: Photos that are enough, and seconds that reading them may take.
PHOTOS, SECONDS = 20_000, 1.0


def drift_of(version: str, days: int) -> DriftOut:
    """Of a version that is there, by what its last check says of its own photos. Raises Unavailable."""
    at = services()
    report = saved_check(at.banks.of_version(version), version)
    own = report.leave_one_out.certainty if report and report.leave_one_out else None
    if report is None or own is None:
        return DriftOut(version=version, days=days, state=DriftState.UNCHECKED, needed=LEAST)
    found = job_answers(at.settings, at.ledger, version, report.preset, days, PHOTOS, SECONDS)
    enough = found.answers.photos >= LEAST
    drift = beside(own, found.answers, days, found.jobs) if enough else None
    return DriftOut(
        version=version,
        days=days,
        state=DriftState(drift.state) if drift else DriftState.FEW,
        photos=found.answers.photos,
        needed=LEAST,
        preset=report.preset,
        jobs=found.jobs,
        complete=found.complete,
        drift=drift,
    )


def drift_words(found: Drift) -> str:
    """What the comparison says, as a sentence or two."""
    if found.state == "less_sure":
        return _(
            "Answers are less certain than on the bank's own photos. New fabrics, another camera or light, or a "
            "changed mix of classes may be why: review the unsure photos, and add them to their classes."
        )
    if found.state == "surer":
        return _("Answers are more certain than on the bank's own photos.")
    return _("Answers are about as certain as on the bank's own photos.")
