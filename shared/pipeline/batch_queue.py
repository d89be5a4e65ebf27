"""The queue between loaders and encoder: one bounded queue per lane, cache hits, and chunks to commit."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue

from shared.jobs.model import Item, Lane
from shared.pipeline.chunk_work import CacheHit, ChunkWork, Waiting

#: Seconds between two polls of an idle interactive lane.
_INTERACTIVE_POLL_INTERVAL = 0.05
#: Seconds after which part of a slow chunk is committed, to show progress and to lose little in a crash.
PARTIAL_COMMIT_SECONDS = 2.0
#: Groups of cache hits that may wait for ranking.
_MAX_HITS = 8


class BatchQueue:
    """State shared between the threads of one run, guarded by one lock. A thread is woken by what it waits for alone:
    with several thousand photos/s, waking all of them for every photo costs more than the photos."""

    def __init__(self, micro_batch: int, photo_timeout: float, streams: int = 1) -> None:
        self._lock = threading.Lock()
        #: Encoder streams wait here until a batch is ready, loaders until there is room or a chunk is admitted, and an
        #: idle lane until its next poll.
        self._ready, self._room, self._idle_lane = (threading.Condition(self._lock) for _ in range(3))
        self._waiting: dict[Lane, deque[Waiting]] = {lane: deque() for lane in Lane}
        self._hits: deque[CacheHit] = deque()
        self._by_hash: dict[str, Waiting] = {}
        self._loading = set(Lane)
        self._idle: set[Lane] = set()
        self._open_chunks = 0
        self._alone = False
        self._error: BaseException | None = None
        self._streams = streams
        self.micro_batch = micro_batch
        #: Seconds for reading or decoding one photo.
        self.photo_timeout = photo_timeout
        #: A thread is stuck in decoding a photo: the process should be restarted once its work is committed.
        self.needs_restart = False
        #: Chunks with something to commit; None ends the committer.
        self.out: SimpleQueue[ChunkWork | None] = SimpleQueue()

    # loader side

    @contextmanager
    def admission(self, work: ChunkWork, alone: bool) -> Iterator[None]:
        """Admits a chunk; one that must be alone waits until no other chunk is open, and blocks others."""
        with self._lock:
            self._room.wait_for(lambda: not self._alone or self._error is not None)
            if alone:
                self._alone = True
                # The encoder must not wait for a full batch any longer.
                self._ready.notify_all()
                self._room.wait_for(lambda: self._open_chunks == 0 or self._error is not None)
            self._open_chunks += 1
        yield
        if alone:
            with self._lock:
                self._room.wait_for(lambda: work.done.is_set() or self._error is not None)
                self._alone = False
                self._room.notify_all()

    def _wake_all(self) -> None:
        for waiting_here in (self._ready, self._room, self._idle_lane):
            waiting_here.notify_all()

    @property
    def _capacity(self) -> int:
        return (self._streams + 1) * self.micro_batch

    def put(self, lane: Lane, waiting: Waiting) -> None:
        """Appends a photo; blocks while one micro-batch per stream and one more are queued."""
        with self._lock:
            waiting_here = self._waiting[lane]
            self._room.wait_for(lambda: len(waiting_here) < self._capacity or self._error is not None)
            self._by_hash[waiting.sha256] = waiting
            waiting_here.append(waiting)
            if self._batch_ready():
                self._ready.notify_all()

    def join(self, sha256: str, work: ChunkWork, item: Item) -> bool:
        """Attaches the item to an identical photo that is already queued; False if there is none."""
        with self._lock:
            waiting = self._by_hash.get(sha256)
            if waiting is not None:
                waiting.waiters.append((work, item))
            return waiting is not None

    def put_hit(self, hits: CacheHit) -> None:
        """Appends cache hits; blocks while many are queued, so that one worker does not claim a whole cached job."""
        with self._lock:
            self._room.wait_for(lambda: len(self._hits) < _MAX_HITS or self._error is not None)
            self._hits.append(hits)
            self._ready.notify_all()

    def idle(self, lane: Lane) -> bool:
        """Called when the source has no chunk for this lane. True: poll again; False: the lane is done.

        The interactive lane is polled for as long as there is bulk work to share batches with."""

        def ends() -> bool:
            return self._error is not None or (self._loading <= {lane} and not self._open_chunks)

        with self._lock:
            self._idle.add(lane)
            self._ready.notify_all()
            if lane is Lane.BULK or ends():
                return False
            self._idle_lane.wait_for(ends, _INTERACTIVE_POLL_INTERVAL)
            self._idle.discard(lane)
            return True

    def lane_ended(self, lane: Lane) -> None:
        with self._lock:
            self._loading.discard(lane)
            self._wake_all()

    def fail(self, error: BaseException) -> None:
        with self._lock:
            self._error = self._error or error
            self._wake_all()

    @property
    def error(self) -> BaseException | None:
        """The first error of any thread."""
        return self._error

    # encoder side

    def next(self) -> tuple[list[Waiting], list[CacheHit]] | None:
        """The next micro-batch and cache hits; None when all is done. Raises the first error of a loader.

        Waits for a full batch only while more bulk photos are coming; interactive photos never wait for a full batch,
        and their micro-batch is short.
        """
        with self._lock:
            self._ready.wait_for(self._batch_ready)
            if self._error is not None:
                raise self._error
            hits = list(self._hits)
            self._hits.clear()
            batch: list[Waiting] = []
            interactive, bulk = self._waiting[Lane.INTERACTIVE], self._waiting[Lane.BULK]
            # A quarter of every batch is reserved for bulk, so that a steady stream of single photos cannot starve it;
            # not more beside interactive photos: a full batch would multiply their latency.
            reserved = min(len(bulk), (self.micro_batch + 2) // 4)
            while interactive and len(batch) < self.micro_batch - reserved:
                batch.append(interactive.popleft())
            room = min(self.micro_batch, len(batch) + max(1, len(batch) // 3)) if batch else self.micro_batch
            while bulk and len(batch) < room:
                batch.append(bulk.popleft())
            self._room.notify_all()
            return (batch, hits) if batch or hits else None

    def pop_waiters(self, waiting: Waiting) -> list[tuple[ChunkWork, Item]]:
        """Removes an encoded photo and returns its waiters; later duplicates find it in the cache."""
        with self._lock:
            self._by_hash.pop(waiting.sha256, None)
            return waiting.waiters

    def outcome_added(self, work: ChunkWork) -> None:
        """Queues `work` for the committer, after outcomes were added, once it has something to commit."""
        if work.is_due(PARTIAL_COMMIT_SECONDS):
            self.out.put(work)

    def close(self, work: ChunkWork) -> None:
        """The chunk is committed completely or released: only now is it no longer in progress.

        A later crash is not charged to it."""
        with self._lock:
            work.done.set()
            self._open_chunks -= 1
            self._wake_all()

    def _batch_ready(self) -> bool:
        if self._error is not None or self._hits or self._waiting[Lane.INTERACTIVE]:
            return True
        bulk = self._waiting[Lane.BULK]
        more_coming = Lane.BULK in self._loading and Lane.BULK not in self._idle
        if bulk:
            return len(bulk) >= self.micro_batch or not more_coming or self._alone
        return not self._loading and not self._open_chunks
