"""`weft gc` removes what no job names, and nothing else."""

from __future__ import annotations

import os
import time
from pathlib import Path

from scripts.supervisor import redis as embedded
from shared.core.settings import Settings
from shared.jobs.ledger import Ledger
from shared.maintenance.gc import sweep
from shared.storage.local import LocalStorage
from tests.ledger_harness import photos, sha, spec

DAY = 86400.0


def store(settings: Settings, name: str, days: float) -> Path:
    """A blob and its thumbnail, untouched for so many days."""
    storage = LocalStorage(settings.data_dir)
    storage.put(name.encode(), sha(name))
    storage.put_thumb(sha(name), b"small")
    for kind in ("blobs", "thumbs"):
        path = settings.data_dir / kind / sha(name)[:2] / sha(name)
        os.utime(path, (time.time() - days * DAY,) * 2)
    return settings.data_dir / "blobs" / sha(name)[:2] / sha(name)


def test_only_what_no_job_names_is_removed(settings: Settings, redis_pair: embedded.Pair) -> None:
    ledger = Ledger.connect(settings)
    named = store(settings, "p0", 9)
    ledger.submit(spec(), photos(1))
    old, young, wanted = (store(settings, name, days) for name, days in (("old", 9), ("young", 0.5), ("again", 9)))
    # Somebody uploads the same bytes again, and has not submitted them yet.
    LocalStorage(settings.data_dir).put(b"again", sha("again"))
    spooled = LocalStorage(settings.data_dir).spool_dir() / "upload"
    spooled.write_bytes(b"again")
    LocalStorage(settings.data_dir).adopt(spooled, sha("again"))
    planned = sweep(settings, DAY, dry=True)
    assert (planned["blobs"].files, planned["blobs"].bytes) == (1, len("old"))
    assert old.exists()
    assert sweep(settings, DAY)["blobs"].files == 1
    assert [path.exists() for path in (named, old, young, wanted)] == [True, False, True, True]
    assert sweep(settings, 0)["blobs"].files == 2
    assert named.exists()
    ledger.connection.redis.close()
