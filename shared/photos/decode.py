"""From a photo's bytes to upright RGB pixels, no larger than the encoder needs.

Plain JPEG is decoded at a fraction of its size (libjpeg-turbo's scaled DCT, through simplejpeg); everything else goes
through Pillow. Pixels are capped by the header, before anything is decoded.
"""

from __future__ import annotations

import hashlib
import io
import re
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import simplejpeg
from PIL import Image, ImageOps, UnidentifiedImageError

from shared.core.errors import PhotoError
from shared.photos.formats import EXTENSIONS, FORMATS, is_photo_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from shared.core.settings import Settings

ReadJpeg: TypeAlias = "Callable[[bytes, int], NDArray[np.uint8] | None]"

__all__ = ["EXTENSIONS", "FORMATS", "Limits", "decode", "is_photo_name", "sha256_file", "thumbnail"]

#: EXIF tag of the camera's orientation.
_ORIENTATION = 0x0112
#: First bytes of the formats that are read: a file that starts so and cannot be opened is damaged, not "no picture".
_SIGNATURES = (
    b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"II*\0", b"MM\0*", b"BM", b"8BPS", b"qoif", b"\0\0\0\x0cjP  ",
    b"\xff\x4f\xff\x51",
)  # fmt: skip
#: First bytes of pictures that are not read → the name shown.
_UNSUPPORTED = (
    (b"%PDF", "PDF"), (b"%!PS", "EPS"), (b"\xc5\xd0\xd3\xc6", "EPS"), (b"\xd7\xcd\xc6\x9a", "WMF"), (b"DDS ", "DDS"),
    (b"\xff\x0a", "JPEG XL"), (b"\0\0\0\x0cJXL ", "JPEG XL"), (b"v/1\x01", "OpenEXR"), (b"gimp xcf", "XCF"),
)  # fmt: skip

# Over the cap Pillow first warns and only at twice the cap refuses; here the cap is the cap.
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one photo may be at the most."""

    #: Pixels, from the header.
    pixels: int = 120_000_000
    #: Bytes of the file.
    bytes: int = 256 * 1024**2

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        return cls(pixels=settings.max_photo_pixels, bytes=settings.max_photo_bytes)


def sha256_file(path: Path) -> str:
    """Hex SHA-256 of a file's content, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def decode(data: bytes, target: int, limits: Limits, read_jpeg: ReadJpeg | None = None) -> NDArray[np.uint8]:
    """RGB pixels of a photo: uint8 [h, w, 3], upright (EXIF), first frame only, transparency on white.

    The shorter side is at least `target` pixels where the photo has so many; the smallest scale that keeps this is
    taken. 16-bit greys are scaled, not clipped. `read_jpeg`: what reads plain colour JPEG instead of the CPU, such as
    `Encoder.read_jpeg`. Raises PhotoError: `empty_file`, `too_large`, `not_an_image`,
    `unsupported_format`, `too_many_pixels`, `truncated`, `unreadable`.
    """
    if not data:
        raise PhotoError("empty_file")
    if len(data) > limits.bytes:
        raise PhotoError("too_large", limit=limits.bytes)
    with _open(data, limits) as image:
        try:
            if image.format in ("JPEG", "MPO") and image.mode in ("RGB", "L"):
                pixels = _decode_jpeg(data, image, target, read_jpeg if image.mode == "RGB" else None)
                if pixels is not None:
                    return pixels
            return _decode_any(image, target)
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise _too_many(error, limits) from error
        except MemoryError as error:
            raise PhotoError("unreadable", reason="out of memory") from error
        except Exception as error:  # every codec reports damage in a class of its own
            raise PhotoError("truncated") from error


def thumbnail(rgb: NDArray[np.uint8], side: int = 240) -> bytes:
    """A small JPEG of decoded pixels (uint8 [h, w, 3]) whose longer side is at most `side`."""
    image = Image.fromarray(rgb)
    image.thumbnail((side, side), Image.Resampling.BILINEAR, reducing_gap=1.0)
    pixels = np.asarray(image)
    jpeg: bytes = simplejpeg.encode_jpeg(pixels, quality=80, colorsubsampling="420", fastdct=True)
    return jpeg


@cache
def _readable() -> tuple[str, ...]:
    """Those of FORMATS that this Pillow was built with; registers their plugins once."""
    import pillow_heif

    pillow_heif.register_heif_opener(thumbnails=False)
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _open(data: bytes, limits: Limits) -> Image.Image:
    """The photo with its header read and its size checked."""
    # Formats that hold pictures inside pictures (ICO) are checked by Pillow itself, against the same cap.
    Image.MAX_IMAGE_PIXELS = limits.pixels
    try:
        image = Image.open(io.BytesIO(data), formats=_readable())
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_many(error, limits) from error
    except UnidentifiedImageError as error:
        raise _unidentified(data) from error
    except Exception as error:  # a plugin that stumbles over a damaged header
        raise PhotoError("truncated") from error
    pixels = image.width * image.height
    if pixels > limits.pixels:
        image.close()
        raise PhotoError("too_many_pixels", pixels=pixels, limit=limits.pixels)
    return image


def _too_many(error: Exception | Warning, limits: Limits) -> PhotoError:
    found = re.search(r"\((\d+) pixels\)", str(error))
    return PhotoError("too_many_pixels", pixels=int(found[1]) if found else "?", limit=limits.pixels)


def _unidentified(data: bytes) -> PhotoError:
    head = data[:512]
    if head.startswith(_SIGNATURES) or head[4:8] == b"ftyp" or (head.startswith(b"RIFF") and head[8:12] == b"WEBP"):
        return PhotoError("truncated")
    for signature, name in _UNSUPPORTED:
        if head.startswith(signature):
            return PhotoError("unsupported_format", format=name)
    if b"<svg" in head.lower():
        return PhotoError("unsupported_format", format="SVG")
    return PhotoError("not_an_image")


def _decode_jpeg(data: bytes, header: Image.Image, target: int, read_jpeg: ReadJpeg | None) -> NDArray[np.uint8] | None:
    """Scaled decoding of an ordinary JPEG; None where libjpeg-turbo objects and Pillow shall judge."""
    wanted = min(target, header.width, header.height)
    pixels = read_jpeg(data, wanted) if read_jpeg is not None else None
    if pixels is None:
        try:
            pixels = simplejpeg.decode_jpeg(data, "RGB", min_height=wanted, min_width=wanted)
        except ValueError:
            return None
    return _upright(pixels, header.getexif().get(_ORIENTATION, 1))


def _upright(pixels: NDArray[np.uint8], orientation: Any) -> NDArray[np.uint8]:
    """Pixels turned as EXIF orientation 1…8 says; any other value is taken as upright."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def _decode_any(image: Image.Image, target: int) -> NDArray[np.uint8]:
    image.draft(None, (target, target))  # scaled decoding of CMYK and other odd JPEG; nothing for other formats
    image.load()
    rgb = _to_rgb(image)
    factor = min(rgb.size) // max(target, 1)
    if factor > 1:
        rgb = rgb.reduce(factor)
    orientation = image.getexif().get(_ORIENTATION, 1)
    if orientation != 1:
        rgb.getexif()[_ORIENTATION] = orientation
        rgb = ImageOps.exif_transpose(rgb)
    return np.asarray(rgb)


def _to_rgb(image: Image.Image) -> Image.Image:
    """8-bit RGB of any mode; transparency composited on white, deep greys scaled to 8 bits."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return Image.fromarray(_deep_grey(image)).convert("RGB")
    if image.has_transparency_data:
        with_alpha = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, with_alpha).convert("RGB")
    return image.convert("RGB")


def _deep_grey(image: Image.Image) -> NDArray[np.uint8]:
    """Greys of 16 bits, 32 bits or floating point as uint8 [h, w]."""
    values = np.asarray(image)
    if image.mode.startswith("I;16"):
        return (values >> 8).astype(np.uint8)
    finite = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(finite.min(initial=0.0)), float(finite.max(initial=0.0))
    if image.mode == "I" and low >= 0 and high < 65536:
        return (finite.astype(np.uint32) >> 8).astype(np.uint8)
    if image.mode == "F" and low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    return ((finite - low) * (255.0 / ((high - low) or 1.0))).round().astype(np.uint8)
