"""Four workers start beside a processor hog a core: none is killed for being slow, and the job is exact."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.record import Record
from tests.faults.site import RUNS, running_site

WORKERS = 4


@contextmanager
def hog_a_core() -> Iterator[None]:
    cores = len(os.sched_getaffinity(0))
    hogs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(cores)]
    try:
        yield
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()


@pytest.mark.long
def test_a_start_under_load(record: Record, tmp_path: Path) -> None:
    for run in range(RUNS):
        with hog_a_core():
            began = time.monotonic()
            with running_site(tmp_path / str(run), workers=WORKERS) as site:
                record.recovered(time.monotonic() - began)
                folder = site.folder(400)
                site.check(record, site.await_end(site.submit(folder)), folder)
                assert "restarting it" not in site.product.output(), site.product.output()
