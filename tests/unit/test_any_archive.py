"""Whatever bytes an archive consists of: photos within the limits, or one of our refusals. Nothing else."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import warnings
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from shared.core.errors import InvalidRequest
from shared.core.names import display_name
from shared.jobs.intake.unpacking import Unpacking
from tests.outside_bytes import bounded, damaged, is_ours, same_examples
from tests.unit.test_unpacking import raw_zip

MOST_FILES, MOST_BYTES, PHOTO_BYTES = 20, 400_000, 100_000
NAMES = st.sampled_from(["a.jpg", "b/c.png", "../x.jpg", "面料.jpg", "._a.jpg", "in.zip", "in.tar", "d/", "a.txt"])
CONTENTS = st.one_of(
    st.binary(max_size=200), st.builds(bytes, st.sampled_from([5000, 120_000])), st.just(b"\xff\xd8\xff\xe0")
)
MEMBERS = st.lists(st.tuples(NAMES, CONTENTS), max_size=5)
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


@st.composite
def zips(draw: st.DrawFn, members: st.SearchStrategy[list[tuple[str, bytes]]] = MEMBERS) -> bytes:
    data = io.BytesIO()
    with warnings.catch_warnings():
        # Two members of one name.
        warnings.simplefilter("ignore")
        with zipfile.ZipFile(data, "w") as archive:
            for name, content in draw(members):
                archive.writestr(name, content, draw(st.sampled_from(METHODS)))
            archive.comment = draw(st.binary(max_size=4))
    return data.getvalue()


@st.composite
def tars(draw: st.DrawFn) -> bytes:
    data = io.BytesIO()
    shape = draw(st.sampled_from([tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]))
    with tarfile.open(fileobj=data, mode="w:", format=shape) as archive:
        for name, content in draw(MEMBERS):
            entry = tarfile.TarInfo(name * draw(st.sampled_from([1, 40])))
            entry.size = len(content)
            entry.type = draw(st.sampled_from([tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE]))
            with suppress(ValueError):
                # A name too long for this shape of tar.
                archive.addfile(entry, io.BytesIO(content))
    return data.getvalue()


@st.composite
def packed_tars(draw: st.DrawFn) -> bytes:
    """A damaged tar, packed, and damaged once more."""
    pack = draw(st.sampled_from([bytes, gzip.compress, bz2.compress, lzma.compress]))
    return pack(draw(damaged(tars())))


def nested() -> st.SearchStrategy[bytes]:
    inner = damaged(zips()) | damaged(tars())
    return zips(st.lists(st.tuples(st.sampled_from(["1.zip", "2.tar", "3.jpg"]), inner), min_size=1, max_size=3))


def held(folder: Path, name: str, data: bytes) -> None:
    """Everything that an archive may do, and nothing else."""
    path, spool = folder / f"upload{Path(name).suffix}", folder / "spool"
    spool.mkdir(exist_ok=True)
    path.write_bytes(data)
    unpacking = Unpacking(spool, MOST_FILES, MOST_BYTES, PHOTO_BYTES)
    count = total = 0
    with bounded():
        try:
            for photo, spooled in unpacking.photos(path, name):
                # What is stored of a name is never a way out of a folder.
                assert not Path(display_name(photo)).is_absolute()
                assert ".." not in Path(display_name(photo)).parts
                count += 1
                total += spooled.size
                spooled.close()
        except InvalidRequest as refusal:
            is_ours(refusal)
    assert count <= MOST_FILES
    assert total <= MOST_BYTES
    assert list(spool.iterdir()) == []


@same_examples
@given(data=st.binary(max_size=300), name=st.sampled_from(["a.zip", "a.tar", "a.tar.gz", "a.tgz", "a.tar.xz", "a"]))
def test_any_bytes(tmp_path: Path, data: bytes, name: str) -> None:
    held(tmp_path, name, data)


@same_examples
@given(data=damaged(zips()))
@example(data=b"PK\x05\x06" + bytes(18))
@example(data=raw_zip([b"", b"a.jpg"]))
@example(data=raw_zip([b"\xff", b"/"]))
def test_zips(tmp_path: Path, data: bytes) -> None:
    held(tmp_path, "a.zip", data)


@same_examples
@given(data=damaged(packed_tars()), ending=st.sampled_from([".tar", ".tar.gz", ".tbz", ".txz"]))
def test_tars(tmp_path: Path, data: bytes, ending: str) -> None:
    held(tmp_path, f"a{ending}", data)


@examples(same_examples, max_examples=60)
@given(data=damaged(nested()))
def test_archives_in_archives(tmp_path: Path, data: bytes) -> None:
    held(tmp_path, "a.zip", data)


@pytest.mark.parametrize("ending", [".zip", ".tar.gz"])
def test_a_good_one_comes_through(tmp_path: Path, ending: str) -> None:
    """The properties above would also hold for a reader that refuses everything."""
    data = io.BytesIO()
    if ending == ".zip":
        with zipfile.ZipFile(data, "w") as archive:
            archive.writestr("a.jpg", b"\xff\xd8\xff")
    else:
        with tarfile.open(fileobj=data, mode="w:gz") as tar:
            entry = tarfile.TarInfo("a.jpg")
            entry.size = 3
            tar.addfile(entry, io.BytesIO(b"\xff\xd8\xff"))
    (tmp_path / "spool").mkdir()
    (tmp_path / f"a{ending}").write_bytes(data.getvalue())
    unpacking = Unpacking(tmp_path / "spool", MOST_FILES, MOST_BYTES, PHOTO_BYTES)
    found = []
    for name, spooled in unpacking.photos(tmp_path / f"a{ending}", f"a{ending}"):
        found.append((name, spooled.size))
        spooled.close()
    assert found == [("a.jpg", 3)]
