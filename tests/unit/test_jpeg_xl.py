"""JPEG XL is read like any photo, its size checked before anything is decoded."""

from __future__ import annotations

import io
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from PIL import Image

from shared.core.errors import PhotoError
from shared.photos import jpeg_xl
from shared.photos.decode import Limits, decode, load_codecs

pytest.importorskip("pillow_jxl")

NOISE = np.random.default_rng(1).integers(0, 255, (240, 320, 3), dtype=np.uint8)


def saved(image: Image.Image, **options: Any) -> bytes:
    import pillow_jxl  # noqa: F401

    out = io.BytesIO()
    image.save(out, "JXL", **options)
    load_codecs()
    return out.getvalue()


@pytest.mark.parametrize("container", [False, True])
@pytest.mark.parametrize("size", [(320, 240), (240, 320), (256, 256), (33, 77), (1600, 900), (1, 1)])
def test_the_size_is_in_the_header(size: tuple[int, int], container: bool) -> None:
    assert jpeg_xl.size(saved(Image.new("RGB", size), lossless=True, use_container=container)) == size


def test_lossless_pixels_are_exact() -> None:
    assert (decode(saved(Image.fromarray(NOISE), lossless=True), 448, Limits()) == NOISE).all()
    grey = decode(saved(Image.fromarray(NOISE[..., 0]), lossless=True), 448, Limits())
    assert (grey[..., 1] == NOISE[..., 0]).all()


def test_transparency_lies_on_white() -> None:
    rgb = decode(saved(Image.new("RGBA", (64, 64), (0, 0, 0, 0)), lossless=True), 448, Limits())
    assert rgb.min() == 255


def test_16_bits_are_scaled_by_the_profile_in_the_file() -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[None, :].repeat(64, axis=0)
    rgb = decode(saved(Image.fromarray(ramp), lossless=True), 448, Limits())
    # This encoder calls 16-bit greys linear, in the profile that it writes.
    linear = np.linspace(0, 1, 256)
    wanted = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055) * 255
    # Greys are brought to 8 bits first, which shows in the darkest.
    assert np.abs(rgb[9, :, 0] - wanted).max() <= 12


def test_what_it_was_turned_by_is_not_turned_again() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = saved(Image.fromarray(NOISE), lossless=True, exif=exif.tobytes(), use_container=True)
    assert decode(data, 448, Limits()).shape == NOISE.shape


def test_a_packed_jpeg_comes_out_as_the_jpeg(tmp_path: Any) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(NOISE).save(path, quality=90)
    with Image.open(path) as jpeg:
        data = saved(jpeg, lossless_jpeg=True)
    expected = decode(path.read_bytes(), 448, Limits()).astype(int)
    assert np.abs(decode(data, 448, Limits()) - expected).mean() < 1


def test_the_cap_is_checked_before_decoding() -> None:
    with pytest.raises(PhotoError) as caught:
        decode(saved(Image.fromarray(NOISE)), 448, Limits(pixels=1000))
    assert (caught.value.code, caught.value.detail["pixels"]) == ("too_many_pixels", 320 * 240)


@pytest.mark.parametrize("kept", [12, 100, 20_000])
def test_a_part_of_it_is_truncated(kept: int) -> None:
    with pytest.raises(PhotoError) as caught:
        decode(saved(Image.fromarray(NOISE), lossless=True)[:kept], 448, Limits())
    assert caught.value.code == "truncated"


def test_damage_never_raises_anything_else() -> None:
    data = saved(Image.fromarray(NOISE))
    rng = np.random.default_rng(2)
    for turn in range(60):
        broken = bytearray(data)
        for at in rng.integers(0, len(data) if turn % 2 else 40, 3):
            broken[at] = rng.integers(256)
        with suppress(PhotoError):
            decode(bytes(broken), 448, Limits(pixels=10_000_000))
