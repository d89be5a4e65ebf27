"""A million photos in one job: few messages, bounded memory, and every one of them counted once."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator

import pytest

from shared.bank.store import BankStore
from shared.jobs.ledger import keys
from shared.jobs.model import Item, JobSpec, JobState, Lane
from shared.jobs.projection import caught_up
from tests.faults.record import Record
from tests.faults.site import Site, running_site
from worker.dispatcher.main import CHUNKS_PER_WORKER

pytestmark = pytest.mark.long
ITEMS = 1_000_000
MEGABYTES = 300


@pytest.fixture
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(tmp_path_factory.mktemp("large"), engine="null", ledger_mb="1024") as site:
        yield site


@pytest.mark.timeout(5400)
def test_a_million_photos(large: Site, record: Record) -> None:
    """The engine answers from the hash, so that nothing but the ledger's own work is measured."""
    banks = BankStore(large.product.settings)
    bank = banks.current()
    assert bank is not None
    manifest = banks.manifest(bank)
    spec = JobSpec("million", "precise", Lane.BULK, "upload", bank, manifest.model, manifest.identity)
    items = [Item(n, f"{n}.jpg", sha256=hashlib.sha256(b"%d" % n).hexdigest()) for n in range(ITEMS)]
    job = large.ledger.submit(spec, items)
    del items
    began, messages, memory = time.monotonic(), 0, 0
    while large.job(job.id).state is not JobState.FINISHED:
        waiting = sum(large.redis.llen(f"mq:{lane}") for lane in Lane) + large.redis.hlen("mq:unacked")
        messages = max(messages, waiting)
        memory = max(memory, large.redis.info("memory")["used_memory"])
        time.sleep(0.2)
    record.recovered(time.monotonic() - began)
    print(f"{messages} messages, {memory / 1e6:.0f} MB, {ITEMS / record.seconds[0]:.0f} photos/s")

    ended, seen, outcomes = large.job(job.id), bytearray(ITEMS), 0
    for start in range(0, large.ledger.log_length(job.id), 1000):
        for results, _ in large.ledger.log(job.id, start, 1000):
            outcomes += len(results)
            for result in results:
                seen[result.index] = 1
    with caught_up(large.product.settings, large.ledger, job.id) as projection:
        rows = sum(1 for _ in projection.rows())
    record.counted(ITEMS - min(sum(seen), rows), outcomes - sum(seen))
    assert (record.lost, record.doubled) == (0, 0)
    assert ended.ok == ended.total == ITEMS == large.redis.bitcount(keys.job(job.id, "done"))
    assert messages <= CHUNKS_PER_WORKER * large.workers
    assert memory <= MEGABYTES * 1e6
