"""Each photo has a thumbnail for small places and one of twice the size for cards and dense screens."""

from __future__ import annotations

import hashlib
import io
import re

import numpy as np
import pytest
import requests
from flask.testing import FlaskClient
from PIL import Image

from shared.core.settings import Settings
from shared.photos.thumbnail_sizes import LARGE_SIDE, SMALL_SIDE
from shared.photos.thumbnails import thumbnails
from shared.storage import open_storage
from tests.product import Product, eventually
from web.app import create_app
from web.pages import card_addresses

SHA256 = "ab" * 32


def size(jpeg: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(jpeg)) as image:
        return image.size


@pytest.fixture
def client(settings: Settings) -> FlaskClient:
    return create_app(settings).test_client()


@pytest.mark.parametrize(
    ("pixels", "small", "large"),
    [
        ((1000, 750), (250, 188), (500, 375)),
        ((720, 540), (180, 135), (360, 270)),
        ((432, 324), (216, 162), (432, 324)),
        ((580, 435), (290, 218), (580, 435)),
        ((610, 305), (240, 120), (480, 240)),
        ((350, 200), (240, 137), (350, 200)),
        ((600, 900), (150, 225), (300, 450)),
        ((240, 100), (240, 100), None),
    ],
)
def test_sizes(pixels: tuple[int, int], small: tuple[int, int], large: tuple[int, int] | None) -> None:
    made = thumbnails(np.full((pixels[1], pixels[0], 3), 90, np.uint8))
    assert size(made.small) == small
    assert (size(made.large) if made.large else None) == large


def test_the_pages_sides_are_the_pipelines() -> None:
    assert (card_addresses.SMALL_SIDE, card_addresses.LARGE_SIDE) == (SMALL_SIDE, LARGE_SIDE)


def test_the_small_one_stands_in_until_there_is_a_large_one(client: FlaskClient, settings: Settings) -> None:
    storage, address = open_storage(settings), f"/api/v1/thumbnails/{SHA256}"
    storage.put_thumb(SHA256, b"\xff\xd8 small")
    found = client.get(f"{address}?large=1")
    assert found.data == b"\xff\xd8 small"
    assert "immutable" not in found.headers["Cache-Control"]
    again = client.get(f"{address}?large=1", headers={"If-None-Match": found.headers["ETag"]})
    assert (again.status_code, "immutable" in again.headers["Cache-Control"]) == (304, False)
    storage.put_thumb(SHA256, b"\xff\xd8 large", large=True)
    large = client.get(f"{address}?large=1", headers={"If-None-Match": found.headers["ETag"]})
    assert (large.status_code, large.data) == (200, b"\xff\xd8 large")
    assert "immutable" in large.headers["Cache-Control"]
    again = client.get(f"{address}?large=1", headers={"If-None-Match": large.headers["ETag"]})
    assert again.status_code == 304
    assert client.get(address).data == b"\xff\xd8 small"


def test_a_card_offers_both(product: Product) -> None:
    buffer = io.BytesIO()
    Image.effect_noise((900, 600), 60).convert("RGB").save(buffer, "PNG")
    data = buffer.getvalue()
    sha256 = hashlib.sha256(data).hexdigest()
    # The product's engine decodes nothing: its thumbnails are stored here as a worker would.
    made = thumbnails(np.asarray(Image.open(io.BytesIO(data))))
    storage = open_storage(product.settings)
    storage.put_thumb(sha256, made.small)
    storage.put_thumb(sha256, made.large or b"", large=True)
    files = [("files", ("noise.png", data))]
    job = requests.post(f"{product.url}/api/v1/jobs", files=files, timeout=30).json()["id"]
    eventually(
        lambda: requests.get(f"{product.url}/api/v1/jobs/{job}", timeout=10).json()["state"] == "finished",
        what="the job's end",
    )
    page = requests.get(f"{product.url}/jobs/{job}", timeout=30).text
    offered = re.search(r'srcset="([^"]+)"', page)
    assert offered
    small, large = (part.split() for part in offered[1].split(", "))
    assert (small[1], large[1]) == ("240w", "480w")
    for address, width in (small, large):
        answer = requests.get(f"{product.url}{address.replace('&amp;', '&')}", timeout=30)
        assert 0.75 <= size(answer.content)[0] / int(width.removesuffix("w")) <= 1.25
