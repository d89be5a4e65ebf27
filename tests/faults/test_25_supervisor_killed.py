"""`weft up` itself is killed in mid job (SIGKILL): the next one on the same folder goes on with it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.faults.record import Record
from tests.faults.site import RECOVERY, RUNS, running_site
from tests.product import await_ready, start_product

#: Seconds that the start of Redis, web and workers may take on a busy machine, on top.
START = 60


@pytest.mark.long
def test_the_supervisor_is_killed(record: Record, tmp_path: Path) -> None:
    with running_site(tmp_path) as site:
        first = site.product
        settings = {
            name.removeprefix("WEFT_").lower(): value
            for name, value in first.env.items()
            if name.startswith("WEFT_") and name not in ("WEFT_DATA_DIR", "WEFT_PORT")
        }
        for _ in range(RUNS):
            folder = site.folder(500)
            job = site.submit(folder)
            at = site.await_some(job)
            began = time.monotonic()
            site.product.process.kill()
            site.product.process.wait()
            site.product = start_product(tmp_path, "--workers", "2", **settings)
            site.__dict__.pop("redis", None)
            try:
                site.await_done(job, min(at + 40, 499), RECOVERY + START)
                record.recovered(time.monotonic() - began)
                await_ready(site.product, 2)
                site.check(record, site.await_end(job), folder)
            except BaseException:
                site.product.stop()
                raise
        site.product.stop()
