"""A PDF as an archive whose members are its pages: lookbooks come so."""

from __future__ import annotations

import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from shared.core.errors import InvalidRequest
from shared.core.process import child_environment, start_attended
from shared.photos.pdf_pages import NO_LIBRARY

ENDING = ".pdf"
#: A PDF's header may stand somewhere in its beginning.
_HEADER, _HEADER_WITHIN = b"%PDF-", 1024
#: Seconds for a page, on a machine that has nothing else to give.
_PATIENCE = 120.0


class PdfArchive:
    """Implements `Archive`. Its pages are drawn as they are asked for, in a confined process.

    Raises InvalidRequest: `pdf_damaged`.
    """

    def __init__(self, path: Path, name: str, *, max_files: int) -> None:
        self._path = path
        self._name = name
        self._max_files = max_files
        with path.open("rb") as file:
            if _HEADER not in file.read(_HEADER_WITHIN):
                raise InvalidRequest("pdf_damaged", name=name)

    @property
    def photos(self) -> None:
        return None

    @property
    def empty(self) -> bool:
        return False

    @property
    def unpacked(self) -> int:
        return self._path.stat().st_size

    def members(self) -> Iterator[tuple[str, Iterator[bytes]]]:
        """`NAME-page-0001.jpg` and so on. Also raises InvalidRequest: `pdf_unsupported` (the library is not installed),
        `too_many_files`; `pdf_damaged` where it ends in the middle, after the pages that could be drawn."""
        argv = [sys.executable, "-P", "-m", "shared.photos.pdf_pages"]
        with self._path.open("rb") as file:
            child = start_attended(
                argv, env=child_environment(), stdin=file, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        try:
            count = 0
            while (jpeg := self._page(child)) is not None:
                count += 1
                if count > self._max_files:
                    raise InvalidRequest("too_many_files", limit=self._max_files)
                # A page that cannot be drawn is a photo that fails, so that nobody misses it silently.
                yield f"{Path(self._name).stem}-page-{count:04}.jpg", iter((jpeg,))
            code = child.wait()
            if code == NO_LIBRARY:
                raise InvalidRequest("pdf_unsupported", name=self._name)
            if code or not count:
                raise InvalidRequest("pdf_damaged", name=self._name)
        finally:
            child.kill()
            child.wait()
            assert child.stdout is not None
            child.stdout.close()

    def systems(self) -> int:
        return 0

    def close(self) -> None: ...

    def _page(self, child: subprocess.Popen[bytes]) -> bytes | None:
        """The next page; None at the end, however it came."""
        assert child.stdout is not None
        # A page that takes too long ends its process, and the reading with it.
        timer = threading.Timer(_PATIENCE, child.kill)
        timer.start()
        try:
            head = child.stdout.read(4)
            if len(head) < 4:
                return None
            (size,) = struct.unpack(">I", head)
            jpeg = child.stdout.read(size)
            return jpeg if len(jpeg) == size else None
        finally:
            timer.cancel()
