"""Memory that may be taken by several at a time, up to a limit."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from shared.core.errors import PhotoError


class MemoryBudget:
    """First come, first served: a large photo is not passed by for ever by small ones."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._free = limit
        self._changed = threading.Condition()
        self._turns: list[object] = []

    @contextmanager
    def taken(self, need: int, alive: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Holds `need` bytes for the block; waits for them, calling `alive` about once a second.

        Raises PhotoError (`photo_too_costly`) where they are more than the whole budget.
        """
        if need > self._limit:
            raise PhotoError("photo_too_costly")
        turn = object()
        with self._changed:
            self._turns.append(turn)
            try:
                while self._turns[0] is not turn or self._free < need:
                    if not self._changed.wait(1.0):
                        alive()
                self._free -= need
            finally:
                # Also where `alive` raised: those behind must not wait for it.
                self._turns.remove(turn)
                self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._free += need
                self._changed.notify_all()
