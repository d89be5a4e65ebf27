"""From a file's own colours to sRGB: ICC profiles (lcms2), else what the format says by numbers.

Applied to pixels that are already shrunk. Rendering is perceptual; colours outside sRGB are clipped. A transform is
made once per profile and process; one that changes nothing, such as sRGB's own, is left out, so that it costs nothing.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

from shared.photos import colour_coding

#: The largest profile that is read; press profiles have 0.5 to 3 MB.
_MAX_BYTES = 8 << 20
#: Levels that a transform may change a colour by and still count as sRGB's: rounding, and curves that are tables.
_SAME = 2
_NAME_LENGTH = 80
#: Mode of the pixels → the colour space that a profile must have, as its header says it.
_SPACES = {"L": b"GRAY", "RGB": b"RGB ", "CMYK": b"CMYK"}
#: Modes that are greys, whatever their depth or opacity.
_GREYS = ("1", "L", "LA", "La", "I", "F")


@dataclass(frozen=True, slots=True)
class Colour:
    """How the colours of one file become sRGB."""

    #: Of the profile or coding; None where the file says nothing, and is taken as sRGB.
    name: str | None = None
    #: Codes of `shared.core.messages`.
    notes: tuple[str, ...] = ()
    #: Mode that `convert` takes: `L`, `RGB` or `CMYK`.
    mode: str = "RGB"
    #: Picture of that mode → RGB picture in sRGB; None: nothing is to be changed.
    convert: Callable[[Image.Image], Image.Image] | None = None

    def to_rgb(self, image: Image.Image) -> Image.Image:
        """RGB in sRGB of a picture with 8 bits a channel; opacity is dropped."""
        if self.convert is None:
            return image.convert("RGB")
        if self.mode == "L" and image.mode not in ("L", "LA"):
            # A grey file that was decoded as RGB.
            return self.convert(image.getchannel(0))
        return self.convert(image if image.mode == self.mode else image.convert(self.mode))


def of_file(image: Image.Image, data: bytes) -> Colour:
    """How a file's colours become sRGB; `image` is it with its header read. Never raises."""
    mode = "CMYK" if image.mode == "CMYK" else "L" if _is_grey(image) else "RGB"
    profile = image.info.get("icc_profile")
    try:
        if image.format == "JPEG2000":
            profile = colour_coding.jp2_profile(data)
        coding = _coding(image, data)
    except Exception:
        return Colour(notes=("colour_profile_damaged",))
    if coding is not None:
        notes = ("hdr_tone_mapped",) if coding.hdr else ()
        return Colour(coding.name, notes, "RGB", None if coding.is_srgb else coding.to_srgb)
    if not profile or image.mode == "LAB":
        return Colour()
    if len(profile) > _MAX_BYTES or len(profile) < 128 or profile[36:40] != b"acsp":
        return Colour(notes=("colour_profile_damaged",))
    if profile[16:20] != _SPACES[mode]:
        return Colour(notes=("colour_profile_unsuitable",))
    try:
        name, convert = _transform(bytes(profile), mode)
    except Exception:  # lcms reports damage in classes of its own
        return Colour(notes=("colour_profile_damaged",))
    return Colour(name, (), mode, convert)


def _is_grey(image: Image.Image) -> bool:
    return image.mode in _GREYS or image.mode.startswith("I;16")


def _coding(image: Image.Image, data: bytes) -> colour_coding.ColourCoding | None:
    """What the format says by numbers, unless an ICC profile overrules it."""
    if image.format == "PNG" and (found := colour_coding.png_cicp(data)) is not None:
        return found
    if image.info.get("icc_profile"):
        return None
    if image.format == "PNG":
        return colour_coding.png_gamma(image.info)
    return colour_coding.of_isobmff(data) if image.format in ("AVIF", "HEIF") else None


@lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str) -> tuple[str, Callable[[Image.Image], Image.Image] | None]:
    """Name and conversion of a profile; None for the conversion where it changes nothing."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    transform = ImageCms.buildTransform(source, _srgb(), mode, "RGB", ImageCms.Intent.PERCEPTUAL)
    try:
        described = ImageCms.getProfileDescription(source)
    except ImageCms.PyCMSError:
        described = ""
    name = "".join(c for c in described if c.isprintable()).strip()[:_NAME_LENGTH] or "ICC"

    def convert(image: Image.Image) -> Image.Image:
        found = ImageCms.applyTransform(image, transform)
        assert found is not None
        return found

    return name, convert if mode == "CMYK" or _changes(convert, mode) else None


def srgb_profile() -> bytes:
    """An sRGB profile."""
    return _srgb().tobytes()


@lru_cache(maxsize=1)
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def _changes(convert: Callable[[Image.Image], Image.Image], mode: str) -> bool:
    """Whether a conversion changes any of a grid of colours visibly."""
    levels = np.linspace(0, 255, 12).round().astype(np.uint8)
    grid = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(1, -1, 3)
    before = Image.fromarray(grid) if mode == "RGB" else Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    after = np.asarray(convert(before), np.int16)
    return int(np.abs(after - np.asarray(before.convert("RGB"), np.int16)).max()) > _SAME
