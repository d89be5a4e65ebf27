"""A damaged photo is decoded as far as it is there, with a note, and refused where more than a tenth is missing."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFile

from shared.core.errors import PhotoError
from shared.core.messages import sentence
from shared.photos.decode import Limits, decode_photo


def photo(height: int = 300, width: int = 400) -> Image.Image:
    """Noise over a gradient: no two rows are alike, and every row takes about as many bytes."""
    rng = np.random.default_rng(3)
    ramp = np.linspace(40, 200, height)[:, None, None] * np.ones((height, width, 3))
    return Image.fromarray((ramp + rng.normal(0, 12, ramp.shape)).clip(0, 255).astype(np.uint8))


def saved(kind: str, image: Image.Image | None = None, **options: Any) -> bytes:
    out = io.BytesIO()
    (image or photo()).save(out, kind, **options)
    return out.getvalue()


def read(data: bytes) -> tuple[NDArray[np.uint8], list[tuple[str, dict[str, Any]]]]:
    photo = decode_photo(data, 448, Limits())
    return photo.pixels, list(photo.facts.notes)


def refused(data: bytes) -> PhotoError:
    with pytest.raises(PhotoError) as caught:
        read(data)
    return caught.value


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}, {"subsampling": 0}])
def test_a_jpeg_without_its_end_marker_is_whole(options: dict[str, Any]) -> None:
    data = saved("JPEG", **options)
    rgb, notes = read(data[:-2])
    assert [code for code, _ in notes] == ["file_damaged"]
    assert np.abs(rgb.astype(int) - read(data)[0]).max() <= 4


def test_white_rows_at_the_end_do_not_count_as_missing() -> None:
    image = photo()
    image.paste((255, 255, 255), (0, 150, 400, 300))
    assert read(saved("JPEG", image)[:-2])[1] == [("file_damaged", {"percent": 100})]


CUT: list[tuple[str, dict[str, Any]]] = [
    ("JPEG", {}),
    ("JPEG", {"restart_marker_rows": 1}),
    ("PNG", {}),
    ("GIF", {}),
    ("WEBP", {"quality": 90}),
    ("WEBP", {"lossless": True}),
    ("BMP", {}),
    ("PPM", {}),
    ("TIFF", {}),
]


@pytest.mark.parametrize(("kind", "options"), CUT)
@pytest.mark.parametrize("kept", [0.97, 0.6])
def test_what_is_there_decides(kind: str, options: dict[str, Any], kept: float) -> None:
    data = saved(kind, **options)
    cut = data[: int(len(data) * kept)]
    if kept > 0.9:
        rgb, notes = read(cut)
        ((code, detail),) = notes
        assert code == "partly_missing"
        assert 90 <= detail["percent"] <= 98
        whole = read(data)[0].astype(int)
        there = slice(40, None) if kind == "BMP" else slice(None, 260)
        assert np.abs(rgb[there].astype(int) - whole[there]).mean() < 3
    else:
        error = refused(cut)
        assert error.code == "truncated"
        # WebP keeps what all rows need at its start.
        assert 35 <= error.detail["percent"] <= 65
        for lang in ("en", "zh"):
            assert f"{error.detail['percent']} %" in sentence(error.code, lang, **error.detail)


def test_zeros_in_the_place_of_the_rest_are_missing_too() -> None:
    data = saved("JPEG")
    half = len(data) // 2
    assert refused(data[:half] + bytes(len(data) - half)).detail["percent"] < 60


def test_a_progressive_jpeg_counts_once_all_its_luma_is_there() -> None:
    data = saved("JPEG", progressive=True)
    assert read(data[: int(len(data) * 0.99)])[1] == [("file_damaged", {"percent": 100})]
    assert refused(data[: len(data) // 20]).code == "truncated"


def test_damage_between_restart_markers_leaves_the_rest() -> None:
    data = bytearray(saved("JPEG", restart_marker_rows=1))
    at = data.index(b"\xff\xd3") + 40
    data[at : at + 30] = b"\xff\xd9" * 2 + b"\xee" * 26
    rgb, _ = read(bytes(data[:at]) + bytes(data[at + 4 :]))
    assert np.abs(rgb[200:].astype(int) - read(saved("JPEG", restart_marker_rows=1))[0][200:]).mean() < 2


def test_a_webp_without_its_metadata_is_whole() -> None:
    exif = Image.Exif()
    exif[0x010E] = "a" * 400
    data = saved("WEBP", lossless=True, exif=exif)
    rgb, notes = read(data[:-300])
    assert notes == [("file_damaged", {"percent": 100})]
    assert (rgb == np.asarray(photo())).all()


def test_one_bad_checksum_in_a_png_hides_what_follows_only() -> None:
    data = bytearray(saved("PNG"))
    data[-9000] ^= 0xFF
    assert read(bytes(data))[1][0][0] in ("partly_missing", "file_damaged")


def odd_bmp() -> bytes:
    header = struct.pack("<IiiHHIIiiII", 40, 8, 8, 1, 64, 0, 512, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + 512, 0, 0, 54) + header + bytes(512)


def odd_tiff() -> bytes:
    """Complex numbers."""
    entries = [(256, 4, 8), (257, 4, 8), (258, 3, 64), (259, 3, 1), (262, 3, 1), (273, 4, 200), (277, 3, 1)]
    entries += [(278, 4, 8), (279, 4, 512), (339, 3, 6)]
    body = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    return (b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + body + bytes(4)).ljust(200, b"\0") + bytes(512)


@pytest.mark.parametrize(("made", "name"), [(odd_bmp, "BMP"), (odd_tiff, "TIFF")])
def test_a_whole_file_of_an_odd_kind_is_not_called_damaged(made: Callable[[], bytes], name: str) -> None:
    error = refused(made())
    assert (error.code, error.detail) == ("unsupported_variant", {"format": name})
    assert refused(made()[:-9]).code == "truncated"


def test_nothing_of_this_changes_how_others_use_pillow() -> None:
    read(saved("PNG")[:-40])
    assert not ImageFile.LOAD_TRUNCATED_IMAGES
    with pytest.raises(OSError, match="truncated"):
        Image.open(io.BytesIO(saved("BMP")[:-40])).load()
