"""Ctrl-C while a command is still being loaded: there is nothing to end yet, so nothing is said."""

from __future__ import annotations

import os
import signal
from types import FrameType

#: The exit code after Ctrl-C, as shells have it: 128 and the number of SIGINT.
INTERRUPTED = 130


def _leave(number: int, frame: FrameType | None) -> None:
    # No exception: one that is raised in the middle of an import comes out of anything, in any words.
    os._exit(INTERRUPTED)


def loading() -> None:
    """From now on Ctrl-C ends the process at once; not where a shell has told it to take no notice."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)


def loaded() -> None:
    """From now on it is a KeyboardInterrupt again."""
    if signal.getsignal(signal.SIGINT) is _leave:
        signal.signal(signal.SIGINT, signal.default_int_handler)
