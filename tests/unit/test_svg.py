"""SVG drawings are drawn in a confined decoder, which nothing that they name can leave or enter."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from shared.core.errors import PhotoError
from shared.photos.confinement import Confinement
from shared.photos.decode import Limits, decode
from shared.photos.decode_pool import DecodePool
from shared.photos.decode_server import Task, no_values
from shared.photos.svg_drawing import resvg

needs_resvg = pytest.mark.skipif(resvg() is None, reason="the extra `svg` is not installed")
SIZE = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="400" height="200"'
CHECK = '<rect width="200" height="200" fill="#dc1e14"/><rect x="200" width="200" height="200" fill="#1428d2"/>'
RED, BLUE, WHITE = (220, 30, 20), (20, 40, 210), (255, 255, 255)


def itself(picture: Image.Image) -> NDArray[np.uint8]:
    return np.asarray(picture)


@pytest.fixture(scope="module")
def pool() -> Iterator[DecodePool]:
    pool = DecodePool(
        1, Task(64, Limits(), (itself,), no_values, Confinement(1 << 30, 5.0)), budget=1 << 30, wall_seconds=60
    )
    yield pool
    pool.close()


def svg(content: str = CHECK, attributes: str = SIZE, head: str = "") -> bytes:
    return f"{head}<svg {attributes}>{content}</svg>".encode()


def pixels(pool: DecodePool, data: bytes) -> NDArray[np.uint8]:
    return pool.decode(data, thumbnail=False).arrays[0]


def refused(pool: DecodePool, data: bytes) -> PhotoError:
    with pytest.raises(PhotoError) as caught:
        pool.decode(data, thumbnail=False)
    return caught.value


@needs_resvg
@pytest.mark.parametrize(
    "data",
    [
        svg(),
        svg(head='<?xml version="1.0" encoding="UTF-8"?>\n<!-- drawn -->\n'),
        svg(attributes='xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 200"'),
        svg(attributes='xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 200" width="40000" height="20000"'),
    ],
)
def test_it_is_drawn_at_the_size_that_the_encoder_wants(pool: DecodePool, data: bytes) -> None:
    found = pixels(pool, data)
    assert found.shape == (64, 128, 3)
    assert (tuple(found[30, 20]), tuple(found[30, 100])) == (RED, BLUE)


@needs_resvg
def test_what_is_transparent_is_white(pool: DecodePool) -> None:
    assert (pixels(pool, svg("")) == 255).all()


@needs_resvg
def test_a_strip_stays_small(pool: DecodePool) -> None:
    strip = svg(attributes='xmlns="http://www.w3.org/2000/svg" width="30000" height="1"')
    assert max(pixels(pool, strip).shape) <= 16 * 64


@needs_resvg
@pytest.mark.parametrize("name", ["{path}", "file://{path}"])
def test_a_file_that_it_names_does_not_get_into_the_picture(pool: DecodePool, tmp_path: Path, name: str) -> None:
    path = tmp_path / "secret.png"
    Image.new("RGB", (8, 8), RED).save(path)
    image = f'<image width="400" height="200" xlink:href="{name.format(path=path)}"/>'
    assert (pixels(pool, svg(image)) == 255).all()
    # An entity of a file is not looked up, either.
    entity = f'<!DOCTYPE svg [<!ENTITY secret SYSTEM "file://{path}">]>'
    assert refused(pool, svg("<text>&secret;</text>", head=entity)).code == "unsupported_variant"


@needs_resvg
@pytest.mark.parametrize(
    "data", [svg()[:-9], svg(attributes='xmlns="http://www.w3.org/2000/svg" width="0" height="1"')]
)
def test_a_damaged_one_is_refused_with_what_to_do(pool: DecodePool, data: bytes) -> None:
    error = refused(pool, data)
    assert error.code == "unsupported_variant"
    assert "SVG" in str(error)


@pytest.mark.slow
@needs_resvg
def test_a_hostile_one_costs_one_process_and_itself(pool: DecodePool) -> None:
    bomb = io.BytesIO()
    Image.new("RGB", (15_000, 15_000)).save(bomb, "PNG")
    inside = base64.b64encode(bomb.getvalue()).decode()
    image = f'<image width="9" height="9" xlink:href="data:image/png;base64,{inside}"/>'
    for data in (svg("<g>" * 100_000 + "</g>" * 100_000), svg(image)):
        with pytest.raises(PhotoError) as caught:
            pool.decode(data, thumbnail=False)
        assert caught.value.code in ("poison", "photo_too_costly")
        assert pixels(pool, svg()).shape == (64, 128, 3)


def test_outside_a_decoder_it_is_refused() -> None:
    with pytest.raises(PhotoError) as caught:
        decode(svg(), 64, Limits())
    assert caught.value.code == "unsupported_format"
