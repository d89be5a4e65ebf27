"""A weights file's pages are given back without a risk to any other memory of the process."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
from pathlib import Path

import pytest

from shared.encoder.mapped_weights import MappedWeights

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="madvise(2) and /proc")


def resident(path: Path) -> dict[int, int]:
    """Resident KiB of each mapping of a file in this process, by its address."""
    found: dict[int, int] = {}
    start = None
    for line in Path("/proc/self/smaps").read_text(encoding="utf-8", errors="replace").splitlines():
        fields = line.split(maxsplit=5)
        if "-" in fields[0] and not fields[0].endswith(":"):
            start = int(fields[0].split("-")[0], 16) if fields[-1] == str(path) else None
        elif start is not None and fields[0] == "Rss:":
            found[start] = int(fields[1])
    return found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "model.bin"
    path.write_bytes(os.urandom(8 << 20))
    return path


def test_released_pages_are_gone_and_read_again_from_the_file(file: Path) -> None:
    weights = MappedWeights.of(file)
    assert int(weights.array.sum()) > 0
    assert sum(resident(file).values()) == 8 << 10
    weights.release()
    assert sum(resident(file).values()) == 0
    assert weights.array.tobytes() == file.read_bytes()


def test_only_our_own_mapping_is_touched(file: Path) -> None:
    weights = MappedWeights.of(file)
    with file.open("rb") as opened:
        own = weights.array.ctypes.data
        for access in (mmap.ACCESS_READ, mmap.ACCESS_COPY):
            with mmap.mmap(opened.fileno(), 0, access=access) as other:
                # For the private one: what is written to it lies in no file.
                if access == mmap.ACCESS_COPY:
                    other[:4096] = b"w" * 4096
                assert sum(other[::4096]) + int(weights.array.sum()) > 0
                weights.release()
                others = {at: size for at, size in resident(file).items() if at != own}
                assert sum(others.values()) == 8 << 10
                assert access == mmap.ACCESS_READ or other[:4096] == b"w" * 4096


def test_a_file_is_mapped_once_and_its_address_never_given_up(file: Path) -> None:
    address = MappedWeights.of(file).array.ctypes.data
    assert MappedWeights.of(file).array.ctypes.data == address
    file.rename(file.with_name("moved.bin"))
    file.write_bytes(b"another file under that name")
    assert MappedWeights.of(file).array.tobytes() == b"another file under that name"
    assert MappedWeights.of(file.with_name("moved.bin")).array.ctypes.data == address


def test_it_stays_mapped_until_the_process_is_gone(file: Path) -> None:
    code = f"""
import ctypes, sys
from pathlib import Path
from shared.encoder import mapped_weights
address = mapped_weights.MappedWeights.of(Path({str(file)!r})).array.ctypes.data
mapped_weights._MAPPED.clear()
print(ctypes.string_at(address, 16).hex())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, file.read_bytes()[:16].hex()), done.stderr
