"""Signals are something to wait for. In other processes: handlers would be pytest's, too."""

from __future__ import annotations

import subprocess
import sys


def _run(code: str) -> str:
    """What a fresh interpreter prints that has installed `signals`."""
    head = "import os, signal, subprocess, sys, time; from scripts.supervisor import signals as m; "
    head += "s = m.Signals(); s.install(); "
    done = subprocess.run([sys.executable, "-c", head + code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_ctrl_c_twice_in_a_row_is_one_request_and_later_insists() -> None:
    told = _run(
        "os.kill(os.getpid(), signal.SIGINT); os.kill(os.getpid(), signal.SIGTERM); s.wait(1); "
        "print(s.stopping, s.force_quit); "
        "m.DEBOUNCE_SECONDS = 0.0; os.kill(os.getpid(), signal.SIGINT); s.wait(1); print(s.force_quit)"
    )
    assert told.split() == ["True", "False", "True"]


def test_a_wait_ends_when_a_child_does() -> None:
    told = _run(
        "child = subprocess.Popen([sys.executable, '-c', '']); began = time.monotonic(); s.wait(50); "
        "print(time.monotonic() - began < 40, s.stopping, child.wait())"
    )
    assert told.split() == ["True", "False", "0"]
