"""What travels through the pipeline: a chunk and its outcomes, and the photos on their way to the encoder."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from shared.jobs.model import Item, ItemResult, Lane
from shared.ranking.model import Ranking


class Chunk(Protocol):
    """What a source hands out; `ledger.claims.Claim` is one."""

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
    """Where chunks come from and results go. Called from several threads; may block while the world recovers."""

    def take(self, lane: Lane) -> Any | None:
        """The next chunk of the lane, or None while there is none. After it once returned None for `BULK`, the
        pipeline ends when what it has is done."""

    def reachable(self, chunk: Any) -> bool:
        """Whether the folder of the chunk's photos can be read from here; if not, others have to do it."""
        return True

    def hold(self, chunk: Any, indexes: Sequence[int]) -> None:
        """These photos of the chunk are about to be decoded and encoded: what dies now, one of them killed."""

    def commit(self, chunk: Any, results: Sequence[ItemResult], vectors: bytes, final: bool) -> None:
        """Outcomes of the chunk; `vectors` holds the float16 rows of the ok ones in order."""

    def release(self, chunk: Any) -> None:
        """Hands back what was not begun of the chunk."""

    def draining(self) -> bool:
        """The process is about to end: finish what is in hand, begin nothing."""

    def progressed(self) -> None:
        """Something moved: leases may be renewed."""


@dataclass(eq=False, slots=True)
class ChunkWork:
    """A chunk on its way: counts what is left, gathers what is done."""

    chunk: Any
    #: Items without an outcome; guarded by `lock`, like all below.
    left: int
    lock: threading.Lock = field(default_factory=threading.Lock)
    results: list[ItemResult] = field(default_factory=list)
    vectors: list[NDArray[np.float16]] = field(default_factory=list)
    held: set[int] = field(default_factory=set)
    committed: float = field(default_factory=time.monotonic)
    #: The last commit was taken out.
    ended: bool = False
    #: False: the worker drains, and the rest of the chunk is handed back.
    whole: bool = True
    done: threading.Event = field(default_factory=threading.Event)

    def put(self, item: Item, sha256: str | None, ranking: Ranking, vector: NDArray[np.float16], cached: bool) -> None:
        result = ItemResult(item.index, item.name, item.generation, sha256, cached, ranking)
        with self.lock:
            self.results.append(result)
            self.vectors.append(vector)
            self.left -= 1
            self.held.discard(item.index)

    def fail(self, item: Item, sha256: str | None, code: str, detail: dict[str, Any]) -> None:
        result = ItemResult(item.index, item.name, item.generation, sha256, error_code=code, error_detail=detail)
        with self.lock:
            self.results.append(result)
            self.left -= 1
            self.held.discard(item.index)

    def cut(self, unseen: int) -> None:
        """Leaves `unseen` items of the chunk to another worker."""
        with self.lock:
            self.left -= unseen
            self.whole = False

    def due(self, seconds: float) -> tuple[list[ItemResult], bytes, bool] | None:
        """What to commit now: everything once nothing is left (True), a part when the last commit is `seconds` ago."""
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
    """A photo on its way to the encoder, and all who wait for its vector: identical photos are encoded once."""

    sha256: str
    #: The prepared photo (or None for engines that need no pixels), or the PhotoError that stands in its way.
    prepared: Future[Any] | None
    #: Whoever waits: (chunk, item), in order of arrival.
    takers: list[tuple[ChunkWork, Item]]


@dataclass(eq=False, slots=True)
class Known:
    """Photos whose vectors came out of the cache."""

    work: ChunkWork
    items: list[tuple[Item, str]]
    vectors: list[NDArray[np.float16]]
