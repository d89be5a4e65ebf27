"""Camera RAW is classified from its large preview, never from the thumbnail; without one it is developed or refused."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pytest
from PIL import Image

from shared.core.errors import PhotoError
from shared.photos.decode import Limits, decode_photo
from shared.photos.raw_development import libraw
from shared.photos.raw_preview import raw_file

RED, BLUE = (220, 30, 20), (20, 40, 210)
CFA = 32803


def jpeg(width: int, height: int, colour: tuple[int, int, int] = RED, right: tuple[int, int, int] = BLUE) -> bytes:
    image = Image.new("RGB", (width, height), colour)
    image.paste(right, (width // 2, 0, width, height))
    out = io.BytesIO()
    image.save(out, "JPEG")
    return out.getvalue()


class Tiff:
    """A little-endian TIFF, made directory by directory."""

    def __init__(self, head: bytes = b"II*\0") -> None:
        self.data = bytearray(head + bytes(12))

    def put(self, block: bytes) -> int:
        self.data += b"\0" * (len(self.data) % 2)
        at = len(self.data)
        self.data += block
        return at

    def directory(self, **tags: Any) -> int:
        """`t274=6` is a LONG, `t271=b"Canon"` text, a tuple bytes, `s…` a SHORT; returns where it lies."""
        rows = []
        for name, value in sorted(tags.items(), key=lambda tag: int(tag[0][1:])):
            number = int(name[1:])
            if isinstance(value, bytes):
                text = value + b"\0" * (5 - len(value) if len(value) < 5 else 1)
                rows.append(struct.pack("<HHII", number, 2, len(text), self.put(text)))
            elif isinstance(value, tuple):
                rows.append(struct.pack("<HHI4s", number, 1, len(value), bytes(value).ljust(4, b"\0")))
            else:
                rows.append(struct.pack("<HHII", number, 3 if name[0] == "s" else 4, 1, value))
        return self.put(struct.pack("<H", len(rows)) + b"".join(rows) + bytes(4))

    def done(self, first: int) -> bytes:
        self.data[4:8] = struct.pack("<I", first)
        return bytes(self.data)


def nef_like(
    *previews: bytes, make: bytes = b"NIKON", sensor: int = 6000, orientation: int = 1, dng: bool = False
) -> bytes:
    """A thumbnail of 160 × 120 in the first directory, the sensor's data in one below it, previews anywhere."""
    tiff = Tiff()
    strip = bytes(np.full((120, 160, 3), 90, np.uint8))
    thumbnail = tiff.put(strip)
    below = tiff.directory(t254=0, t256=sensor, t257=sensor * 2 // 3, s258=14, s259=34713, s262=CFA)
    for preview in previews:
        tiff.put(preview)
    more = {"t50706": (1, 4, 0, 0)} if dng else {}
    first = tiff.directory(
        t254=1, t256=160, t257=120, s258=8, s259=1, s262=2, t271=make, t273=thumbnail, s274=orientation, s277=3,
        t278=120, t279=len(strip), t330=below, **more,
    )  # fmt: skip
    return tiff.done(first)


def read(data: bytes, target: int = 224) -> tuple[Any, list[tuple[str, dict[str, Any]]]]:
    photo = decode_photo(data, target, Limits())
    return photo.pixels, list(photo.facts.notes)


def refused(data: bytes) -> PhotoError:
    with pytest.raises(PhotoError) as caught:
        read(data)
    return caught.value


def near(pixel: Any, colour: tuple[int, int, int]) -> bool:
    return bool(np.abs(np.array(pixel, int) - colour).max() < 12)


def cr3_like(preview: bytes) -> bytes:
    directory = Tiff()
    cmt = directory.done(directory.directory(s274=6))
    body = struct.pack(">I", 8 + len(cmt)) + b"CMT1" + cmt
    moov = struct.pack(">I", 8 + len(body)) + b"moov" + body
    return (
        struct.pack(">I", 24)
        + b"ftypcrx \0\0\0\1crx isom"
        + moov
        + struct.pack(">I", 8 + len(preview))
        + b"mdat"
        + preview
    )


SMALL, LARGE = jpeg(640, 424, (90, 90, 90), (90, 90, 90)), jpeg(1620, 1080)
FILES = {
    "NEF": nef_like(SMALL, LARGE),
    "ARW": nef_like(LARGE, SMALL, make=b"SONY"),
    "DNG": nef_like(LARGE, make=b"Apple", dng=True),
    "CR2": b"II*\0\x10\0\0\0CR\2\0" + bytes(8) + LARGE,
    "RAF": b"FUJIFILMCCD-RAW 0201" + bytes(128) + LARGE + bytes(999),
    "ORF": b"IIRO\x08\0\0\0" + bytes(40) + SMALL + LARGE,
    "RW2": b"IIU\0\x18\0\0\0" + bytes(40) + LARGE,
    "CR3": cr3_like(LARGE),
}


@pytest.mark.parametrize("family", FILES)
def test_the_large_preview_is_what_is_classified(family: str) -> None:
    found = raw_file(FILES[family])
    assert found is not None
    assert found.family == family
    rgb, notes = read(FILES[family])
    assert notes == [("raw_preview", {"width": 1620, "height": 1080})]
    if family == "CR3":
        # turned by its own directory
        rgb = np.rot90(rgb)
    assert near(rgb[50, 20], RED)
    assert near(rgb[50, -20], BLUE)


def test_a_preview_is_turned_as_the_raw_file_says() -> None:
    rgb, _ = read(nef_like(LARGE, orientation=8))
    assert rgb.shape[0] > rgb.shape[1]
    assert near(rgb[-20, 50], RED)
    assert near(rgb[20, 50], BLUE)


def test_a_quarter_of_the_sensor_is_enough() -> None:
    assert read(nef_like(jpeg(640, 424), sensor=2400))[1][0][0] == "raw_preview"


@pytest.mark.parametrize("data", [nef_like(SMALL), nef_like(), nef_like(dng=True), FILES["RAF"][:150]])
def test_a_thumbnail_never_stands_for_the_photo(data: bytes) -> None:
    error = refused(data)
    assert error.code == "raw_without_preview"
    assert "RAW" in str(error)


def test_a_lossless_jpeg_of_the_sensor_is_no_preview() -> None:
    sensor = bytearray(jpeg(3000, 2000))
    sensor[sensor.index(b"\xff\xc0") + 1] = 0xC3
    assert refused(nef_like(bytes(sensor))).code == "raw_without_preview"


def dng(side: int = 256) -> bytes:
    """Undeveloped: red on the left, blue on the right, as a Bayer mosaic (RGGB) of 16 bits."""
    mosaic = np.full((side, side), 500, np.uint16)
    mosaic[0::2, 0 : side // 2 : 2] = 40_000
    mosaic[1::2, side // 2 + 1 :: 2] = 40_000
    tiff = Tiff()
    strip = tiff.put(mosaic.tobytes())
    matrix = tiff.put(b"".join(struct.pack("<ii", v, 1) for v in (1, 0, 0, 0, 1, 0, 0, 0, 1)))
    first = tiff.directory(
        t254=0, t256=side, t257=side, s258=16, s259=1, s262=CFA, t271=b"Weft", t272=b"Test camera", t273=strip,
        s274=1, s277=1, t278=side, t279=mosaic.nbytes, t33421=0x00020002, t33422=(0, 1, 1, 2), t50706=(1, 4, 0, 0),
        t50708=b"Weft Test", s50717=65535, t50721=0, s50778=21,
    )  # fmt: skip
    data = bytearray(tiff.done(first))
    for at in range(first, len(data) - 8, 2):
        tag = struct.unpack_from("<H", data, at)[0]
        if tag == 33421:
            struct.pack_into("<HHIHH", data, at, tag, 3, 2, 2, 2)
        elif tag == 50721:
            struct.pack_into("<HHII", data, at, tag, 10, 9, matrix)
    return bytes(data)


@pytest.mark.skipif(libraw() is None, reason="the extra `raw` is not installed")
@pytest.mark.parametrize("target", [64, 224])
def test_without_a_preview_it_is_developed(target: int) -> None:
    rgb, notes = read(dng(), target)
    assert [code for code, _ in notes] == ["raw_developed"]
    assert min(rgb.shape[:2]) >= target / 1.1
    left, right = rgb[:, : rgb.shape[1] // 3].mean(axis=(0, 1)), rgb[:, -rgb.shape[1] // 3 :].mean(axis=(0, 1))
    assert left[0] > left[2] + 40
    assert right[2] > right[0] + 40


def test_an_ordinary_tiff_is_no_raw_file() -> None:
    for compression in ("raw", "tiff_lzw", "jpeg"):
        out = io.BytesIO()
        Image.new("RGB", (300, 200), RED).save(out, "TIFF", compression=compression)
        assert raw_file(out.getvalue()) is None
        assert near(read(out.getvalue())[0][9, 9], RED)
