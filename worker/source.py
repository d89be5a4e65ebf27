"""The ledger as the pipeline's source: claims, leases, commits; patient while Redis is away."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Self, TypeVar

import structlog

from shared.core.errors import Unavailable
from shared.jobs.ledger.claims import Claim, Claims
from shared.jobs.model import ItemResult, Lane
from shared.pipeline.chunk_work import Source
from worker.folders import Folders

_log = structlog.get_logger(__name__)
T = TypeVar("T")

#: Seconds for which a commit is tried again while Redis is away; after that the lease is long gone.
_COMMIT_RETRY_TIMEOUT = 300.0
#: The same while the worker drains: it has promised to end within 25 seconds.
_DRAIN_RETRY_TIMEOUT = 10.0


class LedgerSource(Source):
    """Renews leases from a thread of its own, but only while photos get done: a hung one
    must not keep its chunk for ever."""

    def __init__(
        self,
        claims: Claims,
        lease_seconds: float,
        draining: Callable[[], bool],
        count_photos: Callable[[int], None],
        folders: Folders,
    ) -> None:
        self._claims = claims
        self._lease = lease_seconds
        self._draining = draining
        self._count_photos = count_photos
        self._folders = folders
        self._claims_held: set[Claim] = set()
        self._lock = threading.Lock()
        self._last_progress = time.monotonic()
        self._closed = threading.Event()

    def __enter__(self) -> Self:
        threading.Thread(target=self._renew_leases, name="leases", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()

    def take(self, lane: Lane) -> Claim | None:
        while claim := self._retry(lambda: self._claims.claim(lane, self._folders.unreadable_jobs())):
            if self.reachable(claim):
                with self._lock:
                    self._claims_held.add(claim)
                return claim
            # From now on the job is passed over.
            self._retry(partial(self._claims.release, claim))
        return None

    def reachable(self, chunk: Claim) -> bool:
        return chunk.path is None or self._folders.is_readable(chunk.job, chunk.path)

    def hold(self, chunk: Claim, indexes: Sequence[int]) -> None:
        self._retry(lambda: self._claims.renew([(chunk, indexes)]))

    def commit(self, chunk: Claim, results: Sequence[ItemResult], vectors: bytes, final: bool) -> None:
        self._retry(lambda: self._claims.commit(chunk, results, vectors, final))
        self._count_photos(len(results))
        if final:
            self._forget(chunk)

    def release(self, chunk: Claim) -> None:
        self._retry(lambda: self._claims.release(chunk))
        self._forget(chunk)

    def draining(self) -> bool:
        return self._draining()

    def progressed(self) -> None:
        self._last_progress = time.monotonic()

    def _forget(self, chunk: Claim) -> None:
        with self._lock:
            self._claims_held.discard(chunk)

    def _renew_leases(self) -> None:
        renewed = time.monotonic()
        while not self._closed.wait(self._lease / 4):
            if self._last_progress <= renewed:
                continue
            renewed = time.monotonic()
            with self._lock:
                held = list(self._claims_held)
            try:
                self._claims.renew([(claim, ()) for claim in held])
            except Unavailable:
                _log.warning("lease_renewal_failed", chunks=len(held))

    def _retry(self, call: Callable[[], T]) -> T:
        """Every call may be repeated: claims lapse, renewals and commits are idempotent."""
        began, pause = time.monotonic(), 0.1
        while True:
            try:
                return call()
            except Unavailable as error:
                timeout = _DRAIN_RETRY_TIMEOUT if self._draining() else _COMMIT_RETRY_TIMEOUT
                if self._closed.is_set() or time.monotonic() - began > timeout:
                    raise
                _log.warning("ledger_unreachable", code=error.code, again_in=pause)
                time.sleep(pause)
                pause = min(2.0, pause * 2)
