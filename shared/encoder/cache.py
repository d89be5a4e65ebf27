"""Embeddings by photo: SHA-256 of the file and the encoder's digest → one float16 vector.

Two levels: this process's own, and a Redis of its own (`allkeys-lru`), so that eviction can never reach the ledger. The
cache is a convenience: where its Redis does not answer, photos are encoded, and nothing fails.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import redis
import structlog
from numpy.typing import NDArray

_log = structlog.get_logger(__name__)

#: Bytes of vectors kept in the process.
_LOCAL_BYTES = 64 * 1024**2
#: Seconds without the cache's Redis after it failed.
_RECONNECT_COOLDOWN = 10.0

Vector = NDArray[np.float16]


class EmbeddingCache:
    """Safe to use from several threads."""

    def __init__(self, url: str | None, digest: str, dim: int) -> None:
        """`digest`: `EncoderInfo.cache_digest`; `url` None: this process's own level only."""
        self._prefix = f"e:{digest}:".encode()
        self._dim = dim
        self._local: OrderedDict[str, Vector] = OrderedDict()
        self._room = max(1024, _LOCAL_BYTES // (2 * dim))
        self._lock = threading.Lock()
        #: Any: redis-py types every answer as bytes or str; here they are bytes.
        self._redis: Any = redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2) if url else None
        self._silent_until = 0.0
        self.hits = 0
        self.misses = 0

    def get_many(self, sha256s: Sequence[str]) -> dict[str, Vector]:
        """The vectors that are known, float16 [dim] each."""
        found: dict[str, Vector] = {}
        with self._lock:
            for sha in sha256s:
                if (vector := self._local.get(sha)) is not None:
                    self._local.move_to_end(sha)
                    found[sha] = vector
        missing = [s for s in dict.fromkeys(sha256s) if s not in found]
        if missing and self._redis is not None and time.monotonic() >= self._silent_until:
            try:
                values = self._redis.mget([self._key(s) for s in missing])
            except redis.RedisError as error:
                self._pause(error)
            else:
                size = 2 * self._dim
                remote = {
                    s: np.frombuffer(v, np.float16)
                    for s, v in zip(missing, values, strict=True)
                    if v and len(v) == size
                }
                self._remember(remote)
                found |= remote
        self.hits += len(found)
        self.misses += len(set(sha256s)) - len(found)
        return found

    def set_many(self, vectors: Mapping[str, Vector]) -> None:
        """Keeps new vectors, float16 [dim] each."""
        self._remember(vectors)
        if vectors and self._redis is not None and time.monotonic() >= self._silent_until:
            try:
                self._redis.mset({self._key(s): v.tobytes() for s, v in vectors.items()})
            except redis.RedisError as error:
                self._pause(error)

    def _key(self, sha256: str) -> bytes:
        return self._prefix + bytes.fromhex(sha256)

    def _remember(self, vectors: Mapping[str, Vector]) -> None:
        with self._lock:
            self._local.update(vectors)
            while len(self._local) > self._room:
                self._local.popitem(last=False)

    def _pause(self, error: Exception) -> None:
        self._silent_until = time.monotonic() + _RECONNECT_COOLDOWN
        _log.warning("embedding_cache_unreachable", error=str(error), pause_s=_RECONNECT_COOLDOWN)
