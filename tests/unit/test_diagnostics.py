"""`weft doctor` judges disk and memory by what admission itself refuses."""

from __future__ import annotations

import shutil
from collections import namedtuple

import pytest

from scripts.cli.diagnostics import examine
from shared.core.settings import Settings
from shared.jobs.admission import disk_is_short

Usage = namedtuple("Usage", "total used free")
GIB = 1024**3


@pytest.mark.parametrize(
    ("total", "free", "state"),
    [
        (1024, 50, "ok"),
        (1024, 25, "note"),
        (1024, 15, "broken"),
        (100, 50, "ok"),
        (100, 12, "note"),
        (100, 9, "broken"),
    ],
)
def test_a_disk_is_broken_where_jobs_are_refused(
    total: int, free: int, state: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.data_dir.mkdir(mode=0o700)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(total * GIB, (total - free) * GIB, free * GIB))
    (finding,) = [f for f in examine(settings) if f.what == "data folder"]
    assert finding.state == state
    assert disk_is_short(settings.data_dir) == (state == "broken")
