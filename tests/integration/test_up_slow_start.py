"""A worker that starts slowly is waited for: on a busy machine, from a cold disk, beside others."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.product import await_ready, start_product

#: Python runs this file at every start: the worker stands still before its first line, and its child once more.
SLOW = """
import sys, time

if sys.orig_argv[-1] == "worker":
    time.sleep({before})

    class Slow:
        def find_spec(self, name, path=None, target=None):
            if name == "worker.child":
                time.sleep({child})

    sys.meta_path.insert(0, Slow())
"""


@pytest.mark.long
def test_slow_workers_are_not_killed_before_their_first_heartbeat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four at once; 17 s until each can report anything, then 18 s in its child: more than the 15 s of a hung one."""
    slow = tmp_path / "slow"
    slow.mkdir()
    (slow / "sitecustomize.py").write_text(SLOW.format(before=17, child=18))
    monkeypatch.setenv("PYTHONPATH", str(slow))
    product = start_product(tmp_path, "--workers", "4")
    try:
        await_ready(product, workers=4, bank=False, seconds=240)
        assert "restarting it" not in product.output()
        assert "slow start (load" in product.output()
    finally:
        product.stop()
