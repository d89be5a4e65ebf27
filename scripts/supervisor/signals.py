"""Ctrl-C and SIGTERM as events to wait for: handlers only set flags, and a signal ends a wait at once."""

from __future__ import annotations

import os
import select
import signal
import time
from contextlib import suppress
from types import FrameType

#: make, a terminal and a shell may each forward the same Ctrl-C: only a later one forces a quit.
DEBOUNCE_SECONDS = 2.0


class Signals:
    """Termination requests so far. Without `install` there are none, and a wait is a plain sleep."""

    def __init__(self) -> None:
        self.asked_at: float | None = None
        #: A second request has arrived: do not wait for services to finish.
        self.force_quit = False
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)

    def install(self) -> None:
        """Installs the signal handlers; called before anything is started, so that no signal is lost."""
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(sig, self._ask)
        # SIGCHLD also ends a wait.
        signal.signal(signal.SIGCHLD, lambda number, frame: None)

    @property
    def stopping(self) -> bool:
        """Whether termination was requested."""
        return self.asked_at is not None

    def wait(self, seconds: float) -> None:
        """Sleeps until a signal arrives, a child ends or `seconds` have passed."""
        select.select([self._read], [], [], seconds)
        with suppress(BlockingIOError):
            while os.read(self._read, 4096):
                pass

    def _ask(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self.asked_at is None:
            self.asked_at = now
        elif now - self.asked_at > DEBOUNCE_SECONDS:
            self.force_quit = True
