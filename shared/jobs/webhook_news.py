"""What is told of a job that has ended, or is in trouble."""

from __future__ import annotations

from shared.core.i18n import N_, gettext
from shared.core.messages import sentence
from shared.core.settings import Settings
from shared.jobs.ledger import Ledger
from shared.jobs.model import Job, JobState
from shared.jobs.notes import late_sentence, note_sentence
from shared.jobs.notices import Event
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
    url = _url(settings, job)
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
        "summary": f"{url}/summary" if url else None,
    }
    return Told(document, gettext(title, lang, name=job.name), text, url)


def trouble_of(settings: Settings, ledger: Ledger, job: Job, event: Event) -> Told:
    """What is told of a job that is under way, in the language of WEFT_LANG."""
    lang = settings.lang
    with caught_up(settings, ledger, job.id) as projection:
        failures = projection.counts.failures()
    if event is Event.NO_WORKER:
        title = gettext(N_("“%(name)s” waits: no worker comes"), lang, name=job.name)
        text = " ".join(
            filter(
                None,
                (note_sentence(job, lang), gettext(N_("Photos left: %(left)s."), lang, left=job.total - job.done)),
            )
        )
    elif event is Event.LATE:
        title = gettext(N_("“%(name)s” will be late"), lang, name=job.name)
        text = late_sentence(job, lang) or ""
    else:
        title = gettext(N_("Many photos of “%(name)s” fail"), lang, name=job.name)
        text = gettext(N_("So far %(failed)s of %(done)s failed."), lang, failed=job.failed, done=job.done)
        for code, count in list(failures.items())[:3]:
            text += f"\n{count} × {sentence(code, lang)}"
    url = _url(settings, job)
    document = {"event": f"job.{event}", "job": shown_job(job, lang), "failures": failures, "url": url}
    return Told(document, title, text, url)


def _url(settings: Settings, job: Job) -> str | None:
    return f"{settings.public_url.rstrip('/')}/jobs/{job.id}" if settings.public_url else None
