"""Archives as people make them: names of every country, tars, split and nested ones, and ones made to do harm."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest

from shared.core.errors import InvalidRequest
from shared.jobs.intake.unpacking import Unpacking

JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 20
LIMITS = {"max_files": 100, "max_bytes": 1 << 30, "max_photo_bytes": 1 << 20}


def unpack(path: Path, **limits: int) -> tuple[dict[str, bytes], dict[str, int]]:
    """(name → bytes, what was left out)."""
    spool = path.parent / "spool"
    spool.mkdir(exist_ok=True)
    unpacking = Unpacking(spool, **{**LIMITS, **limits})
    found = {}
    for name, spooled in unpacking.photos(path, path.name):
        assert spooled.path is not None
        found[name] = spooled.path.read_bytes()
        spooled.close()
    assert not list(spool.iterdir())
    return found, dict(unpacking.left_out)


def refusal(path: Path, **limits: int) -> str:
    with pytest.raises(InvalidRequest) as raised:
        unpack(path, **limits)
    return raised.value.code


def zipped(members: dict[str, bytes]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return data.getvalue()


def raw_zip(names: list[bytes], extras: list[bytes] | None = None) -> bytes:
    """A stored zip with these bytes for names, and no UTF-8 flag."""
    data, directory = b"", b""
    for n, name in enumerate(names):
        extra = extras[n] if extras else b""
        common = struct.pack(
            "<5H3L2H", 20, 0, 0, 0, 0x21, zlib.crc32(JPEG), len(JPEG), len(JPEG), len(name), len(extra)
        )
        head = b"PK\x01\x02\x14\x00" + common + struct.pack("<3H2L", 0, 0, 0, 0, len(data))
        directory += head + name + extra
        data += b"PK\x03\x04" + common + name + extra + JPEG
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, len(names), len(names), len(directory), len(data), 0)
    return data + directory + end


def put(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ("gbk", ["棉布/平纹.jpg", "羊绒大衣呢.jpg"]),
        ("gbk", ["联通.jpg"]),
        ("big5", ["許功蓋.jpg"]),
        ("big5", ["絲綢.jpg", "台灣/羊毛.jpg"]),
        ("cp932", ["ソース/表示.jpg", "デニム.jpg"]),
        ("cp932", ["綿.jpg"]),
        ("euc_kr", ["면직물.jpg", "사진/실크.jpg"]),
        ("cp437", ["Größe.jpg"]),
        ("cp850", ["tecido algodão.jpg", "Ærø.jpg"]),
        ("utf-8", ["面料/斜纹.jpg", "Größe.jpg"]),
        ("utf-8", ["cafe\u0301/bu\u0308cher.jpg"]),
    ],
)
def test_names_without_a_word_about_their_encoding(tmp_path: Path, encoding: str, names: list[str]) -> None:
    path = put(tmp_path / "a.zip", raw_zip([name.encode(encoding) for name in names]))
    assert list(unpack(path)[0]) == names


def test_backslashes_between_folders(tmp_path: Path) -> None:
    path = put(tmp_path / "a.zip", raw_zip(["許功蓋\\功.jpg".encode("big5"), b"__MACOSX\\._a.jpg"]))
    assert unpack(path) == ({"許功蓋/功.jpg": JPEG}, {"system": 1})


def test_the_unicode_path_field_is_the_name(tmp_path: Path) -> None:
    raw = b"____.jpg"
    field = b"\x01" + struct.pack("<L", zlib.crc32(raw)) + "面料.jpg".encode()
    stale = b"\x01" + struct.pack("<L", 1) + "棉布.jpg".encode()
    extras = [struct.pack("<2H", 0x7075, len(value)) + value for value in (field, stale)]
    path = put(tmp_path / "a.zip", raw_zip([raw, b"other.jpg"], extras))
    assert list(unpack(path)[0]) == ["面料.jpg", "other.jpg"]


def test_what_is_no_photo_is_counted_by_kind(tmp_path: Path) -> None:
    members = {
        "IMG_1.jpg": JPEG, "IMG_1.xmp": b"<x/>", "IMG_1.AAE": b"<plist/>", "IMG_1.MOV": b"\0\0\0\x14ftypqt  ",
        "notes": b"text", "71.pic": JPEG, "a/Thumbs.db": b"0", "@eaDir/IMG_1.jpg": JPEG, "README.txt": b"read",
    }  # fmt: skip
    photos, left_out = unpack(put(tmp_path / "a.zip", zipped(members)))
    # A photo whose name does not say so shows by its first bytes.
    assert list(photos) == ["IMG_1.jpg", "71.pic"]
    assert left_out == {".xmp": 1, ".aae": 1, ".mov": 1, "no_ending": 1, "system": 3}


def test_an_archive_in_an_archive_is_unpacked_once(tmp_path: Path) -> None:
    deep = zipped({"c.jpg": JPEG})
    inner = zipped({"b.jpg": JPEG, "deep.zip": deep})
    members = {"a.jpg": JPEG, "in/inner.zip": inner, "damaged.zip": b"PK", "old.rar": b"Rar!"}
    photos, left_out = unpack(put(tmp_path / "a.zip", zipped(members)))
    assert photos == {"a.jpg": JPEG, "in/inner.zip/b.jpg": JPEG}
    assert left_out == {".zip": 2, ".rar": 1}
    assert refusal(tmp_path / "a.zip", max_files=1) == "too_many_files"


def test_quines_and_other_nests_end(tmp_path: Path) -> None:
    data = zipped({"a.jpg": JPEG})
    for _ in range(5):
        data = zipped({f"{n}.zip": data for n in range(4)})
    photos, left_out = unpack(put(tmp_path / "a.zip", data))
    assert photos == {}
    assert left_out == {".zip": 16}


@pytest.mark.parametrize(
    ("ending", "mode"),
    [(".tar", "w:"), (".tar.gz", "w:gz"), (".tgz", "w:gz"), (".tar.bz2", "w:bz2"), (".tar.xz", "w:xz")],
)
def test_tars(tmp_path: Path, ending: str, mode: Any) -> None:
    path = tmp_path / f"a{ending}"
    inner = zipped({"2.jpg": JPEG})
    members = {"面料/1.jpg": JPEG, "._1.jpg": b"0", "1.xmp": b"<x/>", "inner.zip": inner}
    with tarfile.open(path, mode) as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        for name, kind in (
            ("link.jpg", tarfile.SYMTYPE),
            ("pipe.jpg", tarfile.FIFOTYPE),
            ("disk.jpg", tarfile.BLKTYPE),
        ):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, "/etc/passwd"
            archive.addfile(entry)
    photos, left_out = unpack(path)
    assert photos == {"面料/1.jpg": JPEG, "inner.zip/2.jpg": JPEG}
    assert left_out == {".xmp": 1, "system": 1}


def test_a_tar_that_is_a_bomb_or_cut(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        entry = tarfile.TarInfo("0.bmp")
        entry.size = 80 << 20
        archive.addfile(entry, io.BytesIO(bytes(entry.size)))
    assert refusal(path) == "zip_bomb"
    assert refusal(put(tmp_path / "b.tar.gz", path.read_bytes()[:20])) == "zip_damaged"
    assert refusal(put(tmp_path / "c.tar", b"no tar at all" * 100)) == "zip_damaged"


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("a.7z", b"7z\xbc\xaf\x27\x1c", "archive_unsupported"),
        ("a.rar", b"Rar!\x1a\x07\x01\x00", "archive_unsupported"),
        ("a.zip", b"Rar!\x1a\x07\x01\x00", "archive_unsupported"),
        ("a.tar.zst", b"\x28\xb5\x2f\xfd", "archive_unsupported"),
        ("a.z01", b"PK\x07\x08", "zip_split"),
        ("a.zip.001", b"PK\x03\x04", "zip_split"),
        ("a.zip", b"PK\x07\x08PK\x03\x04" + bytes(100), "zip_split"),
        ("a.zip", struct.pack("<4s4H2LH", b"PK\x05\x06", 2, 0, 3, 9, 400, 0, 0), "zip_split"),
    ],
)
def test_what_cannot_be_unpacked_says_what_to_do(tmp_path: Path, name: str, data: bytes, code: str) -> None:
    assert refusal(put(tmp_path / name, data)) == code


def test_entries_that_share_their_bytes(tmp_path: Path) -> None:
    data = raw_zip([b"a.jpg", b"b.jpg"])
    # The second directory entry names the first one's bytes.
    second = data.rindex(b"PK\x01\x02")
    data = data[: second + 42] + bytes(4) + data[second + 46 :]
    assert refusal(put(tmp_path / "a.zip", data)) == "zip_bomb"


@pytest.mark.parametrize("told", [True, False])
def test_a_directory_of_very_many_entries_is_not_read(
    tmp_path: Path, told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = b"PK\x01\x02" + bytes(42)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(entry) * 60_000, 0, 0)
    if told:
        end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 60_000, 60_000, len(entry) * 60_000, 0, 0)
    path = put(tmp_path / "a.zip", entry * 60_000 + end)

    def read(*_: object) -> None:
        raise AssertionError("the directory was read")

    monkeypatch.setattr(zipfile.ZipFile, "_RealGetContents", read)
    assert refusal(path) == "too_many_files"


def test_zip64_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive, archive.open("1.jpg", "w", force_zip64=True) as member:
        member.write(JPEG)
    data = path.read_bytes()
    # As programs write it that always use the wide end record.
    at = data.rindex(b"PK\x05\x06")
    size, start = struct.unpack_from("<2L", data, at + 12)
    wide = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, size, start)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, at, 1)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    for prefix in (b"", b"#!/bin/sh self-extracting\n"):
        path.write_bytes(prefix + data[:at] + wide + locator + end)
        assert unpack(path)[0] == {"1.jpg": JPEG}


def test_a_member_written_to_a_pipe(tmp_path: Path) -> None:
    """Sizes stand behind the bytes then (data descriptors)."""

    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.data = b""

        def writable(self) -> bool:
            return True

        def write(self, data: bytes) -> int:  # type: ignore[override]
            self.data += bytes(data)
            return len(data)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[arg-type]
        archive.writestr("1.jpg", JPEG)
        archive.writestr("2.jpg", JPEG[::-1])
    assert unpack(put(tmp_path / "a.zip", pipe.data))[0] == {"1.jpg": JPEG, "2.jpg": JPEG[::-1]}
