"""What a zip's directory tells, before Python's zipfile reads all of it."""

from __future__ import annotations

import os
import struct
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from shared.core.errors import InvalidRequest

_END = b"PK\x05\x06"
_END64 = b"PK\x06\x06"
_LOCATOR64 = b"PK\x06\x07"
_END_BYTES = 22
_COMMENT_BYTES = 65_535
#: Bytes of a local file header without name and extra field.
_LOCAL_BYTES = 30
#: Entries beside the photos that an upload may have: folders, sidecars, files of operating systems.
_OTHERS_PER_FILE = 1
_OTHERS_AT_LEAST = 1000
_ENTRY = b"PK\x01\x02"
_ENTRY_BYTES = 46


def check_end(path: Path, name: str, max_files: int) -> None:
    """Looks at the end record alone, so that an archive of a million entries costs nothing.

    Raises InvalidRequest: `zip_damaged`, `zip_split` (one part of several), `too_many_files`.
    """
    try:
        with path.open("rb") as file:
            disk, entries, start, size = _end_record(file, path.stat().st_size, name)
            limit = most_entries(max_files)
            # What the end record says of their number need not be true.
            over = not disk and (entries > limit or _has_more(file, start, size, limit))
    except OSError as error:
        raise InvalidRequest("zip_damaged", name=name) from error
    if disk:
        raise InvalidRequest("zip_split", name=name)
    if over:
        raise InvalidRequest("too_many_files", limit=max_files)


def most_entries(max_files: int) -> int:
    """Entries that an archive may have where an upload may have `max_files` photos."""
    return max_files + max(_OTHERS_AT_LEAST, _OTHERS_PER_FILE * max_files)


def check_overlaps(infos: Sequence[zipfile.ZipInfo], name: str) -> None:
    """Every entry needs bytes of its own: sharing them is how a small archive unpacks to a huge one.

    Raises InvalidRequest (`zip_bomb`).
    """
    end = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < end:
            raise InvalidRequest("zip_bomb", name=name)
        end = info.header_offset + _LOCAL_BYTES + info.compress_size


def _has_more(file: BinaryIO, start: int, size: int, limit: int) -> bool:
    """Whether the directory of `size` bytes at `start` holds more than `limit` entries; from one header to the next."""
    if size <= limit * _ENTRY_BYTES:
        return False
    file.seek(max(0, start))
    found = 0
    while found <= limit:
        header = file.read(_ENTRY_BYTES)
        if len(header) < _ENTRY_BYTES or not header.startswith(_ENTRY):
            return False
        found += 1
        file.seek(sum(struct.unpack_from("<3H", header, 28)), os.SEEK_CUR)
    return True


def _end_record(file: BinaryIO, size: int, name: str) -> tuple[int, int, int, int]:
    """(number of the disk that holds the end, entries, where the directory begins, its bytes)."""
    start = max(0, size - _END_BYTES - _COMMENT_BYTES)
    file.seek(start)
    tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) - at < _END_BYTES:
        raise InvalidRequest("zip_split" if _is_first_part(file) else "zip_damaged", name=name)
    disk, _, _, entries, directory, _ = struct.unpack_from("<4H2L", tail, at + 4)
    end_at = start + at
    if (locator := tail.rfind(_LOCATOR64, 0, at)) >= 0 and at - locator == 20:
        offset, disks = struct.unpack_from("<QL", tail, locator + 8)
        if disks > 1:
            return disks, entries, 0, 0
        file.seek(min(offset, size))
        end = file.read(56)
        # With bytes in front of the archive the offset is wrong; zipfile looks right before the locator, too.
        if not end.startswith(_END64):
            end = tail[max(0, locator - 56) : locator]
            offset = start + locator - 56
        if end.startswith(_END64) and len(end) == 56:
            entries, directory = struct.unpack_from("<2Q", end, 32)
            end_at = offset
    return 0 if disk == 0xFFFF else disk, entries, end_at - directory, directory


def _is_first_part(file: BinaryIO) -> bool:
    """The parts before the last hold no end record: the first one begins with a mark of its own or a local header."""
    file.seek(0)
    return file.read(4) == b"PK\x07\x08"
