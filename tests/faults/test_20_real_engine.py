"""With a real engine: whatever strikes, every photo has the labels of a run without faults, its scores within 1e-3."""

from __future__ import annotations

import copy
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.supervisor import redis as embedded
from shared.core.redis_urls import addresses
from tests.faults.proxy import Proxy
from tests.faults.real import IN_FLIGHT, PHOTOS, RealSite, Reference, running_real_site
from tests.faults.record import Record
from tests.faults.site import LEASE, RUNS, disturb, kill
from tests.faults.strikes import all_children_killed, cache_killed, family, ledger_killed, messages_thrice
from tests.product import eventually

#: Seconds within which work goes on: a lease, and a model that has to be loaded again on a loaded machine.
RECOVERY = LEASE + 20


@pytest.fixture(scope="module")
def shared_real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealSite]:
    with running_real_site(tmp_path_factory.mktemp("real")) as site:
        yield site


@pytest.fixture
def real(shared_real: RealSite) -> Iterator[RealSite]:
    shared_real.await_workers()
    yield shared_real
    shared_real.end_extra()


def strike_in_mid_job(site: RealSite, record: Record, fault: Callable[[], object]) -> None:
    disturb(site, record, fault, seconds=RECOVERY, photos=PHOTOS, in_flight=IN_FLIGHT)


@pytest.fixture
def proxy(real: RealSite) -> Iterator[Proxy]:
    way = Proxy(real.redis.connection_pool.connection_kwargs["path"])
    yield way
    way.heal()
    way.close()


@pytest.mark.long
def test_children_with_a_real_engine_are_killed(real: RealSite, record: Record) -> None:
    strike_in_mid_job(real, record, lambda: all_children_killed(real, 0))


@pytest.mark.long
def test_workers_with_a_real_engine_are_killed(real: RealSite, record: Record) -> None:
    def strike() -> None:
        for parent in real.parents:
            for pid in reversed(family(parent)):
                kill(pid)

    strike_in_mid_job(real, record, strike)


@pytest.mark.long
def test_redis_is_killed_beside_a_real_engine(real: RealSite, record: Record) -> None:
    strike_in_mid_job(real, record, lambda: ledger_killed(real, 0))


@pytest.mark.long
def test_messages_come_thrice_to_a_real_engine(real: RealSite, record: Record) -> None:
    strike_in_mid_job(real, record, lambda: messages_thrice(real, 2))


@pytest.mark.long
def test_a_real_engine_is_cut_off_past_its_lease(real: RealSite, proxy: Proxy, record: Record) -> None:
    """What it brings late was computed a second time by others, in other micro-batches."""
    real.start_worker(WEFT_REDIS_URL=f"redis://127.0.0.1:{proxy.port}/0")
    for _ in range(RUNS):
        real.await_workers(real.workers + 1)
        folder = real.folder(PHOTOS)
        job = real.submit(folder)
        real.await_done(job, 100)
        proxy.cut()
        at, began = real.job(job.id).done, time.monotonic()
        real.await_done(job, min(at + IN_FLIGHT, PHOTOS - 1), LEASE + 10)
        record.recovered(time.monotonic() - began)
        time.sleep(max(0.0, 1.5 * LEASE - (time.monotonic() - began)))
        proxy.heal()
        real.check(record, real.await_end(job), folder)


@pytest.mark.long
def test_the_embedding_cache_is_wiped_in_mid_job(real: RealSite, record: Record) -> None:
    """Every second photo is known to the cache; new workers know none of them themselves."""
    for _ in range(RUNS):
        folder, known = real.folder(PHOTOS), real.folder(0)
        for path in sorted(folder.iterdir())[::2]:
            shutil.copy(path, known)
        # A worker that met a dead cache lets it be for ten seconds.
        renewed(real)
        real.check(record, real.await_end(real.submit(known)), known)
        renewed(real)
        job = real.submit(folder)
        at = real.await_some(job)
        began = time.monotonic()
        cache_killed(real, 0)
        real.await_done(job, min(at + IN_FLIGHT, PHOTOS - 1), RECOVERY)
        record.recovered(time.monotonic() - began)
        job = real.await_end(job)
        real.check(record, job, folder)
        assert 0 < job.cached < PHOTOS // 2, job


def renewed(site: RealSite) -> None:
    """Other children than before, and warm, beside a living cache."""
    cache = addresses(site.product.settings).cache
    assert cache is not None
    eventually(lambda: embedded.answers(cache), 30, "the cache")
    before = set(site.children)
    all_children_killed(site, 0)
    eventually(lambda: not before & set(site.children), 30, "the end of the children")
    site.await_workers()


def row(verdict: str, confidence: float, *candidates: tuple[str, float]) -> dict[str, Any]:
    return {
        "verdict": verdict,
        "label": candidates[0][0],
        "confidence": confidence,
        "margin": 0.2,
        "candidates": [{"label": label, "score": score} for label, score in candidates],
    }


RIGHT = row("label", 0.9, ("twill", 0.8), ("denim", 0.6), ("canvas", 0.5995), ("linen", 0.1))


@pytest.mark.parametrize(
    ("found", "same"),
    [
        (RIGHT, True),
        (row("label", 0.9009, ("twill", 0.8009), ("denim", 0.5993), ("canvas", 0.5991), ("linen", 0.1)), True),
        (row("label", 0.9, ("twill", 0.8), ("canvas", 0.5998), ("denim", 0.5997), ("linen", 0.1)), True),
        (row("label", 0.9, ("twill", 0.8), ("denim", 0.6), ("canvas", 0.5995), ("satin", 0.1004)), True),
        (row("unsure", 0.8995, ("twill", 0.8), ("denim", 0.6), ("canvas", 0.5995), ("linen", 0.1)), True),
        (row("not_in_bank", 0.9, ("twill", 0.8), ("denim", 0.6), ("canvas", 0.5995), ("linen", 0.1)), False),
        (row("label", 0.902, ("twill", 0.8), ("denim", 0.6), ("canvas", 0.5995), ("linen", 0.1)), False),
        (row("label", 0.9, ("twill", 0.8), ("denim", 0.602), ("canvas", 0.5995), ("linen", 0.1)), False),
        (row("label", 0.9, ("denim", 0.8), ("twill", 0.6), ("canvas", 0.5995), ("linen", 0.1)), False),
        (row("label", 0.9, ("twill", 0.8), ("satin", 0.6), ("canvas", 0.5995), ("linen", 0.1)), False),
        (row("label", 0.9, ("twill", 0.8), ("denim", 0.6), ("denim", 0.5995), ("linen", 0.1)), False),
        (row("label", 0.9, ("twill", 0.8), ("denim", 0.6), ("canvas", 0.5995)), False),
    ],
)
def test_only_ties_may_change_places(found: dict[str, Any], same: bool, tmp_path: Path) -> None:
    reference = Reference({"a.jpg": copy.deepcopy(RIGHT)}, {"twill": 0.9})
    job: Any = None
    assert bool(reference.differing(job, tmp_path, {"a.jpg": found})) is not same
