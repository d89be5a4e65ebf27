"""The dispatcher's loop. Whatever it does may be done twice, or left half-done and taken up by the next one."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

import structlog

from shared.core.errors import Unavailable, WeftError
from shared.core.logs import configure
from shared.core.settings import Settings
from shared.jobs.ledger import Ledger
from shared.jobs.ledger.office import Office
from shared.jobs.model import Job, JobState, Lane
from shared.jobs.states import CLAIMABLE
from shared.jobs.wakeup import KEY_PREFIX, Bell
from worker.dispatcher.listing import Lister
from worker.dispatcher.obstacles import CODES, obstacle, out_of_sight
from worker.dispatcher.projecting import Projector

_log = structlog.get_logger(__name__)

#: Chunks waiting or running, a worker.
AHEAD = 4
_TICK = 0.1
#: Seconds between two ticks at the least.
_BREATH = 0.01
_SWEEP = 1.0
_TIDY = 60.0
#: A lister that could not go on (the ledger was away or full) is followed by another after so long.
_LIST_AGAIN = 2.0
#: Times that a folder's listing may fail, other than by the ledger's absence, before its job goes on without the rest.
LISTING_ATTEMPTS = 4
#: Seconds between two log entries about the same job's trouble.
_FAILED_AGAIN = 30.0
#: The office is lost to another dispatcher when this one has not ticked for so long.
_OFFICE = 10.0
#: Seconds between two looks at an office that another holds.
_QUEUEING = 2.0
_RING = 0.3
#: Seconds between two announcements of the folders that may be read, for `weft submit`.
_ANNOUNCE = 5.0


def run(settings: Settings) -> None:
    """Works until SIGTERM or SIGINT. Raises: Conflict (`schema_unknown`)."""
    configure(settings, "dispatcher")
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    while not over.is_set():
        try:
            Dispatcher(settings).run(over)
        except WeftError as error:
            if error.status != 503:
                raise
            _log.warning("waiting_for_redis", code=error.code)
            over.wait(1.0)
        except Exception:
            # Whatever it was, the jobs that it does not concern have to go on.
            _log.exception("dispatcher_failed")
            over.wait(1.0)


class Dispatcher:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._ledger = Ledger.connect(settings)
        holder = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._office = Office(self._ledger.connection, holder)
        self._bell = Bell(settings)
        self._listers: dict[str, Lister] = {}
        self._listing_failures: Counter[str] = Counter()
        self._last: defaultdict[str, float] = defaultdict(float)

    def run(self, over: threading.Event) -> None:
        """Until `over`, as long as the ledger answers. Raises: Unavailable."""
        told = False
        while not self._office.hold(_OFFICE):
            if not told:
                _log.info("another_dispatcher_is_at_work")
                told = True
            if over.wait(_QUEUEING):
                return
        _log.info("at_work")
        projector = Projector(self._settings, self._ledger, self._office)
        projector.start()
        try:
            while not over.is_set() and self._office.hold(_OFFICE):
                self._tick()
                if self._office.await_news(_TICK):
                    # Whoever submits waits for the next ring; a flood of submissions shares it.
                    self._last["ring"] = 0.0
                    over.wait(_BREATH)
        finally:
            projector.end()
        self._office.leave()

    def _tick(self) -> None:
        if self._due("announce", _ANNOUNCE):
            self._ledger.announce_roots(self._settings.roots, 3 * _ANNOUNCE)
        jobs = self._ledger.active()
        workers = self._ledger.workers()
        serving = Counter(w["identity"] for w in workers if w["identity"])
        for job in jobs:
            if job.state is JobState.SCHEDULED and (job.not_before or 0) <= time.time():
                self._guarded(job, lambda job: self._ledger.start(job.id))
            elif job.state is JobState.LISTING:
                self._guarded(job, self._list)
        moving = [j for j in jobs if j.state in CLAIMABLE]
        if self._due("sweep", _SWEEP):
            for job in jobs:
                self._guarded(job, self._office.sweep)
            for job in moving:
                self._guarded(job, lambda job: self._explain(job, workers))
        hidden = [job for job in moving if out_of_sight(job, workers)]
        for job in hidden:
            self._guarded(job, self._office.withdraw)
        self._admit([job for job in moving if job not in hidden], serving)
        if self._due("ring", _RING):
            self._ring(moving, workers)
        if self._due("tidy", _TIDY):
            self._office.tidy()

    def _guarded(self, job: Job, step: Callable[[Job], object]) -> None:
        """One job's trouble is logged, and every other job goes on."""
        try:
            step(job)
        except Unavailable:
            raise
        except Exception as error:
            if self._due(f"failed {job.id}", _FAILED_AGAIN):
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
            # It is no use: what was found is classified, and the job says what is missing.
            self._office.append(job.id, [], "", last=True, note="listing_failed")
            del self._listing_failures[job.id]
        elif self._due(f"list {job.id}", _LIST_AGAIN):
            self._listers = {k: v for k, v in self._listers.items() if v.is_alive()}
            self._listers[job.id] = lister = Lister(self._ledger, self._office, job)
            lister.start()

    def _admit(self, jobs: list[Job], serving: Counter[str]) -> None:
        """Keeps `AHEAD` chunks a worker waiting or running, jobs in turn; workers replace what they end themselves."""
        lines: defaultdict[tuple[str, Lane], list[Job]] = defaultdict(list)
        for job in jobs:
            lines[job.identity, job.lane].append(job)
        for (identity, lane), line in lines.items():
            # Also where there is no room: a job has its turns from the moment it moves.
            self._office.admit(identity, lane, [job.id for job in line], AHEAD * max(1, serving[identity]))

    def _ring(self, jobs: list[Job], workers: list[dict[str, Any]]) -> None:
        """Wakes as many workers as there are chunks, where no message waits for them already."""
        for lane in Lane:
            identities = {job.identity for job in jobs if job.lane is lane}
            ready = sum(self._office.waiting(identity, lane.value) for identity in identities)
            messages = self._office.messages(KEY_PREFIX + lane.value)
            missing = min(ready, max(1, len(workers))) - messages
            if missing > 0:
                self._bell.ring(lane, missing)

    def _explain(self, job: Job, workers: list[dict[str, Any]]) -> None:
        """Says on the job what keeps it from moving, and takes it back."""
        code, detail = obstacle(job, workers) or (None, {})
        if (job.note, job.note_detail if code else {}) != (code, detail) and (code or job.note in CODES):
            self._office.note(job.id, code, detail)
