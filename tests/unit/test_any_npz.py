"""Whatever bytes an NPZ of the old format consists of: vectors, or one of our refusals. Nothing else."""

from __future__ import annotations

import io
import struct
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.core.errors import InvalidRequest, WeftError
from shared.curation.legacy import read_legacy
from tests.outside_bytes import bounded, damaged, is_ours, same_examples

KEYS = st.sampled_from(["denim.npy", "silk.npy", "denim", "Denim.npy", "../x.npy", "绸.npy", ".npy", "con.npy"])
TYPES = st.sampled_from(["<f4", "<f2", ">f8", "<i4", "|b1", "<c8", "|O", "|V0", "<U3", "|S0", "<M8[s]", "f4,i4", "x"])
SIDES = st.sampled_from([0, 1, 2, 3, 8, -1, 2**31, 2**40, 2**63, 2**64, 10**30])
#: What numpy reads as Python's own literals.
HEADERS = st.one_of(
    st.builds(
        lambda kind, order, shape: str({"descr": kind, "fortran_order": order, "shape": shape}),
        TYPES,
        st.booleans(),
        st.lists(SIDES, max_size=3).map(tuple),
    ),
    st.sampled_from(
        ["", "{", "{[]: 1}", "1", "(" * 300, "-" * 9000 + "1", "{'descr': '<f4'}", "{'shape': 1L", "'''", "\t {", "\0"]
    ),
    st.text(max_size=30),
)


@st.composite
def arrays(draw: st.DrawFn) -> bytes:
    """A .npy whose header says anything."""
    header = draw(HEADERS).encode("latin-1", "replace") + b"\n"
    version = draw(st.sampled_from([(1, 0), (2, 0), (3, 0), (9, 9)]))
    length = draw(st.sampled_from([len(header), 0, 60_000]))
    size = struct.pack("<H" if version[0] == 1 else "<I", length)
    return b"\x93NUMPY" + bytes(version) + size + header + draw(st.binary(max_size=64))


@st.composite
def good_arrays(draw: st.DrawFn) -> bytes:
    data = io.BytesIO()
    shape = draw(st.tuples(st.integers(0, 3), st.integers(0, 4)))
    kind = draw(st.sampled_from(["<f4", "<f2", "<i2"]))
    np.save(data, np.arange(1, 1 + shape[0] * shape[1], dtype=kind).reshape(shape))
    return data.getvalue()


@st.composite
def banks(draw: st.DrawFn) -> bytes:
    data = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with zipfile.ZipFile(data, "w") as archive:
            for name in draw(st.lists(KEYS, max_size=3)):
                content = draw(good_arrays() | damaged(good_arrays()) | arrays() | st.binary(max_size=20))
                archive.writestr(name, content, draw(st.sampled_from([0, 8, 12, 14])))
    return data.getvalue()


def held(folder: Path, data: bytes) -> None:
    path = folder / "bank.npz"
    path.write_bytes(data)
    with bounded():
        try:
            found = read_legacy(path)
        except WeftError as refusal:
            is_ours(refusal)
            return
    assert found.vectors.dtype == np.float32
    assert len(found.owner) == len(found.vectors) > 0
    assert np.allclose(np.linalg.norm(found.vectors, axis=1), 1, atol=1e-3)


@same_examples
@given(data=st.binary(max_size=200))
def test_any_bytes(tmp_path: Path, data: bytes) -> None:
    held(tmp_path, data)


@same_examples
@given(data=damaged(banks()))
def test_banks(tmp_path: Path, data: bytes) -> None:
    held(tmp_path, data)


@same_examples
@given(member=arrays())
@example(member=b"\x93NUMPY\x01\x00\x09\x00{[]: 1}\n\n")
def test_headers(tmp_path: Path, member: bytes) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("denim.npy", member)
    held(tmp_path, data.getvalue())


@pytest.mark.parametrize("rows", [100, 3_000_000])
def test_a_small_file_does_not_become_a_large_one(tmp_path: Path, rows: int) -> None:
    """Ones shrink to a thousandth; 3 million rows of 16 are 192 MB, twice over while they are normalised."""
    path = tmp_path / "bank.npz"
    header = str({"descr": "<f4", "fortran_order": False, "shape": (rows, 16)}).encode() + b"\n"
    block = np.ones(16 * 1000, "<f4").tobytes()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("denim.npy", "w") as member:
        member.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header)
        for at in range(0, rows, 1000):
            member.write(block[: 64 * min(1000, rows - at)])
    if rows == 100:
        assert len(read_legacy(path).vectors) == rows
        return
    with bounded(), pytest.raises(InvalidRequest, match="unpacks"):
        read_legacy(path)
