"""What a child process owes its parent: to end when the parent is gone, however it went."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
# Loaded here: between fork and exec nothing may be imported.
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with_parent(parent: int, sig: int = signal.SIGKILL) -> None:
    """Have the kernel send this process `sig` when its parent dies; call it in the child, with the parent's process id.

    Linux only (prctl(2), PR_SET_PDEATHSIG); elsewhere it does nothing. The setting survives exec, but no fork.
    """
    if _LIBC is None:
        return
    _LIBC.prctl(_PR_SET_PDEATHSIG, int(sig), 0, 0, 0)
    if os.getppid() != parent:
        # It died before the kernel was told.
        os.kill(os.getpid(), sig)
