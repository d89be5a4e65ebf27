"""True colours: profiles and colour codings become sRGB, whatever the format; a damaged profile costs no photo."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms

from shared.photos import lab
from shared.photos.decode import DecodedPhoto, Limits, decode_photo
from shared.photos.thumbnails import thumbnail
from tests.icc_profiles import ADOBE, GENERIC, P3, PROPHOTO, SRGB, Space, cmyk, grey, icc

Pixels = np.ndarray[Any, Any]
#: 5 × 5 × 5 colours in squares of 16 pixels, which chroma subsampling leaves alone.
LEVELS = np.array([16, 70, 128, 190, 240], np.uint8)
PATCHES = np.stack(np.meshgrid(LEVELS, LEVELS, LEVELS, indexing="ij"), -1).reshape(5, 25, 3)
SQUARE = 16


def chart(patches: Pixels = PATCHES) -> Image.Image:
    return Image.fromarray(np.asarray(patches, np.uint8).repeat(SQUARE, 0).repeat(SQUARE, 1))


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def opened(data: bytes, target: int = 448) -> DecodedPhoto:
    return decode_photo(data, target, Limits())


def middles(photo: DecodedPhoto, rows: int = 5, columns: int = 25) -> Pixels:
    """The colours of the chart's squares."""
    h, w = photo.pixels.shape[:2]
    ys = ((np.arange(rows) + 0.5) * h / rows).astype(int)
    xs = ((np.arange(columns) + 0.5) * w / columns).astype(int)
    return photo.pixels[ys[:, None], xs]


def difference(found: Pixels, expected: Pixels) -> float:
    """Mean ΔE2000."""
    return float(
        lab.difference(lab.from_srgb(found), lab.from_srgb(np.asarray(expected).round().astype(np.uint8))).mean()
    )


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [  # Sharma, Wu, Dalal: The CIEDE2000 color-difference formula (2005), table 1
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 0, 0), (50, -1, 2), 2.3669),
        ((50, 2.4900, -0.0010), (50, -2.4900, 0.0011), 7.2195),
        ((50, -0.0010, 2.4900), (50, 0.0011, -2.4900), 4.7461),
        ((50, 2.5, 0), (61, -5, 29), 22.8977),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((22.7233, 20.0904, -46.6940), (23.0331, 14.9730, -42.5619), 2.0373),
        ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_difference_of_colours(first: Any, second: Any, expected: float) -> None:
    assert lab.difference(np.array(first, float), np.array(second, float)) == pytest.approx(expected, abs=1e-4)


def test_lab_of_known_colours() -> None:
    rgb = np.array([[255, 255, 255], [0, 0, 0], [255, 0, 0], [0, 0, 255]], np.uint8)
    known = [[100, 0, 0], [0, 0, 0], [53.24, 80.09, 67.20], [32.30, 79.19, -107.86]]
    assert np.abs(lab.from_srgb(rgb) - known).max() < 0.05


@pytest.mark.parametrize("space", [P3, ADOBE, PROPHOTO, GENERIC], ids=lambda s: s.name)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_profiles_become_srgb(kind: str, space: Space) -> None:
    options: dict[str, Any] = {
        "JPEG": {"quality": 98, "subsampling": 0},
        "WEBP": {"lossless": True},
        "AVIF": {"quality": 100, "subsampling": "4:4:4"},
        "HEIF": {"quality": 100, "chroma": 444},
    }.get(kind, {})
    pillow_heif.register_heif_opener(thumbnails=False)
    photo = opened(saved(chart(), kind, icc_profile=space.profile(), **options))
    assert difference(middles(photo), space.to_srgb(PATCHES)) < 1
    assert photo.facts.profile == space.name
    assert photo.facts.notes == ()


@pytest.mark.parametrize(
    "profile", [SRGB.profile(), ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()]
)
def test_srgb_stays_as_it_is(profile: bytes) -> None:
    photo = opened(saved(chart(), "PNG", icc_profile=profile))
    assert (photo.pixels == np.asarray(chart())).all()
    assert "sRGB" in (photo.facts.profile or "")


def test_a_scaled_jpeg_is_converted() -> None:
    large = Image.fromarray(np.full((1200, 1600, 3), (200, 60, 40), np.uint8))
    photo = opened(saved(large, "JPEG", quality=95, icc_profile=PROPHOTO.profile()))
    assert photo.pixels.shape == (450, 600, 3)
    assert difference(photo.pixels, np.broadcast_to(PROPHOTO.to_srgb(np.array((200, 60, 40))), (450, 600, 3))) < 1
    assert photo.facts.size == (1600, 1200)


def test_thumbnails_have_the_same_colours() -> None:
    photo = opened(saved(Image.new("RGB", (480, 480), (200, 60, 40)), "PNG", icc_profile=P3.profile()))
    with Image.open(io.BytesIO(thumbnail(photo.pixels))) as small:
        found = np.asarray(small)
    assert np.abs(found - P3.to_srgb(np.array((200, 60, 40)))).mean() < 2


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
def test_grey_profiles(kind: str) -> None:
    ramp = np.arange(0, 256, 4, dtype=np.uint8)[None].repeat(64, 0)
    photo = opened(saved(Image.fromarray(ramp), kind, icc_profile=grey(1.0)))
    value = np.arange(0, 256, 4) / 255
    expected = 255 * np.where(value <= 0.0031308, 12.92 * value, 1.055 * value ** (1 / 2.4) - 0.055)
    assert np.abs(photo.pixels[32, :, 0] - expected).mean() < 2
    assert (photo.pixels[32, :, 0] == photo.pixels[32, :, 2]).all()


def test_cmyk_with_its_profile_and_without() -> None:
    inks = [(0, 0, 0, 0), (255, 0, 0, 0), (0, 255, 0, 0), (0, 0, 255, 0), (0, 0, 0, 255), (0, 0, 0, 128)]
    pixels = np.array(inks, np.uint8)[None].repeat(64, 0).repeat(64, 1)
    image = Image.fromarray(pixels, "CMYK")
    expected = [(100, 0, 0), (65, -20, -30), (55, 55, 0), (88, -3, 70), (0, 0, 0), (49.8, 0, 0)]
    for kind in ("TIFF", "JPEG"):
        options = {"quality": 98, "subsampling": 0} if kind == "JPEG" else {}
        found = middles(opened(saved(image, kind, icc_profile=cmyk(), **options)), 1, 6)[0]
        assert lab.difference(lab.from_srgb(found), np.array(expected, float)).max() < 3.5, kind
        plain = opened(saved(image, kind, **options))
        assert np.abs(middles(plain, 1, 6)[0][1] - np.array((0, 255, 255.0))).max() < 6, kind
        assert plain.facts.profile is None


def test_lab_tiff() -> None:
    pixels = np.array([(255, 0, 0), (128, 0, 0), (153, 40, 226)], np.uint8)[None].repeat(64, 0).repeat(64, 1)
    found = middles(opened(saved(Image.fromarray(pixels, "LAB"), "TIFF")), 1, 3)[0]
    expected = np.array([(100, 0, 0), (50.2, 0, 0), (60, 40, -30)])
    assert lab.difference(lab.from_srgb(found), expected).max() < 2


PROFILE = P3.profile()
DAMAGED = {
    "cut": PROFILE[:200],
    "zeros": PROFILE[:132] + bytes(len(PROFILE) - 132),
    "no profile": b"nothing of the kind" * 20,
    "short": b"abc",
    "offsets": PROFILE[:132] + b"\xff" * 96 + PROFILE[228:],
}


@pytest.mark.parametrize("profile", DAMAGED.values(), ids=DAMAGED)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_damaged_profile_is_ignored_and_noted(kind: str, profile: bytes) -> None:
    photo = opened(saved(chart(), kind, icc_profile=profile, **({"lossless": True} if kind == "WEBP" else {})))
    assert difference(middles(photo), PATCHES) < 2
    assert photo.facts.notes == (("colour_profile_damaged", {}),)


def test_a_profile_of_another_colour_space_is_ignored_and_noted() -> None:
    for image, profile in ((chart(), grey(1.0)), (chart(), cmyk()), (chart().convert("L"), PROFILE)):
        photo = opened(saved(image, "PNG", icc_profile=profile))
        assert (photo.pixels == np.asarray(image.convert("RGB"))).all()
        assert photo.facts.notes == (("colour_profile_unsuitable", {}),)


def test_mutated_profiles_never_refuse_a_photo() -> None:
    draw = np.random.default_rng(3)
    for base in (PROFILE, cmyk(), icc(b"RGB ", "empty", {})):
        for _ in range(100):
            profile = bytearray(base)
            for at in draw.integers(0, len(profile), 8):
                profile[at] = draw.integers(0, 256)
            assert opened(saved(Image.new("RGB", (16, 16)), "PNG", icc_profile=bytes(profile))).pixels.shape == (
                16,
                16,
                3,
            )


def png(image: Image.Image, *chunks: tuple[bytes, bytes]) -> bytes:
    """PNG with further chunks behind its header."""
    data = saved(image, "PNG")
    extra = b"".join(struct.pack(">I", len(c)) + n + c + struct.pack(">I", zlib.crc32(n + c)) for n, c in chunks)
    return data[:33] + extra + data[33:]


def test_png_gamma_and_chromaticities() -> None:
    linear = opened(png(chart(), (b"gAMA", struct.pack(">I", 100000))))
    value = PATCHES / 255
    expected = 255 * np.where(value <= 0.0031308, 12.92 * value, 1.055 * value ** (1 / 2.4) - 0.055)
    assert difference(middles(linear), expected) < 1
    # Chromaticities of P3 with sRGB's gamma.
    xy = (31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
    wide = opened(png(chart(), (b"gAMA", struct.pack(">I", 45455)), (b"cHRM", struct.pack(">8I", *xy))))
    assert difference(middles(wide), P3.to_srgb(PATCHES)) < 1
    usual = opened(png(chart(), (b"gAMA", struct.pack(">I", 45455))))
    nonsense = opened(png(chart(), (b"cHRM", struct.pack(">8I", *[0] * 8))))
    told = opened(png(chart(), (b"sRGB", b"\0"), (b"gAMA", struct.pack(">I", 100000))))
    for photo in (usual, nonsense, told):
        assert (photo.pixels == np.asarray(chart())).all()


def test_cicp_of_png_overrules_its_profile() -> None:
    data = png(chart(), (b"cICP", bytes((12, 13, 0, 1))))
    assert difference(middles(opened(data)), P3.to_srgb(PATCHES)) < 1
    with_profile = saved(chart(), "PNG", icc_profile=PROPHOTO.profile())
    chunk = data[33 : 33 + 16]
    assert difference(middles(opened(with_profile[:33] + chunk + with_profile[33:])), P3.to_srgb(PATCHES)) < 1
    assert opened(data).facts.profile == "Display P3"


@pytest.mark.parametrize(("transfer", "white"), [(16, 148), (18, 191)])
def test_hdr_is_tone_mapped_and_noted(transfer: int, white: int) -> None:
    """`white`: PQ's value of 203 cd/m², HLG's of 75 %: which the curve halves."""
    photo = opened(png(Image.new("RGB", (32, 32), (white,) * 3), (b"cICP", bytes((9, transfer, 0, 1)))))
    expected = 255 * (1.055 * 0.5 ** (1 / 2.4) - 0.055)
    assert np.abs(photo.pixels.astype(float) - expected).max() < 4
    assert photo.facts.notes == (("hdr_tone_mapped", {}),)
    black = opened(png(Image.new("RGB", (32, 32)), (b"cICP", bytes((9, transfer, 0, 1)))))
    assert black.pixels.max() == 0


def test_cicp_of_avif_and_heif() -> None:
    pillow_heif.register_heif_opener(thumbnails=False)
    for kind, options in (("AVIF", {"subsampling": "4:4:4"}), ("HEIF", {"chroma": 444})):
        data = bytearray(saved(chart(), kind, quality=100, **options))
        at = data.find(b"colrnclx")
        if at < 0:
            continue
        data[at + 8 : at + 12] = struct.pack(">HH", 12, 13)
        assert difference(middles(opened(bytes(data))), P3.to_srgb(PATCHES)) < 1, kind


def test_transparency_on_white_after_the_conversion() -> None:
    image = chart().convert("RGBA")
    image.putalpha(128)
    expected = 255 + (P3.to_srgb(PATCHES) - 255) * (128 / 255)
    for kind in ("PNG", "WEBP", "TIFF"):
        options = {"lossless": True} if kind == "WEBP" else {}
        photo = opened(saved(image, kind, icc_profile=P3.profile(), **options))
        assert difference(middles(photo), expected) < 1, kind


def test_palettes_are_converted_and_transparent_where_they_say_so() -> None:
    image = chart().quantize(125)
    photo = opened(saved(image, "PNG", icc_profile=P3.profile()))
    assert difference(middles(photo), P3.to_srgb(np.asarray(image.convert("RGB"))[8::16, 8::16])) < 1
    one = Image.new("P", (32, 32), 1)
    one.putpalette([10, 20, 30, 200, 0, 0])
    assert (opened(saved(one, "PNG", transparency=1)).pixels == 255).all()
    assert (opened(saved(one, "GIF", transparency=1)).pixels == 255).all()


@pytest.mark.parametrize("bits", [10, 12, 16])
def test_greys_of_fewer_bits_in_16(bits: int) -> None:
    values = np.linspace(0, 2**bits - 1, 256).astype(np.uint16)[None].repeat(64, 0)
    for kind in ("PNG", "TIFF"):
        photo = opened(saved(Image.fromarray(values), kind))
        assert np.abs(photo.pixels[32, :, 1] - np.arange(256.0)).max() <= 1.5, kind


def test_the_profile_of_a_jpeg_2000() -> None:
    data = saved(chart(), "JPEG2000", mct=0)
    header = data.index(b"jp2h") - 4
    size = int.from_bytes(data[header : header + 4], "big")
    at = data.index(b"colr", header) - 4
    old = int.from_bytes(data[at : at + 4], "big")
    new = struct.pack(">I4sBBB", 15 + len(PROFILE) - 4, b"colr", 2, 0, 0) + PROFILE
    whole = data[header + 4 : at] + new + data[at + old : header + size]
    photo = opened(data[:header] + struct.pack(">I", 4 + len(whole)) + whole + data[header + size :])
    assert difference(middles(photo), P3.to_srgb(PATCHES)) < 1
    assert photo.facts.profile == "Display P3"
