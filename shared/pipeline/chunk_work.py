"""Data of the pipeline: chunks and their outcomes, and photos queued for encoding."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from shared.core.errors import WeftError
from shared.core.messages import PHOTO_CODES
from shared.encoder.cache import CachedPhoto
from shared.jobs.model import Item, ItemResult, Lane
from shared.jobs.photo_fields import fields_of
from shared.pipeline.photos import PreparedPhoto
from shared.ranking.model import Ranking


class Chunk(Protocol):
    """What a source returns; `ledger.claims.Claim` is one."""

    @property
    def items(self) -> tuple[Item, ...]: ...
    @property
    def bank(self) -> str: ...
    @property
    def preset(self) -> str: ...
    @property
    def lane(self) -> Lane: ...
    @property
    def alone(self) -> bool: ...


class Source(Protocol):
    """Supplies chunks and takes results. Called from several threads; may block during an outage."""

    def take(self, lane: Lane) -> Any | None:
        """The next chunk of the lane, or None. After the first None for `BULK`, the pipeline finishes its chunks
        and ends."""

    def reachable(self, chunk: Any) -> bool:
        """Whether the folder of the chunk's photos is readable here; if not, it is left to other workers."""
        return True

    def blocked(self, chunk: Any, error: WeftError) -> None:
        """Photos of the chunk cannot be done, through no fault of theirs: they are handed back, and its job waits."""
        return None

    def hold(self, chunk: Any, indexes: Sequence[int]) -> None:
        """Records the photos about to be decoded and encoded: if the worker dies now, one of them is the suspect."""

    def commit(self, chunk: Any, results: Sequence[ItemResult], vectors: bytes, final: bool) -> None:
        """Commits outcomes of the chunk; `vectors` holds the float16 rows of the ok ones in order."""

    def release(self, chunk: Any) -> None:
        """Returns the part of the chunk that was not started."""

    def draining(self) -> bool:
        """Whether the process is shutting down: finish what is in progress, start nothing."""

    def progressed(self) -> None:
        """Reports progress: leases may be renewed."""


@dataclass(eq=False, slots=True)
class ChunkWork:
    """A chunk in progress: remaining items, and outcomes that are not committed yet."""

    chunk: Any
    #: Items without an outcome; guarded by `lock`, like all below.
    left: int
    lock: threading.Lock = field(default_factory=threading.Lock)
    results: list[ItemResult] = field(default_factory=list)
    vectors: list[NDArray[np.float16]] = field(default_factory=list)
    in_progress: set[int] = field(default_factory=set)
    committed: float = field(default_factory=time.monotonic)
    #: The last part has been taken for commit.
    ended: bool = False
    #: False: part of the chunk is left to another worker.
    complete: bool = True
    #: Its folder does not answer, or something else keeps its photos from being done: the rest is handed back.
    blocked: bool = False
    done: threading.Event = field(default_factory=threading.Event)

    @property
    def trace(self) -> str:
        """The traceparent of its span; empty while tracing is off."""
        return str(getattr(self.chunk, "trace", ""))

    def put(self, item: Item, sha256: str | None, ranking: Ranking, photo: CachedPhoto, cached: bool) -> None:
        extra = dict(photo.extra) | fields_of(item)
        result = ItemResult(item.index, item.name, item.generation, sha256, cached, ranking, extra=extra)
        with self.lock:
            self.results.append(result)
            self.vectors.append(photo.vector)
            self.left -= 1
            self.in_progress.discard(item.index)

    def fail(self, item: Item, sha256: str | None, code: str, detail: dict[str, Any]) -> None:
        """`code`: one of `PHOTO_CODES`; whatever is not the photo's fault is handed back."""
        if code not in PHOTO_CODES:
            raise ValueError(f"{code} is not a photo's fault")
        extra = fields_of(item)
        result = ItemResult(
            item.index, item.name, item.generation, sha256, error_code=code, error_detail=detail, extra=extra
        )
        with self.lock:
            self.results.append(result)
            self.left -= 1
            self.in_progress.discard(item.index)

    def hand_back(self, count: int) -> None:
        """Leaves `count` items of the chunk to another worker."""
        with self.lock:
            self.left -= count
            self.complete = False

    def is_due(self, seconds: float) -> bool:
        """Whether `due` may have something to commit."""
        return self.left == 0 or time.monotonic() - self.committed >= seconds

    def due(self, seconds: float) -> tuple[list[ItemResult], bytes, bool] | None:
        """(results, vectors, last): what to commit now; a part once the last commit is `seconds` ago, else None."""
        with self.lock:
            ends = self.left == 0
            waited = time.monotonic() - self.committed >= seconds
            if self.ended or not (ends or (self.results and waited)):
                return None
            self.ended = ends
            results, self.results = self.results, []
            rows, self.vectors = self.vectors, []
            self.committed = time.monotonic()
        return results, b"".join(row.tobytes() for row in rows), ends


@dataclass(eq=False, slots=True)
class Waiting:
    """A photo queued for encoding, with every item that waits for its vector: identical photos are encoded once."""

    sha256: str
    #: The prepared photo or its PhotoError; None for engines that need no pixels.
    prepared: Future[PreparedPhoto] | None
    #: (chunk, item) in order of arrival.
    waiters: list[tuple[ChunkWork, Item]]


@dataclass(eq=False, slots=True)
class CacheHit:
    """Photos that were found in the cache."""

    work: ChunkWork
    items: list[tuple[Item, str]]
    photos: list[CachedPhoto]
