"""A run of a collection that is cut off anywhere is finished or repeated: every photo is in one job, once."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from shared.collections.index import Index
from shared.collections.look import Look
from shared.collections.running import Running
from shared.collections.runs import RunState
from shared.core.errors import Unavailable
from shared.jobs.job_search import JobFilter
from shared.jobs.ledger import Ledger
from tests.collections_harness import Site, counts, write
from tests.product import Product, run_product

PHOTOS, KILLS = 3000, 6


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with run_product(tmp_path_factory.mktemp("interrupted")) as running:
        yield running


def jobs_of(product: Product, site: Site) -> list[str]:
    ledger = Ledger.connect(product.settings)
    return [job.id for job in ledger.listed(100, wanted=JobFilter(None, site.own.name)) if job.name == site.own.name]


def dispatcher_of(product: Product) -> psutil.Process | None:
    """The process that the supervisor has started last."""
    for process in psutil.Process(product.process.pid).children(recursive=True):
        try:
            if "dispatcher" in process.cmdline():
                return process
        except psutil.Error:
            continue
    return None


@pytest.mark.long
def test_a_dispatcher_that_is_killed_again_and_again(product: Product) -> None:
    site = Site.make(product, "killed", photos=PHOTOS)
    chance = random.Random(15)
    run = site.ask()
    for _ in range(KILLS):
        time.sleep(chance.uniform(0.2, 1.5))
        if dispatcher := dispatcher_of(product):
            os.kill(dispatcher.pid, signal.SIGKILL)
        if not site.found(run.id).under_way:
            break
    done = site.ended(run)
    assert done.state is RunState.DONE
    assert counts(done) == {"found": PHOTOS, "new": PHOTOS, "chosen": PHOTOS}
    assert jobs_of(product, site) == [done.job]
    job = Ledger.connect(product.settings).find(str(done.job))
    assert (job.ok, job.failed, job.total) == (PHOTOS, 0, PHOTOS)
    assert len(site.items(done)) == PHOTOS
    assert counts(site.run()) == {"found": PHOTOS, "unchanged": PHOTOS}


@pytest.mark.parametrize("where", ["looked", "submitted"])
def test_each_step_may_be_the_last_one(product: Product, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process dies with the plan written, or with the job accepted and nobody told."""
    site = Site.make(product, f"step-{where}", photos=20)
    ledger = Ledger.connect(product.settings)
    # Beside the dispatcher, another process does the same run at the same time.
    with monkeypatch.context() as patch:
        if where == "looked":
            patch.setattr(Running, "_submit", _dies)
        else:
            patch.setattr(Index, "settle", _dies)
        run = site.ask()
        with suppress(_Died, Unavailable):
            Running(product.settings, ledger, site.own).step()
    write(site.folder / "meanwhile.jpg", "not in the plan")
    done = site.ended(run)
    assert jobs_of(product, site) == [done.job]
    names = set(site.items(done))
    assert {f"{n:04}.jpg" for n in range(20)} <= names
    following = site.run()
    assert counts(following)["found"] == 21
    assert len(names) + following.counts["chosen"] == 21
    assert len(site.results()) == 21


def test_several_dispatchers_do_one_run_once(product: Product) -> None:
    site = Site.make(product, "together", photos=200)
    run = site.ask()

    def help_along() -> None:
        ledger = Ledger.connect(product.settings)
        while site.found(run.id).under_way:
            try:
                Running(product.settings, ledger, site.own).step()
            except Unavailable:
                time.sleep(0.2)

    helpers = [threading.Thread(target=help_along) for _ in range(3)]
    for helper in helpers:
        helper.start()
    done = site.ended(run)
    for helper in helpers:
        helper.join()
    assert jobs_of(product, site) == [done.job]
    assert len(site.items(done)) == 200
    assert {row["job"] for row in site.results().values()} == {done.job}


def test_a_look_that_was_cut_off_reads_nothing_twice(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site.make(product, "reads", photos=10)
    site.run()
    for n in range(10):
        (site.folder / f"{n:04}.jpg").rename(site.folder / f"moved-{n}.jpg")
    read: list[bytes] = []
    path = site.folder.parent / "copy.sqlite"
    with site.collections.index(site.own.id) as index:
        index.db.execute("VACUUM INTO ?", (str(path),))
    hashed = _counted(read, monkeypatch)
    with Index(Path(path)) as copy:
        run = copy.runs.ask()
        for _ in range(2):
            look = Look(copy, site.own, product.settings.roots, run)
            look.look(lambda job: True)
            assert look.counts["moved"] == 10
    assert hashed == sorted(hashed)
    assert len(read) == 10


class _Died(BaseException):
    pass


def _dies(*_: object) -> None:
    raise _Died


def _counted(read: list[bytes], monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    from shared.collections.moved import Moves

    real = Moves._hash

    def hashed(self: Moves, path: bytes) -> str | None:
        read.append(path)
        return real(self, path)

    monkeypatch.setattr(Moves, "_hash", hashed)
    return read
