"""What `weft doctor` says of the work: dispatcher, workers, jobs that wait, stand still or became slow, disk use."""

from __future__ import annotations

from collections.abc import Iterator

from scripts.cli.finding import Finding
from shared.core.messages import sentence
from shared.jobs.heartbeat import live_workers
from shared.jobs.ledger import Ledger
from shared.jobs.ledger.standing import Standing, standing
from shared.jobs.model import Job, JobState
from shared.jobs.notes import note_sentence
from shared.maintenance import disk_use

#: Seconds without an outcome after which a job that is worked on is told to stand still.
STUCK_SECONDS = 120.0
#: A job is told to have become slow where it was this much faster before.
SLOWER = 3.0


def dispatcher(ledger: Ledger) -> Iterator[Finding]:
    """Whether one leads. Raises Unavailable."""
    if ledger.has_dispatcher():
        yield Finding("dispatcher", "ok", "leads")
    else:
        text = "none leads: folders are not listed, and a dead worker's chunks are not given out again. "
        yield Finding("dispatcher", "broken", text + "Start it: `weft dispatcher` (a part of `weft up`)")


def workers(ledger: Ledger) -> Iterator[Finding]:
    """Each with its state, its error, and what blocks its jobs. Raises Unavailable."""
    found = live_workers(ledger)
    if not found:
        yield Finding("workers", "broken", f"{sentence('no_worker')} `weft worker`")
    for worker in found:
        what, error = f"worker {worker.id}", worker.error
        text = sentence(error.code, **error.detail) if error else str(worker.state)
        if error or worker.works:
            about = f"{worker.model}, {worker.device}, bank {worker.bank}"
            yield Finding(what, "broken" if error else "ok", f"{text} ({about})")
        else:
            text = f"{text}: {worker.model} is being loaded. The first start converts it, which takes minutes on a slow"
            yield Finding(what, "note", f"{text} or busy machine; later starts take seconds. See the worker's log")
        # One line for what may block many jobs, and none for what was said of the worker itself.
        blocked = {sentence(b.code, **b.detail): b.job for b in worker.blocked_jobs}
        for reason, job in blocked.items():
            if not (error and reason == text):
                yield Finding(what, "broken", f"{reason} (job {job})")


def jobs(ledger: Ledger) -> Iterator[Finding]:
    """Jobs that were started and do not move, or move much slower than before, each with its reason.

    Raises Unavailable.
    """
    for job in ledger.active():
        if job.waiting_for:
            yield Finding(f"job {job.id}", "broken", f"“{job.name}” waits: {note_sentence(job)}")
        elif job.state is JobState.RUNNING:
            yield from _running(job, standing(ledger.connection, job))


def _running(job: Job, now: Standing) -> Iterator[Finding]:
    what = f"job {job.id}"
    if now.silent >= STUCK_SECONDS:
        if now.workers:
            text = f"“{job.name}” stands still: {', '.join(now.workers)} finished no photo for {now.silent:.0f} s. "
            text += "See the worker's log and load, and whether the photos' folder answers (`ls`); "
            yield Finding(what, "broken", text + "if the worker hangs, restart it: its photos go to another one")
    elif now.recent is not None and now.usual is not None and now.recent * SLOWER < now.usual:
        text = f"“{job.name}” became slow: {now.recent:.2g} photos/s now, {now.usual:.2g} before. Usual causes: "
        text += "another job or program takes the processors (see load), fewer workers, a slow share, larger photos"
        yield Finding(what, "note", text)


def kept(ledger: Ledger) -> Iterator[Finding]:
    """What takes the disk, the most first. Raises Unavailable."""
    use = disk_use.last(ledger.connection)
    if use is not None:
        largest = sorted(use.bytes.items(), key=lambda row: -row[1])
        text = ", ".join(f"{kind} {size / 1024**2:,.0f} MB" for kind, size in largest if size >= 1024**2)
        yield Finding("kept on disk", "ok", text or "less than 1 MB of each kind")
