"""Chromium as the judge of files that are cut off, and of drawings."""

from __future__ import annotations

import base64
import io

import numpy as np
import pillow_heif
import pytest
from playwright.sync_api import Browser, Error

from shared.core.errors import PhotoError
from shared.core.messages import sentence
from shared.photos import lab
from shared.photos.decode import Limits, decode_photo, load_codecs
from shared.photos.svg_drawing import draw, resvg
from tests.browser.test_photo_colours import DRAW, chart

PATTERN = """<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 448 448"
  width="448" height="448"><defs>
  <pattern id="weave" width="28" height="28" patternUnits="userSpaceOnUse" patternTransform="rotate(30)">
    <rect width="28" height="28" fill="#e8d8b0"/><rect width="14" height="28" fill="#7a1f3d" opacity=".8"/>
    <path d="M0 7h28M0 21h28" stroke="#204080" stroke-width="5"/></pattern>
  <radialGradient id="light"><stop offset="0" stop-color="white" stop-opacity=".6"/>
    <stop offset="1" stop-color="black" stop-opacity=".5"/></radialGradient></defs>
  <circle cx="224" cy="224" r="220" fill="url(#weave)"/><rect width="448" height="448" fill="url(#light)"/>
  <g transform="translate(150 150) scale(2)"><path d="M0 0c20-40 60-40 70 0s-50 60-70 90z" fill="#2c8"/></g></svg>"""


def shown(browser: Browser, data: bytes, kind: str) -> np.ndarray | None:
    """RGB as Chromium draws the file; None where it shows nothing."""
    page = browser.new_page()
    try:
        width, height, values = page.evaluate(DRAW, f"data:{kind};base64," + base64.b64encode(data).decode())
    except Error:
        return None
    finally:
        page.close()
    return np.array(values, np.uint8).reshape(height, width, 4)[..., :3]


def saved(kind: str) -> bytes:
    load_codecs()
    out = io.BytesIO()
    if kind == "HEIC":
        pillow_heif.from_pillow(chart()).save(out, format="HEIF")
    else:
        chart().save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["AVIF", "HEIC"])
@pytest.mark.parametrize("kept", [0.99, 0.9, 0.5])
def test_a_cut_avif_or_heic_is_shown_by_nobody(browser: Browser, kind: str, kept: float) -> None:
    data = saved(kind)
    assert decode_photo(data, 64, Limits()).pixels.shape[2] == 3
    cut = data[: int(len(data) * kept)]
    picture = shown(browser, cut, f"image/{kind.lower()}")
    # With the header there Chromium may know the size, and leaves it blank.
    assert picture is None or (picture == 255).all()
    with pytest.raises(PhotoError) as caught:
        decode_photo(cut, 64, Limits())
    assert caught.value.code == "truncated"
    assert "incomplete" in sentence("truncated", "en")


@pytest.mark.skipif(resvg() is None, reason="the extra `svg` is not installed")
def test_a_drawing_is_drawn_as_chromium_draws_it(browser: Browser) -> None:
    expected = shown(browser, PATTERN.encode(), "image/svg+xml")
    assert expected is not None
    found = np.asarray(draw(PATTERN.encode(), 448, lambda need: None))
    assert found.shape == expected.shape
    difference = lab.difference(lab.from_srgb(found), lab.from_srgb(expected))
    print(f"mean ΔE2000 {difference.mean():.2f}")
    assert difference.mean() < 2
    assert found.std() > 20
