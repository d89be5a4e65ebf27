"""Marker file: the first bank is being built. Imports no numpy, because pages use it."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from shared.core.files import is_locked
from shared.core.settings import Settings


@contextmanager
def building(settings: Settings, what: str) -> Iterator[None]:
    """Marks `what` (`demo`, `names`) as being built until the block, or the process, ends."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with (settings.data_dir / "bank-making").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(what)
        file.flush()
        yield


def is_building(settings: Settings) -> str | None:
    """What is being built, or None."""
    with suppress(FileNotFoundError), (settings.data_dir / "bank-making").open() as file:
        return (file.read() or None) if is_locked(file) else None
    return None
