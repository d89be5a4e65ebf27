"""The encoder loop, one per stream: micro-batches from the queue, vectors to the ranking, outcomes to the committer."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.core.errors import WeftError
from shared.encoder import Encoder
from shared.encoder.cache import EmbeddingCache
from shared.jobs.model import Item, Lane
from shared.pipeline.batch_queue import BatchQueue
from shared.pipeline.chunk_work import CacheHit, ChunkWork, Source, Waiting
from shared.pipeline.loading import Loader
from shared.pipeline.photos import Photos, reason
from shared.ranking.model import Ranking

#: (vectors float32 [n, dim], bank version, preset name) → n rankings
Rank = Callable[[NDArray[np.float32], str, str], Sequence[Ranking]]

#: Seconds after which part of a slow chunk is committed, to show progress and to lose little in a crash.
_PARTIAL_COMMIT_SECONDS = 2.0
#: Target maximum seconds per encoder call: interactive photos wait for it, and lease renewal depends on progress.
_MAX_BATCH_SECONDS = 1.0


class Pipeline:
    """Runs chunks through one warm encoder. `run` is called repeatedly, from one thread."""

    def __init__(
        self, encoder: Encoder, cache: EmbeddingCache, photos: Photos, rank: Rank, *, threads: int, photo_timeout: float
    ) -> None:
        """`threads`: decode threads of the bulk lane. `photo_timeout`: seconds for reading or decoding one photo."""
        self._encoder = encoder
        self.cache = cache
        self._photos = photos
        self._rank = rank
        self._threads = threads
        self._photo_timeout = photo_timeout
        self._batch = encoder.micro_batch
        #: A thread is still stuck in a photo that has timed out: the process should be restarted.
        self.needs_restart = False

    def run(self, source: Source, lanes: Sequence[Lane], keep_going: Callable[[], bool]) -> None:
        """Runs until the source has no more bulk chunks or `keep_going` is false, then finishes what it has started.

        Raises the first error of a loader or the source; leases of uncommitted chunks expire.
        """
        queue = BatchQueue(self._batch, self._photo_timeout, self._encoder.streams)
        committer = _Committer(queue, source)
        committer.start()
        for lane in Lane:
            if lane in lanes:
                threads = self._threads if lane is Lane.BULK else 1
                args = (lane, source, queue, self._photos, self.cache, self._encoder, threads, keep_going)
                Loader(*args).start()
            else:
                queue.lane_ended(lane)
        streams = [
            threading.Thread(target=self._run_stream, args=(queue, source), name=f"encoder-{n}", daemon=True)
            for n in range(2, self._encoder.streams + 1)
        ]
        for stream in streams:
            stream.start()
        self._run_stream(queue, source)
        for stream in streams:
            stream.join()
        committer.end()
        self.needs_restart = self.needs_restart or queue.needs_restart
        if queue.error is not None:
            raise queue.error

    def _run_stream(self, queue: BatchQueue, source: Source) -> None:
        """The loop of one encoder stream; an error stops all streams."""
        try:
            while (work := queue.next()) is not None:
                batch, hits = work
                self._finish_hits(queue, hits)
                self._encode(queue, batch)
                source.progressed()
                queue.micro_batch = self._batch
        except BaseException as error:
            queue.fail(error)

    def _encode(self, queue: BatchQueue, batch: list[Waiting]) -> None:
        photos: list[Waiting] = []
        prepared: list[Any] = []
        for waiting in batch:
            if queue.needs_restart and waiting.prepared is not None and waiting.prepared.cancel():
                # It was only queued behind a photo that hangs: leave it to another worker.
                self._hand_back(queue, waiting)
                continue
            try:
                # Not `is None`: engines without pixels have no future.
                prepared.append(waiting.prepared.result(timeout=queue.photo_timeout) if waiting.prepared else None)
                photos.append(waiting)
            except TimeoutError:
                queue.needs_restart = True
                # Not started yet: another photo hangs, and fails on its own.
                if waiting.prepared is not None and waiting.prepared.cancel():
                    self._hand_back(queue, waiting)
                else:
                    self._fail(queue, waiting, "timeout", {})
            except Exception as error:
                self._fail(queue, waiting, *reason(error))
        if not photos:
            return
        started = time.perf_counter()
        if self._encoder.needs_pixels:
            exact = self._encoder.encode(prepared)
        else:
            exact = self._encoder.encode_hashes([w.sha256 for w in photos])
        self._fit_batch(len(photos), time.perf_counter() - started)
        # Ranked in the cached precision: a cache hit must never change an answer.
        vectors = exact.astype(np.float16)
        self.cache.set_many({w.sha256: v for w, v in zip(photos, vectors, strict=True)})
        rows: list[tuple[ChunkWork, Item, str, NDArray[np.float16], bool]] = []
        for waiting, vector in zip(photos, vectors, strict=True):
            # Only the first item was encoded; the others count as cached.
            waiters = queue.pop_waiters(waiting)
            rows += [(work, item, waiting.sha256, vector, n > 0) for n, (work, item) in enumerate(waiters)]
        self._finish(queue, rows)

    def _finish_hits(self, queue: BatchQueue, hits: list[CacheHit]) -> None:
        rows = [
            (hit.work, item, sha, vector, True)
            for hit in hits
            for (item, sha), vector in zip(hit.items, hit.vectors, strict=True)
        ]
        self._finish(queue, rows)

    def _finish(self, queue: BatchQueue, rows: list[tuple[ChunkWork, Item, str, NDArray[np.float16], bool]]) -> None:
        groups: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        for i, (work, *_) in enumerate(rows):
            groups[work.chunk.bank, work.chunk.preset].append(i)
        for (bank, preset), indexes in groups.items():
            vectors = np.stack([rows[i][3] for i in indexes]).astype(np.float32)
            try:
                rankings = self._rank(vectors, bank, preset)
            except WeftError as error:
                # The job's bank is missing or damaged: its items fail, and can be retried once it is restored.
                for work, item, sha, *_ in (rows[i] for i in indexes):
                    work.fail(item, sha, error.code, error.detail)
                continue
            for i, ranking in zip(indexes, rankings, strict=True):
                work, item, sha, vector, cached = rows[i]
                work.put(item, sha, ranking, vector, cached)
        for work in dict.fromkeys(work for work, *_ in rows):
            queue.outcome_added(work)

    def _fail(self, queue: BatchQueue, waiting: Waiting, code: str, detail: dict[str, Any]) -> None:
        for work, item in queue.pop_waiters(waiting):
            work.fail(item, waiting.sha256, code, detail)
            queue.outcome_added(work)

    def _hand_back(self, queue: BatchQueue, waiting: Waiting) -> None:
        for work, _ in queue.pop_waiters(waiting):
            work.hand_back(1)
            queue.outcome_added(work)

    def _fit_batch(self, photos: int, seconds: float) -> None:
        """Shrinks batches of slow encoders; regrows it towards the engine's preference when full ones are fast."""
        fitting = max(1, int(_MAX_BATCH_SECONDS * photos / max(seconds, 1e-6)))
        self._batch = min(self._encoder.micro_batch, fitting if fitting < self._batch else max(self._batch, 2 * photos))


class _Committer(threading.Thread):
    """Commits outcomes while the next batch is encoded."""

    def __init__(self, queue: BatchQueue, source: Source) -> None:
        super().__init__(name="committer", daemon=True)
        self._queue = queue
        self._source = source

    def run(self) -> None:
        try:
            while (work := self._queue.out.get()) is not None:
                # A chunk may be queued several times; the first pass takes everything, the others find nothing.
                due = work.due(_PARTIAL_COMMIT_SECONDS)
                if due is None:
                    continue
                results, vectors, ends = due
                if results or work.complete:
                    self._source.commit(work.chunk, results, vectors, ends and work.complete)
                if ends and not work.complete:
                    self._source.release(work.chunk)
                if ends:
                    self._queue.close(work)
        except BaseException as error:
            self._queue.fail(error)

    def end(self) -> None:
        self._queue.out.put(None)
        self.join()
