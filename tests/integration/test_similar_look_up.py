"""A photo of one's own, or a part of one, becomes a job of one photo, and what looks like it is found."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import requests
from PIL import Image

from shared.photos.box import LEAST
from tests.product import Product, eventually

COLOURS = ((200, 30, 30), (30, 160, 60), (30, 50, 190), (240, 230, 210))


def quarters(size: int = 640) -> bytes:
    """Four plain colours: red, green, blue, cream."""
    pixels = np.empty((size, size, 3), np.uint8)
    half = size // 2
    for number, colour in enumerate(COLOURS):
        row, column = divmod(number, 2)
        pixels[row * half : (row + 1) * half, column * half : (column + 1) * half] = colour
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=92)
    return out.getvalue()


@pytest.fixture(scope="module")
def job(product: Product) -> str:
    """Three photos, the first of which is `quarters`."""
    files = [("files", ("quarters.jpg", quarters())), *(("files", (f"{n}.jpg", b"other %d" % n)) for n in (1, 2))]
    made = requests.post(f"{product.url}/api/v1/jobs", files=files, data={"name": "looked"}, timeout=60).json()["id"]
    state = f"{product.url}/api/v1/jobs/{made}"
    eventually(lambda: requests.get(state, timeout=10).json()["state"] == "finished", what="the job")
    # Asking for them writes its results down, which the dispatcher does a moment later.
    assert len(requests.get(f"{state}/items", timeout=60).json()["items"]) == 3
    return str(made)


def look_up(product: Product, wait: float = 60, **fields: Any) -> requests.Response:
    sent = {name: value if isinstance(value, tuple) else (None, str(value)) for name, value in fields.items()}
    return requests.post(f"{product.url}/api/v1/similar", params={"wait": wait}, files=sent, timeout=90)


def newest(product: Product, **fields: Any) -> dict[str, Any]:
    """The job of what is looked up."""
    response = look_up(product, **fields)
    assert response.status_code == 200, response.text
    return dict(requests.get(f"{product.url}/api/v1/jobs/{response.json()['looked_up']}", timeout=9).json())


def colours_of(product: Product, job: str) -> tuple[tuple[int, ...], int]:
    """The mean colour of a job's photo, and its shorter side without 32 pixels."""
    found = requests.get(f"{product.url}/api/v1/jobs/{job}/items/0/photo", timeout=60)
    pixels = np.asarray(Image.open(io.BytesIO(found.content)).convert("RGB"), np.int64)
    # At its edges, a JPEG's colours run.
    pixels = pixels[16:-16, 16:-16]
    assert (abs(pixels - pixels.mean(axis=(0, 1))) < 12).all()
    return tuple(pixels.mean(axis=(0, 1)).round().astype(int).tolist()), min(pixels.shape[:2])


def test_the_same_file_in_a_job_comes_first(product: Product, job: str) -> None:
    response = look_up(product, file=("mine.jpg", quarters()))
    assert response.status_code == 200, response.text
    first = response.json()["found"][0]
    assert (first["job"], first["item"]["name"], first["similarity"]) == (job, "quarters.jpg", 1.0)
    # What was looked up before is not among what is found.
    again = look_up(product, file=("mine.jpg", quarters())).json()["found"]
    assert "mine.jpg" not in {match["item"]["name"] for match in again}


@pytest.mark.parametrize(("box", "colour"), [("0,0,0.5,0.5", 0), ("0.55,0.05,0.4,0.4", 1), ("0.51,0.51,0.5,0.9", 3)])
def test_a_part_of_a_photo_is_cut_out(product: Product, job: str, box: str, colour: int) -> None:
    made = newest(product, job=job, item=0, box=box)
    assert made["kind"] == "classify"
    assert made["name"].startswith("quarters.jpg (")
    mean, side = colours_of(product, made["id"])
    assert np.abs(np.array(mean) - COLOURS[colour]).max() < 8
    # As many pixels as the photo has there.
    assert side >= 200
    # The same part is the same photo: no worker encodes it twice.
    again = newest(product, job=job, item=0, box=box)
    assert (again["cached"], again["id"] == made["id"]) == (1, False)


def test_no_time_to_wait(product: Product) -> None:
    response = look_up(product, wait=0, file=("new.jpg", b"a new one"))
    assert response.status_code == 202
    found = f"{product.url}/api/v1/similar?job={response.json()['id']}&item=0"
    eventually(lambda: requests.get(found, timeout=60).status_code == 200, what="its embedding")


def test_a_part_of_a_file_and_of_a_sample(product: Product, job: str) -> None:
    answer = look_up(product, file=("mine.jpg", quarters()), box="0,0,0.5,0.5")
    assert answer.status_code == 200
    assert answer.json()["compared"] >= 3
    bank = requests.get(f"{product.url}/api/v1/bank", timeout=9).json()
    label = bank["classes"][0]["label"]
    sample = requests.get(f"{product.url}/api/v1/bank/classes/{label}", timeout=9).json()["samples"][0]["id"]
    found = look_up(product, bank=bank["version"], sample=sample, box="0.1,0.1,0.5,0.5")
    assert found.status_code == 200, found.text


@pytest.mark.parametrize("box", ["1,2", "a,b,c,d", "0,0,nan,1", "0.5,0.5,0,0.2", f"0,0,{LEAST / 2},1", "2,2,1,1", ""])
def test_odd_parts_are_refused(product: Product, job: str, box: str) -> None:
    response = look_up(product, job=job, item=0, box=box)
    assert response.status_code == 400
    assert response.json()["code"] in ("box_wrong", "invalid_request")


def test_what_names_no_photo_is_refused(product: Product, job: str) -> None:
    assert look_up(product, box="0,0,1,1").status_code == 400
    assert look_up(product, job=job, box="0,0,1,1").status_code == 400
    assert look_up(product, job=job, item=-1, box="0,0,1,1").status_code == 400
    assert look_up(product, job=job, item=99, box="0,0,1,1").status_code == 404
    assert look_up(product, job="nosuch", item=0, box="0,0,1,1").status_code == 404
    assert look_up(product, bank="none", sample="0" * 16, box="0,0,1,1").status_code == 404
    # A file that is no photo has no part.
    broken = look_up(product, file=("mine.jpg", b"no photo"), box="0,0,1,1")
    assert (broken.status_code, broken.json()["code"]) == (422, "not_an_image")
