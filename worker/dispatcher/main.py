"""The dispatcher's loop. Every step is idempotent; the next dispatcher completes a step that was interrupted."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable

import structlog

from shared.core import measuring
from shared.core.errors import Unavailable, WeftError
from shared.core.logs import configure
from shared.core.process import freeze_heap
from shared.core.settings import Settings
from shared.jobs.heartbeat import Heartbeat, live_workers
from shared.jobs.intake.uploads import Uploads
from shared.jobs.ledger import Ledger, measurements, overview
from shared.jobs.ledger.dispatcher_ledger import DispatcherLedger
from shared.jobs.ledger.server import require
from shared.jobs.model import Job, JobState, Lane
from shared.jobs.notifier import KEY_PREFIX, WorkerNotifier
from shared.jobs.splitting import Split
from shared.jobs.states import CLAIMABLE
from shared.storage import open_storage, require_storage
from worker.dispatcher import hours
from worker.dispatcher.announcing import Announcer
from worker.dispatcher.archiving import Archiver
from worker.dispatcher.card_listing import CardLister
from worker.dispatcher.collecting import Collector
from worker.dispatcher.forecasting import Forecaster
from worker.dispatcher.keeping import Keeper
from worker.dispatcher.listing import Lister
from worker.dispatcher.obstacles import CODES, left_alone, obstacle
from worker.dispatcher.projecting import Projector
from worker.dispatcher.unpacking import ArchiveLister
from worker.dispatcher.watching import Watcher

_log = structlog.get_logger(__name__)

#: Target number of chunks in flight (ready or leased) per worker.
CHUNKS_PER_WORKER = 4
_LOOP_INTERVAL = 0.1
#: Minimum seconds between two iterations.
_MIN_LOOP_INTERVAL = 0.01
_SWEEP_INTERVAL = 1.0
_CLEANUP_INTERVAL = 60.0
#: Seconds before a lister that was interrupted (ledger unreachable or full) is replaced.
_LISTING_RETRY_DELAY = 2.0
#: Attempts to list a folder (an unreachable ledger does not count) before its job continues without the rest.
LISTING_ATTEMPTS = 4
#: Minimum seconds between two log entries about the same failing job.
_FAILURE_LOG_INTERVAL = 30.0
#: Another dispatcher takes over when this one has not renewed the leader lock for so long.
_LEADER_LEASE_SECONDS = 10.0
#: Seconds between two renewals of the lock.
_LEADER_RENEWAL_INTERVAL = 1.0
#: Seconds between two attempts to take a leader lock that another dispatcher holds.
_LEADER_POLL_INTERVAL = 2.0
_NOTIFY_INTERVAL = 0.3
#: Seconds between two announcements of the folder roots, for `weft submit`.
_ANNOUNCE_INTERVAL = 5.0


def run(settings: Settings) -> None:
    """Runs until SIGTERM or SIGINT. Raises: Conflict (`schema_unknown`, `redis_evicts`); Unavailable at the start only,
    where Redis refuses for good."""
    configure(settings, "dispatcher")
    for finding in require(settings):
        _log.warning("redis_endangers_the_ledger", code=finding.code, message=str(finding))
    if away := require_storage(settings):
        _log.warning("storage_unavailable", message=str(away))
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    while not stop.is_set():
        try:
            Dispatcher(settings).run(stop)
        except WeftError as error:
            if error.status != 503:
                raise
            _log.warning("waiting_for_redis", code=error.code)
            stop.wait(1.0)
        except Exception:
            # Jobs that are not affected have to continue.
            _log.exception("dispatcher_failed")
            stop.wait(1.0)


class Dispatcher:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._ledger = Ledger.connect(settings)
        holder = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._dispatcher_ledger = DispatcherLedger(self._ledger.connection, holder)
        self._notifier = WorkerNotifier(settings)
        self._storage = open_storage(settings)
        self._listers: dict[str, Lister] = {}
        self._listing_failures: Counter[str] = Counter()
        self._last: defaultdict[str, float] = defaultdict(float)

    def run(self, stop: threading.Event) -> None:
        """Runs until `stop` is set or the ledger is unreachable. Raises: Unavailable."""
        logged = False
        while not self._dispatcher_ledger.take_leadership(_LEADER_LEASE_SECONDS):
            if not logged:
                _log.info("leader_lock_held")
                logged = True
            if stop.wait(_LEADER_POLL_INTERVAL):
                return
        _log.info("dispatcher_started")
        measuring.started("dispatcher")
        freeze_heap()
        beside = (
            Projector(self._settings, self._ledger, self._dispatcher_ledger),
            Announcer(self._settings, self._ledger),
            Collector(self._settings, self._ledger),
            Watcher(self._settings, self._ledger),
            Forecaster(self._ledger),
            Keeper(self._settings, self._ledger, self._storage),
            Archiver(self._settings, self._ledger),
        )
        for thread in beside:
            thread.start()
        try:
            while not stop.is_set() and self._still_leads():
                self._tick()
                if self._dispatcher_ledger.wait_for_news(_LOOP_INTERVAL):
                    # Notify workers at once, but only once for a burst of submissions.
                    self._last["notify"] = 0.0
                    stop.wait(_MIN_LOOP_INTERVAL)
        finally:
            for thread in beside:
                thread.end()
        self._dispatcher_ledger.resign()

    def _still_leads(self) -> bool:
        if not self._due("renewal", _LEADER_RENEWAL_INTERVAL):
            return True
        return self._dispatcher_ledger.take_leadership(_LEADER_LEASE_SECONDS)

    def _tick(self) -> None:
        if self._due("announce", _ANNOUNCE_INTERVAL):
            self._ledger.announce_roots(self._settings.roots, 3 * _ANNOUNCE_INTERVAL)
        jobs = self._ledger.active()
        workers = live_workers(self._ledger)
        serving = Counter(w.identity for w in workers if w.identity)
        closed = hours.keep(self._ledger, self._dispatcher_ledger, jobs, time.time(), self._guarded)
        jobs = [job for job in jobs if job.id not in closed]
        for job in jobs:
            if job.rule.starts_itself and (job.not_before or 0) <= time.time():
                self._guarded(job, lambda job: self._ledger.start(job.id))
            elif job.state is JobState.LISTING:
                self._guarded(job, self._list)
        moving = [j for j in jobs if j.state in CLAIMABLE]
        if self._due("sweep", _SWEEP_INTERVAL):
            overview.leave(self._ledger.connection, jobs)
            measurements.flush(self._ledger.connection)
            for job in jobs:
                self._guarded(job, self._dispatcher_ledger.sweep)
            for job in moving:
                self._guarded(job, lambda job: self._explain(job, workers))
        waiting = [job for job in moving if left_alone(job, workers)]
        for job in waiting:
            self._guarded(job, self._dispatcher_ledger.withdraw)
        self._admit([job for job in moving if job not in waiting], serving)
        if self._due("notify", _NOTIFY_INTERVAL):
            self._notify(moving, workers)
        if self._due("cleanup", _CLEANUP_INTERVAL):
            self._dispatcher_ledger.remove_dead_submissions()
            Uploads(self._settings, self._ledger, self._storage).expire()

    def _guarded(self, job: Job, step: Callable[[Job], object]) -> None:
        """Runs one step for one job; a failure is logged and does not affect other jobs."""
        try:
            step(job)
        except Unavailable:
            raise
        except Exception as error:
            if self._due(f"failed {job.id}", _FAILURE_LOG_INTERVAL):
                _log.error("job_step_failed", job=job.id, error=repr(error))

    def _due(self, what: str, seconds: float) -> bool:
        now = time.monotonic()
        if now - self._last[what] < seconds:
            return False
        self._last[what] = now
        return True

    def _list(self, job: Job) -> None:
        lister = self._listers.get(job.id)
        if lister is not None and lister.is_alive():
            return
        if lister is not None and lister.failed:
            self._listing_failures[job.id] += 1
            del self._listers[job.id]
        if self._listing_failures[job.id] >= LISTING_ATTEMPTS:
            # Give up: what was listed is classified, and the job carries a note.
            self._dispatcher_ledger.append(job.id, [], "", last=True, note="listing_failed")
            del self._listing_failures[job.id]
        elif self._due(f"list {job.id}", _LISTING_RETRY_DELAY):
            self._listers = {k: v for k, v in self._listers.items() if v.is_alive()}
            self._listers[job.id] = lister = self._lister(job)
            lister.start()

    def _lister(self, job: Job) -> Lister:
        if job.path is None:
            return ArchiveLister(self._settings, self._ledger, self._dispatcher_ledger, job)
        if job.split is Split.SWATCHES:
            return CardLister(self._settings, self._ledger, self._dispatcher_ledger, job)
        return Lister(self._ledger, self._dispatcher_ledger, job)

    def _admit(self, jobs: list[Job], serving: Counter[str]) -> None:
        """Keeps `CHUNKS_PER_WORKER` chunks per worker in flight, round-robin over jobs; commits admit replacements."""
        queues: defaultdict[tuple[str, Lane], list[Job]] = defaultdict(list)
        for job in jobs:
            queues[job.identity, job.lane].append(job)
        for (identity, lane), queue in queues.items():
            # Also without free capacity: an active job joins the rota at once.
            target = CHUNKS_PER_WORKER * max(1, serving[identity])
            self._dispatcher_ledger.admit(identity, lane, [job.id for job in queue], target)

    def _notify(self, jobs: list[Job], workers: list[Heartbeat]) -> None:
        """Sends one message per ready chunk, at most one per worker, minus messages already queued."""
        for lane in Lane:
            identities = {job.identity for job in jobs if job.lane is lane}
            ready = sum(self._dispatcher_ledger.waiting(identity, lane.value) for identity in identities)
            messages = self._dispatcher_ledger.messages(KEY_PREFIX + lane.value)
            missing = min(ready, max(1, len(workers))) - messages
            if missing > 0:
                self._notifier.notify(lane, missing)

    def _explain(self, job: Job, workers: list[Heartbeat]) -> None:
        """Sets or clears the note that explains why the job is not progressing; its lister's own comes first."""
        if job.note and job.note not in CODES:
            return
        code, detail = obstacle(job, workers) or (None, {})
        if (job.note, job.note_detail if code else {}) != (code, detail) and (code or job.note in CODES):
            self._dispatcher_ledger.explain(job, code, detail)
