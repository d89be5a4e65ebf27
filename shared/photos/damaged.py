"""Photos of which a part is missing: decoded as far as it is there, as viewers do, with the share that is there.

How much is there is found by decoding twice, each time with something else in the place of what is missing: the rows
that come out alike were in the file. Pillow's own switch for such files is not used, since it is one for all threads.
"""

from __future__ import annotations

import random
import re
import struct
import zlib
from collections.abc import Callable, Iterator

from PIL import Image

from shared.core.errors import PhotoError
from shared.photos import deep_psd
from shared.photos.identify import identify, jpeg_frame
from shared.photos.tiff_directories import directories, ranges

#: A result needs more than this share of the rows.
ENOUGH = 0.9
_EOI = b"\xff\xd9"
#: A marker within or behind coded data: no stuffed byte, no restart marker.
_MARKER = re.compile(rb"\xff[^\0\xff\xd0-\xd7]")
_START_OF_FRAME_PROGRESSIVE = (0xC2, 0xCA)
#: Rows compared at a time.
_STRIP = 64
#: In the place of coded data that are missing. FF would begin a marker.
_FILLERS = tuple(random.Random(seed).randbytes(4096).replace(b"\xff", b"\x7f") for seed in (1, 2))

#: Formats whose decoders write rows as they come.
_BY_ROWS = ("PNG", "GIF", "TIFF", "BMP", "DIB", "PPM", "PCX", "SGI", "QOI", "PSD")
#: Flags of WebP's extended header.
_WEBP_ICC, _WEBP_ALPHA = 0x20, 0x10

Open = Callable[[bytes], Image.Image]


def rescue(data: bytes, open_image: Open) -> tuple[Image.Image, float] | None:
    """What is there of a photo that could not be decoded, loaded, and its share of the rows, 0…1; None: nothing.

    `open_image`: from bytes to an image whose header is read; what it raises is passed on.
    """
    if data[:4] == b"RIFF":
        return _rescue_webp(data, open_image)
    image = open_image(data)
    if image.format in ("JPEG", "MPO"):
        return _rescue_jpeg(data, open_image)
    # The others hand over pixels once they have all of them, or have blocks that are not rows.
    return _rescue_rows(data, open_image) if image.format in _BY_ROWS else None


def _rescue_jpeg(data: bytes, open_image: Open) -> tuple[Image.Image, float] | None:
    frame = jpeg_frame(data)
    if frame is None:
        return None
    end, scans = _coded_data(data, frame.scan)
    whole = data[:end] + _EOI
    if frame.marker in _START_OF_FRAME_PROGRESSIVE:
        # Every scan covers the whole picture: it is there once its luma is, with all frequencies.
        luma = scans[0][0] if scans else None
        complete = (luma, 63) in scans[:-1] or data[end : end + 2] == _EOI
        return _loaded(open_image(whole)), float(complete)
    filled = (_loaded(open_image(data[:end] + filler + _EOI)) for filler in _FILLERS)
    return _loaded(open_image(whole)), _same_at_the_top(*map(_rows, filled))


def _coded_data(data: bytes, scan: int) -> tuple[int, list[tuple[int, int]]]:
    """Where the coded data end that begin with the scan header at `scan`; each scan's component and last frequency."""
    at = scan
    scans: list[tuple[int, int]] = []
    while True:
        # `at` is a marker's place; those that do not belong here have no length, and decoders continue behind them.
        marker, length = data[at + 1], 0
        if marker in (0xC4, 0xDA, 0xDB, 0xDD, 0xFE) or 0xE0 <= marker <= 0xEF:
            length = int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == 0xD9:
            return at, scans
        if marker == 0xDA and at + 2 + length <= len(data):
            scans.append((data[at + 5], data[at + length]))
        found = _MARKER.search(data, min(at + 2 + length, len(data)))
        if found is None:
            # Downloads that were broken off may be filled up with zeros.
            kept = len(data.rstrip(b"\0"))
            return (kept if len(data) - kept >= 64 else len(data)), scans
        at = found.start()


def _rescue_webp(data: bytes, open_image: Open) -> tuple[Image.Image, float] | None:
    files = repaired_webp(data)
    if not files:
        return None
    images = [_loaded(open_image(file)) for file in files]
    return images[0], _same_at_the_top(_rows(images[0]), _rows(images[-1]))


def _same_at_the_top(first: list[int], second: list[int]) -> float:
    return next((i for i, (a, b) in enumerate(zip(first, second, strict=True)) if a != b), len(first)) / len(first)


def _rescue_rows(data: bytes, open_image: Open) -> tuple[Image.Image, float] | None:
    first, second = (_filled(open_image(data), ink) for ink in (0, 255))
    if first is None or second is None:
        return None
    rows = list(zip(_rows(first), _rows(second), strict=True))
    return first, sum(a == b for a, b in rows) / len(rows)


def _filled(image: Image.Image, ink: int) -> Image.Image | None:
    """The image as far as it can be decoded, and `ink` where it cannot."""
    prepare = image.load_prepare  # type: ignore[attr-defined]

    def fill() -> None:
        prepare()
        palette = image.palette
        image.im = Image.new(image.mode, image.size, ink).im
        if palette is not None:
            palette.dirty = 1

    setattr(image, "load_prepare", fill)  # noqa: B010
    try:
        image.load()
    except MemoryError:
        raise
    except Exception:
        # With no tiles left, the image counts as loaded.
        image.tile = []  # type: ignore[attr-defined]
        try:
            image.load()
        except OSError:
            return None
    return image


def _loaded(image: Image.Image) -> Image.Image:
    image.load()
    return image


def _rows(image: Image.Image) -> list[int]:
    """A checksum of every row."""
    found: list[int] = []
    for top in range(0, image.height, _STRIP):
        strip = image.crop((0, top, image.width, min(top + _STRIP, image.height)))
        pixels = strip.tobytes()
        size = len(pixels) // strip.height
        found.extend(zlib.crc32(pixels[at : at + size]) for at in range(0, len(pixels), size))
    return found


def repaired_webp(data: bytes) -> list[bytes]:
    """A WebP file that is cut, its picture filled up: in two ways, or as it is where only what follows it is missing.

    Nothing where too little is there. Of an animation the first frame is kept.
    """
    kept: list[bytes] = []
    for name, size, body in _chunks(data, 12):
        if name == b"ANMF":
            return repaired_webp(data[:12] + body[16:]) if body[:6] == bytes(6) else []
        if name in (b"VP8 ", b"VP8L"):
            missing = size - len(body)
            if missing > 16 * len(body):
                return []
            # More than is missing: decoding ends early where it asks for more than there is.
            fillers = [f * (16 + 4 * missing // len(f)) for f in _FILLERS] if missing else [b""]
            return [_riff([*kept, _chunk(name, body + filler)]) for filler in fillers]
        if name == b"VP8X" and len(body) == 10:
            # Of what it announces, metadata at the end and animation are left out.
            kept.append(_chunk(name, bytes([body[0] & (_WEBP_ICC | _WEBP_ALPHA)]) + body[1:]))
        elif name in (b"ICCP", b"ALPH") and len(body) == size:
            kept.append(_chunk(name, body))
    return []


def _chunks(data: bytes, at: int) -> Iterator[tuple[bytes, int, bytes]]:
    """Name, size as told, and body as far as it is there, of a RIFF file's chunks."""
    while at + 8 <= len(data):
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        yield name, size, data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def _riff(chunks: list[bytes]) -> bytes:
    return _chunk(b"RIFF", b"WEBP" + b"".join(chunks))


def refusal(data: bytes, *, opened: bool = False) -> PhotoError:
    """Why a file could not be decoded: what it is, or that it is cut, damaged or odd. `opened`: its header was read."""
    kind = identify(data)
    if kind is None:
        return PhotoError("truncated" if opened else "not_an_image")
    if kind.refusal and not opened:
        return PhotoError(kind.refusal, format=kind.name)
    return PhotoError("unsupported_variant", format=kind.name) if whole(data, kind.name) else PhotoError("truncated")


def whole(data: bytes, name: str) -> bool:
    """Whether a file of this kind is all there by its own account: then it is not cut, but of a variant not read."""
    if name == "BMP":
        return 14 < int.from_bytes(data[2:6], "little") <= len(data)
    if name == "TIFF":
        found = [end for directory in directories(data) for _, end in ranges(directory)]
        return bool(found) and max(found) <= len(data)
    if name == "JPEG":
        # Arithmetic coding: not every libjpeg has it.
        frame = jpeg_frame(data)
        return frame is not None and frame.marker > 0xC8
    if name in ("PSD", "PSB"):
        return deep_psd.merged_end(data) <= len(data)
    if name in ("HEIC", "HEIF", "AVIF", "JPEG 2000"):
        return _boxes_whole(data)
    return False


def _boxes_whole(data: bytes) -> bool:
    """Whether the boxes of an ISO base media file end where the file does, or one goes to its end."""
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        if size < 8:
            return size == 0
        at += size
    return at == len(data)
