"""A swatch without a file of its own is its box of the card's photo, and of no other photo."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from shared.core.settings import Settings
from shared.jobs.intake.cards import Card
from shared.jobs.model import Item
from shared.jobs.photo_fields import PART
from shared.photos.box import Box
from shared.photos.confinement import Confinement
from shared.photos.decode import Limits
from shared.photos.decode_pool import DecodePool
from shared.photos.decode_server import Task
from shared.photos.photo_part import decode_part
from shared.photos.pixels import Pixels
from shared.pipeline.pixel_fields import compute
from shared.storage import open_storage
from tests.pipeline_harness import DIM, Colours, ListSource, cut, make_pipeline, run

RED, BLUE = (200, 30, 40), (30, 60, 200)
HALVES = [Box(0.0, 0.0, 0.5, 1.0), Box(0.5, 0.0, 0.5, 1.0)]


def mean(pixels: Pixels) -> NDArray[np.uint8]:
    return np.concatenate([np.asarray(pixels).reshape(-1, 3).mean(0).round(), np.ones(DIM - 3)]).astype(np.uint8)


class Means(Colours):
    """Whose preparation may be sent to another process."""

    def prepare(self, pixels: Pixels) -> Any:
        return mean(pixels).astype(np.float32)


def two_halves() -> bytes:
    pixels = np.empty((400, 600, 3), np.uint8)
    pixels[:, :300], pixels[:, 300:] = RED, BLUE
    made = io.BytesIO()
    Image.fromarray(pixels).save(made, "PNG")
    return made.getvalue()


def card_at(data: bytes) -> Card:
    return Card(hashlib.sha256(data).hexdigest(), HALVES)


@pytest.fixture
def pool() -> Iterator[DecodePool]:
    limits = Confinement(memory=1 << 30, cpu_seconds=60)
    made = DecodePool(1, Task(32, Limits(), [mean], compute, limits), budget=1 << 30, wall_seconds=60)
    yield made
    made.close()


@pytest.mark.parametrize("pooled", [False, True])
def test_a_files_box_is_classified(tmp_path: Path, pool: DecodePool, pooled: bool) -> None:
    data = two_halves()
    (tmp_path / "card.png").write_bytes(data)
    whole = Item(0, "card.png", path=str(tmp_path / "card.png"))
    items = [Item(n, i.name, path=i.path, part=i.part) for n, i in enumerate(card_at(data).items(whole))]
    assert [item.name for item in items] == ["card-swatch-01.jpg", "card-swatch-02.jpg"]
    source, encoder = ListSource.of(*cut(items, 2)), Means()
    run(make_pipeline(tmp_path, encoder, pool=pool if pooled else None), source)
    answers = [source.results[n] for n in range(2)]
    assert all(answer.ok for answer in answers)
    assert [answer.sha256 for answer in answers] == [item.part.identity for item in items if item.part]
    for n, colour in enumerate((RED, BLUE)):
        expected = encoder.encode([encoder.prepare(np.full((2, 2, 3), colour, np.uint8))])[0]
        assert np.allclose(np.frombuffer(source.vectors[n], np.float16), expected, atol=2e-3)
        # Its size, and not the card's.
        assert answers[n].extra["size/1"] == [300, 400]
    assert [answer.extra[PART.key][0] for answer in answers] == [hashlib.sha256(data).hexdigest()] * 2
    thumbnail = open_storage(Settings(data_dir=tmp_path)).thumb(answers[1].sha256 or "")
    assert thumbnail is not None
    with Image.open(io.BytesIO(thumbnail)) as small:
        assert small.convert("RGB").getpixel((2, 2)) == pytest.approx(BLUE, abs=6)


def test_a_stored_cards_box_is_classified(tmp_path: Path) -> None:
    """Of photos that were copied out of a bucket."""
    data = two_halves()
    storage = open_storage(Settings(data_dir=tmp_path))
    (tmp_path / "card.png").write_bytes(data)
    sha256 = hashlib.sha256(data).hexdigest()
    storage.adopt(tmp_path / "card.png", sha256)
    items = card_at(data).items(Item(0, "card.png", sha256=sha256))
    assert [item.box for item in items] == HALVES
    source = ListSource.of(*cut([items[1]], 1))
    run(make_pipeline(tmp_path, Colours()), source)
    assert source.results[0].ok
    assert source.results[0].sha256 == items[1].sha256 != sha256


def test_a_card_that_was_changed_is_not_cut(tmp_path: Path) -> None:
    data = two_halves()
    path = tmp_path / "card.png"
    items = card_at(data).items(Item(0, "card.png", path=str(path)))
    Image.new("RGB", (600, 400), BLUE).save(path)
    source = ListSource.of(*cut(items[:1], 1))
    run(make_pipeline(tmp_path, Colours()), source)
    assert source.results[0].error_code == "card_changed"


def test_a_swatch_of_an_upload_is_its_own_file() -> None:
    item = card_at(b"card").items(Item(0, "card.png", path="/card.png"))[0]
    assert Item(0, item.name, sha256="ab" * 32, part=item.part).box is None


def test_a_part_is_decoded_as_large_as_a_photo() -> None:
    made = io.BytesIO()
    Image.new("RGB", (2000, 1000), RED).save(made, "JPEG")
    part = decode_part(made.getvalue(), 100, Limits(), Box(0.1, 0.2, 0.25, 0.5))
    assert 100 <= min(part.pixels.shape[:2]) < 300
    assert part.facts.size == (500, 500)
