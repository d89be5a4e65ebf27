"""From a photo's bytes to upright RGB pixels, no larger than the encoder needs.

Plain JPEG is decoded at a fraction of its size (libjpeg-turbo's scaled DCT, through simplejpeg); everything else goes
through Pillow. Pixels are capped by the header, before anything is decoded.
"""

from __future__ import annotations

import io
import re
import warnings
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import simplejpeg
from PIL import Image, UnidentifiedImageError

from shared.core.errors import PhotoError
from shared.photos import colour_profile, damaged, deep_psd, jpeg_xl, odd_bmp, tiff_samples
from shared.photos.colour_profile import Colour
from shared.photos.decoding_memory import memory_needed
from shared.photos.flattening import to_rgb
from shared.photos.formats import EXTENSIONS, FORMATS, JPEG_SIGNATURE, is_photo_name
from shared.photos.identify import declared_pixels, jpeg_scans, unreadable_jpeg
from shared.photos.photo_facts import DecodedPhoto, Exif, Note, PhotoFacts, photo_facts, read_exif, without_exif
from shared.photos.raw_development import develop, libraw
from shared.photos.raw_preview import largest_preview, raw_file
from shared.photos.svg_drawing import draw, is_svg, resvg

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from shared.core.settings import Settings

ReadJpeg: TypeAlias = "Callable[[bytes, int], NDArray[np.uint8] | None]"

__all__ = [
    "EXTENSIONS", "FORMATS", "JPEG_SIGNATURE", "Limits", "decode", "decode_photo", "is_photo_name",
]  # fmt: skip

#: Scans that any progressive JPEG may have, and pixels times scans beyond them: some files are made to cost hours.
_USUAL_SCANS, _MAX_SCANNED_PIXELS = 64, 1_000_000_000
# Over the cap Pillow first warns and only at twice the cap refuses; here the cap is the cap.
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one photo may be at most."""

    #: Pixels, from the header.
    pixels: int = 120_000_000
    #: Bytes of the file.
    bytes: int = 256 * 1024**2

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        return cls(pixels=settings.max_photo_pixels, bytes=settings.max_photo_bytes)


def load_codecs() -> None:
    """Imports and registers everything that decoding needs: afterwards it opens no file."""
    _readable()
    libraw()
    resvg()
    for name in ("JPEG", "PNG"):
        # Pillow imports some modules at first use.
        buffer = io.BytesIO()
        Image.new("RGB", (8, 8)).save(buffer, name, icc_profile=colour_profile.srgb_profile())
        decode(buffer.getvalue(), 8, Limits())


def decode(
    data: bytes,
    target: int,
    limits: Limits,
    read_jpeg: ReadJpeg | None = None,
    ask: Callable[[int], None] = lambda need: None,
) -> NDArray[np.uint8]:
    """The pixels of `decode_photo`."""
    return decode_photo(data, target, limits, read_jpeg, ask).pixels


def decode_photo(
    data: bytes,
    target: int,
    limits: Limits,
    read_jpeg: ReadJpeg | None = None,
    ask: Callable[[int], None] = lambda need: None,
) -> DecodedPhoto:
    """A photo's pixels in sRGB: uint8 [h, w, 3], upright, first frame only, transparency on white; and its facts.

    The shorter side is at least `target` pixels where the photo has so many; the smallest scale that keeps this is
    taken. 16-bit greys are scaled, not clipped. `read_jpeg`: what reads plain colour JPEG instead of the CPU, such as
    `Encoder.read_jpeg`. `ask` is given the bytes of memory that decoding takes before it begins, and may wait or raise.
    Raises PhotoError: `empty_file`, `too_large`, `not_an_image`, `too_many_pixels`, `photo_too_costly`, `truncated`,
    `unreadable`, `raw_without_preview`, `unsupported_variant`, and those of `identify.Kind.refusal`.
    """
    if not data:
        raise PhotoError("empty_file")
    if len(data) > limits.bytes:
        raise PhotoError("too_large", limit=limits.bytes)
    if is_svg(data):
        drawing = draw(data, target, ask)
        return DecodedPhoto(np.asarray(drawing), PhotoFacts(drawing.size))
    raw = raw_file(data)
    if raw is None:
        return _decode(data, target, limits, read_jpeg, ask)
    preview = largest_preview(data, raw)
    if preview is None:
        pixels, width, height = develop(data, raw.family, target, limits.pixels, ask)
        size = {"width": width, "height": height}
        return DecodedPhoto(pixels, PhotoFacts((width, height), notes=(("raw_developed", size),)))
    size = {"width": preview.width, "height": preview.height}
    return _noted(_decode(preview.jpeg, target, limits, read_jpeg, ask), ("raw_preview", size))


def _decode(
    data: bytes, target: int, limits: Limits, read_jpeg: ReadJpeg | None, ask: Callable[[int], None]
) -> DecodedPhoto:
    if data.startswith(JPEG_SIGNATURE) and (odd := unreadable_jpeg(data)):
        raise PhotoError("unsupported_format", format=odd)
    try:
        opened = _open(data, limits)
    except PhotoError as error:
        # WebP that is cut does not even open.
        if error.code == "truncated" and data.startswith(b"RIFF"):
            return _decode_damaged(data, target, limits, ask, error)
        raise
    with opened as image:
        scans = jpeg_scans(data) if image.format in ("JPEG", "MPO") else 1
        if scans > _USUAL_SCANS and scans * image.width * image.height > _MAX_SCANNED_PIXELS:
            raise PhotoError("photo_too_costly")
        ask(memory_needed(image, target, progressive=scans > 3))
        try:
            if image.format in ("JPEG", "MPO") and image.mode in ("RGB", "L"):
                pixels = _decode_jpeg(data, image, target, read_jpeg if image.mode == "RGB" else None)
                if pixels is not None:
                    colour = colour_profile.of_file(image, data)
                    if colour.convert is not None:
                        pixels = np.asarray(colour.to_rgb(Image.fromarray(pixels)))
                    return _with_facts(image, len(data), pixels, image.size, colour, read_exif(image))
            return _decode_any(data, image, target)
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise _too_many(error, limits) from error
        except MemoryError as error:
            raise PhotoError("photo_too_costly") from error
        except Exception as error:  # every codec reports damage in a class of its own
            # `ask` has been answered.
            return _decode_damaged(data, target, limits, lambda need: None, error)


@cache
def _readable() -> tuple[str, ...]:
    """Those of FORMATS that this Pillow was built with; registers their plugins once."""
    import pillow_heif

    pillow_heif.register_heif_opener(thumbnails=False)
    jpeg_xl.register()
    tiff_samples.register()
    deep_psd.register()
    odd_bmp.register()
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _open(data: bytes, limits: Limits) -> Image.Image:
    """The photo with its header read and its size checked."""
    # Formats that hold pictures inside pictures (ICO) are checked by Pillow itself, against the same cap.
    Image.MAX_IMAGE_PIXELS = limits.pixels
    try:
        image: Image.Image = Image.open(io.BytesIO(data), formats=_readable())
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_many(error, limits) from error
    except Exception as error:  # no plugin knows it, or one stumbles over a damaged header
        # libavif opens none that is larger than it likes.
        if (pixels := declared_pixels(data)) > limits.pixels:
            raise PhotoError("too_many_pixels", pixels=pixels, limit=limits.pixels) from error
        unknown = isinstance(error, UnidentifiedImageError) or data[4:8] != b"ftyp"
        repaired = None if unknown else without_exif(data)
        if repaired is None:
            raise damaged.refusal(data) from error
        image = _open(repaired, limits)
        image.info["exif"] = b"damaged"
        return image
    pixels = image.width * image.height
    if pixels > limits.pixels:
        image.close()
        raise PhotoError("too_many_pixels", pixels=pixels, limit=limits.pixels)
    return image


def _too_many(error: Exception | Warning, limits: Limits) -> PhotoError:
    found = re.search(r"\((\d+) pixels\)", str(error))
    return PhotoError("too_many_pixels", pixels=int(found[1]) if found else "?", limit=limits.pixels)


def _decode_damaged(
    data: bytes, target: int, limits: Limits, ask: Callable[[int], None], reason: Exception
) -> DecodedPhoto:
    """What is there of a photo, with a note; refused where that is too little."""
    ask_once = cache(ask)

    def open_part(part: bytes) -> Image.Image:
        image = _open(part, limits)
        ask_once(memory_needed(image, target, progressive=False))
        image.draft(None, (target, target))
        return image

    try:
        found = damaged.rescue(data, open_part)
        if found is None or found[1] == 0:
            raise damaged.refusal(data, opened=True)
        image, share = found
        percent = int(100 * share)
        if share <= damaged.ENOUGH:
            raise PhotoError("truncated", percent=percent)
        photo = _decode_any(data, image, target)
    except PhotoError as error:
        raise error from reason
    except MemoryError as error:
        raise PhotoError("photo_too_costly") from error
    except Exception as error:  # as in `_decode`
        raise damaged.refusal(data, opened=True) from error
    return _noted(photo, ("partly_missing" if percent < 100 else "file_damaged", {"percent": percent}))


def _noted(photo: DecodedPhoto, note: Note) -> DecodedPhoto:
    return replace(photo, facts=replace(photo.facts, notes=(*photo.facts.notes, note)))


def _decode_jpeg(data: bytes, header: Image.Image, target: int, read_jpeg: ReadJpeg | None) -> NDArray[np.uint8] | None:
    """Scaled decoding of an ordinary JPEG; None where libjpeg-turbo objects and Pillow shall judge."""
    wanted = min(target, header.width, header.height)
    pixels = read_jpeg(data, wanted) if read_jpeg is not None else None
    if pixels is None:
        try:
            pixels = simplejpeg.decode_jpeg(data, "RGB", min_height=wanted, min_width=wanted)
        except ValueError:
            return None
    return pixels


def _upright(pixels: NDArray[np.uint8], orientation: int | None) -> NDArray[np.uint8]:
    """Pixels turned as EXIF orientation 1…8 says; None is upright."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def _decode_any(data: bytes, image: Image.Image, target: int) -> DecodedPhoto:
    if image.format == "JXL":
        # Its profile is known once it is decoded.
        image.load()
    colour = colour_profile.of_file(image, data)
    size = image.size
    # TIFF turns itself while it is loaded, and forgets that it did.
    tiff_exif = read_exif(image) if image.format == "TIFF" else None
    image.draft(None, (target, target))  # scaled decoding of CMYK and other odd JPEG; nothing for other formats
    image.load()
    pixels = np.asarray(to_rgb(image, min(image.size) // max(target, 1), colour))
    if tiff_exif is None:
        return _with_facts(image, len(data), pixels, size, colour, read_exif(image))
    facts = photo_facts(image, len(data), image.size, colour, tiff_exif)
    return DecodedPhoto(pixels, facts)


def _with_facts(
    image: Image.Image, file_size: int, pixels: NDArray[np.uint8], size: tuple[int, int], colour: Colour, exif: Exif
) -> DecodedPhoto:
    """Pixels that are still as the file holds them, turned; `size`: of the whole photo, before it is turned."""
    upright = size[::-1] if (exif.orientation or 1) > 4 else size
    return DecodedPhoto(_upright(pixels, exif.orientation), photo_facts(image, file_size, upright, colour, exif))
