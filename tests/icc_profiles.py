"""ICC profiles made by hand, and colours converted with NumPy and published matrices alone, to judge lcms by."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

#: RGB → XYZ, relative to D50, as published (Lindbloom, Apple); with the exponent below, 0: sRGB's curve.
_SRGB = [[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]]


@dataclass(frozen=True)
class Space:
    name: str
    to_xyz: list[list[float]]
    gamma: float

    def profile(self) -> bytes:
        """ICC profile, version 2, matrix and curves."""
        curve = _curve(self.gamma)
        columns = np.array(self.to_xyz).T
        tags = {f"{c}XYZ".encode(): _xyz(column) for c, column in zip("rgb", columns, strict=True)}
        return icc(b"RGB ", self.name, tags | {f"{c}TRC".encode(): curve for c in "rgb"})

    def to_srgb(self, rgb: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Values 0…255, [..., 3], in this space → sRGB values 0…255, clipped."""
        return _through(rgb, self, SRGB)

    def from_srgb(self, rgb: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """The other way."""
        return _through(rgb, SRGB, self)


SRGB = Space("sRGB IEC61966-2.1", _SRGB, 0)
P3 = Space("Display P3", [[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]], 0)
ADOBE = Space(
    "Adobe RGB (1998)",
    [[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]],
    2.19921875,
)
PROPHOTO = Space("ProPhoto RGB", [[0.79767, 0.13519, 0.03135], [0.28804, 0.71188, 0.00009], [0.0, 0.0, 0.82491]], 1.8)
GENERIC = Space(
    "Generic RGB Profile", [[0.4543, 0.3533, 0.1566], [0.2419, 0.6737, 0.0844], [0.0149, 0.0906, 0.7195]], 1.8
)


def grey(gamma: float) -> bytes:
    """Profile of greys with an exponent."""
    return icc(b"GRAY", "Grey gamma", {b"kTRC": _curve(gamma)})


def cmyk() -> bytes:
    """A press profile with a table of 2⁴ corners: paper, and what each ink adds to it in Lab."""
    inks = np.array([(-35, -20, -30), (-45, 55, 0), (-12, -3, 70), (-100, 0, 0)], float)
    table = bytearray()
    for n in range(16):
        on = [(n >> (3 - i)) & 1 for i in range(4)]  # the last ink changes fastest
        lightness, a, b = (np.array([100.0, 0, 0]) + np.array(on) @ inks).clip((0, -127, -127), (100, 127, 127))
        if on[3]:
            lightness = a = b = 0.0
        table += bytes([round(lightness * 2.55), round(a + 128), round(b + 128)])
    ramp = bytes(range(256))
    head = struct.pack(">4s4xBBBx9i", b"mft1", 4, 3, 2, *(65536 if i % 4 == 0 else 0 for i in range(9)))
    return icc(b"CMYK", "Test press", {b"A2B0": head + ramp * 4 + bytes(table) + ramp * 3}, b"prtr", b"Lab ")


def icc(space: bytes, name: str, tags: dict[bytes, bytes], kind: bytes = b"mntr", connection: bytes = b"XYZ ") -> bytes:
    text = name.encode() + b"\0"
    tags = {
        b"desc": struct.pack(">4s4xI", b"desc", len(text)) + text + bytes(4 + 4 + 2 + 1 + 67),
        b"cprt": b"text\0\0\0\0none\0",
        b"wtpt": _xyz([0.9642, 1.0, 0.8249]),
        **tags,
    }
    table, content = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for tag, value in tags.items():
        table += struct.pack(">4sII", tag, start + len(content), len(value))
        content += value + bytes(-len(value) % 4)
    head = struct.pack(
        ">I4sI4s4s4s6H4s4sIII8sI3i4s",
        *(start + len(content), b"lcms", 0x02400000, kind, space, connection),
        *(2020, 1, 1, 0, 0, 0, b"acsp", b"APPL", 0, 0, 0, b"", 0),
        *(round(v * 65536) for v in (0.9642, 1.0, 0.8249)),
        b"test",
    )
    return head + bytes(128 - len(head)) + table + content


def _through(rgb: np.ndarray[Any, Any], source: Space, target: Space) -> np.ndarray[Any, Any]:
    value = np.asarray(rgb, float) / 255
    linear = (
        value**source.gamma
        if source.gamma
        else np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    )
    linear = (linear @ np.array(source.to_xyz).T @ np.linalg.inv(target.to_xyz).T).clip(0, 1)
    if target.gamma:
        return 255 * linear ** (1 / target.gamma)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def _xyz(values: Any) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(float(v) * 65536) for v in values))


def _curve(gamma: float) -> bytes:
    if gamma:
        return struct.pack(">4s4xIH2x", b"curv", 1, round(gamma * 256))
    value = np.linspace(0, 1, 1024)
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return struct.pack(">4s4xI", b"curv", 1024) + (65535 * linear).round().astype(">u2").tobytes()
