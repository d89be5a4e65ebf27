"""What the web and the command line share when a job is submitted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from shared.jobs.model import Item, Lane

#: A job of at most this many photos is somebody waiting; more is a night's work.
INTERACTIVE_ITEMS = 16


def lane_of(photos: int, not_before: float | None = None) -> Lane:
    """The lane of a job whose photos are known. Nobody waits for a job that is scheduled."""
    return Lane.INTERACTIVE if photos <= INTERACTIVE_ITEMS and not_before is None else Lane.BULK


def fingerprint(*values: object, items: Iterable[Item] = ()) -> str:
    """Tells whether a request with a known Idempotency-Key is the same request."""
    digest = hashlib.sha256(repr(values).encode())
    for item in items:
        digest.update(f"{item.name}\0{item.sha256}\0".encode())
    return digest.hexdigest()
