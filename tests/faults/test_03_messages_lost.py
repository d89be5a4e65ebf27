"""The broker loses messages."""

from __future__ import annotations

import time

from tests.faults.record import Record
from tests.faults.site import RUNS, Site
from tests.faults.strikes import meanwhile, messages_lost
from tests.product import eventually


def test_every_message_is_lost_for_a_while(site: Site, record: Record) -> None:
    for _ in range(RUNS):
        folder = site.folder(300)
        with meanwhile(lambda: messages_lost(site, 1), 0):
            job = site.submit(folder)
            time.sleep(1)
        at, began = site.job(job.id).done, time.monotonic()
        eventually(lambda j=job, a=at: site.job(j.id).done > min(a, 299), 30, "work")
        record.recovered(time.monotonic() - began)
        site.check(record, site.await_end(job), folder)
