"""Photos that kill or hang whoever touches them: exactly those fail, and everything else is answered."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import pytest

from shared.jobs.ledger import keys
from shared.jobs.ledger.dispatcher_ledger import ATTEMPTS
from tests.faults.record import Record
from tests.faults.site import RUNS, Site
from tests.product import eventually

#: Which photos of a job are bad.
ONE, THREE = (70,), (3, 70, 71)


@pytest.mark.parametrize(
    ("fault", "code", "bad"),
    [
        ("encode=segfault", "poison", ONE),
        pytest.param("encode=segfault", "poison", THREE, marks=pytest.mark.long),
        pytest.param("encode=kill", "poison", THREE, marks=pytest.mark.long),
        pytest.param("read=kill", "poison", THREE, marks=pytest.mark.long),
        pytest.param("read=hang", "timeout", THREE, marks=pytest.mark.long),
    ],
)
@pytest.mark.timeout(120 + 200 * RUNS)
def test_poison(lonely: Site, record: Record, tmp_path: Path, fault: str, code: str, bad: tuple[int, ...]) -> None:
    for run in range(RUNS):
        folder = lonely.folder(160)
        photos = sorted(folder.iterdir())
        listed = tmp_path / f"listed-{run}"
        listed.write_text("\n".join(hashlib.sha256(photos[n].read_bytes()).hexdigest() for n in bad))
        lonely.start_worker("-m", "tests.faults.worker_with", f"{fault}:{listed}")
        job = lonely.submit(folder)
        began = time.monotonic()
        job = lonely.await_end(job, 240)
        record.recovered(time.monotonic() - began)
        attempts = lonely.ledger.connection.redis.hgetall(keys.job(job.id, "att"))
        lonely.check(record, job, folder, {photos[n].name: code for n in bad})
        assert max(map(int, attempts.values())) <= ATTEMPTS
        lonely.end_extra()
        eventually(lambda: not lonely.children, 30, "the worker's end")
