"""Estimates when each running job will be done, and scores what it said once the job has ended: a thread of the
dispatcher, so that nothing else waits for it."""

from __future__ import annotations

import time
from collections.abc import Sequence

import structlog

from shared.core.errors import NotFound, Unavailable
from shared.jobs.estimate import Estimate, Hours, Rival, estimate, onward, share_of_turns
from shared.jobs.heartbeat import Heartbeat, live_workers
from shared.jobs.ledger import Ledger
from shared.jobs.ledger import course as courses
from shared.jobs.model import Job, JobState
from worker.dispatcher.rounds import Rounds

_log = structlog.get_logger(__name__)
#: Seconds between two looks; where there are many jobs, so many per job, which keeps the cost at a few per cent.
_LOOK_INTERVAL, _PER_JOB = 3.0, 0.1
#: Looks for which an estimate is shown when none follows: the dispatcher is gone.
_SHOWN_LOOKS = 6
#: Shares of the photos, in percent, at which an estimate is kept to be scored.
SCORED = (10, 50, 90)


class Forecaster(Rounds):
    """Everything it knows is in the ledger: the next dispatcher continues."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__("forecaster", "estimates_delayed", _LOOK_INTERVAL)
        self._ledger = ledger
        #: Jobs with a course, to be scored when they have left the active ones.
        self._followed: set[str] = set()

    def round(self) -> None:
        self.look(time.time())

    def look(self, now: float) -> None:
        """One moment of every job that has begun. Raises Unavailable."""
        jobs = self._ledger.active()
        workers = live_workers(self._ledger)
        moving = [job for job in jobs if _moves(job)]
        resting = [job for job in jobs if job.rule.opens_itself]
        self.pause = max(_LOOK_INTERVAL, _PER_JOB * len(moving))
        for job in jobs:
            if job.started is not None:
                # When the hours of one begin, they are likely to be those of others, too.
                rivals = [*moving, *resting] if job.rule.opens_itself else moving
                self._guarded(job, [other for other in rivals if other.id != job.id], workers, now)
        for job_id in self._followed - {job.id for job in jobs}:
            self._score(job_id)
            self._followed.discard(job_id)

    def _guarded(self, job: Job, others: Sequence[Job], workers: Sequence[Heartbeat], now: float) -> None:
        try:
            self._one(job, others, workers, now)
        except Unavailable:
            raise
        except Exception as error:
            # A course that only another version can read: the job gets a new one.
            _log.warning("course_unreadable", job=job.id, error=repr(error))
            courses.forget(self._ledger.connection, job.id)

    def _one(self, job: Job, others: Sequence[Job], workers: Sequence[Heartbeat], now: float) -> None:
        connection = self._ledger.connection
        closed = job.rule.opens_itself
        serving = sum(worker.works and _serves(worker, job) for worker in workers)
        able = serving if _moves(job) else 0
        rivals = [
            Rival(other.total - other.done, other.priority, other.first or 0.0, other.owner)
            for other in others
            if (other.identity, other.lane) == (job.identity, job.lane) and other.total > other.done
        ]
        turns = share_of_turns(job.priority, rivals, job.first or 0.0, job.owner)
        course = courses.course(connection, job.id)
        if course and (job.done < course[-1].done or (job.started or 0) > course[-1].at):
            # Failed photos were queued again: another round.
            courses.forget(connection, job.id)
            course = []
        still = bool(course) and not able and not course[-1].workers
        if still and not closed:
            return
        before = len(course)
        if not still:
            course = onward(course, now, job.done, job.cached, able * turns)
        found = None
        if job.listed and (able or (closed and serving)):
            hours = Hours(job.hours, job.deadline, closed or not turns)
            left, first = job.total - job.done, job.first or 0.0
            found = estimate(course, left, now, able or serving, job.priority, rivals, hours, first, job.owner)
        thinned = not still and len(course) != before + 1
        news = [] if still else course
        courses.leave(connection, job.id, news, thinned, found, _SHOWN_LOOKS * self.pause)
        self._followed.add(job.id)
        if found and not closed:
            self._keep(job, course[0].done, now, found)

    def _keep(self, job: Job, begun: int, now: float, found: Estimate) -> None:
        share = 100 * (job.done - begun) / max(1, job.total - begun)
        reached = [percent for percent in SCORED if percent <= share]
        if reached:
            courses.say(self._ledger.connection, job.id, reached[-1], now, found)

    def _score(self, job_id: str) -> None:
        try:
            job = self._ledger.job(job_id)
        except NotFound:
            return
        if job.state is JobState.FINISHED and job.finished is not None:
            said = courses.said(self._ledger.connection, job_id)
            if said:
                _log.info("estimate_scored", job=job_id, photos=job.total, **scores(said, job.finished))
        if job.ended:
            courses.forget(self._ledger.connection, job_id)


def scores(said: dict[int, tuple[float, Estimate]], finished: float) -> dict[str, float | bool]:
    """By percent: `error_10`, the said less the true time left as a share of the true (0.1: said 10 % too late), and
    `held_10`, whether the interval held the end."""
    told: dict[str, float | bool] = {}
    for percent, (at, found) in said.items():
        told[f"error_{percent}"] = round((found.done_at - finished) / max(1.0, finished - at), 3)
        told[f"held_{percent}"] = found.earliest <= finished <= found.latest
    return told


def _moves(job: Job) -> bool:
    return job.rule.claimable and not job.waiting_for


def _serves(worker: Heartbeat, job: Job) -> bool:
    """Whether it would claim the job's chunks now."""
    return (
        worker.identity == job.identity
        and job.lane in worker.lanes
        and job.id not in worker.hidden_jobs
        and job.id not in [blocked.job for blocked in worker.blocked_jobs]
    )
