"""A short run of the fuzzer: every mutated photo has an outcome, and nothing but decoders is lost."""

from __future__ import annotations

import subprocess
import sys


def test_a_short_run_loses_no_server() -> None:
    command = [sys.executable, "-m", "scripts.lab.fuzz_photos", "--count", "300", "--seed", "7"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "300 photos" in done.stdout
    assert "server replaced: False" in done.stdout
