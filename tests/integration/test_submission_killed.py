"""A client that is killed while it sends, and begun again: one job, every file once (20 times: `tests/faults`)."""

from __future__ import annotations

import random
from pathlib import Path

from tests.elsewhere import elsewhere, some_photos
from tests.front import front
from tests.killed_submission import PHOTOS, submit_killed


def test_killed_three_times(tmp_path: Path) -> None:
    with elsewhere(tmp_path / "site") as site, front(site.port) as before:
        kills = 0
        chance = random.Random(15)
        for number in range(10):
            folder = some_photos(tmp_path / f"night-{number}", PHOTOS, size=500)
            kills += len(submit_killed(folder, before, site.environment(before.url), chance, 3 - kills))
            (job,) = [job for job in site.jobs() if job.name == folder.name]
            assert job.total == PHOTOS
            names = [name for name, _ in site.items(job.id)]
            assert names == [f"{folder.name}/{path.name}" for path in sorted(folder.iterdir())]
            if kills == 3:
                return
        raise AssertionError(f"killed {kills} times")
