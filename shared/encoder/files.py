"""Photos from disk through an encoder, outside of any job: embedding files, calibration, checks."""

from __future__ import annotations

import hashlib
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from shared.core.errors import PhotoError
from shared.photos.decode import Limits, decode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from shared.encoder.protocol import Encoder, Prepared

#: Threads that read and decode.
READERS = 2
#: One photo's outcome: its SHA-256 (None where it could not be read) and its vector, or what is wrong with it.
Outcome = tuple[str | None, "NDArray[np.float32] | PhotoError"]


def read_photo(path: Path) -> bytes:
    """The file's bytes. Raises PhotoError `missing_file` or `unreadable`."""
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise PhotoError("missing_file") from error
    except OSError as error:
        raise PhotoError("unreadable", reason=error.strerror or str(error)) from error


def prepare_file(encoder: Encoder, path: Path, limits: Limits) -> Prepared:
    """A photo on disk as `encoder.encode` takes it. Raises PhotoError."""
    return encoder.prepare(decode(read_photo(path), encoder.decode_size, limits, encoder.read_jpeg))


def encode_paths(
    encoder: Encoder, paths: Sequence[Path], limits: Limits, progress: Callable[[int], None] | None = None
) -> Iterator[Outcome]:
    """Every photo's outcome, in order; decoding runs in threads, at most two micro-batches ahead."""

    def read(path: Path) -> tuple[str | None, Prepared | PhotoError]:
        sha256 = None
        try:
            data = read_photo(path)
            sha256 = hashlib.sha256(data).hexdigest()
            if not encoder.needs_pixels:
                return sha256, None
            return sha256, encoder.prepare(decode(data, encoder.decode_size, limits, encoder.read_jpeg))
        except PhotoError as error:
            return sha256, error

    done = 0
    feed = iter(paths)
    with ThreadPoolExecutor(READERS, thread_name_prefix="decode") as pool:
        pending = deque(pool.submit(read, path) for path in islice(feed, 2 * encoder.micro_batch))
        while pending:
            photos = [pending.popleft().result() for _ in range(min(encoder.micro_batch, len(pending)))]
            pending.extend(pool.submit(read, path) for path in islice(feed, len(photos)))
            good = [(sha256, photo) for sha256, photo in photos if not isinstance(photo, PhotoError)]
            vectors = iter(_encode(encoder, good))
            for sha256, photo in photos:
                yield sha256, photo if isinstance(photo, PhotoError) else next(vectors)
            done += len(photos)
            if progress is not None:
                progress(done)


def _encode(encoder: Encoder, photos: Sequence[tuple[str | None, Prepared]]) -> NDArray[np.float32]:
    if not encoder.needs_pixels:
        return encoder.encode_hashes([str(sha256) for sha256, _ in photos])
    return encoder.encode([prepared for _, prepared in photos])
