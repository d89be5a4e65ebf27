"""Photo after photo, a decoder works in the memory that it has: pages given back and taken anew cost it a tenth of its
time."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

from shared.encoder.preprocessing import Preprocessing
from shared.photos.confinement import Confinement
from shared.photos.decode import Limits
from shared.photos.decode_pool import DecodePool
from shared.photos.decode_server import Task
from shared.pipeline.pixel_fields import compute


def photo(seed: int) -> bytes:
    grain = np.random.default_rng(seed).integers(60, 90, (864, 1152, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(grain).save(out, "JPEG", quality=90)
    return out.getvalue()


def faults(pool: DecodePool) -> int:
    """Pages that the decoders have taken so far."""
    (server,) = pool.pids()
    decoders = psutil.Process(server).children()
    assert decoders
    # proc_pid_stat(5): the tenth value of all is the eighth behind the name.
    stats = [Path(f"/proc/{decoder.pid}/stat").read_text("utf-8") for decoder in decoders]
    return sum(int(stat.rpartition(")")[2].split()[7]) for stat in stats)


def test_photos_of_one_size_take_no_new_pages() -> None:
    task = Task(448, Limits(), (Preprocessing((224, 224)).apply,), compute, Confinement(1 << 30, 60.0))
    pool = DecodePool(1, task, budget=1 << 30, wall_seconds=120)
    photos = [photo(seed) for seed in range(3)]
    try:
        for data in photos:
            pool.decode(data, thumbnail=True)
        before = faults(pool)
        for data in photos * 3:
            pool.decode(data, thumbnail=True)
        # A megapixel's picture alone has 400 pages.
        assert faults(pool) - before < 9 * 100
    finally:
        pool.close()
