"""A folder's photos of swatch cards become an item for each swatch, and nothing of them is copied."""

from __future__ import annotations

import errno
import hashlib
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image

from scripts.lab.bench.card_photos import Card, card, overlap
from scripts.render import render, save_jpeg
from shared.core.errors import Unavailable
from shared.core.settings import Settings
from shared.jobs import archive
from shared.jobs.intake.cards import Card as Found
from shared.jobs.intake.repeating import photos_of
from shared.jobs.ledger import Ledger
from shared.jobs.ledger.dispatcher_ledger import DispatcherLedger
from shared.jobs.model import Item, Job
from shared.jobs.splitting import Cutout, Split
from shared.photos.box import Box
from tests.bank_api import all_items, call
from tests.integration.test_dispatcher_robust import own
from tests.ledger_harness import LedgerHarness, spec
from tests.product import Product, eventually
from worker.dispatcher.card_listing import CardLister
from worker.dispatcher.listing import Listed

__all__ = ["own"]


def filled(folder: Path) -> Card:
    """A folder with two photos of the same card, one deeper, between a cloth and what is no photo."""
    made = card(6, "white", 1, size=(600, 800))
    (folder / "spring").mkdir(parents=True)
    save_jpeg(folder / "card.jpg", made.pixels)
    save_jpeg(folder / "cloth.jpg", render("denim", 1, (300, 400)))
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff no photo")
    (folder / "spring" / "card.jpg").write_bytes((folder / "card.jpg").read_bytes())
    return made


def swatches(begin: str = "") -> list[str]:
    return [f"{begin}card-swatch-{n:02}.jpg" for n in range(1, 7)]


NAMES = ["broken.jpg", *swatches(), "cloth.jpg", *swatches("spring/")]


def ended(product: Product, made: dict[str, Any]) -> dict[str, Any]:
    eventually(lambda: call(product, "GET", f"/jobs/{made['id']}")["state"] == "finished", what="the job's end")
    return call(product, "GET", f"/jobs/{made['id']}")


def test_every_swatch_is_an_item_and_no_pixel_is_copied(product: Product) -> None:
    folder = product.photos / "cards"
    known = filled(folder)
    blobs = len(list((product.settings.data_dir / "blobs").glob("??/*")))
    job = ended(product, call(product, "POST", "/jobs/folder", {"path": str(folder), "split": "swatches"}))
    assert (job["total"], job["split"]) == (14, "swatches")
    items = all_items(product, job)
    assert [item["name"] for item in items] == NAMES
    whole = hashlib.sha256((folder / "card.jpg").read_bytes()).hexdigest()
    for item, box in zip(items[1:7], known.swatches, strict=True):
        assert (item["part"]["whole"], item["part"]["card"]) == (whole, "card.jpg")
        assert overlap(Box(*item["part"]["box"]), box) >= 0.7
    # The same swatch of the same photo is the same photo.
    assert [item["sha256"] for item in items[1:7]] == [item["sha256"] for item in items[8:]]
    assert len({item["sha256"] for item in items[1:7]}) == 6
    assert items[8]["part"]["card"] == "spring/card.jpg"
    assert len(list((product.settings.data_dir / "blobs").glob("??/*"))) == blobs
    shown = requests.get(f"{product.url}/api/v1/jobs/{job['id']}/items/1/photo", timeout=60)
    with Image.open(io.BytesIO(shown.content)) as picture:
        box = items[1]["part"]["box"]
        assert abs(picture.width - 800 * box[2]) <= 2
        assert abs(picture.height - 600 * box[3]) <= 2


@pytest.mark.parametrize("archived", [False, True])
def test_parts_survive_when_a_job_is_run_again(product: Product, archived: bool) -> None:
    folder = product.photos / f"again-{archived}"
    filled(folder)
    first = ended(product, call(product, "POST", "/jobs/folder", {"path": str(folder), "split": "swatches"}))
    if archived:
        archive.put_away(product.settings, Ledger.connect(product.settings), first["id"])
    again = ended(product, call(product, "POST", f"/jobs/{first['id']}/rerun", {"preset": "realtime"}))
    before, after = all_items(product, first), all_items(product, again)
    assert [(item["name"], item["part"], item["sha256"]) for item in after] == [
        (item["name"], item["part"], item["sha256"]) for item in before
    ]
    assert sum(item["part"] is not None for item in after) == 12


def test_parts_of_an_archived_upload_survive(product: Product, tmp_path: Path) -> None:
    filled(tmp_path / "cards")
    files = [("files", ("card.jpg", (tmp_path / "cards" / "card.jpg").read_bytes()))]
    sent = requests.post(f"{product.url}/api/v1/jobs", files=files, data={"split": "swatches"}, timeout=60)
    assert sent.ok, sent.text
    first = ended(product, sent.json())
    ledger = Ledger.connect(product.settings)
    archive.put_away(product.settings, ledger, first["id"])
    found = photos_of(product.settings, ledger, ledger.find(first["id"]))
    assert [item.part and item.part.card for item in found] == ["card.jpg"] * 6
    # They have files of their own.
    assert all(item.box is None for item in found)


def test_swatches_are_sorted_as_photos_of_their_own(product: Product, tmp_path: Path) -> None:
    folder = product.photos / "sorted"
    filled(folder)
    job = ended(product, call(product, "POST", "/jobs/folder", {"path": str(folder), "split": "swatches"}))
    done = product.weft("sort", job["id"], "--into", tmp_path / "tree")
    assert done.returncode == 0, done.stderr
    placed = {path.name: path for path in (tmp_path / "tree").rglob("*.jpg")}
    # A link to the card would not show the swatch.
    assert placed["cloth.jpg"].is_symlink()
    assert not placed["card-swatch-01.jpg"].is_symlink()
    with Image.open(placed["card-swatch-01.jpg"]) as picture:
        assert picture.width < 400


def listed(harness: LedgerHarness, job: str) -> list[tuple[str, Cutout | None]]:
    return [(item.name, item.part) for item in harness.ledger.items(job)]


def submitted(harness: LedgerHarness, own: Settings, tmp_path: Path) -> tuple[Settings, Job]:
    """A job for the folder `photos`, filled as above, and the settings that allow it."""
    filled(tmp_path / "photos")
    allowed = own.model_copy(update={"folder_roots": str(tmp_path)})
    wish = spec("cards", kind="folder", path=str(tmp_path / "photos"), split=Split.SWATCHES)
    return allowed, harness.ledger.submit_folder(wish)


class Dies(DispatcherLedger):
    """The dispatcher is gone after its first chunk."""

    appended = 0

    def append(self, *args: Any, **values: Any) -> bool:
        self.appended += 1
        if self.appended > 1:
            raise Unavailable("redis_unavailable")
        return super().append(*args, **values)


def test_another_lister_finds_each_swatch_once(
    harness: LedgerHarness, own: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, job = submitted(harness, own, tmp_path)
    monkeypatch.setattr("worker.dispatcher.card_listing.CHUNK_ITEMS", 2)
    CardLister(settings, harness.ledger, Dies(harness.ledger.connection, "first"), job).run()
    between = listed(harness, job.id)
    assert [name for name, _ in between] == NAMES[:7]
    # The next one's limits of time may let it find something else: what is listed stays as it is.
    look: Callable[..., Found] = lambda self, photo: Found("ab" * 32, [Box(0.1, 0.1, 0.2, 0.2)] * 3)  # noqa: E731
    monkeypatch.setattr("shared.jobs.intake.cards.Cards._look", look)
    CardLister(settings, harness.ledger, harness.dispatcher, harness.ledger.job(job.id)).run()
    assert harness.ledger.job(job.id).listed
    assert listed(harness, job.id)[:7] == between
    more = [f"{name}-swatch-{n:02}.jpg" for name in ("cloth", "spring/card") for n in (1, 2, 3)]
    assert [name for name, _ in listed(harness, job.id)[7:]] == more


def test_a_lister_that_was_replaced_is_stopped(harness: LedgerHarness, own: Settings, tmp_path: Path) -> None:
    """Though it has as many items as its successor has listed, of other files."""
    filled(tmp_path / "photos")
    job = harness.ledger.submit_folder(spec("cards", kind="folder", path=str(tmp_path / "photos")))
    items = Found("ab" * 32, [Box(0.1, 0.1, 0.2, 0.2)]).items(Item(0, "card.jpg", path="/card.jpg"))
    assert harness.dispatcher.append(job.id, items, "card.jpg", last=False)
    assert harness.dispatcher.append(job.id, items, "card.jpg", last=False)
    assert not harness.dispatcher.append(job.id, items, "cloth.jpg", last=False)


def test_a_machine_without_open_files_left_is_waited_for(
    harness: LedgerHarness, own: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A card that could not be read then is none the less a card."""
    settings, job = submitted(harness, own, tmp_path)

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as full:
        full.setattr("shared.jobs.intake.cards.open_regular", refuse)
        CardLister(settings, harness.ledger, harness.dispatcher, job).run()
    assert listed(harness, job.id) == []
    CardLister(settings, harness.ledger, harness.dispatcher, harness.ledger.job(job.id)).run()
    assert [name for name, _ in listed(harness, job.id)] == NAMES


class Loses(CardLister):
    """The share is gone once its first photo is listed and before it is looked at: of the folder, nothing is left."""

    def _files(self, root: Path, *values: Any) -> Iterator[Listed]:
        for n, file in enumerate(super()._files(root, *values)):
            if n == 0:
                os.rename(root, root.with_name("away"))
                root.mkdir()
            yield file


def test_a_share_that_goes_away_is_waited_for(harness: LedgerHarness, own: Settings, tmp_path: Path) -> None:
    settings, job = submitted(harness, own, tmp_path)
    Loses(settings, harness.ledger, harness.dispatcher, job).run()
    assert harness.ledger.job(job.id).note == "folder_gone_while_listing"
    assert listed(harness, job.id) == []
    (tmp_path / "photos").rmdir()
    os.rename(tmp_path / "away", tmp_path / "photos")
    CardLister(settings, harness.ledger, harness.dispatcher, harness.ledger.job(job.id)).run()
    assert [name for name, _ in listed(harness, job.id)] == NAMES
