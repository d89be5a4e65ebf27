"""A large bank on two servers: one is killed, stands still, lags behind; the table is dropped; all are away."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
from pydantic import SecretStr

from shared.bank.server.tables import name_of
from shared.bank.store import BankStore
from shared.core.settings import Settings
from shared.jobs.model import Job
from tests.bank_servers import Server, caught_up, needs_servers, pair, url
from tests.banks import make_large_bank
from tests.faults.invariants import Answer, Expected, answer
from tests.faults.record import Record
from tests.faults.site import PHOTOS, RUNS, Site, disturb, running_site
from tests.product import eventually

pytestmark = [needs_servers, pytest.mark.long]

#: Seconds of a lease: a hang is cut after a quarter of it, as with the default of 20 s after 3 s.
LEASE = 12.0
#: How far a number may be off: the server adds up in another order than NumPy.
TOLERANCE = 1e-3


class Nearly(Expected):
    """The same classes in the same order, with the same samples as evidence, and the same numbers but for rounding."""

    def differing(self, job: Job, folder: Path, found: dict[str, dict[str, Any]]) -> dict[str, Any]:
        right = self.of(job, folder)
        return {n: (answer(row), right[n]) for n, row in found.items() if not _same(answer(row), right[n])}


def _same(found: Answer, right: Answer) -> bool:
    def numbers(one: Answer) -> list[float]:
        return [one[2], one[3], *(score for _, score, _ in one[4])]

    def names(one: Answer) -> Answer:
        return one[0], one[1], [(label, sample) for label, _, sample in one[4]]

    near = all(abs(a - b) <= TOLERANCE for a, b in zip(numbers(found), numbers(right), strict=True))
    return near and names(found) == names(right)


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Server, Server]]:
    with pair() as both:
        yield both


@pytest.fixture(scope="module")
def site(servers: tuple[Server, Server], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Two workers that ask the replica first, and have not read the vectors."""
    folder, address = tmp_path_factory.mktemp("served"), url(servers[1], servers[0])
    make_large_bank(Settings(data_dir=folder / "data", engine="null", index_url=SecretStr(address)))
    caught_up(*servers)
    with running_site(folder, index_url=address, lease_seconds=str(LEASE)) as running:
        running.expected = Nearly(running.product.settings)
        yield running


@pytest.fixture(autouse=True)
def healthy(site: Site, servers: tuple[Server, Server]) -> Iterator[None]:
    site.await_workers()
    yield
    for server in servers:
        if server.process is None:
            server.start()
        server.go_on()


def asked(servers: tuple[Server, Server]) -> Server:
    """The one that the workers are connected to: they stay with the one that answered last."""
    count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'weft'"
    return max(servers, key=lambda server: server.sql(count)[0][0])


def test_the_bank_server_is_killed(site: Site, record: Record, servers: tuple[Server, Server]) -> None:
    """Twice: the replica, and then the primary, which answers in its place."""
    struck = []

    def strike() -> None:
        struck.append(asked(servers))
        struck[-1].kill()

    for _ in range(2 * RUNS):
        disturb(site, record, strike, runs=1)
        struck[-1].start()
    assert {server.port for server in struck} == {server.port for server in servers}


def test_the_bank_server_stands_still(site: Site, record: Record, servers: tuple[Server, Server]) -> None:
    struck = []

    def strike() -> None:
        struck.append(asked(servers))
        struck[-1].stand_still()

    for _ in range(RUNS):
        disturb(site, record, strike, runs=1)
        struck[-1].go_on()


def test_the_replica_is_behind(site: Site, record: Record, servers: tuple[Server, Server]) -> None:
    """It does not have the table of the version that was just made active."""
    primary, replica = servers
    for run in range(RUNS):
        caught_up(primary, replica)
        replica.sql("SELECT pg_wal_replay_pause()")
        began = time.monotonic()
        try:
            made = make_large_bank(site.product.settings, classes=351 + run, name="next")
            folder = site.folder(PHOTOS)
            job = site.await_end(site.submit(folder))
            assert job.bank == made
            assert not replica.sql(f"SELECT 1 FROM pg_tables WHERE tablename = '{name_of(made)}'")
        finally:
            replica.sql("SELECT pg_wal_replay_resume()")
        record.recovered(time.monotonic() - began)
        site.check(record, job, folder)


def test_the_table_is_dropped(site: Site, record: Record, servers: tuple[Server, Server]) -> None:
    """The job says what to do, and goes on once it is done."""
    for _ in range(RUNS):
        version = BankStore(site.product.settings).current()
        assert version
        folder = site.folder(PHOTOS)
        job = site.submit(folder)
        site.await_done(job, 50)
        servers[0].sql(f'DROP TABLE "{name_of(version)}"')
        eventually(partial(noted, site, job, "index_missing"), 60, "the note")
        at, began = site.job(job.id).done, time.monotonic()
        written = site.product.weft("bank", "index", version, timeout=120)
        assert written.returncode == 0, written.stderr
        site.await_done(job, at, 60)
        record.recovered(time.monotonic() - began)
        site.check(record, site.await_end(job), folder)


@pytest.mark.parametrize("how", ["killed", "still"])
def test_all_bank_servers_are_away(site: Site, record: Record, servers: tuple[Server, Server], how: str) -> None:
    """For a minute: the workers' page, the doctor and the job say so, and no photo fails."""
    for _ in range(RUNS):
        folder = site.folder(PHOTOS)
        job = site.submit(folder)
        site.await_done(job, 50)
        gone = time.monotonic()
        for server in servers:
            (server.kill if how == "killed" else server.stand_still)()
        eventually(partial(noted, site, job, "index_unavailable"), 60, "the note")
        beats = requests.get(f"{site.product.url}/api/v1/workers", timeout=20).json()["workers"]
        assert "index_unavailable" in [(beat["error"] or {}).get("code") for beat in beats], beats
        assert "bank server" in site.product.weft("doctor", timeout=120).stdout
        time.sleep(max(0.0, 60 - (time.monotonic() - gone)))
        told = site.job(job.id)
        assert told.failed == 0
        for server in servers:
            if how == "killed":
                server.start()
            else:
                server.go_on()
        began = time.monotonic()
        site.await_done(job, told.done, 90)
        record.recovered(time.monotonic() - began)
        ended = site.await_end(job)
        assert (ended.ok, ended.failed) == (PHOTOS, 0), ended
        site.check(record, ended, folder)
        site.await_workers()


def noted(site: Site, job: Job, code: str) -> bool:
    told = site.job(job.id)
    return told.note == code and told.waiting_for == "index"
