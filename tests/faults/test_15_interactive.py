"""Someone waits for one photo while the night's job runs: they share micro-batches; the wait is one of them longer."""

from __future__ import annotations

import os
import statistics
import time

import pytest
import requests

from shared.encoder import load_encoder
from shared.jobs.model import JobState
from tests.faults.record import Record
from tests.faults.site import SLEEP_MS, Site

pytestmark = pytest.mark.long
PHOTOS_EACH = 40


@pytest.mark.timeout(900)
def test_interactive_during_bulk(site: Site, record: Record) -> None:
    """The 95th percentile, with as much again for a machine that does other things, too."""
    waits(site, 3)
    alone = percentile(waits(site, PHOTOS_EACH))
    folder = site.folder(20_000)
    job = site.submit(folder)
    site.await_done(job, 100)
    beside = waits(site, PHOTOS_EACH)
    assert site.job(job.id).state in (JobState.RUNNING, JobState.LISTING)
    site.ledger.cancel(job.id)
    for seconds in beside:
        record.recovered(seconds)
    encoder = load_encoder(site.product.settings.model_copy(update={"engine": "null"}), threads=1)
    batch = encoder.micro_batch * SLEEP_MS / 1000
    print(f"alone {alone:.3f} s, beside bulk {percentile(beside):.3f} s, a micro-batch {batch:.3f} s")
    assert percentile(beside) <= 2 * (alone + batch)
    site.check(record, site.await_end(job), None)


def waits(site: Site, count: int) -> list[float]:
    """Seconds of so many single photos, one after another."""
    found = []
    for _ in range(count):
        photo = {"file": ("one.jpg", b"\xff\xd8\xff" + os.urandom(2000), "image/jpeg")}
        began = time.monotonic()
        answer = requests.post(f"{site.product.url}/api/v1/classify?wait=10", files=photo, timeout=30)
        assert answer.status_code == 200, answer.text
        found.append(time.monotonic() - began)
    return found


def percentile(seconds: list[float]) -> float:
    """The 95th."""
    return statistics.quantiles(seconds, n=20, method="inclusive")[18]
