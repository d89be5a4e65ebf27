"""Jobs leave the ledger a second after their end, while others end and begin: every result is kept."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from shared.jobs.ledger import keys
from shared.jobs.projection import projection_path
from tests.faults.record import Record
from tests.faults.site import RUNS, Site, running_site
from tests.product import eventually

JOBS, PHOTOS = 12, 80


def gone(site: Site, job_id: str) -> bool:
    return not site.redis.exists(keys.job(job_id, "meta"))


@pytest.mark.long
def test_retention_while_jobs_end(record: Record, tmp_path: Path) -> None:
    with running_site(tmp_path, keep_days=str(1 / 86400)) as site:
        for _ in range(RUNS):
            jobs = []
            for _ in range(JOBS):
                jobs.append(site.submit(site.folder(PHOTOS)))
                time.sleep(0.2)
            began = time.monotonic()
            eventually(lambda jobs=jobs: all(gone(site, job.id) for job in jobs), 120, "their release")  # type: ignore[misc]
            record.recovered(time.monotonic() - began)
            for job in jobs:
                kept = site.ledger.find(job.id)
                with closing(sqlite3.connect(projection_path(site.product.settings, job.id))) as database:
                    rows = [row[0] for row in database.execute("SELECT idx FROM items WHERE status = 'ok'")]
                record.counted(PHOTOS - len(set(rows)), len(rows) - len(set(rows)))
                assert kept.archived
                assert (kept.ok, kept.failed, sorted(rows)) == (PHOTOS, 0, list(range(PHOTOS))), kept
