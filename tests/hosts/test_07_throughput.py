"""Two workers beside one, with the photos in a bucket, in a shared folder, and on a share that workers read.

Each worker's machine has one core of its own. Prints figures; holds none against a limit: pages, dispatcher, Redis and
the storage take their time from the same cores.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hosts.site import Site, running_site

PHOTOS = int(os.environ.get("HOSTS_PHOTOS", "0"))
ROUNDS = int(os.environ.get("HOSTS_ROUNDS", "3"))


#: It has machines of its own, of the same names: not in one run with the other tests.
pytestmark = pytest.mark.skipif(not PHOTOS, reason="HOSTS_PHOTOS=2000 make hosts-test PYTEST='-k two_workers' measures")


@pytest.fixture(params=["s3", "shared folder"])
def measured(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Site]]:
    with running_site(tmp_path, shared_folder=request.param == "shared folder") as site:
        yield request.param, site


@pytest.mark.timeout(3600)
def test_two_workers_beside_one(measured: tuple[str, Site]) -> None:
    kind, site = measured
    cores = sorted(os.sched_getaffinity(0))
    site.one.core, site.two.core = cores[0], cores[-1]
    rates: dict[tuple[str, int], list[float]] = {}
    for _ in range(ROUNDS):
        for workers in (1, 2):
            site.two.stop()
            site.start_workers(*[host for host in (site.one, site.two)[:workers] if not host.running])
            # The first photos of a new worker are slower.
            site.ended(site.submit([site.photo() for _ in range(64)]))
            for way in ("upload", "folder"):
                job = site.submit_folder(site.folder(PHOTOS)) if way == "folder" else _upload(site)
                ended = site.ended(job, 1200)
                assert (ended["ok"], ended["failed"]) == (PHOTOS, 0), ended
                # From a worker's first claim: sending and listing are not the workers'.
                seconds = ended["finished"] - ended["started"]
                rates.setdefault((way, workers), []).append(PHOTOS / seconds)
    for way in ("upload", "folder"):
        one, two = (statistics.median(rates[way, workers]) for workers in (1, 2))
        ratios = [b / a for a, b in zip(rates[way, 1], rates[way, 2], strict=True)]
        print(f"\n{kind}, {way}: 1 worker {one:.0f}/s, 2 workers {two:.0f}/s, ratio {statistics.median(ratios):.2f}")


def _upload(site: Site) -> str:
    return site.submit([site.photo() for _ in range(PHOTOS)])
