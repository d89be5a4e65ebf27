"""Any order of jobs, lanes, pauses, cancels, restarts and retention: every moving job has its turns, and none is lost.

Through the real dispatcher on a real Redis; only the workers are made up, and take a while for each chunk.
"""

from __future__ import annotations

import os
import random
import sqlite3
import threading
import time
from contextlib import closing, suppress
from dataclasses import dataclass, field

import pytest

from shared.core.errors import Conflict, NotFound, WeftError
from shared.core.settings import CHUNK_ITEMS, Settings
from shared.jobs.ledger import keys
from shared.jobs.model import Job, JobState, Lane
from shared.jobs.projection import projection_path
from tests.ledger_harness import IDENTITY, LedgerHarness
from tests.product import eventually
from worker.dispatcher.main import CHUNKS_PER_WORKER, Dispatcher

#: Seconds that a worker takes for a chunk.
CHUNK_SECONDS = 0.05
#: Photos of the job that keeps the workers busy from the first step to the last.
LARGE = 30_000
WORKERS = 2
#: Chunks of both workers until the dispatcher sees that a job moves, half a second.
SEEN_WITHIN = int(0.5 / CHUNK_SECONDS) * WORKERS
#: Seconds after which a job that is not seen is a failure.
ENROL_SECONDS = 20.0
#: Steps of one run, and seeds; WEFT_FAIRNESS_SEED tries another.
STEPS = 60
SEEDS = [int(os.environ["WEFT_FAIRNESS_SEED"])] if "WEFT_FAIRNESS_SEED" in os.environ else [20261130, 7]


def bound(moving: int) -> int:
    """Turns (64 photos) of other jobs of its lane that may be begun before a moving job has one: those that are begun
    until the dispatcher sees it, those that are admitted already, and two rounds of the rota (its turn may just have
    passed)."""
    return SEEN_WITHIN + CHUNKS_PER_WORKER * WORKERS + 2 * moving


@dataclass
class Waits:
    """Counts, for every moving job, the turns of others that were begun since its own last one."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    #: Moving job → (lane, turns of others begun meanwhile, most jobs that moved beside it).
    waiting: dict[str, tuple[Lane, float, int]] = field(default_factory=dict)
    #: Worst found: turns, and the bound at that moment.
    worst: tuple[float, int] = (0, 1)
    broken: list[str] = field(default_factory=list)

    def moves(self, job: str, lane: Lane) -> None:
        with self.lock:
            self.waiting.setdefault(job, (lane, 0, 0))

    def rests(self, job: str) -> None:
        with self.lock:
            self.waiting.pop(job, None)

    def begun(self, job: str, lane: Lane, photos: int, left: int) -> None:
        """A worker has begun a chunk of `job`, of so many photos; `left`: chunks of it that nobody has begun."""
        with self.lock:
            beside = sum(1 for other, _, _ in self.waiting.values() if other is lane)
            for other, (its_lane, chunks, before) in list(self.waiting.items()):
                if its_lane is not lane:
                    continue
                if other == job:
                    self.waiting[other] = (lane, 0, beside)
                    continue
                now, most = chunks + photos / CHUNK_ITEMS, max(before, beside)
                self.waiting[other] = (lane, now, most)
                if now / bound(most) > self.worst[0] / self.worst[1]:
                    self.worst = (now, bound(most))
                if now > bound(most):
                    self.broken.append(f"{other} waited for {now:.1f} turns beside {most} jobs (bound {bound(most)})")
            if left == 0:
                self.waiting.pop(job, None)


class Trial:
    """A dispatcher that is replaced now and then, workers, and what is known of the jobs."""

    def __init__(self, harness: LedgerHarness, settings: Settings, seed: int) -> None:
        self.harness = harness
        self.settings = settings
        self.rng = random.Random(seed)
        self.waits = Waits()
        #: Job → number of its photos.
        self.photos: dict[str, int] = {}
        self.lanes: dict[str, Lane] = {}
        self.cancelled: set[str] = set()
        self.paused: set[str] = set()
        self.large = ""
        self.over = threading.Event()
        self._threads: list[threading.Thread] = []
        self._stop_dispatcher = threading.Event()
        self._dispatcher: threading.Thread | None = None

    # the machinery

    def __enter__(self) -> Trial:
        for n in range(WORKERS):
            self._beat(f"w{n}")
            self._threads.append(threading.Thread(target=self._work, args=(f"w{n}",)))
        self.start_dispatcher()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self._stop_dispatcher.set()
        for thread in (*self._threads, self._dispatcher):
            if thread is not None:
                thread.join()

    def start_dispatcher(self) -> None:
        self._stop_dispatcher = threading.Event()
        self._dispatcher = threading.Thread(target=Dispatcher(self.settings).run, args=(self._stop_dispatcher,))
        self._dispatcher.start()

    def restart(self) -> None:
        self._stop_dispatcher.set()
        assert self._dispatcher is not None
        self._dispatcher.join()
        self.start_dispatcher()
        eventually(lambda: bool(self.harness.redis.exists(keys.DISPATCHER)), 20, "the next dispatcher")

    def _beat(self, name: str) -> None:
        self.harness.ledger.record_heartbeat(name, {"id": name, "identity": IDENTITY, "state": "ready"})

    def _work(self, name: str) -> None:
        claims = self.harness.worker(name)
        while not self.over.is_set():
            self._beat(name)
            claim = claims.claim(Lane.INTERACTIVE) or claims.claim(Lane.BULK)
            if claim is None:
                time.sleep(0.005)
                continue
            self.waits.begun(claim.job, claim.lane, len(claim.items), self._unclaimed(claim.job))
            time.sleep(CHUNK_SECONDS)
            self.harness.finish(claims, claim)

    def _unclaimed(self, job_id: str) -> int:
        """Chunks of the job that no worker has claimed yet, admitted or not."""
        try:
            job = self.harness.ledger.job(job_id)
        except NotFound:
            return 0
        if not job.rule.claimable:
            return 0
        redis = self.harness.redis
        ready = redis.lrange(keys.ready(IDENTITY, job.lane.value), 0, -1)
        waiting = sum(1 for entry in ready if entry.startswith(job_id.encode()))
        return waiting + int(redis.llen(keys.job(job_id, "todo")))

    # the steps

    def step(self) -> None:
        actions = (self.submit, self.submit, self.submit, self.pause, self.resume, self.cancel, self.restart, self.rest)
        self.rng.choice(actions)()

    def submit_large(self) -> None:
        job = self.harness.submit(LARGE, "large")
        self.photos[job.id], self.lanes[job.id] = LARGE, Lane.BULK
        self.large = job.id
        self._enrolled(job.id, Lane.BULK)

    def submit(self) -> None:
        lane = self.rng.choice([Lane.BULK, Lane.BULK, Lane.BULK, Lane.INTERACTIVE])
        count = self.rng.randint(1, 16) if lane is Lane.INTERACTIVE else self.rng.choice([30, 200, 900])
        job = self.harness.submit(count, f"job {len(self.photos)}", lane)
        self.photos[job.id], self.lanes[job.id] = count, lane
        self._enrolled(job.id, lane)

    def _enrolled(self, job_id: str, lane: Lane) -> None:
        """The job moves: from now on it is owed its turns. The next step comes once the dispatcher has seen it."""
        if self._unclaimed(job_id):
            self.waits.moves(job_id, lane)
        eventually(lambda: self._is_enrolled(job_id, lane), ENROL_SECONDS, f"the turn of {job_id}")

    def _is_enrolled(self, job_id: str, lane: Lane) -> bool:
        redis, name = self.harness.redis, job_id.encode()
        ready = redis.lrange(keys.ready(IDENTITY, lane.value), 0, -1)
        on_rota = name in redis.lrange(keys.rota(IDENTITY, lane.value), 0, -1)
        return on_rota or any(entry.startswith(name) for entry in ready) or not self._unclaimed(job_id)

    def _any(self, states: set[JobState]) -> Job | None:
        jobs = [job for job in self.harness.ledger.active() if job.state in states and job.id != self.large]
        return self.rng.choice(jobs) if jobs else None

    def pause(self) -> None:
        if job := self._any({JobState.QUEUED, JobState.RUNNING}):
            self.waits.rests(job.id)
            with suppress(Conflict, NotFound):
                self.harness.ledger.pause(job.id)
                self.paused.add(job.id)

    def resume(self) -> None:
        if job := self._any({JobState.PAUSED}):
            with suppress(Conflict, NotFound):
                self.harness.ledger.resume(job.id)
                self.paused.discard(job.id)
                self._enrolled(job.id, job.lane)

    def cancel(self) -> None:
        if self.rng.random() < 0.5 and (job := self._any({JobState.QUEUED, JobState.RUNNING, JobState.PAUSED})):
            self.waits.rests(job.id)
            with suppress(WeftError):
                if self.harness.ledger.cancel(job.id).state is JobState.CANCELLED:
                    self.cancelled.add(job.id)
                    self.paused.discard(job.id)

    def rest(self) -> None:
        time.sleep(self.rng.uniform(0, 0.5))

    def finish(self) -> None:
        """Lets all go on to their end, and out of the ledger."""
        self.cancelled.add(self.large)
        self.waits.rests(self.large)
        with suppress(WeftError):
            self.harness.ledger.cancel(self.large)
        for job_id in list(self.paused):
            with suppress(WeftError):
                self.harness.ledger.resume(job_id)
        eventually(lambda: not self.harness.ledger.active(), 120, "the end of all jobs")
        eventually(
            lambda: not any(self._in_ledger(job_id) for job_id in self.photos), 120, "the end of their retention"
        )

    def _in_ledger(self, job_id: str) -> bool:
        return bool(self.harness.redis.exists(keys.job(job_id, "meta")))

    def outcomes(self, job_id: str) -> tuple[Job, list[int]]:
        """The job as its page knows it, and the indexes that have an outcome in its results file."""
        with closing(sqlite3.connect(projection_path(self.settings, job_id))) as database:
            rows = [row[0] for row in database.execute("SELECT idx FROM items ORDER BY idx")]
        return self.harness.ledger.find(job_id), rows


@pytest.fixture
def short_retention(ledger_settings: Settings) -> Settings:
    """Jobs leave the ledger about a second after their end, while others end."""
    return ledger_settings.model_copy(update={"keep_days": 1.0 / 86400})


@pytest.mark.parametrize("seed", SEEDS)
def test_every_moving_job_has_its_turns_and_nothing_is_lost(
    harness: LedgerHarness, short_retention: Settings, seed: int
) -> None:
    with Trial(harness, short_retention, seed) as trial:
        trial.submit_large()
        for _ in range(STEPS):
            trial.step()
        trial.finish()
        assert not trial.waits.broken, trial.waits.broken[:5]
        for job_id, photos in trial.photos.items():
            job, rows = trial.outcomes(job_id)
            assert len(rows) == len(set(rows)) == job.ok + job.failed, job
            if job_id not in trial.cancelled:
                assert (job.state, rows) == (JobState.FINISHED, list(range(photos))), job
    print(
        f"fairness: seed {seed}, {len(trial.photos)} jobs, longest wait {trial.waits.worst[0]} turns of others "
        f"where {trial.waits.worst[1]} are allowed"
    )
