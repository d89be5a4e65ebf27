"""A worker with something wrong: `python -m tests.faults.worker_with FAULT…`, everything else as `weft worker`.

clock=SECONDS       its clock is off by so much
encode=KIND:FILE    encoding a photo whose SHA-256 is listed in FILE: segfault, kill (as the kernel's OOM killer does)
pixels=             it reads every photo, as an engine with pixels does; the vectors are those of the hashes
read=KIND:FILE      the same while it is read, before anything is noted; also hang
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from shared.core.settings import Settings
from shared.encoder.hashed import HashedEncoder
from shared.pipeline.photos import Photos, PreparedPhoto
from worker.main import main


def die(kind: str) -> None:
    if kind == "hang":
        time.sleep(3600)
    os.kill(os.getpid(), signal.SIGSEGV if kind == "segfault" else signal.SIGKILL)


def wrong_clock(seconds: float) -> None:
    right = time.time
    time.time = lambda: right() + seconds


def wrong_encoding(kind: str, listed: frozenset[str]) -> None:
    real = HashedEncoder.encode_hashes

    def encode(self: HashedEncoder, sha256s: Sequence[str]) -> Any:
        if listed & set(sha256s):
            die(kind)
        return real(self, sha256s)

    HashedEncoder.encode_hashes = encode  # type: ignore[method-assign]


def wrong_reading(kind: str, listed: frozenset[str]) -> None:
    real = Photos.hashed

    def hashed(self: Photos, item: Any) -> tuple[str, bytes]:
        sha, data = real(self, item)
        if sha in listed:
            die(kind)
        return sha, data

    Photos.hashed = hashed  # type: ignore[method-assign]


def reading_all() -> None:
    def prepare(self: Photos, item: Any, sha256: str, data: bytes | None, encoder: Any) -> PreparedPhoto:
        if data is None:
            self.read(item)
        return PreparedPhoto(sha256, {})

    def encode(self: HashedEncoder, batch: Sequence[str]) -> Any:
        return self.encode_hashes(batch)

    HashedEncoder.needs_pixels = True
    HashedEncoder.prepare = lambda self, rgb: "00" * 32  # type: ignore[method-assign,assignment]
    HashedEncoder.encode = encode  # type: ignore[method-assign,assignment]
    Photos.prepare = prepare  # type: ignore[method-assign]


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        fault, _, value = argument.partition("=")
        if fault == "clock":
            wrong_clock(float(value))
            continue
        if fault == "pixels":
            reading_all()
            continue
        kind, _, file = value.partition(":")
        listed = frozenset(Path(file).read_text().split())
        {"encode": wrong_encoding, "read": wrong_reading}[fault](kind, listed)
    sys.argv[1:] = []
    main(Settings())
