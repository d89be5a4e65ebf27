"""Why a job does not move, as a sentence."""

from __future__ import annotations

from shared.core.messages import sentence
from shared.core.names import readable
from shared.jobs.model import Job


def note_sentence(job: Job, lang: str | None = None) -> str | None:
    """Why the job does not move, or what its end was; None where there is nothing to say."""
    if not job.note:
        return None
    path = job.path and readable(job.path)
    return sentence(job.note, lang, **{"model": job.model, "path": path, **job.note_detail})
