"""Kills a child process when its parent dies (PR_SET_PDEATHSIG)."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
# Loaded at import: nothing may be imported between fork and exec.
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with_parent(parent: int, sig: int = signal.SIGKILL) -> None:
    """Has the kernel send `sig` to this process when its parent dies; called in the child with the parent's process id.

    Linux only (prctl(2), PR_SET_PDEATHSIG); elsewhere it does nothing. The setting survives exec, but not fork.
    """
    if _LIBC is None:
        return
    _LIBC.prctl(_PR_SET_PDEATHSIG, int(sig), 0, 0, 0)
    if os.getppid() != parent:
        # The parent died before prctl.
        os.kill(os.getpid(), sig)
