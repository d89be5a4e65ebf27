"""The soak's load: folder jobs of all sizes, some of them cancelled or paused, and single photos in between."""

from __future__ import annotations

import os
import random
import shutil
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import redis
import requests

from shared.core.errors import WeftError
from shared.jobs.model import Job, JobState
from tests.faults.record import Record
from tests.faults.site import Site

#: Folder jobs at a time.
LINES = 2
#: Seconds within which a job ends, whatever strikes.
PATIENCE = 240.0
#: Seconds between two single photos.
EVERY = 2.0


class Load:
    def __init__(
        self,
        site: Site,
        seed: int,
        over: threading.Event,
        note: Callable[..., None],
        wrong: Callable[[str], None],
        record: Record,
    ) -> None:
        self._site = site
        self._over = over
        self._note = note
        self._wrong = wrong
        self._record = record
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._guarded, args=(self._line, random.Random(f"{seed} {n}")))
            for n in range(LINES)
        ]
        self._threads.append(threading.Thread(target=self._guarded, args=(self._single, random.Random(f"{seed} one"))))

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def _guarded(self, work: Callable[[random.Random], None], rng: random.Random) -> None:
        try:
            while not self._over.is_set():
                work(rng)
        except Exception as error:
            self._wrong("".join(traceback.format_exception(error))[-4000:])

    def _line(self, rng: random.Random) -> None:
        count, steer = rng.randint(30, 500), rng.choices(("", "cancel", "pause"), (8, 1, 1))[0]
        folder = self._site.folder(count)
        job = self._site.submit(folder)
        self._note("job", id=job.id, photos=count, steer=steer)
        began = time.monotonic()
        if steer:
            self._steer(job, steer, rng.randint(0, count))
        job = self._site.await_end(job, PATIENCE)
        if job.state is JobState.CANCELLED:
            # What was in hand when it ended comes to nothing, but it comes.
            time.sleep(1)
        with self._lock:
            patiently(lambda: self._site.check(self._record, job, folder))
            self._record.recovered(time.monotonic() - began)
        shutil.rmtree(folder)

    def _steer(self, job: Job, verb: str, at: int) -> None:
        site = self._site
        while site.job(job.id).done < at and site.job(job.id).state is not JobState.FINISHED:
            time.sleep(0.1)
        if site.job(job.id).state is JobState.FINISHED:
            return
        patiently(lambda: getattr(site.ledger, verb)(job.id))
        if verb == "pause":
            time.sleep(1)
            patiently(lambda: site.ledger.resume(job.id))

    def _single(self, rng: random.Random) -> None:
        """A photo that was accepted gets an answer."""
        self._over.wait(rng.uniform(0, 2 * EVERY))
        photo = {"file": ("one.jpg", b"\xff\xd8\xff" + os.urandom(2000), "image/jpeg")}
        url = self._site.product.url
        with suppress(requests.RequestException):
            answer = requests.post(f"{url}/api/v1/classify?wait=5", files=photo, timeout=20)
            if answer.status_code == 202:
                job = self._site.await_end(self._site.job(answer.json()["id"]), PATIENCE)
                assert (job.done, job.total) == (1, 1), job
            elif answer.status_code == 200:
                assert answer.json()["status"] == "ok", answer.text
            else:
                assert answer.status_code >= 500, answer.text


def patiently(call: Callable[[], Any], seconds: float = 90) -> Any:
    """Repeats what the ledger refuses while it is away."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return call()
        except redis.RedisError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        except WeftError as error:
            if error.status != 503 or time.monotonic() > deadline:
                if error.status == 409:
                    # It ended a moment ago.
                    return None
                raise
            time.sleep(0.2)
