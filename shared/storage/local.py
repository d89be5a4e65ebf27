"""Blobs in a folder: `blobs/ab/<sha256>`, written to a temporary name, synced, renamed."""

from __future__ import annotations

import os
import secrets
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from shared.core.errors import NotFound
from shared.storage import Stored
from shared.storage.names import LARGE


class LocalStorage:
    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, data: bytes, sha256: str) -> None:
        if self.has(sha256):
            return
        temporary = self.spool_dir() / f"put-{secrets.token_hex(8)}"
        with open(temporary, "wb") as file:
            file.write(data)
        self.adopt(temporary, sha256)

    def adopt(self, path: Path, sha256: str) -> None:
        target = self._path("blobs", sha256)
        with suppress(FileNotFoundError):
            # Touched: `weft gc` leaves alone what somebody has just asked for.
            os.utime(target)
            path.unlink()
            return
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(path, target)

    def spool_dir(self) -> Path:
        folder = self._root / "spool"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def has(self, sha256: str) -> bool:
        return self._path("blobs", sha256).exists()

    def available(self) -> bool:
        with os.scandir(self._root / "blobs") as entries:
            return next(entries, None) is not None

    def keep(self, sha256: str) -> bool:
        try:
            os.utime(self._path("blobs", sha256))
        except FileNotFoundError:
            return False
        return True

    def read(self, sha256: str) -> bytes:
        try:
            return self._path("blobs", sha256).read_bytes()
        except FileNotFoundError:
            raise NotFound(what=sha256) from None

    @contextmanager
    def local_copy(self, sha256: str) -> Iterator[Path]:
        path = self._path("blobs", sha256)
        if not path.exists():
            raise NotFound(what=sha256)
        yield path

    def discard(self, sha256: str, before: float) -> None:
        self._remove(self._path("blobs", sha256), before)

    def _remove(self, path: Path, before: float) -> bool:
        # Out of the way first, then a look at its time: whoever asks for it in between finds it missing, not doomed.
        aside = path.with_name(f".{path.name}.discard")
        with suppress(FileNotFoundError):
            path.rename(aside)
            if aside.stat().st_mtime > before:
                os.replace(aside, path)
            else:
                aside.unlink()
                return True
        return False

    def stored(self, folder: str) -> Iterator[Stored]:
        for path in (self._root / folder).glob("??/*"):
            with suppress(FileNotFoundError):
                status = path.stat()
                if not path.name.startswith("."):
                    yield Stored(path.name, status.st_size, status.st_mtime)

    def remove(self, folder: str, name: str, before: float) -> bool:
        return self._remove(self._path(folder, name), before)

    def put_thumb(self, sha256: str, jpeg: bytes, large: bool = False) -> None:
        target = self._thumb(sha256, large)
        target.parent.mkdir(parents=True, exist_ok=True)
        # Not synced: a thumbnail that a power cut took is made again.
        temporary = target.with_name(f".{secrets.token_hex(8)}")
        temporary.write_bytes(jpeg)
        os.replace(temporary, target)

    def has_thumb(self, sha256: str, large: bool = False) -> bool:
        return self._thumb(sha256, large).exists()

    def thumb(self, sha256: str, large: bool = False) -> bytes | None:
        try:
            return self._thumb(sha256, large).read_bytes()
        except FileNotFoundError:
            return None

    def share(self, path: Path, key: str) -> None:
        """Machines that share this folder have it already."""

    def unshare(self, key: str) -> None:
        """It is gone with the folder."""

    def fetch(self, key: str, path: Path, without: Collection[str] = ()) -> bool:
        return False

    def is_shared(self, key: str) -> bool:
        return False

    def _thumb(self, sha256: str, large: bool) -> Path:
        path = self._path("thumbs", sha256)
        return path.with_name(f"{sha256}{LARGE}") if large else path

    def _path(self, kind: str, sha256: str) -> Path:
        return self._root / kind / sha256[:2] / sha256
