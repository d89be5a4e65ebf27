"""Which kinds of files count as photos, by name. Needs no image library, so that listing a folder stays cheap."""

from __future__ import annotations

import posixpath

#: Pillow's names of the formats that are read (JPEG takes MPO with it), and those of this package's own plugins, which
#: are asked before Pillow's. Left out: EPS, PDF and WMF, since reading them runs other programs; XBM, TGA and SPIDER,
#: since they have no signature, and random bytes pass for them.
FORMATS: tuple[str, ...] = (
    "JPEG", "PNG", "WEBP", "HEIF", "AVIF", "TIFF_SAMPLES", "TIFF", "BMP_ODD", "BMP", "DIB", "GIF", "JPEG2000", "JXL",
    "PPM", "PSD_DEEP", "PSD", "PCX", "ICO", "SGI", "QOI",
)  # fmt: skip

JPEG_SIGNATURE = b"\xff\xd8\xff"

#: Endings of camera RAW files, of which the embedded preview is read.
_RAW = frozenset({
    ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".iiq", ".kdc", ".mef", ".mos", ".mrw", ".nef",
    ".nrw", ".orf", ".pef", ".raf", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f",
})  # fmt: skip
#: Lower-case file name endings of what is read; SVG with the extra `svg`.
EXTENSIONS: frozenset[str] = _RAW | {
    ".apng", ".avif", ".bmp", ".bw", ".dib", ".gif", ".heic", ".heif", ".hif", ".ico", ".j2k", ".jfif", ".jp2", ".jpe",
    ".jpeg", ".jpf", ".jpg", ".jpx", ".jxl", ".mpo", ".pbm", ".pcx", ".pgm", ".png", ".pnm", ".ppm", ".psb", ".psd",
    ".qoi", ".rgb", ".sgi", ".svg", ".tif", ".tiff", ".webp",
}  # fmt: skip


def is_raw_name(name: str) -> bool:
    """Whether a file of this name is a camera's RAW."""
    return posixpath.splitext(name)[1].lower() in _RAW


def is_photo_name(name: str) -> bool:
    """Whether a file of this name is taken into a folder job or a bank; `decode` finds out what it really is."""
    return posixpath.splitext(name)[1].lower() in EXTENSIONS and not posixpath.basename(name).startswith("._")
