"""The loader of one lane: takes chunks, reads and hashes, asks the cache, and starts decoding what it does not know."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any

from shared.core.errors import PhotoError
from shared.encoder import Encoder
from shared.encoder.cache import EmbeddingCache
from shared.jobs.model import Item, Lane
from shared.pipeline.batch_queue import Belt
from shared.pipeline.chunk_work import ChunkWork, Known, Source, Waiting
from shared.pipeline.photos import Photos, reason

#: Photos read and looked up together at the least, or a micro-batch if that is more: bounds the bytes held in memory.
GROUP = 16
#: Threads that read and hash. Not those that decode: a group would wait for every photo that is still to be decoded.
READERS = 4

#: What a photo fails with when its folder is not there, or its share is gone.
ABSENT = ("missing_file", "unreadable", "outside_roots")


class Loader(threading.Thread):
    """Feeds the belt from one lane until the source has no more, or `stop` says so.

    A lane has decode threads of its own, so that one waiting user's photo is not queued behind the night's.
    """

    def __init__(
        self,
        lane: Lane,
        source: Source,
        belt: Belt,
        photos: Photos,
        cache: EmbeddingCache,
        encoder: Encoder,
        threads: int,
        keep_going: Callable[[], bool],
    ) -> None:
        super().__init__(name=f"loader-{lane}", daemon=True)
        self._lane = lane
        self._source = source
        self._belt = belt
        self._photos = photos
        self._cache = cache
        self._encoder = encoder
        self._keep_going = keep_going
        self._group = max(GROUP, encoder.micro_batch)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=f"photo-{lane}")
        self._readers = ThreadPoolExecutor(min(threads, READERS), thread_name_prefix=f"read-{lane}")

    def run(self) -> None:
        try:
            while self._keep_going() and not self._belt.tainted:
                chunk = self._source.take(self._lane)
                if chunk is not None:
                    self._load(chunk)
                elif not self._belt.rest(self._lane):
                    break
        except BaseException as error:
            self._belt.broke(error)
        finally:
            self._belt.ended(self._lane)
            # What waits on the belt is still to be decoded, unless nobody will take it.
            self._pool.shutdown(wait=False, cancel_futures=self._belt.error is not None)
            self._readers.shutdown(wait=False, cancel_futures=self._belt.error is not None)

    def _load(self, chunk: Any) -> None:
        work = ChunkWork(chunk, left=len(chunk.items))
        with self._belt.admission(work, alone=chunk.alone):
            if not chunk.items:
                self._belt.finished(work)
            items = iter(chunk.items)
            while group := list(islice(items, self._group)):
                if self._source.draining() or self._belt.tainted:
                    work.cut(len(group) + sum(1 for _ in items))
                    self._belt.finished(work)
                    return
                self._load_group(work, group)

    def _load_group(self, work: ChunkWork, group: Sequence[Item]) -> None:
        hashed = self._hash(work, group)
        known = self._cache.get_many([sha for _, sha, _ in hashed])
        hits = [(item, sha) for item, sha, _ in hashed if sha in known]
        if hits:
            self._belt.put_known(Known(work, hits, [known[sha] for _, sha in hits]))
        misses = [entry for entry in hashed if entry[1] not in known]
        if not misses:
            return
        with work.lock:
            work.held.update(item.index for item, _, _ in misses)
            held = sorted(work.held)
        self._source.hold(work.chunk, held)
        for item, sha, data in misses:
            if not self._belt.join(sha, work, item):
                self._belt.put(self._lane, Waiting(sha, self._prepare(item, sha, data), [(work, item)]))

    def _hash(self, work: ChunkWork, group: Sequence[Item]) -> list[tuple[Item, str, bytes | None]]:
        """(item, SHA-256, bytes where they were read); unreadable ones fail here."""
        reading = {i.index: self._readers.submit(self._photos.hashed, i) for i in group if i.sha256 is None}
        answer: list[tuple[Item, str, bytes | None]] = []
        for item in group:
            if item.sha256 is not None:
                answer.append((item, item.sha256, None))
                continue
            if self._belt.tainted and reading[item.index].cancel():
                # It only stood behind one that hangs.
                self._leave(work)
                continue
            try:
                sha, data = reading[item.index].result(timeout=self._belt.patience)
            except TimeoutError:
                self._belt.tainted = True
                if reading[item.index].cancel():
                    self._leave(work)
                else:
                    self._fail(work, item, PhotoError("timeout"))
            except Exception as error:
                self._refuse(work, item, error)
            else:
                answer.append((item, sha, data))
                self._source.progressed()
        return answer

    def _fail(self, work: ChunkWork, item: Item, error: Exception) -> None:
        work.fail(item, None, *reason(error))
        self._belt.finished(work)

    def _refuse(self, work: ChunkWork, item: Item, error: Exception) -> None:
        """Fails a photo that could not be read, unless it is the folder that went away."""
        if isinstance(error, PhotoError) and error.code in ABSENT and not self._source.reachable(work.chunk):
            self._leave(work)
        else:
            self._fail(work, item, error)

    def _leave(self, work: ChunkWork) -> None:
        work.cut(1)
        self._belt.finished(work)

    def _prepare(self, item: Item, sha: str, data: bytes | None) -> Future[Any] | None:
        if not self._encoder.needs_pixels:
            return None
        return self._pool.submit(self._photos.prepare, item, sha, data, self._encoder)
