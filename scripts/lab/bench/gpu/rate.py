"""Photos a second of something that runs on the device."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch

#: Length of one spell of three.
_SECONDS = 0.25
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def settled() -> None:
    """Waits until the device has done all it was given."""
    if DEVICE == "cuda":
        torch.cuda.synchronize()


def per_second(work: Callable[[], Any], photos: int, threads: int = 1) -> float:
    """The best of three spells of calls, each of which does so many photos, from so many threads at once."""
    best = 0.0
    with ThreadPoolExecutor(threads) as pool:

        def calls(count: int) -> None:
            for _ in pool.map(lambda _: work(), range(count)):
                pass

        calls(2 * threads)
        for _ in range(3):
            settled()
            began, done = time.perf_counter(), 0
            while time.perf_counter() - began < _SECONDS:
                calls(4 * threads)
                done += 4 * threads
            settled()
            best = max(best, done * photos / (time.perf_counter() - began))
    return best
