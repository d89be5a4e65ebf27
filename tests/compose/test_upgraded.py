"""The images of an earlier commit replaced by those of this one, in the middle of a job.

The commit is the last tag, or what UPGRADE_FROM names.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.compose.site import BUILD_SECONDS, ROOT, Site, checkout, command, eventually, prepared


def _earlier() -> str | None:
    tag = ["git", "describe", "--tags", "--abbrev=0"]
    found = subprocess.run(tag, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    return os.environ.get("UPGRADE_FROM") or found or None


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Site]:
    compose, commit = command(), _earlier()
    if compose is None:
        pytest.skip("no Docker engine answers here")
    if commit is None:
        pytest.skip("no tag: name a commit in UPGRADE_FROM")
    made = prepared(tmp_path / "weft", compose, "old", commit)
    try:
        with made.timed("build of the earlier commit"):
            made.run("build", timeout=BUILD_SECONDS)
        made.up(2)
        made.await_workers(2)
        yield made
    finally:
        made.remove()


def _replace_checkout(site: Site) -> None:
    """As docs/operations.md says: everything is new but `.env` and the photos."""
    for path in site.folder.iterdir():
        if path.name not in (".env", "photos"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    checkout(site.folder)


def test_a_half_done_job_is_finished_by_the_new_images(old: Site) -> None:
    done = old.submit("later")
    old.await_end(done)
    before = old.results(done)
    _replace_checkout(old)
    with old.timed("build of this commit"):
        old.run("build", timeout=BUILD_SECONDS)
    # The earlier containers still run.
    half = old.submit("night")
    eventually(lambda: old.job(half)["ok"] > 200, "the first photos")
    assert not old.ended(half)
    with old.timed("the new images, to two warm workers"):
        old.up(2)
        old.await_workers(2)
    with old.timed("the rest of 3,000 photos"):
        old.await_end(half)
    old.check_whole(half, 3000)
    # Columns may have been added.
    after = old.results(done)
    assert [{name: row[name] for name in known} for row, known in zip(after, before, strict=True)] == before
