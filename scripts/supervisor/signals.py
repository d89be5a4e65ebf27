"""Ctrl-C and SIGTERM as something to wait for: no handler does work, and a wait ends at once when one arrives."""

from __future__ import annotations

import os
import select
import signal
import time
from contextlib import suppress
from types import FrameType

#: make, a terminal and a shell may each pass on the same Ctrl-C: only a later one means "now".
SAME_SECONDS = 2.0


class Signals:
    """What was asked for so far. Without `install` nobody asks, and a wait is a plain sleep."""

    def __init__(self) -> None:
        self.asked_at: float | None = None
        #: A second request came: do not wait for anybody.
        self.insisted = False
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)

    def install(self) -> None:
        """Take over this process's signals: before anything is started, so that one during start-up is not lost."""
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(sig, self._ask)
        # A child's end wakes the wait, too.
        signal.signal(signal.SIGCHLD, lambda number, frame: None)

    @property
    def stopping(self) -> bool:
        """Whether someone asked for the end."""
        return self.asked_at is not None

    def wait(self, seconds: float) -> None:
        """Sleep until a signal comes, a child ends or `seconds` are over."""
        select.select([self._read], [], [], seconds)
        with suppress(BlockingIOError):
            while os.read(self._read, 4096):
                pass

    def _ask(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self.asked_at is None:
            self.asked_at = now
        elif now - self.asked_at > SAME_SECONDS:
            self.insisted = True
