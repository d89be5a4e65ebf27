"""Copies of one photo are found whatever became of them; other photos of the same cloth are not."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from scripts.render import render
from shared.photos.perceptual_hash import part_hashes, perceptual_hash
from shared.photos.thumbnails import thumbnails
from shared.similar import copies as module
from shared.similar.copies import Looks, copies
from shared.similar.groups import Group
from shared.similar.vectors import Vectors

CLOTHS = ("denim", "corduroy", "tartan", "cable_knit", "leather", "lace")


def jpeg(picture: Image.Image, quality: int = 85) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality)
    return out.getvalue()


def altered(picture: Image.Image) -> list[Image.Image]:
    width, height = picture.size
    return [
        Image.open(io.BytesIO(jpeg(picture, 60))),
        picture.resize((width // 2, height // 2)),
        picture.crop((int(0.05 * width), int(0.05 * height), int(0.95 * width), int(0.95 * height))),
        picture.crop((0, 0, int(0.9 * width), height)),
    ]


@pytest.fixture(scope="module")
def pictures() -> list[Image.Image]:
    """Two photos of each cloth, each with its altered copies behind it."""
    found = []
    for name in CLOTHS:
        for seed in (31, 32):
            picture = Image.fromarray(render(name, seed))
            found += [picture, *altered(picture)]
    return found


def looked_at(pictures: list[Image.Image], known: bool = True) -> tuple[Vectors, Looks]:
    """Embeddings that are like each other within a cloth, and hardly more so for copies."""
    rng = np.random.default_rng(1)
    each = len(pictures) // len(CLOTHS)
    rows = np.repeat(rng.normal(size=(len(CLOTHS), 64)), each, axis=0) + 0.3 * rng.normal(size=(len(pictures), 64))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    pixels = [np.asarray(picture.convert("RGB")) for picture in pictures]
    hashes = [hashlib.sha256(one.tobytes()).hexdigest() for one in pixels]
    parts = {sha256: part_hashes(thumbnails(one).small) for sha256, one in zip(hashes, pixels, strict=True)}
    prints = b"".join(bytes.fromhex(perceptual_hash(one)) for one in pixels)
    looks = Looks(hashes, np.frombuffer(prints, np.uint64), np.full(len(pixels), known), parts.get if known else none)
    return Vectors(np.arange(len(pixels)), rows.astype(np.float16)), looks


def none(sha256: str) -> None:
    return None


def test_every_copy_is_found_and_no_other_photo(pictures: list[Image.Image]) -> None:
    vectors, looks = looked_at(pictures)
    found = copies(vectors, 0.98, looks)
    of = [{item // 5 for item in group.items} for group in found]
    assert all(len(photos) == 1 for photos in of)
    together = {item for group in found for item in group.items}
    # Nearly all: a crop of the finest pattern may look like another part of it.
    assert len(together) >= 0.95 * len(pictures)


def test_without_fingerprints_only_embeddings_tell(pictures: list[Image.Image]) -> None:
    vectors, looks = looked_at(pictures, known=False)
    assert copies(vectors, 0.98, looks) == []
    same = Looks(["a", "b", "a", *looks.sha256[3:]], looks.fingerprints, looks.known, none)
    assert [sorted(group.items) for group in copies(vectors, 0.98, same)] == [[0, 2]]


def test_crops_are_not_looked_for_among_too_many(pictures: list[Image.Image], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_CROPPED", 10)
    vectors, looks = looked_at(pictures)
    together = {item for group in copies(vectors, 0.98, looks) for item in group.items}
    assert len(together) < 0.95 * len(pictures)


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (33, 31), (2000, 40)])
def test_odd_shapes_have_a_fingerprint(shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (*shape, 3), dtype=np.uint8)
    assert len(perceptual_hash(pixels)) == 16
    assert len(part_hashes(thumbnails(pixels).small)) == 36


def test_a_plain_photo_is_like_no_other_colour_by_its_embedding() -> None:
    plain = [Image.new("RGB", (300, 200), colour) for colour in ("red", "navy", "red")] * 2
    vectors, looks = looked_at(plain)
    apart = Vectors(vectors.items, np.eye(6, 64).astype(np.float16))
    # The same files are; the two colours are not joined.
    assert [group.items for group in map(_sorted, copies(apart, 0.98, looks))] == [[0, 2, 3, 5], [1, 4]]


def _sorted(group: Group) -> Group:
    return Group(sorted(group.items), group.likeness)


def test_photos_that_show_no_cloth_are_no_copies() -> None:
    """Small swatches on one table, or photos that are all white, are alike whatever the cloth is."""
    plain = [Image.new("RGB", (300, 200), "white"), Image.new("RGB", (310, 210), "white")]
    vectors, looks = looked_at([*plain * 2, *plain])
    alike = Vectors(vectors.items, np.ones((6, 64), np.float16) / np.float16(8))
    assert [len(group.items) for group in copies(alike, 0.98, looks)] == [6]
    poor = replace(looks, poor=np.ones(6, bool))
    # The same files are, all the same.
    assert [group.items for group in map(_sorted, copies(alike, 0.98, poor))] == [[0, 2, 4], [1, 3, 5]]
