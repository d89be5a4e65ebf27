"""Ctrl-C while `weft` is still loading ends it at once, with the exit code of shells and without a traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from scripts.cli.interrupt import INTERRUPTED

STARTS = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from scripts.cli import interrupt; interrupt.loading(); print('loading', flush=True); "
    "import sys; sys.argv = ['weft', 'jobs']; from scripts.cli.entry import main; main()"
)


@pytest.mark.parametrize("seconds", [0.0, 0.1, 0.3, 0.6, 1.0])
def test_no_traceback(seconds: float, tmp_path: object) -> None:
    # Nothing is there: were it not interrupted, it would say so and end with 1.
    env = {**os.environ, "WEFT_DATA_DIR": str(tmp_path)}
    run = subprocess.Popen([sys.executable, "-c", STARTS], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert run.stdout is not None
    assert run.stdout.readline() == b"loading\n"
    time.sleep(seconds)
    run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=60)
    assert b"Traceback" not in said
    # It may have been about to end by itself.
    assert run.returncode in (INTERRUPTED, 1, -signal.SIGINT)
    if seconds == 0:
        assert (run.returncode, said) == (INTERRUPTED, b"")
