"""Both Redis servers are out of the network's reach for a minute: of workers, dispatcher, web and `weft up` alike."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from pydantic import SecretStr

from scripts.supervisor import redis as embedded
from shared.core.settings import Settings
from tests.faults.proxy import Proxy
from tests.faults.record import Record
from tests.faults.site import IN_FLIGHT, LEASE, PHOTOS, RUNS, SLEEP_MS, Site
from tests.product import run_product

pytestmark = pytest.mark.long
#: Seconds without a way to Redis.
SECONDS = 60.0
#: Seconds within which the web says that it has no Redis: a proxy in front of it gives up after 60.
ANSWER = 30.0


@dataclasses.dataclass
class Remote:
    """A product whose every process reaches Redis through `ways` alone; `site` itself reaches it directly."""

    site: Site
    ways: list[Proxy]

    def each(self, act: Callable[[Proxy], None]) -> None:
        for way in self.ways:
            act(way)


@pytest.fixture(scope="module")
def remote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Remote]:
    folder = tmp_path_factory.mktemp("remote")
    with embedded.running(Settings(data_dir=folder / "elsewhere", ledger_mb=256, cache_mb=16)) as pair:
        ways = [Proxy(str(at.path)) for at in (pair.ledger_at, pair.cache_at)]
        chosen = {"engine": f"sleep:{SLEEP_MS}", "lease_seconds": str(LEASE), "ledger_mb": "256", "cache_mb": "16"}
        urls = {"redis_url": ways[0].url, "cache_redis_url": ways[1].url}
        with run_product(folder / "product", workers=2, bank=True, **chosen, **urls) as product:
            direct = product.settings.model_copy(update={"redis_url": SecretStr(pair.ledger_at.url)})
            yield Remote(Site(dataclasses.replace(product, settings=direct), workers=2), ways)
        for way in ways:
            way.close()


@pytest.mark.timeout(180 + 150 * RUNS)
@pytest.mark.parametrize("how", [Proxy.refuse, Proxy.vanish], ids=["refused", "vanished"])
def test_redis_is_unreachable_for_a_minute(remote: Remote, record: Record, how: Callable[[Proxy], None]) -> None:
    """Measured from the moment on that there is a way again."""
    site = remote.site
    site.await_workers()
    for _ in range(RUNS):
        jobs = len(site.ledger.listed(200))
        folder, other = site.folder(PHOTOS), site.folder(50)
        job = site.submit(folder)
        at = site.await_some(job)
        remote.each(how)
        with visitors(site, job.id, other) as answers:
            time.sleep(SECONDS)
        refused_in_words(answers)
        remote.each(Proxy.heal)
        began = time.monotonic()
        site.await_done(job, min(at + IN_FLIGHT, PHOTOS - 1), 60)
        record.recovered(time.monotonic() - began)
        site.check(record, site.await_end(job), folder)
        # Asked for all the time, with one Idempotency-Key; what was on its way may have made it already.
        site.check(record, site.await_end(site.submit(other)), other)
        assert len(site.ledger.listed(200)) == jobs + 2
        site.await_workers()


Answer = tuple[int, str, float]


@contextmanager
def visitors(site: Site, job_id: str, folder: Path) -> Iterator[dict[str, list[Answer]]]:
    """People and scripts who use the product for the length of a `with`: (status, code, seconds) by request."""
    url = site.product.url
    key = {"Idempotency-Key": site.key(folder)}
    photo = {"file": ("one.jpg", b"\xff\xd8\xff" + bytes(2000), "image/jpeg")}
    page = {"Accept": "text/html"}
    asked: dict[str, Callable[[], requests.Response]] = {
        "submit": lambda: requests.post(
            f"{url}/api/v1/jobs/folder", json={"path": str(folder)}, headers=key, timeout=90
        ),
        "classify": lambda: requests.post(f"{url}/api/v1/classify?wait=5", files=photo, timeout=90),
        "jobs": lambda: requests.get(f"{url}/api/v1/jobs", timeout=90),
        "items": lambda: requests.get(f"{url}/api/v1/jobs/{job_id}/items", timeout=90),
        "page": lambda: requests.get(f"{url}/jobs/{job_id}", headers=page, timeout=90),
        "readyz": lambda: requests.get(f"{url}/readyz", timeout=90),
        "healthz": lambda: requests.get(f"{url}/healthz", timeout=90),
    }
    answers: defaultdict[str, list[Answer]] = defaultdict(list)
    over = threading.Event()

    def visit(name: str) -> None:
        while not over.is_set():
            began = time.monotonic()
            answer = asked[name]()
            answers[name].append((answer.status_code, answer.text[:300], time.monotonic() - began))
            over.wait(1)

    threads = [threading.Thread(target=visit, args=(name,)) for name in asked]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        over.set()
        for thread in threads:
            thread.join()


def refused_in_words(answers: dict[str, list[Answer]]) -> None:
    """Whoever needs Redis is told 503 in time, and nobody 500; the process itself is well."""
    assert {status for status, *_ in answers.pop("healthz")} == {200}, answers
    for name, given in answers.items():
        slowest = max(seconds for *_, seconds in given)
        print(f"{name}: {len(given)} answers, the slowest after {slowest:.1f} s")
        assert {status for status, *_ in given} == {503}, (name, given)
        assert slowest < ANSWER, (name, slowest)
