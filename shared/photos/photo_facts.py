"""What a file says of its photo: camera, time, size, colour profile, orientation. Never where it was taken."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shared.photos import colour_coding
from shared.photos.colour_profile import Colour

#: Code of `shared.core.messages`, and the values of its sentence.
Note: TypeAlias = tuple[str, dict[str, Any]]
#: EXIF tags; those of the time are in a directory of their own.
ORIENTATION = 0x0112
_MAKE, _MODEL, _EXIF_DIRECTORY, _TAKEN, _TAKEN_ZONE = 0x010F, 0x0110, 0x8769, 0x9003, 0x9011
_TIFF_HEADERS = (b"II*\0", b"MM\0*")
_NAME_LENGTH = 80
#: Formats of which several pictures are frames or pages; an MPO's others are previews and gain maps.
_SEVERAL = ("GIF", "PNG", "WEBP", "TIFF", "AVIF", "HEIF")
#: TIFF directories are counted one by one, so only in files that cannot hold millions of them.
_COUNTED_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class PhotoFacts:
    #: Pixels of the whole photo, upright: width and height.
    size: tuple[int, int]
    #: Make and model, e.g. `Apple iPhone 15 Pro`.
    camera: str | None = None
    #: ISO 8601, by the camera's clock; with its offset from UTC where the file has one.
    taken: str | None = None
    #: Name of the colour profile.
    profile: str | None = None
    #: EXIF orientation, 1…8.
    orientation: int | None = None
    #: What is odd about the file.
    notes: tuple[Note, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain JSON by name; null for what there is none of, so that no note is null, too."""
        return {
            **{"size": list(self.size), "camera": self.camera, "taken": self.taken, "profile": self.profile},
            **{"orientation": self.orientation, "notes": [list(note) for note in self.notes] or None},
        }


@dataclass(frozen=True, eq=False)
class DecodedPhoto:
    #: RGB in sRGB, uint8 [h, w, 3], upright.
    pixels: NDArray[np.uint8]
    facts: PhotoFacts

    @cached_property
    def picture(self) -> Image.Image:
        """The pixels as Pillow holds them; made once, because that takes as long as some measures."""
        return Image.fromarray(self.pixels)


@dataclass(frozen=True, slots=True)
class Exif:
    """What is read of a file's EXIF."""

    camera: str | None = None
    taken: str | None = None
    orientation: int | None = None
    damaged: bool = False


def read_exif(image: Image.Image) -> Exif:
    """EXIF of an opened picture; of a PNG only once it is loaded. Damage is said in the result; never raises."""
    try:
        raw = image.info.get("exif") or b""
        exif = image.getexif()
        if isinstance(raw, bytes) and raw and not raw.removeprefix(b"Exif\0\0").startswith(_TIFF_HEADERS):
            # Pillow passes over it in a JPEG.
            return Exif(damaged=True)
        orientation = exif.get(ORIENTATION)
        camera = _camera(exif.get(_MAKE), exif.get(_MODEL))
    except Exception:
        return Exif(damaged=True)
    turned = orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else None
    try:
        directory = exif.get_ifd(_EXIF_DIRECTORY)
        taken = _time(directory.get(_TAKEN), directory.get(_TAKEN_ZONE))
    except Exception:
        return Exif(camera, None, turned, damaged=True)
    return Exif(camera, taken, turned)


def without_exif(data: bytes) -> bytes | None:
    """An AVIF or HEIF whose EXIF no reader finds: libavif refuses a photo over it. None where it has none."""
    at, end = colour_coding.box(data, b"meta", 0, len(data))
    hidden = data[at:end].replace(b"Exif", b"free")
    return data[:at] + hidden + data[end:] if hidden != data[at:end] else None


def photo_facts(image: Image.Image, file_size: int, size: tuple[int, int], colour: Colour, exif: Exif) -> PhotoFacts:
    """Facts of an opened picture; `file_size` in bytes, `size` upright."""
    codes = (*colour.notes, *(("exif_damaged",) if exif.damaged else ()))
    notes = (*((code, {}) for code in codes), *_several(image, file_size))
    turned = image.info.get("original_orientation") if image.format == "HEIF" else exif.orientation
    return PhotoFacts(size, exif.camera, exif.taken, colour.name, turned, notes)


def _several(image: Image.Image, file_size: int) -> tuple[Note, ...]:
    if image.format not in _SEVERAL or (image.format in ("TIFF", "GIF") and file_size > _COUNTED_BYTES):
        return ()
    try:
        count = getattr(image, "n_frames", 1)
    except Exception:
        return ()
    return (("first_of_several", {"count": count}),) if count > 1 else ()


def _camera(make: Any, model: Any) -> str | None:
    make, model = _text(make), _text(model)
    if model.lower().startswith(make.split(" ")[0].lower()) and make:
        make = ""
    return f"{make} {model}".strip()[:_NAME_LENGTH] or None


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else ""
    # EXIF texts are ASCII and read as Latin-1, but phones write their names in UTF-8.
    with suppress(UnicodeError):
        text = text.encode("latin-1").decode()
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _time(value: Any, zone: Any) -> str | None:
    parts = re.fullmatch(r"(\d{4})[:-](\d\d)[:-](\d\d)[ T](\d\d):(\d\d):(\d\d)", _text(value))
    if parts is None:
        return None
    offset = _text(zone) if re.fullmatch(r"[+-]\d\d:\d\d", _text(zone)) else ""
    year, month, day, hour, minute, second = parts.groups()
    try:
        return datetime.fromisoformat(f"{year}-{month}-{day}T{hour}:{minute}:{second}{offset}").isoformat()
    except ValueError:
        return None
