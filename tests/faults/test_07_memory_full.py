"""The ledger's Redis reaches `maxmemory` in mid-job: new jobs are refused, the accepted one ends after relief."""

from __future__ import annotations

import time

import requests

from tests.faults.record import Record
from tests.faults.site import PHOTOS, RUNS, Site
from tests.product import eventually


def test_memory_is_full_in_mid_job(site: Site, record: Record) -> None:
    for _ in range(RUNS):
        folder = site.folder(PHOTOS)
        job = site.submit(folder)
        at = site.await_some(job)
        limit = site.redis.config_get("maxmemory")["maxmemory"]
        site.redis.config_set("maxmemory", int(site.redis.info("memory")["used_memory"] * 0.9))
        try:
            refused = requests.post(f"{site.product.url}/api/v1/jobs/folder", json={"path": str(folder)}, timeout=20)
            assert refused.status_code == 503, refused.text
            assert refused.json()["code"] == "memory_full"
            assert int(refused.headers["Retry-After"]) > 0
            eventually(lambda j=job: stands(site, j.id), 30, "standing still")
        finally:
            site.redis.config_set("maxmemory", limit)
        at, began = site.job(job.id).done, time.monotonic()
        site.await_done(job, min(at, PHOTOS - 1), 60)
        record.recovered(time.monotonic() - began)
        site.check(record, site.await_end(job), folder)
        site.await_workers()


def stands(site: Site, job_id: str) -> bool:
    """Whether nothing was counted for a second: what needs room is refused."""
    before = site.job(job_id).done
    time.sleep(1)
    return site.job(job_id).done == before
