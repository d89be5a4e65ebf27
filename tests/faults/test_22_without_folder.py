"""A worker without the job's folder beside one that has it: it fails no photo, and the other does them all."""

from __future__ import annotations

import time
from pathlib import Path

from tests.faults.record import Record
from tests.faults.site import RUNS, Site


def test_a_worker_without_the_folder(lonely: Site, record: Record, tmp_path: Path) -> None:
    for _ in range(RUNS):
        lonely.start_worker(WEFT_FOLDER_ROOTS=str(tmp_path))
        lonely.await_workers(1)
        folder = lonely.folder(300)
        job = lonely.submit(folder)
        # It has refused the job before the other one comes.
        time.sleep(2)
        assert lonely.job(job.id).failed == 0
        lonely.start_worker()
        lonely.await_workers(2)
        began = time.monotonic()
        lonely.await_done(job, 0)
        record.recovered(time.monotonic() - began)
        ended = lonely.await_end(job)
        assert (ended.ok, ended.failed) == (300, 0), ended
        lonely.check(record, ended, folder)
        lonely.end_extra()
