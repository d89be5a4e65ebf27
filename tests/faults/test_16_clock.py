"""A worker's clock is wrong by five minutes: leases go by Redis' clock, and nothing changes."""

from __future__ import annotations

import time

import pytest

from tests.faults.record import Record
from tests.faults.site import RUNS, Site


@pytest.mark.long
@pytest.mark.parametrize("offset", [300, -300])
def test_a_workers_clock_is_wrong(lonely: Site, record: Record, offset: int) -> None:
    for _ in range(RUNS):
        lonely.start_worker("-m", "tests.faults.worker_with", f"clock={offset}")
        lonely.start_worker()
        folder = lonely.folder(300)
        began = time.monotonic()
        job = lonely.await_end(lonely.submit(folder))
        record.recovered(time.monotonic() - began)
        lonely.check(record, job, folder)
        assert job.duplicates == 0
        lonely.end_extra()
