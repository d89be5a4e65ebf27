"""Zip files: whatever is in them, they are read without surprises or refused with a reason."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from shared.core.errors import InvalidRequest
from shared.jobs.intake.archives import is_archive, opened

PHOTO = bytes(range(256)) * 200


def make(path: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def read(path: Path, max_files: int = 100, max_bytes: int = 1 << 30) -> dict[str, bytes]:
    with opened(path, path.name, max_files=max_files, max_bytes=max_bytes) as archive:
        return {name: b"".join(pieces) for name, pieces in archive.members()}


def refusal(path: Path, **limits: int) -> str:
    with pytest.raises(InvalidRequest) as raised:
        read(path, **limits)
    return raised.value.code


def test_members_keep_names_and_bytes(tmp_path: Path) -> None:
    path = make(tmp_path / "a.zip", {"面料/斜纹.jpg": PHOTO, "plain/1.png": b"2"})
    assert read(path) == {"面料/斜纹.jpg": PHOTO, "plain/1.png": b"2"}


@pytest.mark.parametrize("encoding", ["gbk", "utf-8"])
def test_names_without_the_utf8_flag(tmp_path: Path, encoding: str) -> None:
    """Chinese Windows writes GBK there, macOS UTF-8; 联通 is the short GBK name that passes for other encodings."""
    names = ["联通.jpg", "棉布/平纹.jpg"]
    path = tmp_path / "a.zip"
    # zipfile always flags such names: same-length placeholders are patched in both headers.
    places = {name: "x" * len(name.encode(encoding)) + str(n) for n, name in enumerate(names)}
    make(path, dict.fromkeys(places.values(), b"1"))
    data = path.read_bytes()
    for n, (name, place) in enumerate(places.items()):
        data = data.replace(place.encode(), name.encode(encoding) + str(n).encode())
    path.write_bytes(data)
    assert list(read(path)) == ["联通.jpg0", "棉布/平纹.jpg1"]


def test_a_way_out_is_only_a_name(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    path = make(inside / "a.zip", {"../../escaped.jpg": PHOTO, "/etc/absolute.jpg": PHOTO})
    assert len(read(path)) == 2
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["a.zip", "inside"]


def test_clutter_and_folders_are_skipped(tmp_path: Path) -> None:
    clutter = ["__MACOSX/._a.jpg", "x/.DS_Store", "x/Thumbs.db", "x/", "._b.jpg"]
    path = make(tmp_path / "a.zip", {**dict.fromkeys(clutter, b"0"), "x/a.jpg": PHOTO})
    assert list(read(path)) == ["x/a.jpg"]


def test_archives_in_an_archive_are_members(tmp_path: Path) -> None:
    inner = make(tmp_path / "inner.zip", {"a.jpg": PHOTO}).read_bytes()
    assert read(make(tmp_path / "a.zip", {"inner.zip": inner})) == {"inner.zip": inner}


def test_bomb(tmp_path: Path) -> None:
    path = make(tmp_path / "a.zip", {"0.bmp": bytes(80 * 1024**2)})
    assert refusal(path) == "zip_bomb"


def test_more_than_an_upload_may_hold(tmp_path: Path) -> None:
    path = make(tmp_path / "a.zip", {"a.jpg": PHOTO, "b.jpg": PHOTO})
    assert refusal(path, max_bytes=len(PHOTO)) == "zip_bomb"
    assert refusal(path, max_files=1) == "too_many_files"


def test_encrypted(tmp_path: Path) -> None:
    path = make(tmp_path / "a.zip", {"a.jpg": PHOTO})
    data = bytearray(path.read_bytes())
    data[6] |= 1
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    assert refusal(path) == "zip_encrypted"


def test_unknown_compression(tmp_path: Path) -> None:
    path = make(tmp_path / "a.zip", {"a.jpg": PHOTO})
    data = bytearray(path.read_bytes())
    data[data.rindex(b"PK\x01\x02") + 10] = 9
    path.write_bytes(data)
    assert refusal(path) == "zip_unsupported"


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04" + bytes(200)])
def test_not_a_zip(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    assert refusal(path) == "zip_damaged"


def test_cut_off(tmp_path: Path) -> None:
    path = make(tmp_path / "a.zip", {"a.jpg": PHOTO})
    path.write_bytes(path.read_bytes()[:-40])
    assert refusal(path) == "zip_damaged"


def test_one_damaged_member_ends_early_and_the_others_are_whole(tmp_path: Path) -> None:
    members = {"a.jpg": PHOTO, "b.jpg": PHOTO[::-1], "c.jpg": PHOTO}
    path = make(tmp_path / "a.zip", members, zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    data[data.index(PHOTO[::-1]) + 40_000] ^= 0xFF
    path.write_bytes(data)
    found = read(path)
    assert found["a.jpg"] == found["c.jpg"] == PHOTO
    assert 0 < len(found["b.jpg"]) < len(PHOTO)


def test_what_counts_as_an_archive() -> None:
    assert is_archive("Photos.ZIP", None)
    assert is_archive("photos", "application/zip")
    assert not is_archive("report.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document")
    assert is_archive("photos.tar.gz", None)
    assert is_archive("photos.rar", None)
