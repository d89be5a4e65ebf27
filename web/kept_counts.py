"""Counts of a job's results, counted once for as long as the results stay as they are.

Counting reads every row: at 100,000 photos it takes longer than all else that a page does. While a job runs, a count
may be somewhat old, so that counting never takes more than a twentieth of the time.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from threading import Lock
from typing import Any, TypeVar

from shared.jobs.model import Job

T = TypeVar("T")
#: Counts that are kept, of all jobs together.
KEPT = 500
#: A count is used for this many times as long as it took.
PATIENCE = 20.0


@dataclass(frozen=True, slots=True)
class _Count:
    written: object
    made: float
    seconds: float
    value: Any


class Counts:
    """Of one web process."""

    def __init__(self, kept: int = KEPT) -> None:
        self._most = kept
        self._lock = Lock()
        self._kept: OrderedDict[Hashable, _Count] = OrderedDict()
        #: Job → number of reviews that this process has written: they show at once.
        self._reviews: dict[str, int] = {}

    def get(self, job: Job, what: Hashable, state: object, make: Callable[[], T]) -> T:
        """The value of `make`, which counts `what` in a job's results; `state` changes whenever they do."""
        key = (job.id, what, self._reviews.get(job.id, 0))
        now = time.monotonic()
        with self._lock:
            known = self._kept.get(key)
            if known:
                self._kept.move_to_end(key)
        if known and (known.written == state or (not job.ended and now - known.made < PATIENCE * known.seconds)):
            found: T = known.value
            return found
        value = make()
        with self._lock:
            self._kept[key] = _Count(state, now, time.monotonic() - now, value)
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return value

    def reviewed(self, job_id: str) -> None:
        """Somebody has reviewed photos of the job."""
        with self._lock:
            self._reviews[job_id] = self._reviews.get(job_id, 0) + 1
