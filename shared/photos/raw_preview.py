"""Camera RAW: the JPEG that the camera embedded, at its full size or nearly, instead of the thumbnail beside it.

RAW families keep their previews in places of their own (sub-directories, maker notes, boxes); all of them are plain
JPEG somewhere in the file, so they are looked for there. What is part of the sensor's own data is left out.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from shared.photos.formats import JPEG_SIGNATURE
from shared.photos.identify import jpeg_frame
from shared.photos.tiff_directories import (
    DNG_VERSION,
    HEIGHT,
    MAKE,
    ORIENTATION,
    PHOTOMETRIC,
    WIDTH,
    Directory,
    directories,
    integer,
    ranges,
)

#: A preview is enough with this many pixels on its longer side, or with this share of the sensor's.
MIN_SIDE, MIN_SHARE = 1000, 0.25
#: First bytes of families that are not TIFF or have their own number in it.
_FAMILIES = (
    (0, b"FUJIFILMCCD-RAW", "RAF"), (0, b"IIRO", "ORF"), (0, b"IIRS", "ORF"), (0, b"MMOR", "ORF"),
    (0, b"IIU\0", "RW2"), (0, b"\0MRM", "MRW"), (0, b"FOVb", "X3F"), (6, b"HEAPCCDR", "CRW"), (4, b"ftypcrx ", "CR3"),
    (8, b"CR\2", "CR2"),
)  # fmt: skip
#: Ends of makers' names → the family of their TIFF-based files.
_MAKERS = {
    b"nikon": "NEF", b"sony": "ARW", b"pentax": "PEF", b"ricoh": "PEF", b"samsung": "SRW", b"hasselblad": "3FR",
    b"phase one": "IIQ", b"kodak": "DCR", b"epson": "ERF", b"mamiya": "MEF", b"leaf": "MOS", b"leica": "RWL",
    b"canon": "CR2",
}  # fmt: skip
#: Photometric interpretations of sensor data.
_COLOUR_FILTER_ARRAY, _LINEAR_RAW = 32803, 34892
#: Frames of a JPEG that is a picture (baseline, extended, progressive); lossless ones hold sensor data.
_PICTURES = (0xC0, 0xC1, 0xC2)
_MAX_CANDIDATES = 10_000
_EOI = b"\xff\xd9"
#: Box of a CR3 file that holds its first TIFF directory.
_CR3_DIRECTORY = re.compile(rb"CMT1(?=II\*\0|MM\0\*)")
_CR3_HEADER = 1 << 16


@dataclass(frozen=True, slots=True)
class RawFile:
    #: The family, e.g. `DNG`.
    family: str
    #: Longer side of the sensor in pixels; 0: unknown.
    sensor: int = 0
    #: EXIF orientation of the sensor's picture.
    orientation: int = 1
    #: Parts of the file with sensor data, as (start, end).
    sensor_data: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Preview:
    #: A JPEG file, which says itself how it is turned.
    jpeg: bytes
    width: int
    height: int


def raw_file(data: bytes) -> RawFile | None:
    """What kind of camera RAW this is; None: none, such as an ordinary TIFF."""
    family = next((name for at, signature, name in _FAMILIES if data.startswith(signature, at)), None)
    if family is None and data[:4] not in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return None
    found = list(directories(_directory_bytes(data, family)))
    if family is None:
        family = _tiff_family(found)
        if family is None:
            return None
    sensors = [d for d in found if _is_sensor(d)]
    sides = [max(integer(d, WIDTH), integer(d, HEIGHT)) for d in sensors]
    return RawFile(
        family,
        max(sides, default=0),
        integer(found[0], ORIENTATION, 1) if found else 1,
        tuple(part for d in sensors for part in ranges(d)),
    )


def largest_preview(data: bytes, raw: RawFile) -> Preview | None:
    """The largest embedded JPEG; None where it is too small to stand for the photo."""
    best: tuple[int, int, int, int] | None = None
    at = data.find(JPEG_SIGNATURE)
    for _ in range(_MAX_CANDIDATES):
        if at < 0:
            break
        frame = jpeg_frame(data, at)
        if (
            frame is not None
            and frame.marker in _PICTURES
            and frame.precision == 8
            and frame.components in (1, 3)
            and not any(start <= at < end for start, end in raw.sensor_data)
            and (best is None or frame.width * frame.height > best[0] * best[1])
        ):
            best = (frame.width, frame.height, at, frame.scan)
        at = data.find(JPEG_SIGNATURE, at + 3)
    if best is None:
        return None
    width, height, start, scan = best
    if max(width, height) < min(MIN_SIDE, MIN_SHARE * raw.sensor or MIN_SIDE):
        return None
    end = data.find(_EOI, scan)
    jpeg = data[start : end + 2] if end >= 0 else data[start:]
    return Preview(_turned(jpeg, raw.orientation), width, height)


def _directory_bytes(data: bytes, family: str | None) -> bytes:
    """The bytes in which the first directory's offsets count."""
    if family == "CR3":
        found = _CR3_DIRECTORY.search(data, 0, _CR3_HEADER)
        return data[found.end() : found.end() + _CR3_HEADER] if found else b""
    return data


def _tiff_family(found: list[Directory]) -> str | None:
    if not found:
        return None
    if DNG_VERSION in found[0]:
        return "DNG"
    if not any(_is_sensor(d) for d in found):
        return None
    make = found[0].get(MAKE, b"")
    name = make.lower() if isinstance(make, bytes) else b""
    return next((family for maker, family in _MAKERS.items() if maker in name), "RAW")


def _is_sensor(directory: Directory) -> bool:
    return integer(directory, PHOTOMETRIC) in (_COLOUR_FILTER_ARRAY, _LINEAR_RAW)


def _turned(jpeg: bytes, orientation: int) -> bytes:
    """A JPEG that says how it is turned: as the RAW file is, unless it has EXIF of its own."""
    if orientation not in range(2, 9) or b"Exif\0\0" in jpeg[:64]:
        return jpeg
    directory = struct.pack("<HHHIHHI", 1, ORIENTATION, 3, 1, orientation, 0, 0)
    body = b"Exif\0\0II*\0\x08\0\0\0" + directory
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", 2 + len(body)) + body + jpeg[2:]
