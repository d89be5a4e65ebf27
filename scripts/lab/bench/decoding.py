"""(k) Decoding: how the pool feeds an encoder that costs nothing, and what each format and each cheaper way cost.

The pool's processes are counted, so its rate is what a worker gets whose encoder runs elsewhere (a GPU).
"""

from __future__ import annotations

import io
import os
import shutil
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from scripts.lab.bench.bench import Bench
from scripts.lab.bench.clock import Reading, in_turns, ratio, reading
from scripts.lab.bench.loops import FolderSource, run
from scripts.lab.bench.product import BenchError
from scripts.lab.bench.results import Decoding, FormatCost
from shared.encoder import Encoder, load_encoder
from shared.encoder.cache import EmbeddingCache
from shared.photos.decode import Limits, decode_photo, load_codecs
from shared.pipeline import Pipeline
from shared.pipeline.decoding import open_pool
from shared.pipeline.photos import Photos
from shared.ranking.model import Candidate, Ranking, Verdict
from shared.storage import open_storage

#: A way to decode: pixels from the file's bytes and the shorter side that is needed.
_Way = Callable[[bytes, int], Any]


def measure(bench: Bench) -> Decoding:
    settings = bench.of(bench.template)
    with bench.preparing():
        encoder = load_encoder(settings, threads=1)
    try:
        pools = _pools(bench, encoder)
        formats = _formats(bench.photos.fresh("12mp", 1) / "00000.jpg", encoder.decode_size, bench.pick(3, 7))
    finally:
        encoder.close()
    counts = sorted(map(int, pools))
    return Decoding(
        pools={str(n): pools[str(n)].rates() for n in counts},
        decoders=counts[-1],
        decode_scale=round(ratio(pools[str(counts[-1])], pools["1"]) / counts[-1], 3),
        formats=formats,
    )


class _Free:
    """The encoder with its preprocessing, and vectors that cost nothing."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self.streams = 1

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoder, name)

    def encode(self, batch: Sequence[Any]) -> NDArray[np.float32]:
        return np.full((len(batch), self._encoder.info.dim), self._encoder.info.dim**-0.5, np.float32)


def _pools(bench: Bench, encoder: Encoder) -> Any:
    """1, 2, 4 … processes, up to one a core, in turns."""
    cores = len(os.sched_getaffinity(0))
    sizes = sorted({min(2**step, cores) for step in range(cores.bit_length() + 1)})
    settings = bench.of(bench.template)

    @contextmanager
    def pipeline(size: int, folder: Any) -> Iterator[tuple[Pipeline, list[int]]]:
        pool = open_pool(settings, encoder, size)
        try:
            pool.confinement()
            photos = Photos(open_storage(settings), (folder,), Limits.of(settings), pool)
            free: Any = _Free(encoder)
            cache = EmbeddingCache(None, encoder.info.cache_digest, encoder.info.dim)
            yield Pipeline(free, cache, photos, _unranked, threads=size, photo_timeout=60.0), pool.pids()
        finally:
            pool.close()

    def work(size: int, _: int) -> Reading:
        folder = bench.photos.fresh("1mp", bench.pick(48, 96) * size)
        source = FolderSource(folder, "")
        with pipeline(size, folder) as (feeding, pids), reading(source.total, os.getpid(), *pids) as taken:
            run(feeding, source)
        shutil.rmtree(folder)
        if source.failed:
            raise BenchError(reason=f"{source.failed} photos failed")
        return taken

    return in_turns({str(size): partial(work, size) for size in sizes}, bench.pick(2, 4))


def _unranked(vectors: NDArray[np.float32], bank: str, preset: str) -> list[Ranking]:
    return [Ranking(Verdict.LABEL, "none", 1.0, 1.0, (Candidate("none", 1.0),))] * len(vectors)


def _formats(path: Any, side: int, rounds: int) -> list[FormatCost]:
    """The same 12-megapixel picture in each format: CPU of the way in use, and of others, with what they change."""
    load_codecs()
    picture = Image.open(path).convert("RGB")
    found = []
    for name, data in _encoded(picture).items():
        ways: dict[str, _Way] = {"in use": lambda data, side: decode_photo(data, side, Limits()).pixels}
        ways |= _OTHERS.get(name, {})
        reference = None
        for way, call in ways.items():
            pixels = call(data, side)
            small = _small(pixels)
            reference = small if reference is None else reference
            found.append(
                FormatCost(
                    format=name,
                    way=way,
                    bytes=len(data),
                    cpu_ms=round(_cpu_ms(partial(call, data, side), rounds), 1),
                    decoded=f"{pixels.shape[1]} × {pixels.shape[0]}",
                    grey_levels=round(float(np.abs(small - reference).mean()), 2),
                )
            )
    return found


def _encoded(picture: Image.Image) -> dict[str, bytes]:
    kinds: dict[str, tuple[str, dict[str, Any]]] = {
        "JPEG": ("JPEG", {"quality": 90}),
        "JPEG, progressive": ("JPEG", {"quality": 90, "progressive": True}),
        "PNG": ("PNG", {"compress_level": 6}),
        "WebP": ("WEBP", {"quality": 85, "method": 2}),
        "WebP, lossless": ("WEBP", {"lossless": True, "method": 0, "quality": 20}),
        "HEIC": ("HEIF", {"quality": 80}),
        "AVIF": ("AVIF", {"quality": 75, "speed": 9}),
        "JPEG XL": ("JXL", {"quality": 85, "effort": 3}),
        "TIFF, LZW": ("TIFF", {"compression": "tiff_lzw"}),
    }
    made = {}
    for name, (kind, options) in kinds.items():
        buffer = io.BytesIO()
        picture.save(buffer, kind, **options)
        made[name] = buffer.getvalue()
    return made


def _scaled(height: int) -> _Way:
    """libjpeg-turbo at the smallest scale of at least this many eighths of the height."""

    def decode(data: bytes, side: int) -> NDArray[np.uint8]:
        tall, wide, _, _ = simplejpeg.decode_jpeg_header(data)
        pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(
            data, "RGB", min_height=tall * height // 8, min_width=wide * height // 8
        )
        return pixels

    return decode


def _draft(data: bytes, side: int) -> NDArray[np.uint8]:
    image = Image.open(io.BytesIO(data))
    image.draft("RGB", (side, side))
    return np.asarray(image)


def _fast(data: bytes, side: int) -> NDArray[np.uint8]:
    pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(
        data, "RGB", fastdct=True, fastupsample=True, min_height=side, min_width=side
    )
    return pixels


_JPEG: dict[str, _Way] = {
    **{f"{n}/8": _scaled(n) for n in (1, 2, 3, 4, 5, 8)},
    "Pillow's draft": _draft,
    "fast DCT": _fast,
}
_OTHERS: dict[str, dict[str, _Way]] = {"JPEG": _JPEG, "JPEG, progressive": _JPEG}


def _small(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    image = Image.fromarray(pixels).resize((224, 168), Image.Resampling.BICUBIC)
    return np.asarray(image, np.float32)


def _cpu_ms(call: Callable[[], Any], rounds: int) -> float:
    """The median of this process and its threads: some codecs bring threads of their own."""
    times = []
    for _ in range(rounds):
        began = time.process_time()
        call()
        times.append(1000 * (time.process_time() - began))
    return statistics.median(times)
