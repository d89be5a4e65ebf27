"""The peers' side of the JSON lines: imported by programs that run in environments without Weft."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

#: Answers leave here; whatever libraries print goes to stderr.
_OUT = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)


def answer(value: dict[str, float]) -> None:
    print(json.dumps({"weft-peer": value}), file=_OUT, flush=True)


def serve(encode: Callable[[list[str]], Any]) -> None:
    """Answers requests until stdin ends. `encode` turns paths into vectors [n, dim], anything with a length; it may
    return (vectors, seconds) where it knows better how long they took."""
    answer({})
    for line in sys.stdin:
        photos = json.loads(line)["photos"]
        began = time.perf_counter()
        vectors = encode(photos)
        wall = time.perf_counter() - began
        if isinstance(vectors, tuple):
            vectors, wall = vectors
        answer({"wall": wall, "vectors": len(vectors)})
    # Libraries leave threads behind that would never end.
    os._exit(0)
