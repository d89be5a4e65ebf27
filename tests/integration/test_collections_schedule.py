"""The dispatcher runs collections when they are due: what was missed once, and never two runs at a time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from shared.collections.collection import Collection
from shared.collections.runs import Run
from shared.collections.schedule import Schedule
from shared.collections.store import Collections, Wish
from shared.jobs.ledger import Ledger
from tests.collections_harness import Site, counts, write
from tests.product import Product, eventually, run_product


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with run_product(tmp_path_factory.mktemp("schedule"), engine="sleep:20") as running:
        yield running


def runs(site: Site) -> list[Run]:
    with site.collections.index(site.own.id) as index:
        return index.runs.list(50)


def missed(product: Product, site: Site, days: int) -> Schedule:
    """A schedule that was set so many days ago, an hour before now; Weft was not running since."""
    hour = (datetime.now() - timedelta(hours=1)).strftime("%H:%M")
    collections = Collections(product.settings)
    made = collections.change(site.own.id, Wish(schedule=Schedule(at=hour)))
    long_ago = made.model_copy(update={"scheduled": time.time() - days * 86400})

    def put(known: list[Collection]) -> list[Collection]:
        return [long_ago if one.id == made.id else one for one in known]

    collections._change(put)
    assert made.schedule is not None
    return made.schedule


def test_what_was_missed_is_caught_up_once(product: Product) -> None:
    site = Site.make(product, "missed", photos=3)
    missed(product, site, days=5)
    eventually(lambda: bool(runs(site)) and not runs(site)[0].under_way, what="the scheduled run")
    (run,) = runs(site)
    assert run.due is not None
    assert 3500 < time.time() - run.due < 3800
    assert counts(run) == {"found": 3, "new": 3, "chosen": 3}
    # Nothing is due now: another dispatcher's look makes no run, either.
    with site.collections.index(site.own.id) as index:
        assert index.runs.last_due() == run.due
    write(site.folder / "more.jpg", "more")
    time.sleep(2)
    assert [one.id for one in runs(site)] == [run.id]


def test_a_schedule_waits_for_the_run_that_is_under_way(product: Product) -> None:
    site = Site.make(product, "busy", photos=100)
    ledger = Ledger.connect(product.settings)
    first = site.ask()
    eventually(lambda: site.found(first.id).job is not None, what="the job")
    job = str(site.found(first.id).job)
    ledger.pause(job)
    missed(product, site, days=3)
    write(site.folder / "late.jpg", "late")
    time.sleep(2)
    assert [one.id for one in runs(site)] == [first.id]
    ledger.resume(job)
    site.ended(first)
    eventually(lambda: len(runs(site)) == 2 and not runs(site)[0].under_way, what="the run that was due")
    second = runs(site)[0]
    assert second.due is not None
    assert counts(second) == {"found": 101, "new": 1, "chosen": 1, "unchanged": 100}


def test_a_cancelled_job_leaves_its_photos_for_the_next_run(product: Product) -> None:
    site = Site.make(product, "cancelled", photos=300)
    ledger = Ledger.connect(product.settings)
    first = site.ask()
    eventually(lambda: site.found(first.id).job is not None, what="the job")
    job = str(site.found(first.id).job)
    eventually(lambda: ledger.find(job).done > 0, what="the first results")
    ledger.cancel(job)
    site.ended(first)
    left = 300 - ledger.find(job).done
    assert 0 < left < 300
    second = site.run()
    found = counts(second)
    # What a worker had in its hands when the job was cancelled may still have counted.
    assert found["again"] <= left
    assert found["again"] + found["unchanged"] == 300
    assert all(row["result"] for row in site.results().values())
