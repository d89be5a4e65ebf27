"""One part of a run: a program that prints JSON objects, one a line, and may fail or hang."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scripts.lab.bench.product import ROOT


def limited(command: Sequence[str], seconds: float, log: Path) -> dict[str, Any]:
    """Runs it in a process group of its own, which is killed when the time is over; its stderr is added to `log`.

    Returns what it printed, in one object, with `seconds`; and where it failed `error` and `said`, its output's end.
    """
    began = time.monotonic()
    with log.open("a", encoding="utf-8") as errors:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True
        )
        error = None
        try:
            said = process.communicate(timeout=seconds)[0]
            if process.returncode:
                error = f"ended with {process.returncode}"
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            said, error = process.communicate()[0], f"killed after {seconds:.0f} s"
    lines = said.splitlines()
    found: dict[str, Any] = {}
    for line in lines:
        if line.startswith("{"):
            found |= json.loads(line)
        else:
            found["said"] = line
    if error is not None:
        found |= {"error": error, "said": said[-1500:]}
    return found | {"seconds": round(time.monotonic() - began, 1)}
