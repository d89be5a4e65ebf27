"""The encoder loop, one per stream: micro-batches from the queue, vectors to the ranking, outcomes to the committer."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.core.errors import WeftError
from shared.core.measuring import stage
from shared.encoder import Encoder
from shared.encoder.cache import CachedPhoto, EmbeddingCache
from shared.jobs.model import Item, Lane
from shared.photos.decoder import ServerLost
from shared.pipeline.batch_queue import PARTIAL_COMMIT_SECONDS, BatchQueue
from shared.pipeline.blame import Blame, each, fault, obstacle
from shared.pipeline.chunk_work import CacheHit, ChunkWork, Source, Waiting
from shared.pipeline.loading import MAX_HUNG, Loader
from shared.pipeline.photos import Photos, PreparedPhoto
from shared.pipeline.readers import HungReads
from shared.pipeline.throttle import Throttle
from shared.ranking.model import Ranking

#: (vectors float32 [n, dim], bank version, preset name) → n rankings
Rank = Callable[[NDArray[np.float32], str, str], Sequence[Ranking]]
#: (ranking, values of the photo by `Field.key`, bank version) → both as the result holds them
Judge = Callable[[Ranking, Mapping[str, Any], str], tuple[Ranking, Mapping[str, Any]]]

#: Batches in a row that the model refuses, after which the process should be replaced: a new one may run it.
_MAX_ENGINE_FAILURES = 3
#: Target maximum seconds per encoder call: interactive photos wait for it, and lease renewal depends on progress.
_MAX_BATCH_SECONDS = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class _Answer:
    """An item whose vector is known, before ranking."""

    work: ChunkWork
    item: Item
    sha256: str
    photo: CachedPhoto
    cached: bool


class Pipeline:
    """Runs chunks through one warm encoder. `run` is called repeatedly, from one thread."""

    def __init__(
        self,
        encoder: Encoder,
        cache: EmbeddingCache,
        photos: Photos,
        rank: Rank,
        *,
        threads: int,
        photo_timeout: float,
        throttle: Throttle | None = None,
        judge: Judge | None = None,
    ) -> None:
        """`threads`: decode threads of the bulk lane. `photo_timeout`: seconds for reading one photo,
        and for decoding one where `photos` has no pool. `throttle`: None: no limit.
        `judge`: what it makes of a photo that may be too poor; None: results stay as they are ranked."""
        self._throttle = throttle or Throttle()
        self._encoder = encoder
        self.cache = cache
        self._photos = photos
        self._rank = rank
        self._judge_photo = judge
        self._threads = threads
        self._photo_timeout = photo_timeout
        self._batch = encoder.micro_batch
        #: A thread is still stuck in decoding a photo that has timed out, or no decoder can be started: the process
        #: should be replaced.
        self.needs_restart = False
        self._hung = HungReads()
        self._blame = Blame()
        self._engine_failures = 0

    @property
    def reads_hang(self) -> bool:
        """So many reads hang that the process should be replaced."""
        return self._hung.count >= MAX_HUNG

    def run(self, source: Source, lanes: Sequence[Lane], keep_going: Callable[[], bool]) -> None:
        """Runs until the source has no more bulk chunks or `keep_going` is false, then finishes what it has started.

        Raises the first error of a loader or the source; leases of uncommitted chunks expire.
        """
        queue = BatchQueue(self._batch, self._photo_timeout, self._encoder.streams)
        committer = _Committer(queue, source, self.cache)
        committer.start()
        for lane in Lane:
            if lane in lanes:
                threads = self._threads if lane is Lane.BULK else 1
                shared = (source, queue, self._photos, self.cache, self._encoder)
                Loader(lane, *shared, threads, keep_going, self._hung, self._blame, self._throttle).start()
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
                self._finish_hits(queue, source, hits)
                self._encode(queue, source, batch)
                source.progressed()
                queue.micro_batch = self._batch
        except BaseException as error:
            queue.fail(error)

    def _wait(self, future: Future[PreparedPhoto], queue: BatchQueue, source: Source) -> PreparedPhoto:
        """The prepared photo. A pool ends its photos itself, so that waiting for one is progress too."""
        while self._photos.pool is not None:
            with suppress(TimeoutError):
                return future.result(timeout=1.0)
            source.progressed()
        return future.result(timeout=queue.photo_timeout)

    def _encode(self, queue: BatchQueue, source: Source, batch: list[Waiting]) -> None:
        photos: list[Waiting] = []
        prepared: list[PreparedPhoto | None] = []
        unforeseen: list[tuple[Waiting, Exception]] = []
        for waiting in batch:
            if queue.needs_restart and waiting.prepared is not None and waiting.prepared.cancel():
                # It was only queued behind a photo that hangs: leave it to another worker.
                self._hand_back(queue, waiting)
                continue
            try:
                # Not `is None`: engines without pixels have no future.
                prepared.append(self._wait(waiting.prepared, queue, source) if waiting.prepared else None)
                photos.append(waiting)
            except TimeoutError:
                queue.needs_restart = True
                # Not started yet: another photo hangs, and fails on its own.
                if waiting.prepared is not None and waiting.prepared.cancel():
                    self._hand_back(queue, waiting)
                else:
                    self._fail(queue, waiting, "timeout", {})
            except ServerLost:
                # No decoder can be started here: another process may do better.
                queue.needs_restart = True
                self._hand_back(queue, waiting)
            except Exception as error:
                if (own := fault(error)) is not None:
                    self._fail(queue, waiting, *own)
                else:
                    unforeseen.append((waiting, error))
        for waiting, failure in unforeseen:
            self._judge(queue, source, waiting, failure, "decoding_failed", beside=bool(photos))
        if not photos:
            return
        started = time.perf_counter()
        with stage("encode", (work.trace for waiting in photos for work, _ in waiting.waiters)):
            vectors = each(partial(self._vectors, photos, prepared), len(photos))
        good = [n for n, vector in enumerate(vectors) if not isinstance(vector, Exception)]
        if good:
            self._fit_batch(len(photos), time.perf_counter() - started)
            self._blame.succeeded()
        self._count_failure(queue, failed=not good)
        # Ranked in the cached precision: a cache hit must never change an answer.
        encoded: dict[Waiting, CachedPhoto] = {}
        for waiting, vector, p in zip(photos, vectors, prepared, strict=True):
            if isinstance(vector, Exception):
                self._judge(queue, source, waiting, vector, "engine_failed", beside=bool(good))
            else:
                encoded[waiting] = CachedPhoto(vector.astype(np.float16), p.extra if p else {})
        self.cache.set_many({waiting.sha256: photo for waiting, photo in encoded.items()})
        answers: list[_Answer] = []
        for waiting, photo in encoded.items():
            # Only the first item was encoded; the others count as cached.
            waiters = queue.pop_waiters(waiting)
            answers += [_Answer(work, item, waiting.sha256, photo, n > 0) for n, (work, item) in enumerate(waiters)]
        self._finish(queue, source, answers)

    def _vectors(
        self, photos: Sequence[Waiting], prepared: Sequence[PreparedPhoto | None], numbers: Sequence[int]
    ) -> Sequence[NDArray[np.float32]]:
        """One row a photo, float32 [dim]."""
        if not self._encoder.needs_pixels:
            return list(self._encoder.encode_hashes([photos[n].sha256 for n in numbers]))
        chosen = [prepared[n] for n in numbers]
        return list(self._encoder.encode([photo.prepared for photo in chosen if photo]))

    def _count_failure(self, queue: BatchQueue, failed: bool) -> None:
        self._engine_failures = self._engine_failures + 1 if failed else 0
        if self._engine_failures >= _MAX_ENGINE_FAILURES:
            queue.needs_restart = True

    def _judge(
        self, queue: BatchQueue, source: Source, waiting: Waiting, error: Exception, code: str, *, beside: bool
    ) -> None:
        """Fails a photo that our code alone cannot stand; hands it back where another is at fault, as `code`."""
        if self._blame.is_photos(waiting.sha256, error, beside):
            self._fail(queue, waiting, "internal", {})
        else:
            self._hand_back(queue, waiting, source, obstacle(error, code))

    def _finish_hits(self, queue: BatchQueue, source: Source, hits: list[CacheHit]) -> None:
        answers = [
            _Answer(hit.work, item, sha, photo, True)
            for hit in hits
            for (item, sha), photo in zip(hit.items, hit.photos, strict=True)
        ]
        self._finish(queue, source, answers)

    def _finish(self, queue: BatchQueue, source: Source, answers: list[_Answer]) -> None:
        groups: defaultdict[tuple[str, str], list[_Answer]] = defaultdict(list)
        for answer in answers:
            groups[answer.work.chunk.bank, answer.work.chunk.preset].append(answer)
        for (bank, preset), group in groups.items():
            vectors = np.stack([answer.photo.vector for answer in group]).astype(np.float32)
            with stage("rank", (answer.work.trace for answer in group)):
                rankings = each(partial(self._ranked, vectors, bank, preset), len(group))
            beside = any(not isinstance(ranking, Exception) for ranking in rankings)
            for answer, ranking in zip(group, rankings, strict=True):
                work = answer.work
                if not isinstance(ranking, Exception):
                    final, photo = self._judged(ranking, answer.photo, bank)
                    work.put(answer.item, answer.sha256, final, photo, answer.cached)
                elif self._blame.is_photos(answer.sha256, ranking, beside):
                    work.fail(answer.item, answer.sha256, "internal", {})
                else:
                    # The bank may be missing or damaged: the photos wait until it is restored.
                    self._block(work, source, obstacle(ranking, "ranking_failed", version=bank))
                    work.hand_back(1)
        for work in dict.fromkeys(answer.work for answer in answers):
            queue.outcome_added(work)

    def _judged(self, ranking: Ranking, photo: CachedPhoto, bank: str) -> tuple[Ranking, CachedPhoto]:
        if self._judge_photo is None:
            return ranking, photo
        final, extra = self._judge_photo(ranking, photo.extra, bank)
        return final, CachedPhoto(photo.vector, extra)

    def _fail(self, queue: BatchQueue, waiting: Waiting, code: str, detail: dict[str, Any]) -> None:
        for work, item in queue.pop_waiters(waiting):
            work.fail(item, waiting.sha256, code, detail)
            queue.outcome_added(work)

    def _ranked(
        self, vectors: NDArray[np.float32], bank: str, preset: str, numbers: Sequence[int]
    ) -> Sequence[Ranking]:
        return self._rank(vectors[list(numbers)], bank, preset)

    def _block(self, work: ChunkWork, source: Source, error: WeftError) -> None:
        if not work.blocked:
            work.blocked = True
            source.blocked(work.chunk, error)

    def _hand_back(
        self, queue: BatchQueue, waiting: Waiting, source: Source | None = None, error: WeftError | None = None
    ) -> None:
        """With `error`: its jobs wait for what keeps the photo from being done."""
        for work, _ in queue.pop_waiters(waiting):
            if source is not None and error is not None:
                self._block(work, source, error)
            work.hand_back(1)
            queue.outcome_added(work)

    def _fit_batch(self, photos: int, seconds: float) -> None:
        """Shrinks batches of slow encoders; regrows it towards the engine's preference when full ones are fast."""
        fitting = max(1, int(_MAX_BATCH_SECONDS * photos / max(seconds, 1e-6)))
        self._batch = min(self._encoder.micro_batch, fitting if fitting < self._batch else max(self._batch, 2 * photos))


class _Committer(threading.Thread):
    """Commits outcomes while the next batch is encoded."""

    def __init__(self, queue: BatchQueue, source: Source, cache: EmbeddingCache) -> None:
        super().__init__(name="committer", daemon=True)
        self._queue = queue
        self._cache = cache
        self._source = source

    def run(self) -> None:
        try:
            while (work := self._queue.out.get()) is not None:
                # A chunk may be queued several times; the first pass takes everything, the others find nothing.
                due = work.due(PARTIAL_COMMIT_SECONDS)
                if due is None:
                    continue
                results, vectors, ends = due
                # Before the results are seen: whoever submits the photos again then finds them.
                self._cache.flush()
                if results or work.complete:
                    with stage("commit", (work.trace,)):
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
