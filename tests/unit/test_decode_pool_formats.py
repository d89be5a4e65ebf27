"""What the confined processes make of every format and defect: the same as decoding without confinement."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pillow_heif
import pytest
from numpy.typing import NDArray
from PIL import Image

from shared.core.errors import PhotoError
from shared.encoder.preprocessing import Preprocessing
from shared.photos.confinement import Confinement
from shared.photos.decode import Limits, decode
from shared.photos.decode_pool import DecodePool
from shared.photos.decode_server import Task
from shared.photos.raw_development import libraw
from tests.unit.test_damaged_photos import odd_bmp, saved
from tests.unit.test_raw_photos import FILES, dng, nef_like

SIZE = 64


def nothing(rgb: NDArray[np.uint8]) -> dict[str, Any]:
    return {}


@pytest.fixture(scope="module")
def pool() -> Iterator[DecodePool]:
    task = Task(SIZE, Limits(), (Preprocessing((SIZE, SIZE)).apply,), nothing, Confinement(1 << 30, 10.0))
    pool = DecodePool(1, task, budget=1 << 30, wall_seconds=60)
    yield pool
    pool.close()


def heic() -> bytes:
    out = io.BytesIO()
    pillow_heif.from_pillow(Image.open(io.BytesIO(saved("PNG")))).save(out, format="HEIF")
    return out.getvalue()


def jxl() -> bytes:
    pytest.importorskip("pillow_jxl")
    return saved("JXL")


KINDS = ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "JPEG2000", "PPM", "PCX", "ICO", "SGI", "QOI"]
GOOD = {
    **{kind: lambda kind=kind: saved(kind) for kind in KINDS},
    "TIFF deflate": lambda: saved("TIFF", compression="tiff_adobe_deflate"),
    "TIFF JPEG": lambda: saved("TIFF", compression="jpeg"),
    "HEIC": heic,
    "JPEG XL": jxl,
    "NEF": lambda: FILES["NEF"],
    "CR3": lambda: FILES["CR3"],
    **{f"{kind} cut": lambda kind=kind: saved(kind)[:-200] for kind in ("JPEG", "PNG", "GIF", "WEBP", "BMP")},
}


@pytest.mark.parametrize("name", GOOD)
def test_confined_and_not_is_the_same(pool: DecodePool, name: str) -> None:
    data = GOOD[name]()
    made = pool.decode(data, thumbnail=False)
    assert np.array_equal(made.arrays[0], Preprocessing((SIZE, SIZE)).apply(decode(data, SIZE, Limits())))


@pytest.mark.skipif(libraw() is None, reason="the extra `raw` is not installed")
def test_raw_is_developed_in_confinement(pool: DecodePool) -> None:
    assert pool.decode(dng(), thumbnail=True).thumbnails


@pytest.mark.parametrize(
    ("data", "code", "detail"),
    [
        (saved("PNG")[: len(saved("PNG")) // 2], "truncated", {"percent": 49}),
        (nef_like(), "raw_without_preview", {"format": "NEF"}),
        (odd_bmp(), "unsupported_variant", {"format": "BMP"}),
        (b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", "video", {"format": "MOV"}),
    ],
    ids=["cut", "raw", "odd", "video"],
)
def test_refusals_arrive_with_their_detail(pool: DecodePool, data: bytes, code: str, detail: dict[str, Any]) -> None:
    with pytest.raises(PhotoError) as caught:
        pool.decode(data, thumbnail=False)
    assert caught.value.code == code
    assert caught.value.detail == detail
