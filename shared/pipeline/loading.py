"""The loader of one lane: takes chunks, reads and hashes photos, looks up the cache, and starts decoding misses."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import Any

import structlog

from shared.core import tracing
from shared.core.errors import WeftError
from shared.core.measuring import looked_up
from shared.encoder import Encoder
from shared.encoder.cache import EmbeddingCache
from shared.jobs.model import Item, Lane
from shared.pipeline.batch_queue import BatchQueue
from shared.pipeline.blame import Blame, fault, obstacle
from shared.pipeline.chunk_work import CacheHit, ChunkWork, Source, Waiting
from shared.pipeline.photos import Photos, PreparedPhoto
from shared.pipeline.pixel_fields import required
from shared.pipeline.readers import HungReads, Readers
from shared.pipeline.throttle import Throttle

_log = structlog.get_logger(__name__)

#: Minimum photos read and looked up together (a micro-batch if that is more); bounds the bytes held in memory.
GROUP = 16
#: Threads for reading and hashing; separate from the decode threads, or a group would wait for all queued decodes.
READERS = 4
#: Reads that may hang at a time; with more, the process is to be replaced.
MAX_HUNG = 8

#: Error codes of a photo whose folder is missing or not mounted.
ABSENT = ("missing_file", "unreadable", "outside_roots")


class Loader(threading.Thread):
    """Feeds the queue from one lane until the source has no more or `keep_going` is false.

    Each lane has its own decode threads, so that interactive photos are not queued behind bulk photos.
    """

    def __init__(
        self,
        lane: Lane,
        source: Source,
        queue: BatchQueue,
        photos: Photos,
        cache: EmbeddingCache,
        encoder: Encoder,
        threads: int,
        keep_going: Callable[[], bool],
        hung: HungReads,
        blame: Blame,
        throttle: Throttle,
    ) -> None:
        super().__init__(name=f"loader-{lane}", daemon=True)
        self._lane = lane
        self._source = source
        self._queue = queue
        self._photos = photos
        self._cache = cache
        self._encoder = encoder
        self._keep_going = keep_going
        self._required = required(encoder)
        self._group = max(GROUP, encoder.micro_batch)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=f"photo-{lane}")
        self._hung = hung
        self._blame = blame
        self._throttle = throttle
        self._readers = Readers(min(threads, READERS), f"read-{lane}", hung)

    def run(self) -> None:
        try:
            while self._keep_going() and not self._stops():
                chunk = self._source.take(self._lane)
                if chunk is not None:
                    self._load(chunk)
                elif not self._queue.idle(self._lane):
                    break
        except BaseException as error:
            self._queue.fail(error)
        finally:
            self._queue.lane_ended(self._lane)
            # Queued photos still have to be decoded, unless the run has failed.
            self._pool.shutdown(wait=False, cancel_futures=self._queue.error is not None)
            self._readers.close()

    def _load(self, chunk: Any) -> None:
        work = ChunkWork(chunk, left=len(chunk.items))
        with self._queue.admission(work, alone=chunk.alone):
            if not chunk.items:
                self._queue.outcome_added(work)
            items = iter(chunk.items)
            while group := list(islice(items, self._group)):
                if self._lane is Lane.BULK:
                    self._throttle.before_work(self._ends, self._source.progressed)
                if work.blocked or self._ends():
                    work.hand_back(len(group) + sum(1 for _ in items))
                    self._queue.outcome_added(work)
                    return
                self._load_group(work, group)

    def _load_group(self, work: ChunkWork, group: Sequence[Item]) -> None:
        hashed = self._hash(work, group)
        known = self._cache.get_many([sha for _, sha, _ in hashed], self._required)
        hits = [(item, sha) for item, sha, _ in hashed if sha in known]
        looked_up(len(hashed), len(hits))
        if hits:
            self._queue.put_hit(CacheHit(work, hits, [known[sha] for _, sha in hits]))
        misses = [entry for entry in hashed if entry[1] not in known]
        if not misses:
            return
        with work.lock:
            work.in_progress.update(item.index for item, _, _ in misses)
            held = sorted(work.in_progress)
        self._source.hold(work.chunk, held)
        for item, sha, data in misses:
            if not self._queue.join(sha, work, item):
                self._queue.put(self._lane, Waiting(sha, self._prepare(work, item, sha, data), [(work, item)]))

    def _stops(self) -> bool:
        """Whether the process is to be replaced: nothing is begun any more."""
        return self._queue.needs_restart or self._hung.count >= MAX_HUNG

    def _ends(self) -> bool:
        """Whether nothing more is to be begun."""
        return self._source.draining() or self._stops()

    def _hash(self, work: ChunkWork, group: Sequence[Item]) -> list[tuple[Item, str, bytes | None]]:
        """(item, SHA-256, bytes if they were read); unreadable photos fail here."""
        reads = {}
        for i in group:
            if i.sha256 is None:
                self._throttle.before_read(i.size, self._ends, self._source.progressed)
                reads[i.index] = self._readers.submit(tracing.within(work.trace, partial(self._photos.hashed, i)))
        answer: list[tuple[Item, str, bytes | None]] = []
        for item in group:
            if item.sha256 is not None:
                answer.append((item, item.sha256, None))
                continue
            read = reads[item.index]
            if (work.blocked or self._stops()) and not read.future.done():
                # The share does not answer: no need to wait for each of its photos.
                self._readers.give_up(read)
                self._hand_back(work)
                continue
            try:
                sha, data = self._readers.wait(read, self._queue.photo_timeout, self._source.progressed)
            except TimeoutError:
                self._after_hang(work, item, begun=read.started is not None)
            except Exception as error:
                self._fail_or_hand_back(work, item, error, beside=bool(answer))
            else:
                answer.append((item, sha, data))
                self._source.progressed()
        return answer

    def _after_hang(self, work: ChunkWork, item: Item, begun: bool) -> None:
        """A read that hangs is the share's fault: the photo is handed back. Where the folder answers and the same photo
        hangs again, the photo fails."""
        _log.warning("read_hangs", path=item.path, hung=self._hung.count)
        if not self._source.reachable(work.chunk):
            work.blocked = True
            self._hand_back(work)
        elif not begun or not self._hung.again(item.path or ""):
            self._hand_back(work)
        else:
            self._fail(work, item, "timeout", {})

    def _fail(self, work: ChunkWork, item: Item, code: str, detail: dict[str, Any]) -> None:
        work.fail(item, None, code, detail)
        self._queue.outcome_added(work)

    def _fail_or_hand_back(self, work: ChunkWork, item: Item, error: Exception, beside: bool) -> None:
        """Fails an unreadable photo; hands it back where its whole folder or the storage is away, or where our own code
        is at fault. `beside`: others could be read."""
        own = fault(error)
        if own is not None and own[0] in ABSENT and item.path is not None and not self._source.reachable(work.chunk):
            self._hand_back(work)
        elif own is not None:
            self._fail(work, item, *own)
        elif self._blame.is_photos(item.path or item.name, error, beside):
            self._fail(work, item, "internal", {})
        else:
            self._block(work, obstacle(error, "worker_failed"))
            self._hand_back(work)

    def _block(self, work: ChunkWork, error: WeftError) -> None:
        work.blocked = True
        self._source.blocked(work.chunk, error)

    def _hand_back(self, work: ChunkWork) -> None:
        work.hand_back(1)
        self._queue.outcome_added(work)

    def _prepare(self, work: ChunkWork, item: Item, sha: str, data: bytes | None) -> Future[PreparedPhoto] | None:
        if not self._encoder.needs_pixels:
            return None
        prepare = partial(self._photos.prepare, item, sha, data, self._encoder)
        return self._pool.submit(tracing.within(work.trace, prepare))
