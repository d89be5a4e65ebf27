"""Colour said by numbers instead of an ICC profile: CICP (PNG, AVIF, HEIF) and PNG's gAMA and cHRM.

CICP: ITU-T H.273, code points of primaries and transfer curve. PQ and HLG are tone-mapped as Chromium does it, by the
reference white operator of SMPTE ST 2094-50: with x the largest of a pixel's linear channels, in units of white
(203 cd/m²), the pixel is halved up to white; above, x is taken along a quadratic Bézier curve from (1, 0.5) to
(4.93, 1), which is 1000 cd/m²; what is brighter becomes 1.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

#: x, y of red, green, blue and white.
Chromaticities: TypeAlias = tuple[float, float, float, float, float, float, float, float]

_D65 = (0.3127, 0.3290)
SRGB: Chromaticities = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, *_D65)
#: CICP colour primaries that differ from sRGB's → chromaticities and the name shown.
_PRIMARIES: dict[int, tuple[Chromaticities, str]] = {
    4: ((0.67, 0.33, 0.21, 0.71, 0.14, 0.08, 0.310, 0.316), "BT.470 M"),
    5: ((0.64, 0.33, 0.29, 0.60, 0.15, 0.06, *_D65), "BT.601 (625)"),
    6: ((0.630, 0.340, 0.310, 0.595, 0.155, 0.070, *_D65), "BT.601 (525)"),
    7: ((0.630, 0.340, 0.310, 0.595, 0.155, 0.070, *_D65), "SMPTE 240M"),
    9: ((0.708, 0.292, 0.170, 0.797, 0.131, 0.046, *_D65), "BT.2020"),
    11: ((0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.314, 0.351), "DCI-P3"),
    12: ((0.680, 0.320, 0.265, 0.690, 0.150, 0.060, *_D65), "Display P3"),
    22: ((0.630, 0.340, 0.295, 0.605, 0.155, 0.077, *_D65), "EBU 3213"),
}
_LINEAR, _PQ, _HLG = 8, 16, 18
#: CICP transfer curves that are powers. All that are not named are taken as sRGB's, as browsers do with BT.709's.
_POWERS = {4: 2.2, 5: 2.8}
#: cd/m² of white, and of the brightest highlight that is kept apart from it.
_WHITE_NITS, _PEAK_NITS = 203.0, 1000.0
#: gAMA that means sRGB's curve to everyone who writes it, and how far a file may be off.
_USUAL_GAMMA, _GAMMA_TOLERANCE = 1 / 2.2, 0.02
_ENCODED_STEPS = 1 << 14
#: Pixels that are converted at a time, in floating point.
_AT_ONCE = 1 << 18


@dataclass(frozen=True, slots=True)
class ColourCoding:
    """Primaries and transfer curve of RGB values."""

    name: str
    primaries: Chromaticities = SRGB
    #: `srgb`, `pq`, `hlg`, or the exponent that makes a value linear.
    curve: str | float = "srgb"

    @property
    def hdr(self) -> bool:
        return self.curve in ("pq", "hlg")

    @property
    def is_srgb(self) -> bool:
        return self.curve == "srgb" and np.allclose(self.primaries, SRGB, atol=0.002)

    def to_srgb(self, rgb: Image.Image) -> Image.Image:
        """RGB picture → RGB picture in sRGB; colours outside sRGB are clipped."""
        pixels = np.array(rgb)
        rows = pixels.reshape(-1, 3)
        # A strip may be far larger than other shrunk pictures.
        for start in range(0, len(rows), _AT_ONCE):
            rows[start : start + _AT_ONCE] = self._to_srgb(rows[start : start + _AT_ONCE])
        return Image.fromarray(pixels)

    def _to_srgb(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Of pixels, [n, 3]."""
        linear = _linear(self.curve)[rgb]
        if self.curve == "hlg":
            # BT.2100's system gamma of 1.2, on luminance by BT.2020's weights.
            luminance = linear @ np.array([0.2627, 0.6780, 0.0593], np.float32)
            linear *= (luminance**0.2 * np.float32(_PEAK_NITS / _WHITE_NITS))[..., None]
        if self.hdr:
            linear *= _tone_gain(linear.max(-1, keepdims=True))
        linear = linear @ _to_srgb_matrix(self.primaries).T
        steps = (linear.clip(0, 1) * np.float32(_ENCODED_STEPS - 1) + np.float32(0.5)).astype(np.uint16)
        found: NDArray[np.uint8] = _encoded()[steps]
        return found


def from_cicp(primaries: int, transfer: int) -> ColourCoding:
    """From H.273's code points; unspecified and unknown ones are taken as sRGB's."""
    xy, name = _PRIMARIES.get(primaries, (SRGB, "sRGB"))
    if transfer in (_PQ, _HLG):
        return ColourCoding(f"{name} {'PQ' if transfer == _PQ else 'HLG'}", xy, "pq" if transfer == _PQ else "hlg")
    if transfer == _LINEAR:
        return ColourCoding(f"{name}, linear", xy, 1.0)
    return ColourCoding(name, xy, _POWERS.get(transfer, "srgb"))


def png_cicp(data: bytes) -> ColourCoding | None:
    """What the cICP chunk of a PNG says; None where it has none."""
    found = _png_chunk(data, b"cICP")
    return from_cicp(found[0], found[1]) if found is not None and len(found) == 4 else None


def png_gamma(info: Mapping[Any, Any]) -> ColourCoding | None:
    """What sRGB, or else gAMA and cHRM say in a PNG; `info` is Pillow's. None where nothing is said."""
    if "srgb" in info:
        return ColourCoding("sRGB")
    gamma, white_and_primaries = info.get("gamma"), info.get("chromaticity")
    xy = SRGB
    if white_and_primaries is not None and len(white_and_primaries) == 8:
        given = (*white_and_primaries[2:], *white_and_primaries[:2])
        xy = given if _sensible(given) else SRGB
    curve: str | float = "srgb"
    if gamma is not None and 0.1 <= gamma <= 10 and abs(gamma - _USUAL_GAMMA) > _GAMMA_TOLERANCE:
        curve = 1 / gamma
    return None if gamma is None and xy == SRGB else ColourCoding("gAMA/cHRM", xy, curve)


def of_isobmff(data: bytes) -> ColourCoding | None:
    """The first `nclx` colour box of an AVIF's or HEIF's metadata; None where there is none."""
    at, end = box(data, b"meta", 0, len(data))
    found = data.find(b"colrnclx", at, end)
    if found < 0 or found + 12 > end:
        return None
    return from_cicp(*struct.unpack_from(">HH", data, found + 8))


def jp2_profile(data: bytes) -> bytes | None:
    """The ICC profile in the header of a JPEG 2000 file, which Pillow does not read; None where there is none."""
    at, end = box(data, b"jp2h", 0, min(len(data), 1 << 24))
    found = data.find(b"colr\x02", at, end)
    if found < 4:
        return None
    size = int.from_bytes(data[found - 4 : found], "big")
    return data[found + 7 : min(end, found - 4 + size)] or None


def box(data: bytes, kind: bytes, at: int, end: int) -> tuple[int, int]:
    """Where the first box of this kind begins and ends; (0, 0) if there is none."""
    while at + 8 <= end:
        size = int.from_bytes(data[at : at + 4], "big")
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        if data[at + 4 : at + 8] == kind:
            return at, min(end, at + size) if size else end
        if size < 8:
            break
        at += size
    return 0, 0


def _png_chunk(data: bytes, kind: bytes) -> bytes | None:
    """Content of the first chunk of this kind before the pixels."""
    at = 8
    while at + 8 <= len(data):
        size, name = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if name == kind:
            return data[at + 8 : at + 8 + size]
        if name == b"IDAT":
            break
        at += 12 + size
    return None


@lru_cache(maxsize=8)
def _linear(curve: str | float) -> NDArray[np.float32]:
    """Linear light of the values 0…255; white is 1, for PQ 203 cd/m²."""
    value = np.arange(256) / 255
    if curve == "pq":
        root = value ** (1 / 78.84375)
        nits = 10000 * (np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)) ** (1 / 0.1593017578125)
        found = nits / _WHITE_NITS
    elif curve == "hlg":
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        found = np.where(value <= 0.5, value**2 / 3, (np.exp((value - c) / a) + b) / 12)
    elif isinstance(curve, str):
        found = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    else:
        found = value**curve
    return found.astype(np.float32)


@lru_cache(maxsize=1)
def _encoded() -> NDArray[np.uint8]:
    """sRGB values of linear light from 0 to 1, in equal steps."""
    linear = np.arange(_ENCODED_STEPS) / (_ENCODED_STEPS - 1)
    value = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return (255 * value).round().astype(np.uint8)


def _tone_gain(largest: NDArray[np.float32]) -> NDArray[np.float32]:
    """What a pixel is multiplied by; see the top."""
    peak = np.float32(_PEAK_NITS / _WHITE_NITS)
    above = largest.clip(1, peak)
    # Bézier points (1, 0.5), (1.65, 0.825) and (peak, 1): the parameter at which x is `above`.
    second = peak - np.float32(2 * 1.65 - 1)
    t = (np.sqrt(1.3**2 + 4 * second * (above - 1)) - np.float32(1.3)) / (2 * second)
    mapped = 0.5 + 0.65 * t - 0.15 * t**2
    gain: NDArray[np.float32] = np.where(largest <= 1, np.float32(0.5), mapped / np.maximum(largest, 1)).astype(
        np.float32
    )
    return gain


def _sensible(xy: Chromaticities) -> bool:
    corners = np.array(xy[:6]).reshape(3, 2)
    area = abs(np.linalg.det(corners[1:] - corners[0]))
    return bool(area > 0.005 and min(xy) >= 0 and max(xy) <= 1 and min(xy[7], xy[1] + xy[3]) > 0.05)


@lru_cache(maxsize=8)
def _to_srgb_matrix(xy: Chromaticities) -> NDArray[np.float32]:
    """Linear RGB of these primaries → linear sRGB, adapted to its white (Bradford)."""
    bradford = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    source, target = bradford @ _xyz(xy[6:]), bradford @ _xyz(_D65)
    adapt = np.linalg.inv(bradford) @ np.diag(target / source) @ bradford
    matrix: NDArray[np.float32] = (np.linalg.inv(_matrix(SRGB)) @ adapt @ _matrix(xy)).astype(np.float32)
    return matrix


def _matrix(xy: Chromaticities) -> NDArray[np.float64]:
    """Linear RGB → XYZ."""
    corners = np.stack([_xyz(xy[i : i + 2]) for i in (0, 2, 4)], axis=1)
    matrix: NDArray[np.float64] = corners * np.linalg.solve(corners, _xyz(xy[6:]))
    return matrix


def _xyz(xy: tuple[float, ...]) -> NDArray[np.float64]:
    """XYZ of luminance 1; y 0 is kept finite."""
    x, y = xy[0], max(xy[1], 1e-6)
    return np.array([x / y, 1.0, (1 - x - y) / y])
