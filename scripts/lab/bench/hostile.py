"""What hostile photos cost the good ones: a job of good photos beside the same with one hostile photo for nine good.

The good photos' throughput counts; the worker must be the same process at the end.
"""

from __future__ import annotations

import io
import itertools
import shutil
import struct
import zlib
from pathlib import Path

from PIL import Image

from scripts.lab.bench import product
from scripts.lab.bench.bench import Bench
from scripts.lab.bench.clock import Reading, in_turns, ratio, reading
from scripts.lab.bench.product import BenchError
from scripts.lab.bench.results import Hostile


def measure(bench: Bench) -> Hostile:
    count = bench.pick(90, 900)
    with product.running(bench.template, bench.work, bench.settings) as weft:
        before = _worker(weft)
        weft.folder_job(bench.photos.fresh("1mp", 32), 32)

        def good(_: int) -> Reading:
            folder = bench.photos.fresh("1mp", count)
            taken = weft.folder_job(folder, count, cached=0)
            shutil.rmtree(folder)
            return taken

        def mixed(_: int) -> Reading:
            folder = bench.photos.fresh("1mp", count)
            _spread(folder, count // 9)
            with reading(count, *weft.pids) as taken:
                job = weft.wait(weft.submit_folder(folder))
            if job.ok + job.failed != count + count // 9 or job.ok < count:
                raise BenchError(reason=f"wanted at least {count} ok, got {job}")
            taken.wall = (job.finished or 0.0) - job.created
            shutil.rmtree(folder)
            return taken

        turns = in_turns({"good": good, "mixed": mixed}, bench.pick(2, 3))
        replaced = _worker(weft) != before
    return Hostile(
        photos=count,
        hostile=count // 9,
        good=turns["good"].rates(),
        beside_hostile=turns["mixed"].rates(),
        hostile_vs_good=ratio(turns["mixed"], turns["good"]),
        worker_replaced=replaced,
    )


def _worker(weft: product.Product) -> list[tuple[int, float]]:
    """Process id and start of each worker's engine."""
    return [(worker["pid"], worker["ready_since"]) for worker in weft.get("/api/v1/workers")["workers"]]


def _spread(folder: Path, count: int) -> None:
    """Adds `count` hostile photos, evenly between the others by name; no two have the same bytes."""
    kinds = itertools.cycle(_hostile().values())
    for number in range(count):
        # Bytes behind the end of a picture change its hash, and nothing else.
        mark = f"{folder.name}/{number}".encode()
        (folder / f"{number * 9:05d}-hostile.jpg").write_bytes(next(kinds) + mark)


def _hostile() -> dict[str, bytes]:
    large = _png(10_900, 10_900)
    return {
        "strip": _png(30_000, 1),
        "tall strip": _png(1, 60_000),
        "large": large,
        "too large": _png(60_000, 60_000, rows=1),
        "cut": large[: len(large) // 2],
        "scans": _scans(2000),
        "empty picture": b"\xff\xd8\xff\xd9",
        "text": b"no picture at all " * 1000,
    }


def _png(width: int, height: int, rows: int = 0) -> bytes:
    """A grey PNG; `rows`: so many rows only, of those that its header promises."""
    squeeze = zlib.compressobj(9)
    row = b"\0" + b"\x80" * width
    body = b"".join(squeeze.compress(row) for _ in range(rows or height)) + squeeze.flush()
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)), (b"IDAT", body), (b"IEND", b"")]
    parts = [struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d)) for t, d in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _scans(count: int) -> bytes:
    """A progressive JPEG whose last scan comes again and again."""
    buffer = io.BytesIO()
    Image.new("RGB", (3000, 3000), "red").save(buffer, "JPEG", progressive=True)
    data = buffer.getvalue()
    return data[:-2] + data[data.rindex(b"\xff\xda") : -2] * count + data[-2:]
