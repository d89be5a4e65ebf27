"""Mutated photos through the decode pool: `make fuzz-photos`, or `python -m scripts.lab.fuzz_photos --count 10000`.

Each photo ends as pixels or as a failure with a code. A decoder may be lost; the process that forks decoders, and this
one, may not.
"""

from __future__ import annotations

import argparse
import io
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from PIL import Image

from shared.core.errors import PhotoError
from shared.core.settings import cores
from shared.encoder.preprocessing import Preprocessing
from shared.photos.confinement import Confinement
from shared.photos.decode import Limits, load_codecs
from shared.photos.decode_pool import DecodePool
from shared.photos.decode_server import Task, no_values

SIDE = 64
#: Pillow's formats, with options; those that this installation cannot write are left out.
SEEDS: tuple[tuple[str, dict[str, object]], ...] = (
    ("JPEG", {}),
    ("JPEG", {"progressive": True}),
    ("JPEG", {"quality": 95, "subsampling": 0}),
    ("PNG", {}),
    ("WEBP", {}),
    ("WEBP", {"lossless": True}),
    ("GIF", {}),
    ("BMP", {}),
    ("TIFF", {}),
    ("TIFF", {"compression": "tiff_lzw"}),
    ("TIFF", {"compression": "jpeg"}),
    ("JPEG2000", {}),
    ("HEIF", {}),
    ("AVIF", {}),
    ("JXL", {}),
    ("PPM", {}),
    ("ICO", {}),
    ("PCX", {}),
    ("SGI", {}),
)


def seeds() -> list[bytes]:
    """A small photo in every format that can be written here."""
    load_codecs()
    photo = Image.effect_noise((160, 120), 60).convert("RGB")
    photo.paste((200, 30, 60), (20, 20, 90, 70))
    made = []
    for kind, options in SEEDS:
        buffer = io.BytesIO()
        try:
            photo.save(buffer, kind, **options)
        except (KeyError, OSError, ValueError):
            continue
        made.append(buffer.getvalue())
    return made


def mutated(data: bytes, rng: random.Random) -> bytes:
    """One to eight changes: bits, bytes, numbers at their limits, cuts, repeats, swaps."""
    found = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        if len(found) < 8:
            break
        # The head decides most.
        at = rng.randrange(min(len(found), 256) if rng.random() < 0.5 else len(found))
        how = rng.randrange(6)
        if how == 0:
            found[at] ^= 1 << rng.randrange(8)
        elif how == 1:
            found[at] = rng.randrange(256)
        elif how == 2:
            found[at : at + 4] = rng.choice((b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\xff\xff"))
        elif how == 3:
            del found[at : at + rng.randint(1, 64)]
        elif how == 4:
            found[at:at] = found[at : at + rng.randint(1, 256)] * rng.randint(1, 20)
        else:
            del found[max(8, at) :]
    return bytes(found)


def photos(count: int, seed: int) -> Iterator[bytes]:
    rng = random.Random(seed)
    originals = seeds()
    for number in range(count):
        yield mutated(originals[number % len(originals)], rng)


def attempt(pool: DecodePool, data: bytes) -> str:
    try:
        pool.decode(data, thumbnail=True)
    except PhotoError as error:
        return error.code
    return "ok"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    transform = Preprocessing((SIDE, SIDE)).apply
    task = Task(SIDE, Limits(), (transform,), no_values, Confinement(1 << 30, 10.0))
    pool = DecodePool(cores(), task, budget=1 << 30, wall_seconds=120)
    began = time.monotonic()
    pool.confinement()
    (server,) = pool.pids()
    with ThreadPoolExecutor(cores()) as threads:
        found = Counter(threads.map(partial(attempt, pool), photos(options.count, options.seed)))
    replaced = pool.pids() != [server]
    pool.close()
    for code, number in found.most_common():
        print(f"{number:>8}  {code}")
    seconds = time.monotonic() - began
    print(f"{options.count} photos in {seconds:.0f} s, {pool.lost} decoders lost, server replaced: {replaced}")
    return int(replaced or found.total() != options.count or "internal" in found)


if __name__ == "__main__":
    sys.exit(main())
