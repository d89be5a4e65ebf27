"""A tar's headers, held to what real ones are: Python's tarfile takes whatever a header says of itself.

It reads a long name or an extended header into memory however long it is, searches it (before Python 3.11.10) in time
that grows with the square of its length, and keeps a sparse file's map however long that is.
"""

from __future__ import annotations

import re
import tarfile
from typing import IO, Any, Self

#: Bytes of a long name or an extended header; real ones hold paths and a few attributes.
MAX_HEADER_BYTES = 256 * 1024
_TELL_OF_THE_NEXT = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
#: Longer runs of digits than a file name can hold are what the search takes long for; photos are never sparse.
_HOSTILE = re.compile(rb"\d{256}|GNU\.sparse\.")


class TarHeader(tarfile.TarInfo):
    """For `tarfile.open(tarinfo=…)`. What no photo's archive has raises tarfile.ReadError."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        header = super().frombuf(buf, encoding, errors)
        if header.type == tarfile.GNUTYPE_SPARSE or (
            header.type in _TELL_OF_THE_NEXT and header.size > MAX_HEADER_BYTES
        ):
            raise tarfile.ReadError("unusual header")
        return header

    def _proc_pax(self, tar: tarfile.TarFile) -> Any:
        file: Any = tar.fileobj
        data = file.read(self._block(self.size))  # type: ignore[attr-defined]
        if _HOSTILE.search(data):
            raise tarfile.ReadError("unusual header")
        tar.fileobj = _Again(data, file)
        try:
            return super()._proc_pax(tar)  # type: ignore[misc]
        finally:
            tar.fileobj = file


class _Again:
    """A file of which the last read is answered once more."""

    def __init__(self, data: bytes, file: IO[bytes]) -> None:
        self._data: bytes | None = data
        self._file = file

    def read(self, size: int) -> bytes:
        data, self._data = self._data, None
        return self._file.read(size) if data is None else data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)
