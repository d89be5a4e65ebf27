"""A worker's warm state: one encoder, and the banks that its jobs use."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray

from shared.bank.bank import Bank
from shared.bank.store import BankStore
from shared.core.day_limit import DayLimit
from shared.core.errors import BankError, Conflict, NotFound, Unavailable, WeftError
from shared.core.settings import Settings, cores
from shared.encoder import Encoder, load_encoder
from shared.encoder.cache import EmbeddingCache
from shared.photos.decode_pool import SUPPORTED, DecodePool
from shared.pipeline import Pipeline
from shared.pipeline.decoding import open_pool
from shared.pipeline.judging import judged
from shared.pipeline.photos import Photos
from shared.pipeline.throttle import Throttle
from shared.ranking.model import PRESETS, Ranking
from shared.ranking.ranker import memory_bytes, rank

_log = structlog.get_logger(__name__)

#: Versions kept in memory: always two (the active one, and one that older jobs still use), and more of several banks
#: that are used side by side, as long as they are small.
_MIN_BANKS, _MAX_BANKS = 2, 12
_BANK_BYTES = 1024**3
_SLOW_LOAD_SECONDS = 3.0
_LARGE_BANK_BYTES = 500 * 1024**2


class Engine:
    """Loaded once per process. `rank` is called from the encoder's threads."""

    def __init__(self, settings: Settings) -> None:
        """Loads the encoder, converting the model first where needed.

        Raises: ModelError.
        """
        began = time.perf_counter()
        self._threads = settings.threads or cores()
        self._centroids_only = settings.centroids_only
        self._day_limit, self._read_limit = DayLimit.of(settings.day_limit), settings.read_limit * 1e6
        self.encoder: Encoder = load_encoder(settings, threads=self._threads, say=_log_progress, concurrent=True)
        took = time.perf_counter() - began
        if took > _SLOW_LOAD_SECONDS:
            _log.warning(
                "slow_model_load",
                seconds=round(took, 1),
                advice="`weft model pull` converts a model once, ahead of time",
            )
        self._store = BankStore(settings, ranks_only=not settings.centroids_only)
        self._banks: OrderedDict[str, Bank] = OrderedDict()
        self._lock = threading.Lock()
        #: The versions in memory.
        self.banks: tuple[str, ...] = ()
        self.bank: Bank | None = None

    def refresh(self) -> None:
        """Loads the active bank version if it has changed.

        Raises: BankError (missing, damaged, not readable, or built by another model).
        """
        try:
            version = self._store.current()
        except OSError as error:
            raise BankError("bank_unreadable", reason=str(error)) from error
        if version is not None and (self.bank is None or self.bank.version != version):
            self.bank = self._load(version)

    @property
    def identity(self) -> str:
        """Identity of the jobs this engine may claim: its encoder's (engines without pixels: the bank's)."""
        if self.bank is not None and not self.encoder.needs_pixels:
            return self.bank.identity
        return self.encoder.info.identity

    def warm_up(self) -> None:
        """One encode and one ranking, so that the first photo is not slowed down by lazy initialization."""
        encoder = self.encoder
        if encoder.needs_pixels:
            side = encoder.decode_size
            vectors = encoder.encode([encoder.prepare(np.zeros((side, side, 3), np.uint8))] * 2)
        else:
            vectors = encoder.encode_hashes(["00" * 32])
        if self.bank is not None:
            try:
                rank(self.bank, vectors, PRESETS["standard"], centroids_only=self._centroids_only)
            except (Unavailable, Conflict) as error:
                # Jobs of other banks need not wait for the bank server.
                _log.warning("bank_server_away", code=error.code, message=str(error))

    def rank(self, vectors: NDArray[np.float32], version: str, preset: str) -> Sequence[Ranking]:
        """Raises: BankError, InvalidRequest; Unavailable and Conflict for what is wrong with the bank server."""
        return rank(self._load(version), vectors, preset, centroids_only=self._centroids_only)

    @property
    def server_error(self) -> WeftError | None:
        """What is wrong with the bank server, as far as photos had to do with it."""
        return self._store.server.failure if self._store.server else None

    def server_away(self, version: str | None = None) -> WeftError | None:
        """The same, after another look: of photos of this bank version; None for one that is read from its files."""
        server, bank = self._store.server, self._banks.get(version or "")
        return server.away() if server is not None and (bank is None or bank.server is not None) else None

    def judge(self, ranking: Ranking, extra: Mapping[str, Any], version: str) -> tuple[Ranking, Mapping[str, Any]]:
        """What the bank's limits for photos make of a ranking and of the photo's values. Raises: BankError."""
        return judged(ranking, extra, self._load(version).manifest.photo_limits)

    def pipeline(self, photos: Photos, cache_url: str | None, photo_timeout: float) -> Pipeline:
        """A pipeline that uses this engine; see `Pipeline`. `cache_url`: Redis of the embedding cache, or None."""
        throttle = Throttle(self._day_limit, self._threads, self._read_limit)
        info = self.encoder.info
        cache = EmbeddingCache(cache_url, info.cache_digest, info.dim)
        return Pipeline(
            self.encoder,
            cache,
            photos,
            self.rank,
            threads=self._decoders,
            photo_timeout=photo_timeout,
            throttle=throttle,
            judge=self.judge,
        )

    def decode_pool(self, settings: Settings) -> DecodePool | None:
        """Processes that decode for this engine; None for engines without pixels, and off Linux.

        Raises ServerLost where none can be started.
        """
        if not self.encoder.needs_pixels:
            return None
        if not SUPPORTED:
            _log.warning("decoding_in_the_worker", advice="only Linux keeps a hostile photo from the worker")
            return None
        # One more than the bulk lane has threads: an interactive photo waits for none of them.
        pool = open_pool(settings, self.encoder, self._decoders + 1)
        # Now, so that a worker that cannot decode says so instead of taking photos.
        _log.info("decoding_apart", limits=pool.confinement())
        return pool

    @property
    def _decoders(self) -> int:
        """Decode threads of the bulk lane."""
        # One more than cores: while one stores a thumbnail or hands over a photo, another decodes (photos of 12 MP:
        # 1.12 times as many). At least three: a slow disk or a huge photo must not block the others.
        return max(2, self._threads) + 1

    def close(self) -> None:
        if self._store.server is not None:
            self._store.server.close()
        self.encoder.close()

    def _load(self, version: str) -> Bank:
        with self._lock:
            if (bank := self._banks.get(version)) is None:
                began = time.perf_counter()
                try:
                    bank = self._store.load(version)
                except NotFound as error:
                    raise BankError("bank_missing", version=version) from error
                except OSError as error:
                    raise BankError("bank_unreadable", reason=str(error)) from error
                bank.require(self.encoder.info)
                _warn_if_large(bank, time.perf_counter() - began)
                self._banks[version] = bank
                self._drop_banks()
                self.banks = tuple(self._banks)
            self._banks.move_to_end(version)
            return bank

    def _drop_banks(self) -> None:
        """Those used longest ago, where there are too many or they take too much."""
        while len(self._banks) > _MIN_BANKS and (
            len(self._banks) > _MAX_BANKS or sum(map(memory_bytes, self._banks.values())) > _BANK_BYTES
        ):
            _, dropped = self._banks.popitem(last=False)
            # It holds them and they hold it: without this the memory would come back late.
            dropped.rankers.clear()


def _warn_if_large(bank: Bank, seconds: float) -> None:
    size = bank.vectors.nbytes
    if seconds > _SLOW_LOAD_SECONDS or size > _LARGE_BANK_BYTES:
        _log.warning(
            "large_bank",
            version=bank.version,
            vectors=bank.rows,
            megabytes=size >> 20,
            seconds=round(seconds, 1),
            advice="`weft bank clean --keep 8` keeps the samples that carry the most",
        )


def _log_progress(line: str) -> None:
    _log.info("model", progress=line)
