"""What a file is, from its bytes, whatever its name says: for the sentence that refuses it."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from shared.photos.formats import JPEG_SIGNATURE


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file. `refusal`: the code of the error that says what to do about it; None: it is read as a photo."""

    name: str
    refusal: str | None = None


#: Image files that are not read.
_IMAGE = "unsupported_format"
_VIDEO, _ARCHIVE, _DOCUMENT, _SIDECAR, _OTHER = "video", "archive_inside", "document", "sidecar", "not_a_photo"

#: Offset, bytes there, name, refusal; the first that fits counts.
_SIGNATURES: tuple[tuple[int, bytes, str, str | None], ...] = (
    # read
    (0, JPEG_SIGNATURE, "JPEG", None),
    (0, b"\x89PNG", "PNG", None),
    (0, b"GIF8", "GIF", None),
    (0, b"II*\0", "TIFF", None),
    (0, b"MM\0*", "TIFF", None),
    (0, b"II+\0", "TIFF", None),
    (0, b"MM\0+", "TIFF", None),
    (0, b"8BPS\0\2", "PSB", None),
    (0, b"8BPS", "PSD", None),
    (0, b"qoif", "QOI", None),
    (0, b"\0\0\0\x0cjP  ", "JPEG 2000", None),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000", None),
    (0, b"\xff\x0a", "JPEG XL", None),
    (0, b"\0\0\0\x0cJXL ", "JPEG XL", None),
    # images
    (0, b"%PDF", "PDF", _IMAGE),
    (0, b"%!PS", "EPS", _IMAGE),
    (0, b"\xc5\xd0\xd3\xc6", "EPS", _IMAGE),
    (0, b"\xd7\xcd\xc6\x9a", "WMF", _IMAGE),
    (40, b" EMF", "EMF", _IMAGE),
    (0, b"DDS ", "DDS", _IMAGE),
    (0, b"v/1\x01", "OpenEXR", _IMAGE),
    (0, b"gimp xcf", "XCF", _IMAGE),
    (0, b"icns", "ICNS", _IMAGE),
    (0, b"SIMPLE  =", "FITS", _IMAGE),
    (0, b"#?RADIANCE", "Radiance HDR", _IMAGE),
    (0, b"#?RGBE", "Radiance HDR", _IMAGE),
    (0, b"AT&TFORM", "DjVu", _IMAGE),
    (0, b"II\xbc", "JPEG XR", _IMAGE),
    (0, b"BPG\xfb", "BPG", _IMAGE),
    (0, b"/* XPM */", "XPM", _IMAGE),
    (0, b"ActionScript", "Flash", _IMAGE),
    (128, b"DICM", "DICOM", _IMAGE),
    # videos
    (0, b"\x1aE\xdf\xa3", "Matroska/WebM", _VIDEO),
    (0, b"FLV\x01", "FLV", _VIDEO),
    (0, b"\0\0\1\xba", "MPEG", _VIDEO),
    (0, b"\0\0\1\xb3", "MPEG", _VIDEO),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "WMV", _VIDEO),
    # archives
    (0, b"7z\xbc\xaf\x27\x1c", "7z", _ARCHIVE),
    (0, b"Rar!\x1a\x07", "RAR", _ARCHIVE),
    (0, b"\x1f\x8b\x08", "gzip", _ARCHIVE),
    (0, b"BZh", "bzip2", _ARCHIVE),
    (0, b"\xfd7zXZ\0", "xz", _ARCHIVE),
    (0, b"\x28\xb5\x2f\xfd", "Zstandard", _ARCHIVE),
    (0, b"MSCF\0\0\0\0", "CAB", _ARCHIVE),
    (257, b"ustar", "tar", _ARCHIVE),
    (0x8001, b"CD001", "ISO", _ARCHIVE),
    # documents
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Microsoft Office", _DOCUMENT),
    (0, b"{\\rtf", "RTF", _DOCUMENT),
    # the rest that people send
    (0, b"version https://git-lfs.github.com/spec/", "Git LFS", "lfs_pointer"),
    (0, b"PP3", "PP3", _SIDECAR),
    (0, b"<darktable", "XMP", _SIDECAR),
    (0, b"ID3", "MP3", _OTHER),
    (0, b"fLaC", "FLAC", _OTHER),
    (0, b"OggS", "Ogg", _OTHER),
    (0, b"SQLite format 3\0", "SQLite", _OTHER),
    (0, b"\x7fELF", "ELF", _OTHER),
    (0, b"L\0\0\0\1\x14\2\0", "Windows .lnk", _OTHER),
    (0, b"[InternetShortcut]", "Windows .url", _OTHER),
    (0, b"bplist00", "Apple property list", _OTHER),
    (0, b"\0\0\0\1Bud1", ".DS_Store", _OTHER),
    (0, b"\0\5\x16\7", "AppleDouble", _OTHER),
    (0, b"wOFF", "WOFF", _OTHER),
    (0, b"OTTO", "OpenType", _OTHER),
)  # fmt: skip

#: Brands of ISO base media files (the four letters behind `ftyp`).
_BRANDS = {
    **dict.fromkeys((b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs"), Kind("HEIC")),
    **dict.fromkeys((b"mif1", b"msf1", b"mif2", b"1pic"), Kind("HEIF")),
    **dict.fromkeys((b"avif", b"avis"), Kind("AVIF")),
    b"crx ": Kind("CR3"),
    b"qt  ": Kind("MOV", _VIDEO),
    **dict.fromkeys((b"M4A ", b"M4B ", b"M4P "), Kind("M4A", _OTHER)),
}
#: First boxes of QuickTime films that have no `ftyp`.
_QUICKTIME = (b"moov", b"mdat", b"wide", b"pnot")
_RIFF = {
    b"WEBP": Kind("WebP"),
    b"AVI ": Kind("AVI", _VIDEO),
    b"WAVE": Kind("WAV", _OTHER),
    b"CDRv": Kind("CorelDRAW", _IMAGE),
}
#: Names at the start of a zip archive that tell what it is for.
_ZIPPED = (
    (b"word/", "Word"), (b"xl/", "Excel"), (b"ppt/", "PowerPoint"), (b"[Content_Types].xml", "Microsoft Office"),
    (b"application/vnd.oasis.opendocument", "OpenDocument"), (b"application/epub", "EPUB"),
    (b"Index/Document.iwa", "Pages/Numbers/Keynote"),
)  # fmt: skip
#: Text that begins with markup: pattern of its first element, name, refusal.
_MARKUP = (
    (re.compile(rb"<svg[\s>]", re.I), "SVG", _IMAGE),
    (re.compile(rb"<x:xmpmeta|<\?xpacket|<rdf:rdf", re.I), "XMP", _SIDECAR),
    (re.compile(rb"<key>adjustment|adjustmentFormatIdentifier", re.I), "AAE", _SIDECAR),
    (re.compile(rb"<!doctype html|<html[\s>]|<head[\s>]|<body[\s>]", re.I), "HTML", "web_page"),
    (re.compile(rb"<plist[\s>]", re.I), "Apple property list", _OTHER),
    (re.compile(rb"^\s*<\?xml", re.I), "XML", _OTHER),
)
#: Width and height in AVIF and HEIF, and the bytes at a file's start in which they are looked for.
_IMAGE_SIZE, _IMAGE_SIZES_WITHIN = re.compile(rb"\0\0\0\x14ispe\0{4}(.{8})", re.DOTALL), 1 << 20
#: Start of scan: within the coded data of a JPEG, FF is never followed by DA.
_SCAN = b"\xff\xda"
#: JPEG's frame types of which decoders read no scan behind one with all components: baseline, extended; arithmetic.
_SEQUENTIAL = (0xC0, 0xC1, 0xC9)
#: Those that no decoder here reads.
_ODD_FRAMES = {0xC3: "lossless JPEG", 0xC5: "hierarchical JPEG", 0xC6: "hierarchical JPEG", 0xC7: "hierarchical JPEG"}


def identify(data: bytes) -> Kind | None:
    """The kind of file that starts with `data`, at best all of it; None: nothing known, or plain text."""
    for offset, signature, name, refusal in _SIGNATURES:
        if data.startswith(signature, offset):
            return Kind(name, refusal)
    if (
        data[:2] == b"BM"
        and len(data) > 14
        and int.from_bytes(data[14:18], "little") in (12, 16, 40, 52, 56, 64, 108, 124)
    ):
        return Kind("BMP")
    if data[:4] == b"\0\0\2\0" and data[4:6] > b"\0\0":
        return Kind("CUR", _IMAGE)
    if data[4:8] == b"ftyp":
        return _BRANDS.get(data[8:12]) or Kind("3GP" if data[8:10] == b"3g" else "MP4", _VIDEO)
    if data[4:8] in _QUICKTIME:
        return Kind("MOV", _VIDEO)
    if data[:4] == b"RIFF":
        return _RIFF.get(data[8:12])
    if data[:4] == b"PK\x03\x04":
        return _zip(data)
    if len(data) > 376 and data[0] == data[188] == data[376] == 0x47:
        return Kind("MPEG", _VIDEO)
    if data[:2] == b"MZ" and b"PE\0\0" in data[:1024]:
        return Kind("EXE", _OTHER)
    if data[:2] in (b"\xff\xfb", b"\xff\xf3", b"\xff\xf2"):
        return Kind("MP3", _OTHER)
    return _markup(data) or _targa(data)


def declared_pixels(data: bytes) -> int:
    """Pixels of the largest picture that an AVIF or HEIF file tells of (`ispe`); 0 for other files."""
    if data[4:8] != b"ftyp":
        return 0
    sizes = (struct.unpack(">II", found[1]) for found in _IMAGE_SIZE.finditer(data, 0, _IMAGE_SIZES_WITHIN))
    return max((width * height for width, height in sizes), default=0)


def unreadable_jpeg(data: bytes) -> str | None:
    """The name of a kind of JPEG that no decoder here reads; None for the usual ones."""
    frame = jpeg_frame(data)
    if frame is None:
        return None
    if frame.precision != 8:
        return f"{frame.precision}-bit JPEG"
    return _ODD_FRAMES.get(frame.marker)


@dataclass(frozen=True, slots=True)
class JpegFrame:
    """A JPEG's frame header: `marker` C0 baseline, C1 extended, C2 progressive, C3 lossless, C9… arithmetic."""

    marker: int
    precision: int
    width: int
    height: int
    components: int
    #: Where the first scan's header begins.
    scan: int


def jpeg_frame(data: bytes, start: int = 0, end: int | None = None) -> JpegFrame | None:
    """The frame header of the JPEG at `start`; None where there is none before `end`."""
    end = len(data) if end is None else end
    at, found = start + 2, None
    while at + 4 <= end and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker == 0xDA:
            return JpegFrame(*found, scan=at) if found else None
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if marker < 0xC0 or length < 2:
            return None
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC) and at + 10 <= end:
            precision, height, width, components = struct.unpack_from(">BHHB", data, at + 4)
            found = (marker, precision, width, height, components)
        at += 2 + length
    return None


def jpeg_scans(data: bytes) -> int:
    """At most how many scans a JPEG has. An ordinary one is not read through: its first scan holds all components."""
    frame = jpeg_frame(data)
    if (
        frame is not None
        and frame.marker in _SEQUENTIAL
        and data[frame.scan + 4 : frame.scan + 5] == bytes([frame.components])
    ):
        return 1
    return data.count(_SCAN, frame.scan if frame is not None else 0)


def _zip(data: bytes) -> Kind | None:
    """An archive, or one of the formats that are archives inside; None where it only starts like one."""
    if len(data) < 30:
        return None
    length = int.from_bytes(data[26:28], "little")
    if not length or b"\0" in data[30 : 30 + length]:
        return None
    start = data[:4096]
    for mark, name in _ZIPPED:
        if mark in start:
            return Kind(name, _DOCUMENT)
    return Kind("zip", _ARCHIVE)


def _markup(data: bytes) -> Kind | None:
    head = data[:2048]
    if head.startswith((b"\xff\xfe<", b"\xfe\xff\0<")):
        head = head.replace(b"\0", b"")
    if b"<" not in head[:64] or b"\0" in head:
        return None
    for pattern, name, refusal in _MARKUP:
        if pattern.search(head):
            return Kind(name, refusal)
    return None


def _targa(data: bytes) -> Kind | None:
    """TGA has no signature at its start: version 2 has one at its end, version 1 a size that must fit."""
    kind = Kind("TGA", _IMAGE)
    if data.endswith(b"TRUEVISION-XFILE.\0"):
        return kind
    if len(data) < 18 or data[1] != 0 or data[2] not in (2, 3) or any(data[3:8]) or data[16] not in (8, 16, 24, 32):
        return None
    width, height = struct.unpack_from("<HH", data, 12)
    size = 18 + data[0] + width * height * data[16] // 8
    return kind if width and height and size <= len(data) <= size + 4096 else None
