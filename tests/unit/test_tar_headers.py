"""A tar whose headers are made to cost memory or time is refused; those that other programs write are read."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import psutil
import pytest

from shared.core.errors import InvalidRequest
from shared.jobs.intake.archives import opened

PHOTO = bytes(range(256)) * 20


def header(kind: bytes, size: int) -> bytes:
    info = tarfile.TarInfo("a")
    info.type, info.size = kind, size
    return info.tobuf(tarfile.GNU_FORMAT)


def read(path: Path) -> list[str]:
    with opened(path, path.name, max_files=100, max_bytes=1 << 30) as archive:
        return [name for name, pieces in archive.members() if b"".join(pieces) == PHOTO]


def packed(path: Path, *parts: bytes) -> Path:
    with gzip.open(path, "wb", 1) as file:
        for part in parts:
            file.write(part)
    return path


def photo_member(name: str = "b.jpg", tar_format: int = tarfile.GNU_FORMAT, **pax: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tar_format) as tar:
        info = tarfile.TarInfo(name)
        info.size, info.pax_headers = len(PHOTO), dict(pax)
        tar.addfile(info, io.BytesIO(PHOTO))
    return buffer.getvalue()


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_huge_header_is_not_read(tmp_path: Path, kind: bytes) -> None:
    path = packed(tmp_path / "a.tar.gz", header(kind, 300 << 20), *[bytes(1 << 20)] * 300, photo_member())
    before = psutil.Process().memory_info().rss
    with pytest.raises(InvalidRequest) as refusal:
        read(path)
    assert refusal.value.code == "zip_damaged"
    assert psutil.Process().memory_info().rss - before < 100 << 20


@pytest.mark.timeout(60)
def test_a_header_of_digits_costs_no_time(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.tar.gz", header(tarfile.XHDTYPE, 250 << 10), b"1" * (250 << 10), photo_member())
    with pytest.raises(InvalidRequest):
        read(path)


def test_many_headers_count_as_what_is_unpacked(tmp_path: Path) -> None:
    one = header(tarfile.XHDTYPE, 200 << 10) + bytes(200 << 10) + header(tarfile.REGTYPE, 0)
    path = packed(tmp_path / "a.tar.gz", *[one] * 400)
    with pytest.raises(InvalidRequest) as refusal:
        read(path)
    assert refusal.value.code == "zip_bomb"


@pytest.mark.parametrize("tar_format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT])
def test_usual_headers(tmp_path: Path, tar_format: int) -> None:
    name = (
        "棉布/" + "9" * 60 + "/b.jpg"
        if tar_format == tarfile.USTAR_FORMAT
        else "棉布/" + "斜" * 150 + "9" * 99 + ".jpg"
    )
    attribute = {"SCHILY.xattr.com.apple.metadata": "x" * 20_000} if tar_format == tarfile.PAX_FORMAT else {}
    path = packed(tmp_path / "a.tar.gz", photo_member(name, tar_format, **attribute))
    assert read(path) == [name]
