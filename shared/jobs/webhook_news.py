"""What is told of a job that has ended."""

from __future__ import annotations

from shared.core.i18n import N_, gettext
from shared.core.settings import Settings
from shared.jobs.ledger import Ledger
from shared.jobs.model import Job, JobState
from shared.jobs.projection import caught_up
from shared.jobs.shown import shown_job
from shared.jobs.webhook_targets import Told
from shared.ranking.model import Verdict


def news_of(settings: Settings, ledger: Ledger, job: Job) -> Told:
    """What is told of an ended job, in the language of WEFT_LANG."""
    lang = settings.lang
    with caught_up(settings, ledger, job.id) as projection:
        summary = projection.summary()
    verdicts = summary["verdicts"]
    url = f"{settings.public_url.rstrip('/')}/jobs/{job.id}" if settings.public_url else None
    title = N_("“%(name)s” is finished") if job.state is JobState.FINISHED else N_("“%(name)s” was cancelled")
    counts = N_(
        "Photos: %(total)s; recognised: %(label)s; unsure: %(unsure)s; not in the bank: %(missing)s; failed: %(failed)s"
    )
    text = gettext(
        counts,
        lang,
        total=job.total,
        label=verdicts.get(Verdict.LABEL, 0),
        unsure=verdicts.get(Verdict.UNSURE, 0),
        missing=verdicts.get(Verdict.NOT_IN_BANK, 0),
        failed=job.failed,
    )
    document = {
        "event": f"job.{job.state.value}",
        "job": shown_job(job, lang),
        "verdicts": verdicts,
        "reviews": summary["reviews"],
        "url": url,
    }
    return Told(document, gettext(title, lang, name=job.name), text, url)
