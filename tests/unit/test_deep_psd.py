"""The merged picture of Photoshop files of every depth."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from shared.core.errors import PhotoError
from shared.photos.decode import Limits, decode

PICTURE = np.stack(
    np.broadcast_arrays(np.linspace(0, 1, 50)[:, None], np.linspace(1, 0, 70)[None, :], np.full((50, 70), 0.25)), axis=0
)
LINEAR = np.where(PICTURE <= 0.04045, PICTURE / 12.92, ((PICTURE + 0.055) / 1.055) ** 2.4)


def packed(row: bytes) -> bytes:
    """PackBits without any run."""
    parts = [row[at : at + 128] for at in range(0, len(row), 128)]
    return b"".join(bytes([len(part) - 1]) + part for part in parts)


def psd(depth: int, *, version: int = 1, mode: int = 3, pack: bool = False, extra: int = 0) -> bytes:
    planes = PICTURE if mode == 3 else PICTURE[:1] if mode == 1 else np.concatenate([PICTURE, np.ones((1, 50, 70))])
    values = LINEAR[: len(planes)] if depth == 32 else (planes * (2**depth - 1)).round()
    values = np.concatenate([values, values[:1].repeat(extra, axis=0)])
    channels = values.astype(">f4" if depth == 32 else f">u{depth // 8}")
    count, height, width = channels.shape
    rows = [channels[c, y].tobytes() for c in range(count) for y in range(height)]
    body = struct.pack(">H", pack)
    if pack:
        rows = [packed(row) for row in rows]
        body += struct.pack(f">{len(rows)}{'I' if version == 2 else 'H'}", *map(len, rows))
    header = struct.pack(">4sH6xHIIHH", b"8BPS", version, count, height, width, depth, mode)
    resource = b"8BIM" + struct.pack(">H", 1000) + b"\3abc" + struct.pack(">I", 3) + b"xyz\0"
    sections = bytes(4) + struct.pack(">I", len(resource)) + resource + bytes(8 if version == 2 else 4)
    return header + sections + body + b"".join(rows)


@pytest.mark.parametrize("pack", [False, True])
@pytest.mark.parametrize(("depth", "version"), [(8, 1), (16, 1), (32, 1), (8, 2), (16, 2)])
def test_every_depth_shows_the_same_picture(depth: int, version: int, pack: bool) -> None:
    rgb = decode(psd(depth, version=version, pack=pack), 448, Limits())
    assert np.abs(rgb - np.moveaxis(PICTURE, 0, -1) * 255).max() <= 1.6


def test_greys_and_further_channels() -> None:
    rgb = decode(psd(16, mode=1, extra=1, pack=True), 448, Limits())
    assert np.abs(rgb[..., 1] - PICTURE[0] * 255).max() <= 1.6
    assert decode(psd(16, extra=2), 448, Limits()).shape == (50, 70, 3)


def test_cmyk() -> None:
    # Full key in the file's inverted sense is none.
    rgb = decode(psd(16, mode=4), 448, Limits())
    assert np.abs(rgb - np.moveaxis(PICTURE, 0, -1) * 255).mean() < 40


def test_a_part_of_it_is_truncated() -> None:
    with pytest.raises(PhotoError) as caught:
        decode(psd(16)[:60], 448, Limits())
    assert caught.value.code == "truncated"


def test_the_cap_holds() -> None:
    with pytest.raises(PhotoError) as caught:
        decode(psd(16), 448, Limits(pixels=1000))
    assert caught.value.code == "too_many_pixels"
