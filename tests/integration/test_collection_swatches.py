"""A collection may cut swatch cards: its photos are looked at once each, and known by their files all the same."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from scripts.lab.bench.card_photos import card
from scripts.render import render, save_jpeg
from shared.collections.collection import Rules
from shared.collections.look import Look
from shared.collections.runs import RunState
from shared.collections.store import Collections, Wish
from shared.collections.swatches import find_planned, planned
from shared.core.errors import Unavailable
from shared.core.settings import Settings
from shared.jobs.intake.cards import Cards
from shared.jobs.model import Item
from shared.jobs.splitting import Split
from tests.bank_api import call
from tests.collections_harness import OLD, Site, counts
from tests.product import Product, run_product

CUT = Rules(split=Split.SWATCHES)


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with run_product(tmp_path_factory.mktemp("cards")) as running:
        yield running


def old(path: Path, age: float = OLD) -> None:
    at = time.time() - age
    os.utime(path, (at, at))


def add_card(path: Path, seed: int = 1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_jpeg(path, card(4, "white", seed, size=(450, 600)).pixels)
    old(path)
    return path


def add_cloth(path: Path) -> Path:
    save_jpeg(path, render("denim", 1, (300, 400)))
    old(path)
    return path


def swatches(name: str) -> list[str]:
    return [f"{name}-swatch-{n:02}.jpg" for n in range(1, 5)]


def rows(product: Product, site: Site) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = call(product, "GET", f"/collections/{site.own.id}/files")["files"]
    return found


def test_every_swatch_has_its_result(product: Product) -> None:
    site = Site.make(product, "cards", CUT)
    add_card(site.folder / "a.jpg")
    add_cloth(site.folder / "b.jpg")
    add_card(site.folder / "deeper" / "c.jpg", 2)
    first = site.run()
    assert counts(first) == {"found": 3, "new": 3, "chosen": 3}
    assert list(site.items(first)) == [*swatches("a"), "b.jpg", *swatches("deeper/c")]
    assert call(product, "GET", f"/jobs/{first.job}")["split"] == "swatches"
    found = rows(product, site)
    assert [row["result"]["name"] for row in found] == list(site.items(first))
    assert [Path(row["path"]).name for row in found] == ["a.jpg"] * 4 + ["b.jpg"] + ["c.jpg"] * 4
    assert [row["index"] for row in found] == list(range(9))
    # Known by what it is, not by its swatches.
    assert found[0]["sha256"] == hashlib.sha256((site.folder / "a.jpg").read_bytes()).hexdigest()
    assert site.known() == {"present": 3, "gone": 0}
    sent = requests.get(f"{product.url}/api/v1/collections/{site.own.id}/export?format=csv", timeout=60)
    told = list(csv.DictReader(io.StringIO(sent.content.decode("utf-8-sig"))))
    assert [row["name"] for row in told] == list(site.items(first))
    assert told[8]["card"] == "deeper/c.jpg"


def test_a_second_run_looks_only_at_what_is_new(product: Product) -> None:
    site = Site.make(product, "increment", CUT)
    add_card(site.folder / "a.jpg")
    add_card(site.folder / "z.jpg", 2)
    first = site.run()
    site_rows = rows(product, site)
    call(product, "PATCH", f"/jobs/{first.job}/items/5", {"label": "stripe-2"})
    # Whoever reads it now finds no card.
    was = (site.folder / "a.jpg").stat()
    (site.folder / "a.jpg").write_bytes(b"x" * was.st_size)
    os.utime(site.folder / "a.jpg", ns=(was.st_atime_ns, was.st_mtime_ns))
    add_card(site.folder / "m.jpg", 3)
    (site.folder / "best").mkdir()
    os.rename(site.folder / "z.jpg", site.folder / "best" / "chosen.jpg")
    second = site.run()
    assert counts(second) == {"found": 3, "new": 1, "moved": 1, "chosen": 1, "unchanged": 1}
    assert list(site.items(second)) == swatches("m")
    now = rows(product, site)
    assert len(now) == 12
    assert now[:4] == site_rows[:4]
    # Its swatches and what people said of them moved with their card.
    moved = [row for row in now if row["path"].endswith("chosen.jpg")]
    assert [(row["job"], row["index"]) for row in moved] == [(first.job, n) for n in range(4, 8)]
    assert [row["result"]["review"] == "todo" for row in moved] == [True, False, True, True]


def test_the_same_photo_with_another_date_keeps_its_swatches(product: Product) -> None:
    site = Site.make(product, "touched", CUT)
    add_card(site.folder / "a.jpg")
    add_card(site.folder / "b.jpg", 2)
    first = site.run()
    old(site.folder / "b.jpg", 2 * OLD)
    second = site.run()
    assert counts(second) == {"found": 2, "changed": 1, "chosen": 1, "touched": 1, "unchanged": 1}
    assert [(row["job"], row["index"]) for row in rows(product, site)] == [(first.job, n) for n in range(8)]


def test_reviews_are_kept_when_all_is_run_once_more(product: Product) -> None:
    site = Site.make(product, "once-more", CUT)
    add_card(site.folder / "a.jpg")
    first = site.run()
    call(product, "PATCH", f"/jobs/{first.job}/items/2", {"label": "stripe-2"})
    again = site.run(everything=True)
    found = rows(product, site)
    assert [row["job"] for row in found] == [again.job] * 4
    assert [row["result"]["review"] == "todo" for row in found] == [True, True, False, True]


def test_what_was_found_before_a_kill_is_what_is_submitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Were it looked at again, it might be cut in another way, or a swatch be missing."""
    settings = Settings(data_dir=tmp_path / "data", folder_roots=str(tmp_path))
    for n in range(3):
        add_card(tmp_path / "killed" / f"{n}.jpg", n)
    one = Collections(settings).new(Wish(name="killed", folders=(str(tmp_path / "killed"),), rules=CUT))
    looked: list[str] = []
    look = Cards._look

    def noted(self: Cards, photo: Item) -> Any:
        looked.append(photo.name)
        if looked == ["0.jpg", "1.jpg", "2.jpg"]:
            raise Unavailable
        return look(self, photo)

    monkeypatch.setattr(Cards, "_look", noted)
    monkeypatch.setattr("shared.collections.swatches._AT_ONCE", 1)
    with Collections(settings).index(one.id) as index:
        run = index.runs.ask()
        index.runs.advance(run.id, RunState.WAITING, state=RunState.LOOKING, began=time.time())
        found = Look(index, one, settings.roots, index.runs.find(run.id))
        found.look(lambda job: True)
        found.plan(RunState.SUBMITTING)
        with pytest.raises(Unavailable):
            find_planned(index, one, settings)
        del looked[:]
        # The rules may be others by now: the plan is as it was.
        find_planned(index, one.model_copy(update={"rules": Rules()}), settings)
        assert looked == ["2.jpg"]
        names = [*swatches("0"), *swatches("1"), *swatches("2")]
        assert [(item.index, item.name) for item in planned(index, one)] == list(enumerate(names))
        with index.transaction():
            index.settle("a-job")
        known = index.db.execute("SELECT idx, parts FROM files ORDER BY path").fetchall()
        assert [tuple(row) for row in known] == [(0, 4), (4, 4), (8, 4)]
