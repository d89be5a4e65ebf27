"""Photos that kill or hang whoever touches them: exactly those fail, and everything else is answered."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shared.ledger import keys
from shared.ledger.office import ATTEMPTS
from tests.faults.site import RUNS, Site, running_site
from tests.product import eventually

Record = Callable[[float], None]
BAD = (3, 70, 71)


@pytest.fixture(scope="module")
def lonely(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A product whose only worker is the test's own."""
    with running_site(tmp_path_factory.mktemp("poison"), workers=0) as site:
        yield site


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("encode=segfault", "poison"),
        ("read=hang", "timeout"),
        pytest.param("encode=kill", "poison", marks=pytest.mark.long),
        pytest.param("read=kill", "poison", marks=pytest.mark.long),
    ],
)
def test_poison(lonely: Site, record: Record, tmp_path: Path, fault: str, code: str) -> None:
    for run in range(RUNS):
        folder = lonely.folder(160)
        photos = sorted(folder.iterdir())
        listed = tmp_path / f"listed-{run}"
        listed.write_text("\n".join(hashlib.sha256(photos[n].read_bytes()).hexdigest() for n in BAD))
        lonely.start_worker("-m", "tests.faults.worker_with", f"{fault}:{listed}")
        job = lonely.submit(folder)
        began = time.monotonic()
        job = lonely.await_end(job, 240)
        record(time.monotonic() - began)
        lonely.check(job, folder, {photos[n].name: code for n in BAD})
        attempts = lonely.ledger.connection.redis.hgetall(keys.job(job.id, "att"))
        assert max(map(int, attempts.values())) <= ATTEMPTS
        lonely.end_extra()
        eventually(lambda: not lonely.children, 30, "the worker's end")


@pytest.mark.parametrize("offset", [300, pytest.param(-300, marks=pytest.mark.long)])
def test_a_workers_clock_is_wrong(lonely: Site, record: Record, offset: int) -> None:
    for _ in range(RUNS):
        lonely.start_worker("-m", "tests.faults.worker_with", f"clock={offset}")
        lonely.start_worker()
        folder = lonely.folder(300)
        began = time.monotonic()
        job = lonely.await_end(lonely.submit(folder))
        record(time.monotonic() - began)
        lonely.check(job, folder)
        assert job.duplicates == 0
        lonely.end_extra()
