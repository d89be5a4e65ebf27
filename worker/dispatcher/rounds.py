"""A thread of the dispatcher that does its round again and again."""

from __future__ import annotations

import threading

import structlog

from shared.core.errors import Unavailable

_log = structlog.get_logger(__name__)


class Rounds(threading.Thread):
    """A round that fails is logged, and done again after the pause."""

    def __init__(self, name: str, delayed: str, pause: float) -> None:
        """`delayed`: what the log says where the ledger or the storage is away. `pause`: seconds before each round."""
        super().__init__(name=name, daemon=True)
        self._delayed = delayed
        self.pause = pause
        #: Set when the dispatcher ends: a long round stops at the next step.
        self.stopping = threading.Event()

    def run(self) -> None:
        while not self.stopping.wait(self.pause):
            try:
                self.round()
            except Unavailable as error:
                _log.warning(self._delayed, code=error.code)
            except Exception:
                _log.exception(f"{self.name}_failed")

    def round(self) -> None:
        """What is done each time; it may set another `pause`. Raises Unavailable."""
        raise NotImplementedError

    def end(self) -> None:
        """What is under way is continued by the next dispatcher."""
        self.stopping.set()
