"""`weft doctor` judges disk and memory by what admission itself refuses."""

from __future__ import annotations

import shutil
from collections import namedtuple

import pytest

from scripts.cli.diagnostics import examine
from shared.access.keys import Keys
from shared.core.settings import Settings
from shared.jobs.admission import disk_is_short
from shared.photos.confinement import CONFINED

Usage = namedtuple("Usage", "total used free")
GIB = 1024**3


@pytest.mark.parametrize(
    ("total", "free", "state"),
    [
        (1024, 50, "ok"),
        (1024, 13, "note"),
        (1024, 9, "broken"),
        (100, 50, "ok"),
        (100, 12, "note"),
        (100, 9, "broken"),
    ],
)
def test_a_disk_is_broken_where_jobs_are_refused(
    total: int, free: int, state: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings.model_copy(update={"disk_reserve_mb": 10_240})
    settings.data_dir.mkdir(mode=0o700)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(total * GIB, (total - free) * GIB, free * GIB))
    (finding,) = [f for f in examine(settings) if f.what == "data folder"]
    assert finding.state == state
    assert disk_is_short(settings) == (state == "broken")


def test_the_doctor_says_what_decoders_are_kept_from(settings: Settings) -> None:
    real = settings.model_copy(update={"engine": "openvino", "model": "demo"})
    (finding,) = [f for f in examine(real) if f.what == "decoding"]
    assert finding.state == "ok"
    assert CONFINED in finding.text
    assert not [f for f in examine(settings) if f.what == "decoding" and f.state == "broken"]


def test_the_doctor_says_who_comes_in(settings: Settings) -> None:
    def access(**changed: object) -> tuple[str, str]:
        (finding,) = [f for f in examine(settings.model_copy(update=changed)) if f.what == "access"]
        return finding.state, finding.text

    assert access() == ("ok", "this machine only; no key is required")
    assert access(host="0.0.0.0")[0] == "broken"
    assert access(host="0.0.0.0", open=True)[0] == "note"
    assert access(host="0.0.0.0", auth_header="X-Forwarded-User")[0] == "ok"
    Keys.of(settings).add("looms")
    assert access(host="0.0.0.0") == ("ok", "1 keys (0 expired)")
    Keys.of(settings).remove("looms")
    assert access()[0] == "note"
