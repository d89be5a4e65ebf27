"""The product under attack: `weft up` with real Redis, web, dispatcher and workers, and the process ids of each."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil
import redis
import requests

from shared.core.errors import WeftError
from shared.core.redis_urls import addresses
from shared.jobs.ledger import Ledger, keys
from shared.jobs.model import Job, JobState
from tests.faults import invariants
from tests.faults.record import Record
from tests.product import ROOT, Product, eventually, run_product

#: Seconds of a lease in these tests: the default of 20 s is as right, and takes five times as long to lapse.
LEASE = 4.0
#: Seconds within which work must go on after a fault: the issue's 30 s belong to a lease of 20 s.
RECOVERY = LEASE + 10
#: How often each fault is tried: `make faults` says 10.
RUNS = int(os.environ.get("FAULT_RUNS", "1"))
#: Milliseconds that the encoder sleeps for each photo.
SLEEP_MS = 8
#: Photos of one job.
PHOTOS = 500
#: Outcomes that may have been on their way when a fault struck: work goes on when there are more.
IN_FLIGHT = 40


@dataclass
class Site:
    product: Product
    workers: int
    _made: int = 0
    extra: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def ledger(self) -> Ledger:
        return Ledger.connect(self.product.settings)

    @cached_property
    def redis(self) -> Any:
        """A plain client of the ledger's Redis, which tries nothing twice."""
        return redis.Redis.from_url(addresses(self.product.settings).ledger, socket_timeout=5)

    @cached_property
    def expected(self) -> invariants.Answers:
        return invariants.Expected(self.product.settings)

    # work

    def folder(self, count: int, name: str = "") -> Path:
        """Files that no job has seen: the null engines never decode them, so their bytes may be anything."""
        self._made += 1
        folder = self.product.photos / f"{name}{self._made}-{os.urandom(3).hex()}"
        folder.mkdir(parents=True)
        for n in range(count):
            (folder / f"{n:06}.jpg").write_bytes(os.urandom(48))
        return folder

    def key(self, folder: Path) -> str:
        """The Idempotency-Key with which a folder is submitted."""
        return hashlib.sha256(str(folder).encode()).hexdigest()[:20]

    def submit(self, folder: Path, **more: Any) -> Job:
        """A folder job through the API, however long the API takes to come back."""
        made: list[str] = []
        key = {"Idempotency-Key": self.key(folder)}

        def accepted() -> bool:
            with suppress(requests.RequestException, KeyError):
                url = f"{self.product.url}/api/v1/jobs/folder"
                answer = requests.post(url, json={"path": str(folder), **more}, headers=key, timeout=20)
                if answer.status_code == 202:
                    made.append(answer.json()["id"])
                else:
                    assert answer.status_code in (409, 503), answer.text
            return bool(made)

        eventually(accepted, 90, "the job's acceptance")
        return self.job(made[0])

    def job(self, job_id: str) -> Job:
        """The job, however long the ledger is away."""
        found: list[Job] = []

        def answered() -> bool:
            with suppress(WeftError):
                found.append(self.ledger.job(job_id))
            return bool(found)

        eventually(answered, 120, "the ledger's answer")
        return found[0]

    def await_done(self, job: Job, more_than: int, seconds: float = 90) -> float:
        """Waits until more than so many photos have an outcome; returns the seconds it took."""
        began = time.monotonic()
        eventually(lambda: self.job(job.id).done > more_than, seconds, f"more than {more_than} of {job.id}")
        return time.monotonic() - began

    def await_some(self, job: Job) -> int:
        """Waits for some random number of outcomes, and returns how many there are."""
        self.await_done(job, random.randint(0, 150))
        return self.job(job.id).done

    def await_end(self, job: Job, seconds: float = 120) -> Job:
        """Waits for the end, and holds the job against the invariants. Returns it."""

        def ended() -> bool:
            return self.job(job.id).state in (JobState.FINISHED, JobState.CANCELLED)

        try:
            eventually(ended, seconds, f"the end of {job.id}")
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.job(job.id)}\n{self.diagnosis(job)}") from None
        return self.job(job.id)

    def diagnosis(self, job: Job) -> str:
        """Where the job's chunks are, for a failing test's message."""
        redis = self.redis
        parts = {p: redis.lrange(keys.job(job.id, p), 0, 9) for p in ("todo",)}
        parts["lease"] = redis.zrange(keys.job(job.id, "lease"), 0, 9, withscores=True)
        parts["ready"] = redis.lrange(keys.ready(job.identity, job.lane.value), 0, 9)
        parts["messages"] = [redis.llen(f"mq:{lane}") for lane in ("interactive", "bulk")]
        beats = [(w["pid"], w["state"], w["photos"], w["error"]) for w in self.ledger.workers()]
        tail = self.product.output().splitlines()[-12:]
        return "\n".join([str(parts), str(beats), *tail])

    def check(self, record: Record, job: Job, folder: Path | None, failures: dict[str, str] | None = None) -> None:
        """See `invariants.check`."""
        invariants.check(self.product.settings, self.ledger, record, job, folder, self.expected, failures)

    # processes

    @property
    def children(self) -> list[int]:
        """Process ids of the workers' children: those that have the engine."""
        with suppress(WeftError):
            return [w["pid"] for w in self.ledger.workers() if psutil.pid_exists(w["pid"])]
        return []

    @property
    def parents(self) -> list[int]:
        """Process ids of the Celery parents."""
        return self._of("worker")

    def role(self, name: str) -> int:
        """Process id of `web`, `dispatcher`, `redis-ledger` or `redis-cache`; waits for it."""
        found: list[int] = []

        def there() -> bool:
            found[:] = self._of(name)
            return bool(found)

        eventually(there, 30, name)
        return found[0]

    def _of(self, name: str) -> list[int]:
        mark = f"{name}.conf" if name.startswith("redis") else name
        found = []
        for child in psutil.Process(self.product.process.pid).children():
            with suppress(psutil.Error):
                if (argv := child.cmdline()) and argv[-1].endswith(mark):
                    found.append(child.pid)
        return found

    def await_workers(self, count: int | None = None) -> None:
        """Waits for so many warm workers whose processes live."""

        def warm() -> bool:
            with suppress(WeftError):
                beats = self.ledger.workers()
                living = [w for w in beats if w["state"] in ("ready", "busy") and psutil.pid_exists(w["pid"])]
                return len(living) >= (self.workers if count is None else count)
            return False

        eventually(warm, 90, "warm workers")

    def await_replaced(self, child: int, seconds: float = 30) -> None:
        """Waits until the worker whose child was killed has a warm one again."""

        def warm() -> bool:
            beats = self.ledger.workers()
            return len(beats) >= self.workers and all(
                w["pid"] != child and w["state"] in ("ready", "busy") and psutil.pid_exists(w["pid"]) for w in beats
            )

        eventually(warm, seconds, "a new child")

    def start_worker(self, *argv: str, **env: str) -> subprocess.Popen[bytes]:
        """One more worker, outside `weft up`: `argv` replaces the command, `env` is added to the product's."""
        command = [sys.executable, *(argv or ("-m", "scripts.cli", "worker"))]
        log = self.product.settings.run_dir / f"extra-{len(self.extra)}.log"
        with log.open("ab") as out:
            process = subprocess.Popen(
                command, env={**self.product.env, **env}, cwd=ROOT, stdout=out, stderr=out, start_new_session=True
            )
        self.extra.append(process)
        return process

    def keep_extra(self, **env: str) -> None:
        """Starts one more worker where the last one has ended."""
        if not self.extra or self.extra[-1].poll() is not None:
            self.start_worker(**env)

    def end_extra(self) -> None:
        for process in self.extra:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self.extra.clear()


def kill(pid: int, sig: int = signal.SIGKILL) -> None:
    """Sends a signal to a process that may be gone already."""
    with suppress(ProcessLookupError):
        os.kill(pid, sig)


@contextmanager
def stopped(*pids: int) -> Iterator[None]:
    """The processes stand still (SIGSTOP) for the length of a `with`."""
    try:
        for pid in pids:
            kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in pids:
            kill(pid, signal.SIGCONT)


def disturb(
    site: Site,
    record: Record,
    fault: Callable[[], object],
    runs: int = RUNS,
    seconds: float = RECOVERY,
    photos: int = PHOTOS,
    in_flight: int = IN_FLIGHT,
) -> None:
    """Strikes in the middle of a job, awaits that work goes on within `seconds`, and the job's exact end."""
    for _ in range(runs):
        folder = site.folder(photos)
        job = site.submit(folder)
        at = site.await_some(job)
        began = time.monotonic()
        fault()
        site.await_done(job, min(at + in_flight, photos - 1), seconds)
        took = time.monotonic() - began
        site.check(record, site.await_end(job), folder)
        record.recovered(took)
        site.await_workers()


@contextmanager
def running_site(folder: Path, workers: int = 2, **settings: str) -> Iterator[Site]:
    chosen = {"engine": f"sleep:{SLEEP_MS}", "lease_seconds": str(LEASE), "ledger_mb": "256", "cache_mb": "16"}
    with run_product(folder, workers=workers, **{**chosen, **settings}) as product:
        site = Site(product, workers)
        try:
            yield site
        finally:
            site.end_extra()
