"""The ledger as the pipeline's source: claims, leases, commits; patient while Redis is away."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Self, TypeVar

import structlog
from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_exponential

from shared.core import tracing
from shared.core.errors import Unavailable, WeftError
from shared.jobs.ledger.claims import Claim, Claims
from shared.jobs.model import ItemResult, Lane
from shared.pipeline.blame import obstacle
from shared.pipeline.chunk_work import Source
from worker.blocked_jobs import BlockedJobs
from worker.folders import Folders

_log = structlog.get_logger(__name__)
T = TypeVar("T")

#: Seconds for which a commit is tried again while Redis is away; after that the lease is long gone.
_COMMIT_RETRY_TIMEOUT = 300.0
#: The same while the worker drains: it has promised to end within 25 seconds.
_DRAIN_RETRY_TIMEOUT = 10.0


@dataclass(slots=True)
class _Progress:
    """Of a chunk that is held."""

    began: float = field(default_factory=time.monotonic)
    photos: int = 0
    ok: int = 0
    span: tracing.Span = field(default_factory=tracing.Span)


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
        blocked_jobs: BlockedJobs,
        server_away: Callable[[str], WeftError | None] = lambda bank: None,
    ) -> None:
        """`server_away`: why photos cannot be compared with a bank version now, before they are read for nothing."""
        self._claims = claims
        self._lease = lease_seconds
        self._draining = draining
        self._count_photos = count_photos
        self._folders = folders
        self._blocked_jobs = blocked_jobs
        self._server_away = server_away
        self._claims_held: dict[Claim, _Progress] = {}
        self._lock = threading.Lock()
        self._last_progress = time.monotonic()
        self._closed = threading.Event()

    def __enter__(self) -> Self:
        threading.Thread(target=self._renew_leases, name="leases", daemon=True).start()
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        self._closed.set()
        if isinstance(error, Exception):
            self._hand_back(error)

    def _hand_back(self, error: Exception) -> None:
        """The run has failed. What it held is handed back at once: an expired lease would be charged to the photos."""
        with self._lock:
            held = list(self._claims_held)
        for claim in held:
            if not isinstance(error, Unavailable):
                self._blocked_jobs.add(claim.job, obstacle(error, "worker_failed"))
            try:
                self._claims.release(claim)
            except Unavailable:
                # Redis is away, for all of them.
                _log.warning("chunks_not_handed_back", chunks=len(held))
                return
            self._forget(claim, "chunk_released")

    def take(self, lane: Lane) -> Claim | None:
        while claim := self._retry(lambda: self._claims.claim(lane, self._skipped())):
            away = self._server_away(claim.bank)
            if away is not None:
                self._blocked_jobs.add(claim.job, away)
            elif self.reachable(claim):
                span = tracing.opened("chunk", claim.trace, job=claim.job, chunk=claim.chunk, photos=len(claim.items))
                claim = replace(claim, trace=span.traceparent)
                with self._lock:
                    self._claims_held[claim] = _Progress(span=span)
                return claim
            # From now on the job is passed over.
            self._retry(partial(self._claims.release, claim))
        return None

    def _skipped(self) -> list[str]:
        return [*self._folders.unreadable_jobs(), *self._blocked_jobs.waiting()]

    def blocked(self, chunk: Claim, error: WeftError) -> None:
        self._blocked_jobs.add(chunk.job, error)

    def reachable(self, chunk: Claim) -> bool:
        return chunk.path is None or self._folders.is_readable(chunk.job, chunk.path)

    def hold(self, chunk: Claim, indexes: Sequence[int]) -> None:
        self._retry(lambda: self._claims.renew([(chunk, indexes)]))

    def commit(self, chunk: Claim, results: Sequence[ItemResult], vectors: bytes, final: bool) -> None:
        self._retry(lambda: self._claims.commit(chunk, results, vectors, final))
        self._count_photos(len(results))
        with self._lock:
            if progress := self._claims_held.get(chunk):
                progress.ok += sum(result.ok for result in results)
                progress.photos += len(results)
        if any(result.ok for result in results):
            self._blocked_jobs.done(chunk.job)
        if final:
            self._forget(chunk, "chunk_done")

    def release(self, chunk: Claim) -> None:
        self._retry(lambda: self._claims.release(chunk))
        self._forget(chunk, "chunk_released")

    def draining(self) -> bool:
        return self._draining()

    def progressed(self) -> None:
        self._last_progress = time.monotonic()

    def _forget(self, chunk: Claim, how: str) -> None:
        """The chunk is no longer held: one line of the log says how it went."""
        with self._lock:
            progress = self._claims_held.pop(chunk, None)
        if progress:
            progress.span.tell(how=how, failed=progress.photos - progress.ok)
            progress.span.end()
            _log.info(
                how,
                **{name: told for name in ("request", "owner") if (told := getattr(chunk, name))},
                job=chunk.job,
                chunk=chunk.chunk,
                lane=chunk.lane.value,
                attempt=chunk.attempt,
                photos=progress.photos,
                failed=progress.photos - progress.ok,
                seconds=round(time.monotonic() - progress.began, 3),
            )

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
        retrying = Retrying(
            retry=retry_if_exception_type(Unavailable),
            wait=wait_exponential(multiplier=0.1, max=2.0),
            stop=self._gives_up,
            before_sleep=_log_retry,
            reraise=True,
        )
        return retrying(call)

    def _gives_up(self, state: RetryCallState) -> bool:
        timeout = _DRAIN_RETRY_TIMEOUT if self._draining() else _COMMIT_RETRY_TIMEOUT
        return self._closed.is_set() or (state.seconds_since_start or 0.0) > timeout


def _log_retry(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    _log.warning("ledger_unreachable", code=getattr(error, "code", None), again_in=state.upcoming_sleep)
