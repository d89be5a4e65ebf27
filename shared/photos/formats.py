"""Which kinds of files count as photos, by name. Needs no image library, so that listing a folder stays cheap."""

from __future__ import annotations

from pathlib import PurePath

#: Pillow's names of the formats that are read (JPEG takes MPO with it). Left out: EPS, PDF and WMF, since reading them
#: runs other programs; XBM, TGA and SPIDER, since they have no signature, and random bytes pass for them.
FORMATS: tuple[str, ...] = (
    "JPEG", "PNG", "WEBP", "HEIF", "AVIF", "TIFF", "BMP", "DIB", "GIF",
    "JPEG2000", "PPM", "PSD", "PCX", "ICO", "SGI", "QOI",
)  # fmt: skip

#: Lower-case file name endings of those formats.
EXTENSIONS: frozenset[str] = frozenset({
    ".apng", ".avif", ".bmp", ".bw", ".dib", ".gif", ".heic", ".heif", ".hif", ".ico", ".j2k", ".jfif", ".jp2", ".jpe",
    ".jpeg", ".jpf", ".jpg", ".jpx", ".mpo", ".pbm", ".pcx", ".pgm", ".png", ".pnm", ".ppm", ".psd", ".qoi", ".rgb",
    ".sgi", ".tif", ".tiff", ".webp",
})  # fmt: skip


def is_photo_name(name: str) -> bool:
    """Whether a file of this name is taken into a folder job or a bank; `images.decode` finds out what it really is."""
    path = PurePath(name)
    return path.suffix.lower() in EXTENSIONS and not path.name.startswith("._")
