"""EXIF: every photo upright, its facts read, never its place; damaged EXIF refuses no good pixels."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from shared.photos.decode import Limits, decode_photo
from tests.unit.test_images import TURNED, close, corners, quarters, saved

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF")
pillow_heif.register_heif_opener(thumbnails=False)


def photo(kind: str, exif: Any, image: Image.Image | None = None) -> bytes:
    image = image or quarters()
    if kind == "HEIF":
        # What it writes as `irot` and `imir` is the picture's own orientation.
        image.info["exif"] = exif if isinstance(exif, bytes) else exif.tobytes()
        return saved(image, kind, quality=95)
    if kind == "TIFF" and isinstance(exif, Image.Exif):
        return saved(image, kind, tiffinfo={**exif, 0x8769: dict(exif.get_ifd(0x8769))})
    return saved(image, kind, exif=exif, **({"lossless": True} if kind == "WEBP" else {}))


def camera_exif(orientation: int = 1) -> Image.Exif:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Apple\0", "iPhone 15\tPro"
    if orientation != 1:
        exif[0x0112] = orientation
    exif.get_ifd(0x8769).update({0x9003: "2024:05:01 12:30:15", 0x9011: "+08:00"})
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 30.0)})
    return exif


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_upright_whatever_the_format(kind: str, orientation: int) -> None:
    found = decode_photo(photo(kind, camera_exif(orientation)), 448, Limits())
    assert close(corners(found.pixels), TURNED[orientation], 24)
    assert found.facts.size == ((240, 320) if orientation > 4 else (320, 240))
    assert (found.facts.orientation or 1) == orientation


@pytest.mark.parametrize("kind", FORMATS)
def test_camera_and_time_but_no_place(kind: str) -> None:
    facts = decode_photo(photo(kind, camera_exif()), 448, Limits()).facts
    assert (facts.camera, facts.taken) == ("Apple iPhone 15 Pro", "2024-05-01T12:30:15+08:00")
    assert "48" not in repr((facts.camera, facts.taken, facts.profile, facts.notes))
    assert facts.notes == ()


@pytest.mark.parametrize(
    ("make", "model", "expected"),
    [
        ("Canon", "Canon EOS R5", "Canon EOS R5"),
        ("NIKON CORPORATION", "NIKON D850", "NIKON D850"),
        ("SONY", "ILCE-7M4", "SONY ILCE-7M4"),
        ("", "DMC-1", "DMC-1"),
        ("Canon", "", "Canon"),
        ("", "", None),
        ("x" * 500, "y" * 500, "x" * 80),
    ],
)
def test_names_of_cameras(make: str, model: str, expected: str | None) -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = make, model
    assert decode_photo(photo("JPEG", exif), 448, Limits()).facts.camera == expected


@pytest.mark.parametrize(("text", "expected"), [("小米".encode(), "小米 14"), (b"Caf\xe9 AG", "Café AG 14")])
def test_a_camera_whose_name_is_no_ascii(text: bytes, expected: str) -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "M" * len(text), "14"
    raw = exif.tobytes().replace(b"M" * len(text), text)
    assert decode_photo(photo("JPEG", raw), 448, Limits()).facts.camera == expected


@pytest.mark.parametrize("value", ["0000:00:00 00:00:00", "2024:13:01 12:00:00", "yesterday", "    :  :     :  :  "])
def test_a_time_that_is_none(value: str) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = value
    assert decode_photo(photo("JPEG", exif), 448, Limits()).facts.taken is None


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("kind", [kind for kind in FORMATS if kind != "TIFF"])
def test_damaged_exif_is_noted_and_the_photo_read(kind: str) -> None:
    """Without a TIFF header, as RawTherapee 5.8 wrote it, and with bytes changed at random."""
    good = camera_exif().tobytes()
    draw = np.random.default_rng(5)
    cases = [b"Exif\0\0" + b"no header at all", b"II*\0"[:2], good[:40]]
    for _ in range(60):
        mutated = bytearray(good)
        for at in draw.integers(6, len(good), 5):
            mutated[at] = draw.integers(0, 256)
        cases.append(bytes(mutated))
    whole = photo(kind, good)
    body = whole.find(good[6:])
    assert body > 0
    noted = 0
    for case in cases:
        # Put in place of the good one: what writes the files would not write it.
        data = whole[:body] + case[6:].ljust(len(good) - 6, b"\0") + whole[body + len(good) - 6 :]
        if kind == "PNG":
            data = with_checksum(data)
        found = decode_photo(data, 448, Limits())
        assert sorted(found.pixels.shape[:2]) == [240, 320]
        noted += found.facts.notes == (("exif_damaged", {}),)
    assert noted > 0


def with_checksum(data: bytes) -> bytes:
    import zlib

    at = data.find(b"eXIf")
    size = int.from_bytes(data[at - 4 : at], "big")
    end = at + 4 + size
    return data[:end] + struct.pack(">I", zlib.crc32(data[at:end])) + data[end + 4 :]


@pytest.mark.filterwarnings("ignore:.*EXIF data:UserWarning")
def test_damaged_directories_of_a_tiff() -> None:
    for tag in (0x8769, 0x8825, 0xA005):
        for value in (7, 1 << 31, 0xFFFFFFFF):
            data = bytearray(saved(quarters(), "TIFF", tiffinfo={tag: 12345678}))
            at = data.rfind(struct.pack("<HHI", tag, 4, 1))
            assert at > 0
            data[at + 8 : at + 12] = struct.pack("<I", value)
            found = decode_photo(bytes(data), 448, Limits())
            assert close(corners(found.pixels), TURNED[1])


def test_several_frames_or_pages_are_noted() -> None:
    frames = [Image.new("RGB", (32, 32), (n * 60, 0, 0)) for n in range(3)]
    for kind in ("GIF", "PNG", "WEBP", "TIFF"):
        data = saved(frames[0], kind, save_all=True, append_images=frames[1:])
        assert decode_photo(data, 448, Limits()).facts.notes == (("first_of_several", {"count": 3}),), kind
    assert decode_photo(saved(frames[0], "GIF"), 448, Limits()).facts.notes == ()
    out = io.BytesIO()
    frames[0].save(out, "MPO", save_all=True, append_images=frames[1:])
    assert decode_photo(out.getvalue(), 448, Limits()).facts.notes == ()
