"""Whether the first bank is being made just now: told by who makes it, asked by pages. No numpy here."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from shared.core.settings import Settings


@contextmanager
def making(settings: Settings, what: str) -> Iterator[None]:
    """Says that `what` (`demo`, `names`) is being made until the block, or the process, ends."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with (settings.data_dir / "bank-making").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(what)
        file.flush()
        yield


def being_made(settings: Settings) -> str | None:
    """What is being made, or None."""
    with suppress(FileNotFoundError), (settings.data_dir / "bank-making").open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return file.read() or None
    return None
