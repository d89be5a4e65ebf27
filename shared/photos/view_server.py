"""Makes pictures for people's eyes, in a process of its own: `python -m shared.photos.view_server`.

One request after another on standard input: a line of JSON `{"bytes": n}`, then the file; with `"box": [x, y, width,
height]` only this part of the photo is wanted, in shares of it. The answer on standard
output: `{"bytes": n}` and a JPEG, upright and in sRGB, or `{"code": …, "detail": {…}}` of a PhotoError. Decoding itself
happens in a confined process, see `decode_pool`. Ends with its standard input, or after a while without work.
"""

from __future__ import annotations

import json
import select
import sys
from collections.abc import Callable
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shared.core import logs
from shared.core.errors import PhotoError
from shared.core.settings import Settings
from shared.photos.box import Box
from shared.photos.confinement import Confinement
from shared.photos.decode import Limits
from shared.photos.decode_pool import DecodePool
from shared.photos.decode_server import Task, no_values
from shared.photos.screen_picture import SIDE, ToJpeg

_IDLE_SECONDS = 120.0
_WALL_SECONDS = 60.0


def serve(
    settings: Settings,
    target: int,
    transform: Callable[[Image.Image], NDArray[np.uint8]],
    requests: BinaryIO,
    answers: BinaryIO,
) -> None:
    """Answers with what `transform` makes of the picture, whose shorter side is at least `target` where the photo has
    so many."""
    task = Task(
        target=target,
        limits=Limits.of(settings),
        transforms=[transform],
        values=no_values,
        confinement=Confinement(memory=settings.decode_mb << 20, cpu_seconds=settings.decode_cpu_seconds),
    )
    pool = DecodePool(1, task, budget=settings.decode_mb << 20, wall_seconds=_WALL_SECONDS)
    try:
        while select.select([requests], [], [], _IDLE_SECONDS)[0] and (line := requests.readline()):
            asked = json.loads(line)
            data = _exactly(requests, asked["bytes"])
            box = Box(*asked["box"]) if asked.get("box") else None
            try:
                jpeg = pool.decode(data, thumbnail=False, box=box).arrays[0].tobytes()
                answers.write(json.dumps({"bytes": len(jpeg)}).encode() + b"\n" + jpeg)
            except PhotoError as error:
                answers.write(json.dumps({"code": error.code, "detail": error.detail}).encode() + b"\n")
            answers.flush()
    finally:
        pool.close()


def _exactly(requests: BinaryIO, size: int) -> bytes:
    parts = []
    while size > 0 and (part := requests.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def run(name: str, target: int, transform: Callable[[Image.Image], NDArray[np.uint8]]) -> None:
    """`serve` on this process's standard input and output, with its log on standard error under this name."""
    # Unbuffered: `select` has to see what is still unread.
    with open(0, "rb", buffering=0, closefd=False) as incoming:
        settings = Settings()
        logs.configure(settings, name)
        serve(settings, target, transform, incoming, sys.stdout.buffer)


if __name__ == "__main__":
    # The JPEG has at most SIDE pixels in its longer side.
    run("view", SIDE // 2, ToJpeg(SIDE))
