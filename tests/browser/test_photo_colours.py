"""Chromium as the outside judge: what it shows of a file is what is classified, in colour and the right way up."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser

from shared.photos import lab
from shared.photos.decode import Limits, decode_photo
from tests.icc_profiles import ADOBE, GENERIC, P3, PROPHOTO, cmyk, grey

pytestmark = pytest.mark.slow

#: Draws a file on white and returns its size and RGBA values.
DRAW = """async (url) => {
  const image = new Image();
  image.src = url;
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  const context = canvas.getContext("2d", {colorSpace: "srgb"});
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(image, 0, 0);
  const found = context.getImageData(0, 0, canvas.width, canvas.height);
  return [canvas.width, canvas.height, Array.from(found.data)];
}"""


def chart(mode: str = "RGB") -> Image.Image:
    """Squares of many colours, darker and redder towards one corner, so that a turn shows."""
    levels = np.array([0, 60, 120, 180, 255], np.uint8)
    colours = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), -1).reshape(5, 25, 3)
    return Image.fromarray(colours.repeat(16, 0).repeat(8, 1)).convert(mode)


def saved(kind: str, mode: str = "RGB", orientation: int = 1, alpha: int = 255, **options: Any) -> bytes:
    image, out = chart(mode), io.BytesIO()
    if alpha < 255:
        image.putalpha(alpha)
    exif = Image.Exif()
    exif[0x0112] = orientation
    if kind == "JPEG":
        options |= {"quality": 98, "subsampling": 0}
    elif kind == "WEBP":
        options["lossless"] = True
    elif kind == "AVIF":
        options |= {"quality": 100, "subsampling": "4:4:4"}
    image.save(out, kind, **({"exif": exif} if orientation > 1 else {}), **options)
    return out.getvalue()


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    data = saved("PNG")
    extra = b"".join(struct.pack(">I", len(c)) + n + c + struct.pack(">I", zlib.crc32(n + c)) for n, c in chunks)
    return data[:33] + extra + data[33:]


def avif(primaries: int, transfer: int) -> bytes:
    data = bytearray(saved("AVIF"))
    at = data.index(b"colrnclx")
    data[at + 8 : at + 12] = struct.pack(">HH", primaries, transfer)
    return bytes(data)


GAMMA, P3_XY = struct.pack(">I", 45455), struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
#: No turned WebP: Chromium leaves it as it lies, other viewers and Weft turn it.
FILES = {
    **{f"{kind} {s.name}": saved(kind, icc_profile=s.profile())
       for kind in ("JPEG", "PNG", "WEBP", "AVIF") for s in (P3, ADOBE, PROPHOTO, GENERIC)},
    **{f"{kind} turned {n}": saved(kind, orientation=n) for kind in ("JPEG", "PNG", "AVIF") for n in (3, 6, 7)},
    **{f"{kind} transparent": saved(kind, alpha=100, icc_profile=P3.profile()) for kind in ("PNG", "WEBP")},
    "JPEG damaged profile": saved("JPEG", icc_profile=P3.profile()[:150]),
    "PNG damaged profile": saved("PNG", icc_profile=b"x" * 200),
    "JPEG unsuitable profile": saved("JPEG", icc_profile=grey(1.0)),
    "JPEG grey": saved("JPEG", "L", icc_profile=grey(1.8)),
    "JPEG CMYK": saved("JPEG", "CMYK"),
    "JPEG CMYK with profile": saved("JPEG", "CMYK", icc_profile=cmyk()),
    "PNG gamma": png((b"gAMA", struct.pack(">I", 100000))),
    "PNG sRGB": png((b"sRGB", b"\0"), (b"gAMA", GAMMA)),
    "PNG chromaticities": png((b"gAMA", GAMMA), (b"cHRM", P3_XY)),
    "PNG cICP P3": png((b"cICP", bytes((12, 13, 0, 1)))),
    "PNG cICP PQ": png((b"cICP", bytes((9, 16, 0, 1)))),
    "AVIF nclx P3": avif(12, 13),
    "AVIF nclx PQ": avif(9, 16),
    "AVIF nclx HLG": avif(9, 18),
}  # fmt: skip


@pytest.mark.parametrize("data", FILES.values(), ids=FILES)
def test_as_chromium_shows_it(browser: Browser, data: bytes) -> None:
    page = browser.new_page()
    width, height, values = page.evaluate(DRAW, "data:image/*;base64," + base64.b64encode(data).decode())
    page.close()
    shown = np.array(values, np.uint8).reshape(height, width, 4)[..., :3]
    found = decode_photo(data, 448, Limits()).pixels
    assert found.shape == shown.shape
    difference = lab.difference(lab.from_srgb(found), lab.from_srgb(shown))
    print(f"mean ΔE2000 {difference.mean():.2f}, levels {np.abs(found.astype(int) - shown).mean():.2f}")
    assert difference.mean() < 2
