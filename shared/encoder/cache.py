"""Embeddings by photo: SHA-256 of the file and the encoder's digest → one float16 vector, and what else is kept of it.

Two levels: this process's own, and a Redis of its own (`allkeys-lru`), so that eviction can never reach the ledger. The
cache is a convenience: where its Redis does not answer, photos are encoded, and nothing fails.
"""

from __future__ import annotations

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import redis
import structlog
from numpy.typing import NDArray

from shared.core.redis_client import client

_log = structlog.get_logger(__name__)

#: Bytes of vectors kept in the process.
_LOCAL_BYTES = 64 * 1024**2
#: New photos that wait to be sent to Redis, at most.
_MAX_UNSENT = 64
#: Seconds without the cache's Redis after it failed.
_RECONNECT_COOLDOWN = 10.0

#: Between the vector and the extra values, which are JSON.
_EXTRA_MARK = b"\x01"

Vector = NDArray[np.float16]


@dataclass(frozen=True, slots=True, eq=False)
class CachedPhoto:
    """What the cache keeps of a photo."""

    #: float16 [dim].
    vector: Vector
    #: Values that were computed from the pixels, by name and version (`shared.jobs.field_model.Field.key`).
    extra: Mapping[str, Any] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """The vector; where there are extra values, a mark and their JSON."""
        if not self.extra:
            return self.vector.tobytes()
        text = json.dumps(self.extra, ensure_ascii=False, separators=(",", ":"))
        return self.vector.tobytes() + _EXTRA_MARK + text.encode()

    @classmethod
    def from_bytes(cls, raw: bytes, dim: int) -> CachedPhoto | None:
        """None for an entry that is no vector of `dim` values."""
        size = 2 * dim
        if len(raw) < size:
            return None
        vector, rest = np.frombuffer(raw[:size], np.float16), raw[size:]
        if not rest:
            return cls(vector)
        try:
            extra = json.loads(rest[1:])
        except ValueError:
            extra = None
        return cls(vector, extra) if rest.startswith(_EXTRA_MARK) and isinstance(extra, dict) else None


class EmbeddingCache:
    """Safe to use from several threads."""

    def __init__(self, url: str | None, digest: str, dim: int) -> None:
        """`digest`: `EncoderInfo.cache_digest`; `url` None: this process's own level only."""
        self._prefix = f"e:{digest}:".encode()
        self._dim = dim
        self._local: OrderedDict[str, CachedPhoto] = OrderedDict()
        self._room = max(1024, _LOCAL_BYTES // (2 * dim))
        self._lock = threading.Lock()
        self._unsent: dict[str, CachedPhoto] = {}
        #: Any: redis-py types every answer as bytes or str; here they are bytes.
        self._redis: Any = client(url, socket_timeout=2, socket_connect_timeout=2) if url else None
        self._silent_until = 0.0
        self.hits = 0
        self.misses = 0

    def get_many(self, sha256s: Sequence[str], required: Collection[str] = ()) -> dict[str, CachedPhoto]:
        """The photos that are known. One that lacks a `required` extra value counts as unknown: it is decoded again."""
        found: dict[str, CachedPhoto] = {}
        with self._lock:
            for sha in sha256s:
                if (photo := self._local.get(sha)) is not None and _has(photo, required):
                    self._local.move_to_end(sha)
                    found[sha] = photo
        missing = [s for s in dict.fromkeys(sha256s) if s not in found]
        if missing and self._redis is not None and time.monotonic() >= self._silent_until:
            try:
                values = self._redis.mget([self._key(s) for s in missing])
            except (redis.RedisError, OSError, ValueError) as error:
                self._pause(error)
            else:
                read = {s: CachedPhoto.from_bytes(v, self._dim) for s, v in zip(missing, values, strict=True) if v}
                remote = {s: photo for s, photo in read.items() if photo is not None and _has(photo, required)}
                self._remember(remote)
                found |= remote
        self.hits += len(found)
        self.misses += len(set(sha256s)) - len(found)
        return found

    def set_many(self, photos: Mapping[str, CachedPhoto]) -> None:
        """Keeps new photos by SHA-256; other processes find them after the next `flush`."""
        self._remember(photos)
        if self._redis is None:
            return
        with self._lock:
            self._unsent.update(photos)
            many = len(self._unsent) >= _MAX_UNSENT
        if many:
            self.flush()

    def flush(self) -> None:
        """Sends new photos to Redis, many at once: a call for every micro-batch costs more than it carries."""
        with self._lock:
            photos, self._unsent = self._unsent, {}
        if photos and time.monotonic() >= self._silent_until:
            try:
                self._redis.mset({self._key(s): photo.to_bytes() for s, photo in photos.items()})
            except (redis.RedisError, OSError, ValueError) as error:
                self._pause(error)

    def _key(self, sha256: str) -> bytes:
        return self._prefix + bytes.fromhex(sha256)

    def _remember(self, photos: Mapping[str, CachedPhoto]) -> None:
        with self._lock:
            self._local.update(photos)
            while len(self._local) > self._room:
                self._local.popitem(last=False)

    def _pause(self, error: Exception) -> None:
        self._silent_until = time.monotonic() + _RECONNECT_COOLDOWN
        _log.warning("embedding_cache_unreachable", error=str(error), pause_s=_RECONNECT_COOLDOWN)


def _has(photo: CachedPhoto, required: Collection[str]) -> bool:
    return all(key in photo.extra for key in required)
