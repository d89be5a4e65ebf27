"""Child processes that live no longer than their parent (PR_SET_PDEATHSIG)."""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parents[2]
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


def child_environment(**further: str) -> dict[str, str]:
    """This process's environment for a `python -m` of this checkout: it finds the project wherever it is started."""
    path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": path, **further}


def freeze_heap() -> None:
    """Keeps what lives now (modules, model, bank) out of all later garbage collections. Called once a process is ready
    to work: thousands of short-lived objects per second would else have everything looked through again and again."""
    gc.collect()
    gc.freeze()


def start_attended(argv: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    """Starts a process from a thread that lives as long as it does: when that thread ends, Linux tells the child that
    its parent has died, and a thread that serves a request may end at any time. `options`: as for Popen."""
    started: Future[subprocess.Popen[bytes]] = Future()

    def attend() -> None:
        try:
            process = subprocess.Popen(list(argv), **options)
        except BaseException as error:
            started.set_exception(error)
            return
        started.set_result(process)
        # Not `wait`, which holds a lock of Popen all the while: at the interpreter's end this thread stops where it is,
        # and whoever ends the child then would wait for that lock for ever.
        with suppress(ChildProcessError, AttributeError):
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        process.wait()

    threading.Thread(target=attend, name="attend-child", daemon=True).start()
    return started.result()
