"""A folder whose share does not answer counts as unreadable, and keeps nobody from the other jobs."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.product import eventually
from worker import folders
from worker.folders import Folders


def test_a_look_that_hangs_is_given_up_and_not_begun_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "well").mkdir()
    (tmp_path / "well" / "1.jpg").touch()
    back = threading.Event()
    looks: list[str] = []
    real = folders.readable

    def readable(path: str, roots: Sequence[Path]) -> bool:
        looks.append(path)
        if path.endswith("dead"):
            back.wait(60)
        return real(path, roots)

    monkeypatch.setattr(folders, "readable", readable)
    monkeypatch.setattr(folders, "RECHECK_INTERVAL", 0.05)
    (tmp_path / "dead").mkdir()
    (tmp_path / "dead" / "1.jpg").touch()
    seen = Folders((tmp_path,), check_seconds=0.2)
    started = time.monotonic()
    assert not seen.is_readable("night", str(tmp_path / "dead"))
    assert not seen.is_readable("night", str(tmp_path / "dead"))
    assert seen.is_readable("day", str(tmp_path / "well"))
    assert time.monotonic() - started < 5
    assert seen.unreadable_jobs() == ["night"]
    assert looks.count(str(tmp_path / "dead")) == 1
    stop = threading.Event()
    watch = threading.Thread(target=seen.watch, args=(stop,), daemon=True)
    watch.start()
    back.set()
    eventually(lambda: seen.unreadable_jobs() == [], 10, "the folder that answers again")
    stop.set()
    watch.join(5)
