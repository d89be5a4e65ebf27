"""Swatches of a card are found, and a cloth is not taken for a card."""

from __future__ import annotations

import json
import struct
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageDraw

from scripts.lab.bench.card_photos import card, overlap
from scripts.render import render
from shared.photos.cut_swatches import CutSwatches
from shared.photos.regions import regions, without_holes
from shared.photos.swatches import find


@pytest.mark.parametrize(
    ("swatches", "ground", "on_table"),
    [(4, "white", False), (12, "white", False), (6, "grey", False), (9, "wood", False), (6, "white", True)],
)
def test_every_swatch_is_found_in_reading_order(swatches: int, ground: str, on_table: bool) -> None:
    photo = card(swatches, ground, 1, size=(600, 800), on_table=on_table)
    found = find(photo.pixels)
    assert len(found) == swatches
    # The composer puts them row by row.
    assert all(overlap(one, known) >= 0.7 for one, known in zip(found, photo.swatches, strict=True))


@pytest.mark.parametrize(("swatches", "ground"), [(4, "white"), (9, "wood"), (20, "grey"), (12, "table")])
def test_swatches_that_touch_are_told_apart(swatches: int, ground: str) -> None:
    on_table = ground == "table"
    photo = card(swatches, "white" if on_table else ground, 2, size=(600, 800), on_table=on_table, touching=True)
    found = find(photo.pixels)
    assert len(found) == swatches
    assert all(overlap(one, known) >= 0.7 for one, known in zip(found, photo.swatches, strict=True))


def test_touching_swatches_may_reach_the_edge_of_the_picture() -> None:
    names = ("denim", "gingham", "satin", "burlap", "corduroy", "cable_knit")
    cloths = [render(name, 5, (200, 260)) for name in names]
    photo = np.vstack([np.hstack(cloths[:3]), np.hstack(cloths[3:])])
    found = find(photo)
    assert [(round(3 * box.x), round(2 * box.y)) for box in found] == [(c, r) for r in (0, 1) for c in (0, 1, 2)]


@pytest.mark.parametrize("side", [40, 90, 120])
def test_checks_are_one_cloth(side: int) -> None:
    """Their fields are as regular as those of a card, but repeat three looks."""
    rows, columns = np.mgrid[0:480, 0:640] // side % 2
    cloth = np.select([rows + columns == 0, rows + columns == 1], [230, 140], 50).astype(np.uint8)
    checks = np.stack([cloth, cloth // 2 + 60, np.full_like(cloth, 160)], axis=-1)
    assert find(checks) == []
    board = Image.new("RGB", (900, 700), (244, 243, 239))
    board.paste(Image.fromarray(checks), (130, 110))
    assert find(np.asarray(board)) == []


@pytest.mark.parametrize("name", ["gingham", "eyelet", "denim"])
def test_a_photo_of_one_cloth_is_no_card(name: str) -> None:
    assert find(render(name, 0, (400, 533))) == []


def test_dots_and_patches_are_a_print() -> None:
    cloth = Image.fromarray(render("denim", 3, (400, 533)))
    draw = ImageDraw.Draw(cloth)
    for x in range(40, 500, 80):
        for y in range(40, 380, 80):
            draw.ellipse((x, y, x + 36, y + 36), fill=(240, 240, 235))
    assert find(np.asarray(cloth)) == []


def test_one_piece_of_cloth_is_left_whole() -> None:
    board = Image.new("RGB", (800, 600), (244, 243, 239))
    board.paste(Image.fromarray(render("denim", 1, (300, 400))), (200, 150))
    assert find(np.asarray(board)) == []


def test_pictures_of_one_colour_and_tiny_ones_hold_nothing() -> None:
    assert find(np.full((300, 400, 3), 250, np.uint8)) == []
    assert find(np.zeros((3, 4, 3), np.uint8)) == []
    assert find(np.zeros((10, 4000, 3), np.uint8)) == []


def test_regions_hang_together_by_their_sides() -> None:
    mask = np.array([[1, 0, 1, 1], [1, 0, 0, 1], [0, 1, 0, 0], [1, 1, 1, 0]], bool)
    assert sorted((r.top, r.left, r.area) for r in regions(mask)) == [(0, 0, 2), (0, 2, 3), (2, 0, 4)]


def test_holes_are_filled_and_bays_are_not() -> None:
    ring = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], bool)
    assert without_holes(ring).all()
    ring[0, 1] = False
    assert np.array_equal(without_holes(ring), ring)


def test_no_ground_is_cut_with_a_swatch() -> None:
    rgb = np.full((900, 1200, 3), 245, np.uint8)
    for left in (150, 700):
        rgb[200:700, left : left + 380] = (150, 20, 30)
    answer = CutSwatches()(rgb).tobytes()
    (length,) = struct.unpack(">I", answer[:4])
    listed, at = json.loads(answer[4 : 4 + length]), 4 + length
    assert len(listed) == 2
    for *_, size in listed:
        cut = np.asarray(Image.open(BytesIO(answer[at : at + size])))
        at += size
        assert cut.shape[0] > 450
        assert cut[..., 1].max() < 60
