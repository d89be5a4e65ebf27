"""The bare loops: nothing but decoding, nothing but encoding, all cores, in one process. Their sum is the ceiling.

ceiling = 1 / (1 / decode + 1 / encode): what a worker without any waste would reach where both need the same cores.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from scripts.lab.bench.clock import Reading, reading
from scripts.lab.bench.photos import files
from scripts.lab.bench.product import BenchError
from shared.core.settings import CHUNK_ITEMS, Settings, cores
from shared.encoder import Encoder
from shared.jobs.model import Item, ItemResult, Lane
from shared.photos.decode import Limits, decode
from shared.pipeline import Pipeline
from shared.pipeline.chunk_work import Source
from shared.pipeline.photos import Photos as PhotoReader
from shared.storage import open_storage
from worker.engine import Engine


class Loops:
    """A warm engine in this process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._engine = Engine(settings)
        self._engine.refresh()
        self._engine.warm_up()
        self._limits = Limits.of(settings)
        self._decoders = self._engine.decode_pool(settings)

    @property
    def encoder(self) -> Encoder:
        return self._engine.encoder

    @property
    def precision(self) -> str:
        return self.encoder.info.precision

    def close(self) -> None:
        if self._decoders is not None:
            self._decoders.close()
        self._engine.close()

    def prepared(self, path: Path) -> Any:
        """One photo from its file to what the encoder takes."""
        encoder = self.encoder
        return encoder.prepare(decode(path.read_bytes(), encoder.decode_size, self._limits, encoder.read_jpeg))

    def decode(self, folder: Path) -> Reading:
        """Reads and decodes a folder with a thread a core."""
        paths = files(folder)
        with ThreadPoolExecutor(cores()) as pool, reading(len(paths)) as taken:
            for _ in pool.map(self.prepared, paths):
                pass
        return taken

    def encode(self, folder: Path, count: int) -> Reading:
        """Encodes `count` photos, decoded before, in micro-batches as a worker does: as many at once as the engine
        has streams."""
        some = [self.prepared(path) for path in files(folder)[: self.encoder.micro_batch]]
        size = self.encoder.micro_batch
        batch = [some[i % len(some)] for i in range(size)]
        calls = max(1, count // size)
        with ThreadPoolExecutor(self.encoder.streams) as pool, reading(calls * size) as taken:
            for _ in pool.map(self.encoder.encode, itertools.repeat(batch, calls)):
                pass
        return taken

    def pipeline(self, folder: Path) -> Reading:
        """The worker's own pipeline over a folder, without Redis, Celery and HTTP."""
        settings = self._settings
        source = FolderSource(folder, self._engine.bank.version if self._engine.bank else "")
        reader = PhotoReader(open_storage(settings), (folder,), self._limits, self._decoders)
        pipeline = self._engine.pipeline(reader, cache_url=None, photo_timeout=60.0)
        with reading(source.total) as taken:
            run(pipeline, source)
        if source.failed:
            raise BenchError(reason=f"{source.failed} photos failed")
        return taken


def run(pipeline: Pipeline, source: FolderSource) -> None:
    pipeline.run(source, list(Lane), lambda: True)


class FolderSource(Source):
    """A folder's photos in chunks, as the ledger would hand them out."""

    def __init__(self, folder: Path, bank: str) -> None:
        paths = files(folder)
        items = [Item(index, path.name, path=str(path)) for index, path in enumerate(paths)]
        self._chunks = [_Chunk(tuple(items[at : at + CHUNK_ITEMS]), bank) for at in range(0, len(items), CHUNK_ITEMS)]
        self.total = len(items)
        self.failed = 0

    def take(self, lane: Lane) -> Any | None:
        return self._chunks.pop(0) if lane is Lane.BULK and self._chunks else None

    def reachable(self, chunk: Any) -> bool:
        return True

    def hold(self, chunk: Any, indexes: Sequence[int]) -> None:
        return None

    def commit(self, chunk: Any, results: Sequence[ItemResult], vectors: bytes, final: bool) -> None:
        self.failed += sum(not result.ok for result in results)

    def release(self, chunk: Any) -> None:
        return None

    def draining(self) -> bool:
        return False

    def progressed(self) -> None:
        return None


class _Chunk:
    preset = "precise"
    lane = Lane.BULK
    alone = False

    def __init__(self, items: tuple[Item, ...], bank: str) -> None:
        self.items = items
        self.bank = bank
