"""What `images.decode` makes of every kind of file, good and bad."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from shared.core.errors import PhotoError
from shared.photos.decode import Limits, decode
from shared.photos.formats import is_photo_name
from shared.photos.thumbnails import thumbnail

LIMITS = Limits()
RED, GREEN, BLUE, WHITE = (220, 30, 20), (30, 180, 60), (20, 40, 210), (255, 255, 255)


def quarters(width: int = 320, height: int = 240) -> Image.Image:
    """Red and green above, blue and white below: an orientation that cannot be mistaken."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(GREEN, (width // 2, 0, width, height // 2))
    image.paste(BLUE, (0, height // 2, width // 2, height))
    image.paste(WHITE, (width // 2, height // 2, width, height))
    return image


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def corners(rgb: np.ndarray[Any, Any]) -> list[tuple[int, ...]]:
    """The middles of the four quarters: upper left, upper right, lower left, lower right."""
    h, w = rgb.shape[:2]
    return [tuple(int(v) for v in rgb[y, x]) for y in (h // 4, 3 * h // 4) for x in (w // 4, 3 * w // 4)]


def close(found: list[tuple[int, ...]], expected: list[tuple[int, ...]], tolerance: int = 12) -> bool:
    return bool(np.abs(np.array(found) - np.array(expected)).max() <= tolerance)


LOSSLESS = ["PNG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "PCX", "SGI", "JPEG2000", "QOI", "ICO"]


@pytest.mark.parametrize("kind", ["JPEG", "AVIF", *LOSSLESS])
def test_every_format_shows_the_same_picture(kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {"sizes": [(240, 180)]} if kind == "ICO" else {}
    rgb = decode(saved(quarters(240, 180), kind, **options), 100, LIMITS)
    assert rgb.dtype == np.uint8
    assert rgb.flags.c_contiguous
    assert min(rgb.shape[:2]) >= 90
    assert close(corners(rgb), [RED, GREEN, BLUE, WHITE], 24)


def test_heic() -> None:
    out = io.BytesIO()
    pillow_heif.from_pillow(quarters()).save(out, format="HEIF")
    assert close(corners(decode(out.getvalue(), 448, LIMITS)), [RED, GREEN, BLUE, WHITE], 24)


@pytest.mark.parametrize(
    ("size", "target", "expected"),
    [
        ((1200, 900), 448, (450, 600)),  # 4/8: the smallest eighth that keeps 448
        ((4000, 3000), 448, (750, 1000)),
        ((900, 1200), 448, (600, 450)),
        ((300, 200), 448, (200, 300)),  # never enlarged
        ((448, 448), 448, (448, 448)),
    ],
)
def test_jpeg_is_scaled_while_decoding(size: tuple[int, int], target: int, expected: tuple[int, int]) -> None:
    assert decode(saved(quarters(*size), "JPEG"), target, LIMITS).shape == (*expected, 3)


def test_a_large_png_is_reduced_but_not_below_the_target() -> None:
    rgb = decode(saved(quarters(2000, 1500), "PNG"), 448, LIMITS)
    assert rgb.shape == (500, 667, 3)
    assert close(corners(rgb), [RED, GREEN, BLUE, WHITE], 0)


TURNED = {
    1: [RED, GREEN, BLUE, WHITE],
    2: [GREEN, RED, WHITE, BLUE],
    3: [WHITE, BLUE, GREEN, RED],
    4: [BLUE, WHITE, RED, GREEN],
    5: [RED, BLUE, GREEN, WHITE],
    6: [BLUE, RED, WHITE, GREEN],
    7: [WHITE, GREEN, BLUE, RED],
    8: [GREEN, WHITE, RED, BLUE],
}


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(orientation: int, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    rgb = decode(saved(quarters(), kind, exif=exif), 448, LIMITS)
    assert rgb.shape == ((320, 240, 3) if orientation > 4 else (240, 320, 3))
    assert close(corners(rgb), TURNED[orientation], 20)


def test_only_the_first_frame_of_an_animation() -> None:
    frames = [Image.new("RGB", (64, 64), colour) for colour in (RED, BLUE)]
    for kind, options in (("GIF", {}), ("WEBP", {"lossless": True}), ("PNG", {}), ("TIFF", {})):
        rgb = decode(saved(frames[0], kind, save_all=True, append_images=frames[1:], **options), 448, LIMITS)
        assert close([tuple(rgb[32, 32])], [RED]), kind


def test_cmyk_jpeg_is_scaled_too() -> None:
    rgb = decode(saved(quarters(1600, 1200).convert("CMYK"), "JPEG", quality=95), 448, LIMITS)
    assert rgb.shape == (600, 800, 3)
    assert close(corners(rgb), [RED, GREEN, BLUE, WHITE], 24)


def test_deep_greys_are_scaled_not_clipped() -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[None, :].repeat(64, axis=0)
    wanted = np.linspace(0, 255, 256)
    for kind in ("PNG", "TIFF"):
        rgb = decode(saved(Image.fromarray(ramp), kind), 448, LIMITS)
        assert np.abs(rgb[32, :, 0] - wanted).max() <= 1.5, kind
    floats = decode(saved(Image.fromarray(ramp.astype(np.float32) / 65535), "TIFF"), 448, LIMITS)
    assert np.abs(floats[32, :, 0] - wanted).max() <= 1.5
    integers = decode(saved(Image.fromarray(ramp.astype(np.int32)), "TIFF"), 448, LIMITS)
    assert np.abs(integers[32, :, 0] - wanted).max() <= 1.5


def test_a_colour_png_of_16_bits() -> None:
    row = b"\0" + struct.pack(">HHH", 65535, 32768, 0) * 8
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", 8, 8, 16, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(row * 8)),
        (b"IEND", b""),
    ]
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )
    assert close([tuple(decode(png, 448, LIMITS)[4, 4])], [(255, 128, 0)], 1)


@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_greys_and_palettes_become_rgb(mode: str) -> None:
    rgb = decode(saved(Image.new("L", (50, 40), 255).convert(mode), "PNG"), 448, LIMITS)
    assert rgb.shape == (40, 50, 3)
    assert rgb.min() == 255


def test_transparency_lies_on_white() -> None:
    half = Image.new("RGBA", (40, 40), (0, 0, 0, 128))
    clear = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    assert close([tuple(decode(saved(half, "PNG"), 448, LIMITS)[20, 20])], [(127, 127, 127)], 1)
    assert close([tuple(decode(saved(half.convert("LA"), "PNG"), 448, LIMITS)[20, 20])], [(127, 127, 127)], 1)
    palette = Image.new("P", (40, 40), 0)
    palette.putpalette([0, 0, 0] * 256)
    for kind in ("PNG", "GIF"):
        assert decode(saved(palette, kind, transparency=0), 448, LIMITS).min() == 255, kind
    assert decode(saved(clear, "WEBP", lossless=True), 448, LIMITS).min() == 255


def test_the_content_decides_not_the_name() -> None:
    # nothing in `decode` knows a name: a PNG called .jpg is a PNG
    assert close(corners(decode(saved(quarters(), "PNG"), 448, LIMITS)), [RED, GREEN, BLUE, WHITE], 0)
    assert is_photo_name("布料/照片.JPG")
    assert not is_photo_name("notes.txt")
    assert not is_photo_name("folder/._photo.jpg")


def refused(data: bytes, limits: Limits = LIMITS) -> PhotoError:
    with pytest.raises(PhotoError) as caught:
        decode(data, 448, limits)
    return caught.value


def test_no_bytes_and_too_many() -> None:
    assert refused(b"").code == "empty_file"
    assert refused(b"x" * 11, Limits(bytes=10)).code == "too_large"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF"])
@pytest.mark.parametrize("kept", [0.02, 0.5, 0.9])
def test_truncated(kind: str, kept: float) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (200, 300, 3), dtype=np.uint8)
    data = saved(Image.fromarray(noise), kind)
    assert refused(data[: int(len(data) * kept)]).code == "truncated"


def test_a_truncated_heic() -> None:
    out = io.BytesIO()
    pillow_heif.from_pillow(quarters()).save(out, format="HEIF")
    assert refused(out.getvalue()[: len(out.getvalue()) // 2]).code == "truncated"


@pytest.mark.parametrize(
    "data",
    [b"hello, this is a text file\n" * 20, b"\0" * 5000, b"PK\x03\x04" + b"\0" * 100, bytes(range(256)) * 8, b"x"],
)
def test_not_an_image(data: bytes) -> None:
    assert refused(data).code == "not_an_image"


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        (b"%PDF-1.7\n", "PDF"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "EPS"),
    ],
)
def test_unsupported_kinds_are_named(data: bytes, name: str) -> None:
    error = refused(data)
    assert (error.code, error.detail) == ("unsupported_format", {"format": name})
    assert name in str(error)


@pytest.mark.parametrize("factor", [1.2, 3.0])
def test_the_pixel_cap_is_an_error_from_the_header(factor: float) -> None:
    limits = Limits(pixels=10_000)
    side = int((10_000 * factor) ** 0.5)
    error = refused(saved(Image.new("RGB", (side, side)), "PNG"), limits)
    assert (error.code, error.detail["pixels"], error.detail["limit"]) == ("too_many_pixels", side * side, 10_000)
    assert decode(saved(Image.new("RGB", (100, 100)), "PNG"), 448, limits).shape == (100, 100, 3)


def test_a_bomb_is_refused_before_it_is_decoded() -> None:
    # 20,000 × 20,000 pixels promised by 60 bytes: nothing of it may be unpacked
    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    body = zlib.compress(b"")
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in ((b"IHDR", header), (b"IDAT", body), (b"IEND", b""))
    )
    assert refused(png).code == "too_many_pixels"


def test_thumbnail() -> None:
    jpeg = thumbnail(np.asarray(quarters(1000, 750)), side=240)
    image = Image.open(io.BytesIO(jpeg))
    assert (image.format, image.size) == ("JPEG", (240, 180))
    assert close(corners(np.asarray(image)), [RED, GREEN, BLUE, WHITE], 20)
    assert Image.open(io.BytesIO(thumbnail(np.asarray(quarters(30, 20))))).size == (30, 20)
