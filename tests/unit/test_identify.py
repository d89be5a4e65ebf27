"""Every file that people send is named for what it is, whatever its name says, with what to do about it."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

from shared.core.errors import PhotoError
from shared.core.messages import sentence
from shared.photos.decode import Limits, decode
from shared.photos.identify import identify


def refused(data: bytes) -> PhotoError:
    with pytest.raises(PhotoError) as caught:
        decode(data, 224, Limits())
    return caught.value


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", 8 + len(body)) + kind + body


def zipped(*names: str, mimetype: str = "") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        if mimetype:
            archive.writestr("mimetype", mimetype)
        for name in names:
            archive.writestr(name, "content")
    return out.getvalue()


def tarred() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.jpg"))
    return out.getvalue()


def saved(kind: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (40, 30), (9, 99, 199)).save(out, kind)
    return out.getvalue()


XML = b'<?xml version="1.0" encoding="UTF-8"?>\n'
AAE = XML + b'<plist version="1.0"><dict><key>adjustmentBaseVersion</key><integer>0</integer></dict></plist>'
XMP = b'<?xpacket begin="\xef\xbb\xbf" id="W5M0"?><x:xmpmeta xmlns:x="adobe:ns:meta/"/>'
FILES = [
    (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "unsupported_format", "SVG"),
    (b"%PDF-1.7\n", "unsupported_format", "PDF"),
    (b"%!PS-Adobe-3.0 EPSF-3.0\n", "unsupported_format", "EPS"),
    (saved("TGA"), "unsupported_format", "TGA"),
    (saved("DDS"), "unsupported_format", "DDS"),
    (saved("ICNS"), "unsupported_format", "ICNS"),
    (bytes(128) + b"DICM" + bytes(400), "unsupported_format", "DICOM"),
    (box(b"ftyp", b"qt  \0\0\0\0qt  ") + box(b"mdat", bytes(99)), "video", "MOV"),
    (box(b"wide", b"") + box(b"mdat", bytes(99)), "video", "MOV"),
    (box(b"ftyp", b"mp42\0\0\0\0isom") + box(b"mdat", bytes(99)), "video", "MP4"),
    (box(b"ftyp", b"3gp5\0\0\0\0isom"), "video", "3GP"),
    (b"RIFF\0\1\0\0AVI LIST" + bytes(50), "video", "AVI"),
    (b"\x1aE\xdf\xa3" + bytes(50), "video", "Matroska/WebM"),
    (b"7z\xbc\xaf\x27\x1c\0\4" + bytes(50), "archive_inside", "7z"),
    (b"Rar!\x1a\x07\x01\0" + bytes(50), "archive_inside", "RAR"),
    (b"\x1f\x8b\x08" + bytes(50), "archive_inside", "gzip"),
    (tarred(), "archive_inside", "tar"),
    (zipped("a.jpg", "布.jpg"), "archive_inside", "zip"),
    (zipped("[Content_Types].xml", "word/document.xml"), "document", "Word"),
    (zipped("[Content_Types].xml", "xl/workbook.xml"), "document", "Excel"),
    (zipped("content.xml", mimetype="application/vnd.oasis.opendocument.text"), "document", "OpenDocument"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "document", "Microsoft Office"),
    (AAE, "sidecar", "AAE"),
    (XMP, "sidecar", "XMP"),
    (XML + XMP, "sidecar", "XMP"),
    (b"<!DOCTYPE html>\n<html><body>404</body></html>", "web_page", "HTML"),
    (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", "lfs_pointer", "Git LFS"),
    (b"\0\0\0\1Bud1" + bytes(50), "not_a_photo", ".DS_Store"),
    (b"ID3\4" + bytes(50), "not_a_photo", "MP3"),
]


@pytest.mark.parametrize(("data", "code", "name"), FILES, ids=[f"{code}-{name}" for _, code, name in FILES])
def test_what_is_not_read_is_named(data: bytes, code: str, name: str) -> None:
    error = refused(data)
    assert (error.code, error.detail) == (code, {"format": name})
    for lang in ("en", "zh"):
        assert name in sentence(error.code, lang, **error.detail)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "JPEG2000", "PSD"])
def test_what_is_read_is_known_and_not_refused(kind: str) -> None:
    found = identify(b"8BPS\0\1" if kind == "PSD" else saved(kind))
    assert found is not None
    assert found.refusal is None


@pytest.mark.parametrize(
    "data", [b"x", b"hello\n" * 99, bytes(5000), "说明：棉布\n".encode() * 9, b"BM and other text"]
)
def test_plain_text_and_nothing_known_is_no_image(data: bytes) -> None:
    assert identify(data) is None
    assert refused(data).code == "not_an_image"


def test_random_bytes_are_no_known_kind_of_photo() -> None:
    rng = np.random.default_rng(5)
    for _ in range(200):
        assert refused(rng.bytes(300)).code != "internal"


def test_odd_jpeg_is_called_unsupported_not_damaged() -> None:
    jpeg = bytearray(saved("JPEG"))
    at = jpeg.index(b"\xff\xc0")
    jpeg[at + 4] = 12
    assert (refused(bytes(jpeg)).code, refused(bytes(jpeg)).detail) == ("unsupported_format", {"format": "12-bit JPEG"})
    jpeg[at + 1], jpeg[at + 4] = 0xC3, 8
    assert refused(bytes(jpeg)).detail == {"format": "lossless JPEG"}
