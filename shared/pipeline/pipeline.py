"""The encoder's loops, one a stream: micro-batches off the belt, vectors to the ranking, outcomes to the committer."""

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
from shared.pipeline.batch_queue import Belt
from shared.pipeline.chunk_work import ChunkWork, Known, Source, Waiting
from shared.pipeline.loading import Loader
from shared.pipeline.photos import Photos, reason
from shared.ranking.model import Ranking

#: (vectors float32 [n, dim], bank version, preset name) → n rankings
Rank = Callable[[NDArray[np.float32], str, str], Sequence[Ranking]]

#: Seconds after which a part of a slow chunk is committed, so that progress shows and a crash costs little.
_PART_SECONDS = 2.0
#: Seconds that one encoder call should take at the most: interactive photos wait for it, leases live on progress.
_BATCH_SECONDS = 1.0


class Pipeline:
    """Runs chunks through one warm encoder. `run` is called again and again, from one thread."""

    def __init__(
        self, encoder: Encoder, cache: EmbeddingCache, photos: Photos, rank: Rank, *, threads: int, patience: float
    ) -> None:
        """`threads`: decode threads of the bulk lane. `patience`: seconds that reading or decoding a photo may take."""
        self._encoder = encoder
        self.cache = cache
        self._photos = photos
        self._rank = rank
        self._threads = threads
        self._patience = patience
        self._batch = encoder.micro_batch
        #: A thread still hangs in a photo that was given up: the process should be replaced.
        self.tainted = False

    def run(self, source: Source, lanes: Sequence[Lane], keep_going: Callable[[], bool]) -> None:
        """Works until the source has no more for the bulk lane, or `keep_going` is false; then ends what it began.

        Raises whatever broke a loader or the source; chunks that were not committed are left to their leases.
        """
        belt = Belt(self._batch, self._patience, self._encoder.streams)
        committer = _Committer(belt, source)
        committer.start()
        for lane in Lane:
            if lane in lanes:
                threads = self._threads if lane is Lane.BULK else 1
                args = (lane, source, belt, self._photos, self.cache, self._encoder, threads, keep_going)
                Loader(*args).start()
            else:
                belt.ended(lane)
        others = [
            threading.Thread(target=self._consume, args=(belt, source), name=f"encoder-{n}", daemon=True)
            for n in range(2, self._encoder.streams + 1)
        ]
        for other in others:
            other.start()
        self._consume(belt, source)
        for other in others:
            other.join()
        committer.end()
        self.tainted = self.tainted or belt.tainted
        if belt.error is not None:
            raise belt.error

    def _consume(self, belt: Belt, source: Source) -> None:
        """The loop of one encoder stream; an error ends all of them."""
        try:
            while (work := belt.next()) is not None:
                batch, known = work
                self._finish_known(belt, known)
                self._encode(belt, batch)
                source.progressed()
                belt.micro_batch = self._batch
        except BaseException as error:
            belt.broke(error)

    def _encode(self, belt: Belt, batch: list[Waiting]) -> None:
        photos: list[Waiting] = []
        prepared: list[Any] = []
        for waiting in batch:
            if belt.tainted and waiting.prepared is not None and waiting.prepared.cancel():
                # It only stood behind a photo that hangs: another worker takes it.
                self._hand_back(belt, waiting)
                continue
            try:
                # Not `is None`: engines without pixels have no future.
                prepared.append(waiting.prepared.result(timeout=belt.patience) if waiting.prepared else None)
                photos.append(waiting)
            except TimeoutError:
                belt.tainted = True
                # Still waiting for a thread: so another photo hangs, and was named before or will be.
                if waiting.prepared is not None and waiting.prepared.cancel():
                    self._hand_back(belt, waiting)
                else:
                    self._give_up(belt, waiting, "timeout", {})
            except Exception as error:
                self._give_up(belt, waiting, *reason(error))
        if not photos:
            return
        began = time.perf_counter()
        if self._encoder.needs_pixels:
            exact = self._encoder.encode(prepared)
        else:
            exact = self._encoder.encode_hashes([w.sha256 for w in photos])
        self._fit_batch(len(photos), time.perf_counter() - began)
        # Ranked as they are cached: a hit must never change an answer.
        vectors = exact.astype(np.float16)
        self.cache.set_many({w.sha256: v for w, v in zip(photos, vectors, strict=True)})
        rows: list[tuple[ChunkWork, Item, str, NDArray[np.float16], bool]] = []
        for waiting, vector in zip(photos, vectors, strict=True):
            # The first one paid for it; the others were answered from what it left.
            takers = belt.encoded(waiting)
            rows += [(work, item, waiting.sha256, vector, n > 0) for n, (work, item) in enumerate(takers)]
        self._finish(belt, rows)

    def _finish_known(self, belt: Belt, known: list[Known]) -> None:
        rows = [
            (k.work, item, sha, vector, True)
            for k in known
            for (item, sha), vector in zip(k.items, k.vectors, strict=True)
        ]
        self._finish(belt, rows)

    def _finish(self, belt: Belt, rows: list[tuple[ChunkWork, Item, str, NDArray[np.float16], bool]]) -> None:
        groups: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        for i, (work, *_) in enumerate(rows):
            groups[work.chunk.bank, work.chunk.preset].append(i)
        for (bank, preset), indexes in groups.items():
            vectors = np.stack([rows[i][3] for i in indexes]).astype(np.float32)
            try:
                rankings = self._rank(vectors, bank, preset)
            except WeftError as error:
                # The job's bank is gone or damaged: its items say so, and can be retried once it is back.
                for work, item, sha, *_ in (rows[i] for i in indexes):
                    work.fail(item, sha, error.code, error.detail)
                continue
            for i, ranking in zip(indexes, rankings, strict=True):
                work, item, sha, vector, cached = rows[i]
                work.put(item, sha, ranking, vector, cached)
        for work in dict.fromkeys(work for work, *_ in rows):
            belt.finished(work)

    def _give_up(self, belt: Belt, waiting: Waiting, code: str, detail: dict[str, Any]) -> None:
        for work, item in belt.encoded(waiting):
            work.fail(item, waiting.sha256, code, detail)
            belt.finished(work)

    def _hand_back(self, belt: Belt, waiting: Waiting) -> None:
        for work, _ in belt.encoded(waiting):
            work.cut(1)
            belt.finished(work)

    def _fit_batch(self, photos: int, seconds: float) -> None:
        """Slow encoders get smaller batches; a full one that is quick again grows back to what the engine prefers."""
        fitting = max(1, int(_BATCH_SECONDS * photos / max(seconds, 1e-6)))
        self._batch = min(self._encoder.micro_batch, fitting if fitting < self._batch else max(self._batch, 2 * photos))


class _Committer(threading.Thread):
    """Hands outcomes over while the next batch is encoded."""

    def __init__(self, belt: Belt, source: Source) -> None:
        super().__init__(name="committer", daemon=True)
        self._belt = belt
        self._source = source

    def run(self) -> None:
        try:
            while (work := self._belt.out.get()) is not None:
                # Several notes may lie here for one chunk; the first takes all, the others find nothing.
                due = work.due(_PART_SECONDS)
                if due is None:
                    continue
                results, vectors, ends = due
                if results or work.whole:
                    self._source.commit(work.chunk, results, vectors, ends and work.whole)
                if ends and not work.whole:
                    self._source.release(work.chunk)
                if ends:
                    self._belt.handed_in(work)
        except BaseException as error:
            self._belt.broke(error)

    def end(self) -> None:
        self._belt.out.put(None)
        self.join()
