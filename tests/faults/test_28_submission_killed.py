"""A submission from another machine, its client killed 20 times at random, some of them with the web process: begun
again each time, every file is in one job, once."""

from __future__ import annotations

import hashlib
import os
import random
import time
from collections import Counter
from pathlib import Path

from tests.elsewhere import some_photos
from tests.environment import clean_environment
from tests.faults.record import Record
from tests.faults.site import RUNS, Site
from tests.faults.strikes import web_killed
from tests.front import front
from tests.killed_submission import PHOTOS, submit_killed

#: Of all runs together: `make faults` asks for ten of every fault.
KILLS = 2 * RUNS if RUNS > 1 else 3
SEED = int(os.environ.get("FAULT_SEED", "28"))


def test_the_client_is_killed(site: Site, record: Record, tmp_path: Path) -> None:
    chance = random.Random(SEED)
    home = tmp_path / "home"
    home.mkdir()
    struck: Counter[str] = Counter()
    web = 0

    def strike() -> None:
        nonlocal web
        web += 1
        web_killed(site, 0)

    with front(site.product.settings.port) as before:
        env = clean_environment()
        env |= {"WEFT_URL": before.url, "HOME": str(home), "XDG_CACHE_HOME": str(home), "WEFT_LANG": "en"}
        env["PYTHONPATH"] = str(Path(__file__).resolve().parents[2])
        number = 0
        while struck.total() < KILLS:
            number += 1
            folder = some_photos(tmp_path / f"far-{SEED}-{number}", PHOTOS, size=500)
            began = time.monotonic()
            struck.update(submit_killed(folder, before, env, chance, min(5, KILLS - struck.total()), strike))
            record.recovered(time.monotonic() - began)
            (made,) = [job for job in site.ledger.listed(500) if job.name == folder.name]
            job = site.await_end(made)
            sent = {
                f"{folder.name}/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()
            }
            there = [(item.name, item.sha256) for item in site.ledger.items(job.id)]
            assert sorted(there) == sorted(sent.items())
            site.check(record, job, None)
    print(f"{struck.total()} kills of the client, {web} of the web process, {number} jobs: {dict(struck)}")
