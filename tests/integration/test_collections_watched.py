"""A watched collection begins its runs by itself, once what arrives has been quiet: by events, and by looking again."""

from __future__ import annotations

import importlib.util
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.collections.runs import Run, RunState
from shared.collections.shown import overview, shown_collection
from shared.collections.store import Wish
from tests.collections_harness import Site, counts, write
from tests.product import Product, eventually, run_product

pytestmark = pytest.mark.slow

WAYS = [
    pytest.param(
        "events",
        marks=pytest.mark.skipif(importlib.util.find_spec("watchfiles") is None, reason="watchfiles is not installed"),
    ),
    "polling",
]


@pytest.fixture(scope="module", params=WAYS)
def product(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    folder = tmp_path_factory.mktemp(request.param)
    settings = {"watch_quiet_seconds": "2", "watch_poll_seconds": "1", "watch_polling": str(request.param == "polling")}
    with run_product(folder, **settings) as running:
        yield running


def runs(site: Site) -> list[Run]:
    """Oldest first."""
    with site.collections.index(site.own.id) as index:
        return index.runs.list(50)[::-1]


def watched(product: Product, name: str, photos: int = 0) -> Site:
    site = Site.make(product, name, photos=photos)
    site.collections.change(site.own.id, Wish(watch=True))
    return site


def ended(site: Site, count: int) -> Run:
    """The last of so many runs, once it has ended; there are no more."""
    eventually(lambda: len(runs(site)) >= count and not runs(site)[-1].under_way, what=f"run {count}")
    assert len(runs(site)) == count
    return runs(site)[-1]


def waits(site: Site) -> str | None:
    found = overview(site.collections, site.collections.find(site.own.id))
    return shown_collection(found)["waits"]  # type: ignore[no-any-return]


def test_what_arrives_is_classified_once_and_nobody_asks(product: Product, request: pytest.FixtureRequest) -> None:
    site = watched(product, "arrivals", photos=3)
    first = ended(site, 1)
    assert (first.watched, first.due, first.state) == (True, None, RunState.DONE)
    assert counts(first) == {"found": 3, "new": 3, "chosen": 3}
    write(site.folder / "later" / "a.jpg", "a later photo")
    second = ended(site, 2)
    assert counts(second) == {"found": 4, "new": 1, "chosen": 1, "unchanged": 3}
    found = shown_collection(overview(site.collections, site.collections.find(site.own.id)))
    assert (found["watch"], found["waits"]) == (True, None)
    assert found["watching"] == request.node.callspec.params["product"]
    # What goes begins no run, and neither does what is no photo.
    (site.folder / "0000.jpg").unlink()
    write(site.folder / "notes.txt", "no photo")
    time.sleep(6)
    assert len(runs(site)) == 2
    site.collections.change(site.own.id, Wish(watch=False))
    time.sleep(3)
    write(site.folder / "unwatched.jpg", "nobody looks")
    time.sleep(6)
    assert len(runs(site)) == 2


def test_a_file_that_grows_is_left_until_it_is_complete(product: Product) -> None:
    site = watched(product, "growing")
    stop = threading.Event()

    def copied() -> None:
        # As `cp --preserve` and scanners do: old by its date, and growing.
        while not stop.is_set():
            path = site.folder / "large.jpg"
            write(path, "x" * (path.stat().st_size + 1000 if path.exists() else 1))
            stop.wait(0.2)

    thread = threading.Thread(target=copied)
    thread.start()
    time.sleep(8)
    before = runs(site)
    stop.set()
    thread.join()
    assert before == []
    size = (site.folder / "large.jpg").stat().st_size
    run = ended(site, 1)
    assert counts(run) == {"found": 1, "new": 1, "chosen": 1}
    assert site.results()["large.jpg"]["size"] == size


def test_a_drive_that_is_away_is_told_and_comes_back(product: Product) -> None:
    site = watched(product, "drive", photos=2)
    ended(site, 1)
    away = site.folder.with_name("drive-away")
    site.folder.rename(away)
    # Its mount point stays.
    site.folder.mkdir()
    eventually(lambda: waits(site) is not None, what="the words")
    assert "probably not connected" in str(waits(site))
    assert len(runs(site)) == 1
    write(away / "new.jpg", "came while it was away")
    site.folder.rmdir()
    away.rename(site.folder)
    assert counts(ended(site, 2)) == {"found": 3, "new": 1, "chosen": 1, "unchanged": 2}
    assert waits(site) is None


def test_what_came_while_nobody_watched_is_found_at_the_start(tmp_path: Path) -> None:
    settings = {"watch_quiet_seconds": "1", "watch_poll_seconds": "3600"}
    with run_product(tmp_path, **settings) as product:
        site = watched(product, "restart", photos=2)
        ended(site, 1)
    write(site.folder / "meanwhile.jpg", "nobody watched")
    shutil.copytree(site.folder, site.folder / "more", copy_function=shutil.copy2)
    with run_product(tmp_path, **settings) as product:
        run = ended(site, 2)
        assert (run.watched, run.counts["new"]) == (True, 4)
