"""A pipeline without Redis: chunks from a list, outcomes into a dict, encoders that answer from the photo itself."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shared.core.encoder_info import EncoderInfo
from shared.core.errors import WeftError
from shared.core.settings import Settings
from shared.encoder.cache import EmbeddingCache
from shared.encoder.hashed import HashedEncoder
from shared.jobs.model import Item, ItemResult, Lane
from shared.photos.decode import Limits
from shared.photos.decode_pool import DecodePool
from shared.photos.pixels import Pixels
from shared.pipeline import Pipeline
from shared.pipeline.photos import Photos
from shared.pipeline.pipeline import Judge
from shared.pipeline.throttle import Throttle
from shared.ranking.model import Candidate, Ranking, Verdict
from shared.storage import open_storage

DIM = 8


@dataclass(frozen=True, eq=False)
class Chunk:
    items: tuple[Item, ...]
    lane: Lane = Lane.BULK
    bank: str = "b1"
    preset: str = "standard"
    alone: bool = False


@dataclass
class ListSource:
    """Hands out `chunks` in order and keeps what comes back."""

    chunks: dict[Lane, deque[Chunk]]
    results: dict[int, ItemResult] = field(default_factory=dict)
    vectors: dict[int, bytes] = field(default_factory=dict)
    #: Indexes of one commit each, in order.
    commits: list[list[int]] = field(default_factory=list)
    finals: list[Chunk] = field(default_factory=list)
    released: list[Chunk] = field(default_factory=list)
    #: Chunk → the code of what keeps it from being done.
    obstacles: dict[Chunk, str] = field(default_factory=dict)
    held: defaultdict[Chunk, set[int]] = field(default_factory=lambda: defaultdict(set))
    drain: bool = False
    #: Called after each commit.
    after_commit: Callable[[], None] = lambda: None

    @classmethod
    def of(cls, *chunks: Chunk) -> ListSource:
        lanes: dict[Lane, deque[Chunk]] = {lane: deque() for lane in Lane}
        for chunk in chunks:
            lanes[chunk.lane].append(chunk)
        return cls(lanes)

    def take(self, lane: Lane) -> Chunk | None:
        return self.chunks[lane].popleft() if self.chunks[lane] else None

    def reachable(self, chunk: Chunk) -> bool:
        return True

    def blocked(self, chunk: Chunk, error: WeftError) -> None:
        self.obstacles[chunk] = error.code

    def hold(self, chunk: Chunk, indexes: Sequence[int]) -> None:
        self.held[chunk] |= set(indexes)

    def commit(self, chunk: Chunk, results: Sequence[ItemResult], vectors: bytes, final: bool) -> None:
        for result in results:
            assert result.index not in self.results, f"{result.index} was answered twice"
            self.results[result.index] = result
        ok = [r for r in results if r.ok]
        assert len(vectors) == 2 * DIM * len(ok)
        self.vectors |= {r.index: vectors[n * 2 * DIM : (n + 1) * 2 * DIM] for n, r in enumerate(ok)}
        self.commits.append([r.index for r in results])
        if final:
            self.finals.append(chunk)
        self.after_commit()

    def release(self, chunk: Chunk) -> None:
        self.released.append(chunk)

    def draining(self) -> bool:
        return self.drain

    def progressed(self) -> None:
        pass


def info(precision: str = "null") -> EncoderInfo:
    return EncoderInfo("test", "feed", precision, "null", DIM, 16)


class Hashing(HashedEncoder):
    """The null engine, remembering its batches."""

    def __init__(self, micro_batch: int = 8, seconds: float = 0.0) -> None:
        super().__init__(info(), micro_batch=micro_batch, seconds=seconds)
        self.batches: list[list[str]] = []

    def encode_hashes(self, sha256s: Sequence[str]) -> NDArray[np.float32]:
        self.batches.append(list(sha256s))
        return super().encode_hashes(sha256s)


class Colours:
    """An engine with pixels: the mean colour. `hang` photos (by their red) block until it is set."""

    needs_pixels = True
    read_jpeg = None
    decode_size = 32
    streams = 1

    def __init__(self, micro_batch: int = 8) -> None:
        self.info = info("f32")
        self.micro_batch = micro_batch
        self.go_on = threading.Event()

    def prepare(self, pixels: Pixels) -> NDArray[np.float32]:
        mean = np.asarray(pixels).reshape(-1, 3).mean(0)
        if mean[0] > 250:
            self.go_on.wait(60)
        return np.concatenate([mean, np.ones(DIM - 3)]).astype(np.float32)

    def encode(self, batch: Sequence[Any]) -> NDArray[np.float32]:
        rows = np.stack(batch)
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    def encode_hashes(self, sha256s: Sequence[str]) -> NDArray[np.float32]:
        raise NotImplementedError

    def close(self) -> None:
        pass


def rank(vectors: NDArray[np.float32], bank: str, preset: str) -> list[Ranking]:
    """Names every photo after its own vector, so that a swapped answer shows."""
    labels = [hashlib.sha256(v.astype(np.float16).tobytes()).hexdigest()[:12] for v in vectors]
    return [Ranking(Verdict.LABEL, name, 0.5, 0.1, (Candidate(name, 1.0),)) for name in labels]


def make_pipeline(
    folder: Path,
    encoder: Any,
    cache: EmbeddingCache | None = None,
    rank: Callable[..., Sequence[Ranking]] = rank,
    photo_timeout: float = 10,
    threads: int = 2,
    pool: DecodePool | None = None,
    throttle: Throttle | None = None,
    judge: Judge | None = None,
) -> Pipeline:
    settings = Settings(data_dir=folder)
    photos = Photos(open_storage(settings), (folder.resolve(),), Limits.of(settings), pool)
    cache = cache or EmbeddingCache(None, encoder.info.cache_digest, DIM)
    return Pipeline(
        encoder, cache, photos, rank, threads=threads, photo_timeout=photo_timeout, throttle=throttle, judge=judge
    )


def run(pipeline: Pipeline, source: ListSource, lanes: Sequence[Lane] = tuple(Lane), seconds: float = 120) -> None:
    """Runs to the end, in a thread: a pipeline that stops is a failure here, not a test that never ends."""
    errors: list[BaseException] = []
    stop = time.monotonic() + seconds

    def work() -> None:
        try:
            pipeline.run(source, lanes, lambda: not source.drain and time.monotonic() < stop)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise AssertionError(f"the pipeline stands still after {len(source.results)} outcomes")
    if errors:
        raise errors[0]


def stored(names: Sequence[str], first: int = 0) -> list[Item]:
    """Items of stored blobs (none is there: engines without pixels need only the hash)."""
    return [Item(first + n, name, sha256=hashlib.sha256(name.encode()).hexdigest()) for n, name in enumerate(names)]


def pictures(folder: Path, colours: Sequence[tuple[int, int, int]], first: int = 0) -> list[Item]:
    """Small PNG files of one colour each, as items of a folder job."""
    items = []
    for n, colour in enumerate(colours, start=first):
        path = folder / f"{n}.png"
        Image.new("RGB", (24, 24), colour).save(path)
        items.append(Item(n, path.name, path=str(path)))
    return items


def cut(items: Sequence[Item], size: int, **values: Any) -> list[Chunk]:
    return [Chunk(tuple(items[n : n + size]), **values) for n in range(0, len(items), size)]
