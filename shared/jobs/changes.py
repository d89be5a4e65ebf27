"""What can be changed of a job that was submitted."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Literal

from shared.core.settings import Settings
from shared.core.start_time import deadline as checked_deadline
from shared.core.window import parsed
from shared.jobs import archive
from shared.jobs.ledger import Ledger
from shared.jobs.model import Job, Priority


class Kept(Enum):
    """Stands for a value that stays, where None is a value."""

    KEPT = "kept"


def change_job(
    settings: Settings,
    ledger: Ledger,
    job_id: str,
    *,
    name: str | None = None,
    priority: Priority | None = None,
    first: bool | None = None,
    window: str | None = None,
    deadline: datetime | float | Literal[Kept.KEPT] | None = Kept.KEPT,
) -> Job:
    """The job with these changes. None: it stays; an empty `window` and the deadline None take theirs away.

    Raises NotFound; InvalidRequest before anything is changed, but for the name; Conflict for more than the name of an
    ended job.
    """
    hours = parsed(window) if window else None
    due = deadline if deadline is Kept.KEPT else checked_deadline(deadline)
    if priority is not None:
        ledger.prioritise(job_id, priority)
    if first is not None:
        ledger.precede(job_id, first)
    if window is not None:
        ledger.set_window(job_id, hours)
    if due is not Kept.KEPT:
        ledger.set_deadline(job_id, due)
    return ledger.find(job_id) if name is None else archive.rename(settings, ledger, job_id, name)
