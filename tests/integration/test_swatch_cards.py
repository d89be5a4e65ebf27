"""A photo of a swatch card becomes an item for each swatch; what is no card stays one photo."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from scripts.lab.bench.card_photos import card, overlap
from scripts.render import render, save_jpeg
from shared.core.settings import Settings
from shared.jobs.fields import EXTRA
from shared.jobs.ledger import wire
from shared.jobs.model import Item
from shared.jobs.projection import caught_up
from shared.jobs.splitting import Cutout, Split
from shared.photos.box import Box
from shared.photos.swatch_cutting import Swatch, SwatchCutter, swatch_name
from shared.pipeline.chunk_work import ChunkWork
from shared.storage import open_storage
from tests.integration.test_dispatcher_robust import own
from tests.integration.test_unpacked_later import Dies, finished, submit
from tests.ledger_harness import LedgerHarness
from tests.unnamed import remove_unnamed
from worker.dispatcher.unpacking import ArchiveLister

__all__ = ["own"]


def test_every_swatch_is_an_item_with_its_place(harness: LedgerHarness, own: Settings, tmp_path: Path) -> None:
    made = card(6, "white", 1, size=(600, 800))
    save_jpeg(tmp_path / "card.jpg", made.pixels)
    save_jpeg(tmp_path / "cloth.jpg", render("denim", 1, (300, 400)))
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff no photo")
    packed = tmp_path / "roll.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(tmp_path / "card.jpg", "spring/card.jpg")
    paths = [tmp_path / name for name in ("card.jpg", "cloth.jpg", "broken.jpg")]
    job = submit(harness, own, *paths, packed, split=Split.SWATCHES)
    ended = finished(harness, own, job)
    assert (ended.total, ended.split) == (14, "swatches")
    with caught_up(own, harness.ledger, job.id) as projection:
        items = projection.items(limit=50)[0]
    swatches = [f"card-swatch-{n:02}.jpg" for n in range(1, 7)]
    assert [item["name"] for item in items] == [
        *swatches, "cloth.jpg", "broken.jpg", *(f"spring/{name}" for name in swatches),
    ]  # fmt: skip
    whole = hashlib.sha256((tmp_path / "card.jpg").read_bytes()).hexdigest()
    listed = harness.ledger.items(job.id)
    for item, known in zip(listed, made.swatches, strict=False):
        assert item.part is not None
        assert item.part.whole == whole
        assert overlap(Box(*item.part.box), known) >= 0.7
    # The same swatch of the same card has the same bytes, so that it is answered from the cache.
    assert [item["sha256"] for item in items[:6]] == [item["sha256"] for item in items[8:]]
    assert all(item.part is None for item in listed[6:8])
    # The card stays as long as its swatches, and the zip does not.
    assert remove_unnamed(own) == 0
    assert open_storage(own).has(whole)
    assert not list((own.data_dir / "spool").iterdir())


def test_unpacking_that_was_interrupted_cuts_no_card_twice(
    harness: LedgerHarness, own: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looked at once more, a card might be cut in another way: a swatch would be there twice, or missing."""
    for name, seed in (("a", 1), ("b", 2), ("c", 3)):
        save_jpeg(tmp_path / f"{name}.jpg", card(4, "white", seed, size=(450, 600)).pixels)
    monkeypatch.setattr("worker.dispatcher.unpacking.chunk_size", lambda left: 4)
    job = submit(harness, own, *(tmp_path / f"{name}.jpg" for name in "abc"), split=Split.SWATCHES)
    ArchiveLister(own, harness.ledger, Dies(harness.ledger.connection, "dispatcher"), job).run()
    between = [(item.name, item.sha256) for item in harness.ledger.items(job.id)]
    assert [name for name, _ in between] == [f"{card}-swatch-{n:02}.jpg" for card in "ab" for n in range(1, 5)]
    cuts, swatches = list[bytes](), SwatchCutter.swatches

    def noted(self: SwatchCutter, data: bytes) -> list[Swatch]:
        cuts.append(data)
        return swatches(self, data)[:3]

    monkeypatch.setattr(SwatchCutter, "swatches", noted)
    ended = finished(harness, own, job)
    assert cuts == [(tmp_path / "c.jpg").read_bytes()]
    assert (ended.total, ended.ok, ended.duplicates) == (11, 11, 0)
    after = [(item.name, item.sha256) for item in harness.ledger.items(job.id)]
    assert after[:8] == between
    assert [name for name, _ in after[8:]] == [f"c-swatch-{n:02}.jpg" for n in range(1, 4)]


def test_without_the_wish_a_card_is_one_photo(harness: LedgerHarness, own: Settings, tmp_path: Path) -> None:
    save_jpeg(tmp_path / "card.jpg", card(4, "white", 1, size=(450, 600)).pixels)
    assert finished(harness, own, submit(harness, own, tmp_path / "card.jpg")).total == 1


def test_a_result_tells_its_place_on_the_card() -> None:
    item = Item(0, "b.jpg", "ef" * 32, part=Cutout("ab" * 32, (0.1, 0.2, 0.3, 0.4), "card.heic"))
    work = ChunkWork(None, 1)
    work.fail(item, item.sha256, "truncated", {})
    (result,) = wire.unpack_results(wire.pack_results(work.results))
    shown = {field.name: field.value({"extra": result.extra}) for field in EXTRA}
    assert shown["part"] == {"whole": "ab" * 32, "box": [0.1, 0.2, 0.3, 0.4], "card": "card.heic"}


def test_rows_of_whole_photos_are_as_they_were() -> None:
    part = Cutout("ab" * 32, (0.1, 0.2, 0.3, 0.4))
    items = [Item(0, "a.jpg", "cd" * 32), Item(1, "b.jpg", "ef" * 32, part=part)]
    packed = wire.pack_items(items)
    assert wire.unpack_items(packed) == items
    assert [len(row) for row in wire._load(packed[8:])] == [7, 8]


def test_what_a_later_version_adds_to_a_row_is_left_out() -> None:
    whole = Item(0, "a.jpg", "cd" * 32)
    swatch = Item(1, "b.jpg", "ef" * 32, part=Cutout("ab" * 32, (0.1, 0.2, 0.3, 0.4)))
    packed = wire.pack_items([whole, swatch])
    rows = wire._load(packed[8:])
    later = [[*rows[0], None, "new"], [*rows[1], "new", 7]]
    assert wire.unpack_items(packed[:8] + wire._dump(later)) == [whole, swatch]


def test_what_cannot_be_decoded_has_no_swatches() -> None:
    cutter = SwatchCutter()
    try:
        assert cutter.swatches(b"\xff\xd8\xff no photo") == []
        assert cutter.swatches(b"") == []
    finally:
        cutter.close()


def test_swatches_are_named_after_their_card() -> None:
    assert swatch_name("a.b/card.heic", 3) == "a.b/card-swatch-03.jpg"
    assert swatch_name("a.b/card", 12) == "a.b/card-swatch-12.jpg"
